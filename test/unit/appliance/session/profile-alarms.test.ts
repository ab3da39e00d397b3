import assert from "node:assert/strict";
import { test } from "node:test";
import { Engine } from "../../../../appliance/session/engine.ts";
import type { AlarmRecord } from "../../../../appliance/session/record.ts";
import { DEFAULT_SENSOR_CONFIG } from "../../../../core/contract/sensor-config.ts";
import { ACK, LINKTYPE_RAW, SYN, tcpPacket, udpPacket } from "../../../support/ip-packets.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const CLIENT = { from: "10.0.0.9", to: "10.0.0.1", fromPort: 40_000 };
const SERVER = { from: "10.0.0.1", to: "10.0.0.9", toPort: 40_000 };
const START = 1_700_000_000;
const random = new SeededRandom(77);

function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  random.fill(bytes);
  return bytes;
}

function joined(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

function repeated(text: string, length: number): string {
  return text.repeat(Math.ceil(length / text.length)).slice(0, length);
}

/** RFC 4253, sections 4.2 and 7.1. */
const SSH_SET_UP = joined(
  "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
  Uint8Array.of(0, 0, 3, 0xcc, 6, 20),
  noise(16),
  "curve25519-sha256,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,",
  "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,rsa-sha2-512,rsa-sha2-256,",
  "ecdsa-sha2-nistp256,ssh-ed25519,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,",
  "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,none",
);
/** What an exploit sends: a sled of no-operations, and code that is repeated. */
const SHELLCODE = joined(
  new Uint8Array(900).fill(0x90),
  repeated("\x31\xc0\x50\x68//sh\x68/bin\x89\xe3\x50\x53\x89\xe1\xb0\x0b", 3000),
);
const SHELL = repeated("uid=0(root) gid=0(root) groups=0(root)\n# cat /etc/shadow\nroot:x:19000:0:99999:7:::\n", 4000);
/** RFC 8446, section 4.1.2: a ClientHello of 250 octets. */
const CLIENT_HELLO = joined(Uint8Array.of(22, 3, 1, 0, 245, 1, 0, 0, 241, 3, 3), noise(239));

function tlsRecords(content: Uint8Array | string): Uint8Array {
  const octets = Buffer.from(content);
  const records: Uint8Array[] = [];
  for (let from = 0; from < octets.length; from += 1000) {
    const part = octets.subarray(from, from + 1000);
    records.push(Uint8Array.of(23, 3, 3, part.length >> 8, part.length & 0xff), part);
  }
  return joined(...records);
}

interface Traffic {
  readonly port: number;
  readonly client: Uint8Array;
  readonly server: Uint8Array;
  /** Without SYNs. */
  readonly isMidway?: boolean;
}

/** The alarms of a TCP session that is reported several times. */
function alarmsOf({ port, client, server, isMidway = false }: Traffic): AlarmRecord[] {
  const alarms: AlarmRecord[] = [];
  const { session, entropy } = DEFAULT_SENSOR_CONFIG;
  const engine = new Engine(
    { session: { ...session, maxSessions: 1000 }, entropy },
    { session: () => {}, http: () => {}, handshake: () => {}, alarm: (record) => alarms.push(record) },
    { seed: new Uint8Array(16), sensor: "", firstId: 1 },
  );
  let second = START;
  const feed = (packet: Uint8Array) => engine.frame(packet, 0, packet.length, packet.length, second, 0, LINKTYPE_RAW);
  const to = { ...CLIENT, toPort: port };
  const back = { ...SERVER, fromPort: port };
  if (!isMidway) {
    feed(tcpPacket({ ...to, flags: SYN, sequence: 0 }));
    feed(tcpPacket({ ...back, flags: SYN | ACK, sequence: 0 }));
  }
  for (let at = 0; at < Math.max(client.length, server.length); at += 500) {
    second += 40;
    if (at < client.length) feed(tcpPacket({ ...to, sequence: 1 + at, payload: client.subarray(at, at + 500) }));
    if (at < server.length) feed(tcpPacket({ ...back, sequence: 1 + at, payload: server.subarray(at, at + 500) }));
  }
  engine.finish();
  return alarms;
}

const SSH = joined(SSH_SET_UP, noise(5000));
const TLS_SERVER = joined(Uint8Array.of(22, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3), noise(116), tlsRecords(noise(5000)));

for (const { name, traffic, expected } of [
  { name: "SSH", traffic: { port: 22, client: SSH, server: SSH }, expected: [] },
  {
    name: "SSH, its key exchange replaced by code",
    traffic: { port: 22, client: joined(SSH_SET_UP, SHELLCODE), server: SSH },
    expected: [["entropyProfileFalling", "src", "SSH", 1024]],
  },
  {
    name: "SSH, both sides in clear after the set-up",
    traffic: { port: 2222, client: joined(SSH_SET_UP, SHELLCODE), server: joined(SSH_SET_UP, SHELL) },
    expected: [
      ["entropyProfileFalling", "dst", "SSH", 2048],
      ["entropyProfileFalling", "src", "SSH", 1024],
    ],
  },
  {
    name: "TLS",
    traffic: { port: 443, client: joined(CLIENT_HELLO, tlsRecords(noise(5000))), server: TLS_SERVER },
    expected: [],
  },
  {
    name: "TLS with text after the hello",
    traffic: { port: 443, client: joined(CLIENT_HELLO, tlsRecords(SHELL)), server: TLS_SERVER },
    expected: [["entropyProfileFalling", "src", "TLS", 1024]],
  },
  {
    name: "the same, not seen from its start",
    traffic: { port: 443, client: joined(CLIENT_HELLO, tlsRecords(SHELL)), server: TLS_SERVER, isMidway: true },
    expected: [],
  },
  {
    name: "HTTP",
    traffic: {
      port: 80,
      client: joined(
        "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: test/1.0\r\nAccept: */*\r\n\r\n",
      ),
      server: joined(
        `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3000\r\n\r\n${SHELL.slice(0, 3000)}`,
      ),
    },
    expected: [],
  },
  {
    name: "HTTP whose request is random octets but for a line",
    traffic: {
      port: 80,
      client: joined("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n", noise(900)),
      server: joined("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    },
    expected: [["entropyProfileRising", "src", "HTTP", 500]],
  },
])
  test(`profile alarms: ${name}`, () => {
    const found = alarmsOf(traffic).map(({ alarm, direction, protocol, octets }) => [
      alarm,
      direction,
      protocol,
      octets,
    ]);
    assert.deepEqual(found.sort(), expected);
  });

test("profile alarms: the record says what was expected", () => {
  const [alarm] = alarmsOf({ port: 22, client: joined(SSH_SET_UP, SHELLCODE), server: SSH });
  const { lower, upper, entropy, type, src_port, dst_port } = alarm as AlarmRecord;
  assert.deepEqual({ type, src_port, dst_port, upper }, { type: "alarm", src_port: 40_000, dst_port: 22, upper: 8 });
  assert.ok((entropy as number) < (lower as number));
});

test("profile alarms: DNS names full of random characters", () => {
  const alarms: AlarmRecord[] = [];
  const { session, entropy } = DEFAULT_SENSOR_CONFIG;
  const engine = new Engine(
    { session: { ...session, maxSessions: 1000 }, entropy },
    { session: () => {}, http: () => {}, handshake: () => {}, alarm: (record) => alarms.push(record) },
    { seed: new Uint8Array(16), sensor: "", firstId: 1 },
  );
  const labels = Array.from({ length: 2 }, () => joined(Uint8Array.of(55), noise(55)));
  const query = joined(
    Uint8Array.of(0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0),
    ...labels,
    Uint8Array.of(0, 0, 1, 0, 1),
  );
  const packet = udpPacket({ ...CLIENT, toPort: 53, payload: query });
  engine.frame(packet, 0, packet.length, packet.length, START, 0, LINKTYPE_RAW);
  engine.finish();
  assert.deepEqual(
    alarms.map(({ alarm, direction, protocol, octets }) => ({ alarm, direction, protocol, octets })),
    [{ alarm: "entropyProfileRising", direction: "src", protocol: "DNS", octets: query.length }],
  );
});
