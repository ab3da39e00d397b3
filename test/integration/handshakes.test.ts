import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { HandshakeRecord } from "../../appliance/session/record.ts";
import { nodeExec } from "../../core/node/exec.ts";

const PROJECT = join(import.meta.dirname, "../..");
const SENSOR = join(PROJECT, "dist/cepa-sensor");
const FAR_SIDE = join(PROJECT, "test/support/handshakes-far-side.sh");
const TIMEOUT_MS = 120_000;

const folder = await mkdtemp(join(tmpdir(), "cepa-handshakes-"));
after(() => rm(folder, { recursive: true }));

async function serialOf(name: string): Promise<string> {
  const args = ["x509", "-in", join(folder, `${name}.crt`), "-noout", "-serial"];
  const { stdout } = await nodeExec("openssl", args, AbortSignal.timeout(TIMEOUT_MS));
  return stdout.trim().replace("serial=", "").toLowerCase().replace(/^0+/, "");
}

test("handshakes of openssl's DTLS and of OpenVPN over UDP and TCP: what they agreed on, and the certificates of both sides", async () => {
  await nodeExec("unshare", ["--net", "bash", FAR_SIDE, folder], AbortSignal.timeout(TIMEOUT_MS));
  const file = join(folder, "all.pcap");
  const { stdout } = await nodeExec(SENSOR, ["read", "--json", file], AbortSignal.timeout(TIMEOUT_MS));
  const records = stdout
    .split("\n")
    .filter((line) => line.startsWith('{"type":"handshake"'))
    .map((line) => JSON.parse(line) as HandshakeRecord);
  const certificates = {
    cert_subject: "CN=server",
    cert_issuer: "CN=ca",
    cert_serial: await serialOf("server"),
    client_cert_serial: await serialOf("client"),
  };
  const { stdout: ciphers } = await nodeExec(
    "tshark",
    ["-n", "-r", file, "-Y", "dtls.handshake.type==2", "-T", "fields", "-e", "dtls.handshake.ciphersuite"],
    AbortSignal.timeout(TIMEOUT_MS),
  );
  const found = records.map((record) => ({
    protocol: record.protocol,
    proto: record.proto,
    sni: record.sni,
    version: record.version,
    cert_subject: record.cert_subject,
    cert_issuer: record.cert_issuer,
    cert_serial: String(record.cert_serial).replace(/^0+/, ""),
    client_cert_serial: String(record.client_cert_serial).replace(/^0+/, ""),
  }));
  found.sort((a, b) => Number(b.proto) - Number(a.proto) || String(a.protocol).localeCompare(String(b.protocol)));
  assert.deepEqual(found, [
    { protocol: "DTLS", proto: 17, sni: "box.example", version: "0xfefd", ...certificates },
    { protocol: "OpenVPN", proto: 17, sni: null, version: "0x0303", ...certificates },
    { protocol: "OpenVPN", proto: 6, sni: null, version: "0x0303", ...certificates },
  ]);
  const dtls = records.find(({ protocol }) => protocol === "DTLS");
  assert.equal(dtls?.cipher, ciphers.trim().split("\n").at(-1));
});
