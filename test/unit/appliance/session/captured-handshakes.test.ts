import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openSavefile } from "../../../../appliance/capture/savefile.ts";
import { Engine } from "../../../../appliance/session/engine.ts";
import type { HandshakeRecord } from "../../../../appliance/session/record.ts";
import { DEFAULT_SENSOR_CONFIG } from "../../../../core/contract/sensor-config.ts";

const CAPTURES = join(import.meta.dirname, "../../../captures");
const NOTHING = () => {};

function handshakesOf(capture: string): HandshakeRecord[] {
  const records: HandshakeRecord[] = [];
  const opened = openSavefile(join(CAPTURES, capture, "input.pcap"));
  if (opened.name !== "open") throw new Error(`${capture}: ${opened.why}`);
  const engine = new Engine(
    DEFAULT_SENSOR_CONFIG,
    { session: NOTHING, http: NOTHING, handshake: (record) => records.push(record), alarm: NOTHING },
    { seed: new Uint8Array(16), sensor: "", firstId: 1 },
  );
  while (opened.records.next(engine).name === "more");
  opened.close();
  engine.finish();
  return records;
}

const HIDDEN = {
  cert_subject: null,
  cert_issuer: null,
  cert_serial: null,
  cert_sha256: null,
  cert_not_after: null,
  client_cert_serial: null,
};
const CERTIFICATES = {
  cert_subject: "CN=server.example,O=Example",
  cert_issuer: "CN=Example CA,O=Example",
  cert_serial: "146136cb4177ed2ad3e68e4053cb914c47b47bf9",
  cert_sha256: "4309cf26063b131c1c716d02b0b15f3ad6f200026bf3aa7c6bc16df4968ccc06",
  cert_not_after: 2111058938,
  client_cert_serial: "146136cb4177ed2ad3e68e4053cb914c47b47bfa",
};
const COMMON = {
  type: "handshake",
  proto: 17,
  src_ip: "127.0.0.1",
  dst_ip: "127.0.0.1",
  sni: null,
  alpn: null,
  client_banner: null,
  server_banner: null,
  hassh: null,
  hassh_server: null,
  ...CERTIFICATES,
};
const OPENVPN_12 = { ja4: "t12i220500_afae4710a255_a44c6288192a", version: "0x0303", cipher: "0xc030" };

const CASES: readonly { readonly capture: string; readonly expected: readonly object[] }[] = [
  {
    capture: "openvpn",
    expected: [
      { ts: 1795698940.804147, session_id: 1, src_port: 33724, dst_port: 5001, ...OPENVPN_12 },
      { ts: 1795698946.189844, session_id: 14, src_port: 52543, dst_port: 5002, ...OPENVPN_12 },
      { ts: 1795698952.566972, session_id: 27, proto: 6, src_port: 58804, dst_port: 5003, ...OPENVPN_12 },
      {
        ...{ ts: 1795698957.161369, session_id: 50, proto: 6, src_port: 47240, dst_port: 5004 },
        ...{ ja4: "t13i250800_03c88ea8679b_c9e58cc61e36", version: "0x0304", cipher: "0x1302", ...HIDDEN },
      },
    ].map((record) => ({ ...COMMON, protocol: "OpenVPN", ...record })),
  },
  {
    capture: "dtls",
    expected: [
      {
        ...{ ts: 1795699097.075915, session_id: 1, src_port: 55715, dst_port: 6001, sni: "dtls12.example" },
        ...{ ja4: "dd2d2808do_d943125447b4_3c5a66c06c35", version: "0xfefd", cipher: "0xc030" },
      },
      {
        ...{ ts: 1795699100.688089, session_id: 20, src_port: 48606, dst_port: 6002, sni: "dtls10.example" },
        ...{ ja4: "dd1d0907do_c491f621fb4c_195413a0cc0f", version: "0xfeff", cipher: "0xc014" },
      },
    ].map((record) => ({ ...COMMON, protocol: "DTLS", ...record })),
  },
];

for (const { capture, expected } of CASES)
  test(`handshakes of ${capture}`, () => assert.deepEqual(handshakesOf(capture), expected));
