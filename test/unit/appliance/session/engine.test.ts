import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT, finalsOf, harness, REQUEST, SERVER, START } from "../../../support/engine-harness.ts";
import { ACK, FIN, ipPacket, PSH, SYN, tcpPacket, udpPacket } from "../../../support/ip-packets.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

test("Engine: a whole TCP session", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 1000 }), 0, 7);
  h.feed(tcpPacket({ ...SERVER, flags: SYN | ACK, sequence: 5000 }), 0.25);
  h.feed(tcpPacket({ ...CLIENT, flags: ACK | PSH, sequence: 1001, payload: REQUEST }), 0.5);
  h.feed(tcpPacket({ ...SERVER, flags: ACK | PSH, sequence: 5001, payload: "a".repeat(100) }), 0.75);
  h.feed(tcpPacket({ ...SERVER, flags: ACK | FIN, sequence: 5101 }), 1);
  h.feed(tcpPacket({ ...CLIENT, flags: ACK | FIN, sequence: 1029 }), 1.5);
  const [record, ...others] = finalsOf(h);
  assert.deepEqual(others, []);
  assert.deepEqual(record, {
    type: "session",
    id: 41,
    sensor: "0011223344556677",
    start: START,
    end: START + 1.5,
    proto: 6,
    src_ip: "10.0.0.9",
    src_port: 40_000,
    dst_ip: "10.0.0.1",
    dst_port: 8080,
    src_pkts: 3,
    src_bytes: 3 * 40 + REQUEST.length,
    dst_pkts: 3,
    dst_bytes: 3 * 40 + 100,
    src_flags: SYN | ACK | PSH | FIN,
    dst_flags: SYN | ACK | PSH | FIN,
    src_randomness: null,
    dst_randomness: record?.dst_randomness,
    src_entropy: record?.src_entropy,
    dst_entropy: 0,
    src_p_encrypted: 0,
    dst_p_encrypted: 0,
    src_kind: "plain",
    dst_kind: "plain",
    protocol: "HTTP",
    unexplained: 0,
    vlan: 7,
  });
  assert.ok((record.dst_randomness ?? 0) > 5);
  assert.deepEqual(h.requests, [
    {
      type: "http",
      ts: START + 0.5,
      session_id: 41,
      src_ip: "10.0.0.9",
      src_port: 40_000,
      dst_ip: "10.0.0.1",
      dst_port: 8080,
      method: "GET",
      uri: "/x",
      host: "h",
      version: "HTTP/1.1",
      user_agent: null,
      referer: null,
      status: null,
    },
  ]);
});

for (const [name, packets, source] of [
  ["a SYN says so", [tcpPacket({ ...SERVER, flags: SYN })], SERVER.from],
  ["a SYN-ACK says so", [tcpPacket({ ...CLIENT, flags: SYN | ACK })], SERVER.from],
  ["a late SYN says so", [tcpPacket(CLIENT), tcpPacket({ ...SERVER, flags: SYN })], SERVER.from],
  ["the lower well-known port was spoken to", [tcpPacket({ ...SERVER, fromPort: 80, toPort: 900 })], CLIENT.from],
  ["a well-known port was spoken to", [udpPacket({ ...SERVER, fromPort: 53 })], CLIENT.from],
  ["neither is well known: the first sender", [udpPacket(SERVER), udpPacket(CLIENT)], SERVER.from],
  ["no ports: the first sender", [ipPacket(SERVER, 89, new Uint8Array(8))], SERVER.from],
] as const)
  test(`Engine: who opened: ${name}`, () => {
    const h = harness();
    for (const packet of packets) h.feed(packet);
    assert.deepEqual(
      finalsOf(h).map(({ src_ip }) => src_ip),
      [source],
    );
  });

test("Engine: a group address opened nothing", () => {
  const h = harness();
  h.feed(udpPacket({ from: "fe80::1", fromPort: 546, to: "ff02::1:2", toPort: 547 }));
  h.feed(udpPacket({ from: "10.0.0.1", fromPort: 67, to: "255.255.255.255", toPort: 68 }));
  assert.deepEqual(
    finalsOf(h).map(({ src_ip, dst_ip }) => `${src_ip} ${dst_ip}`),
    ["fe80::1 ff02::1:2", "10.0.0.1 255.255.255.255"],
  );
});

test("Engine: addresses are text as RFC 5952 wants it", () => {
  const h = harness();
  const texts = [
    "::",
    "::1",
    "1::",
    "2001:db8::1",
    "2001:db8:0:1:1:1:1:1",
    "2001:0:0:1::1",
    "1:2:3:4:5:6:7:8",
    "fe80::a:0:0:b",
  ];
  for (const text of [...texts, "::ffff:c000:201"])
    h.feed(ipPacket({ from: text, to: "ff02::1" }, 89, new Uint8Array(1)));
  assert.deepEqual(
    finalsOf(h)
      .map(({ src_ip }) => src_ip)
      .sort(),
    [...texts, "::ffff:192.0.2.1"].sort(),
  );
});

/** Random bytes once, sent in the order given by `order` as [from, to] of them. */
function streamRandomness(order: readonly (readonly [number, number])[], firstSequence: number): number | null {
  const bytes = new Uint8Array(4000);
  new SeededRandom(5).fill(bytes);
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: firstSequence - 1 }));
  for (const [from, to] of order)
    h.feed(tcpPacket({ ...CLIENT, sequence: firstSequence + from, payload: bytes.subarray(from, to) }));
  return finalsOf(h)[0]?.src_randomness ?? null;
}

test("Engine: retransmitted and overlapping octets are sampled once, over the wrap of sequence numbers too", () => {
  const inOrder = streamRandomness(
    [
      [0, 1000],
      [1000, 2000],
      [2000, 3000],
      [3000, 4000],
    ],
    1,
  );
  assert.ok(inOrder !== null && inOrder < 1.2);
  const again = [
    [0, 1000],
    [0, 1000],
    [500, 1500],
    [999, 2000],
    [1000, 2000],
    [1900, 3000],
    [0, 3000],
    [2999, 4000],
  ] as const;
  assert.equal(streamRandomness(again, 1), inOrder);
  assert.equal(streamRandomness(again, 2 ** 32 - 1500), inOrder);
});

test("Engine: octets that never came are counted", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, sequence: 1, payload: "abc" }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 1004, payload: "def" }));
  h.engine.finish();
  assert.equal(h.engine.counters.gapBytes, 1000);
});

test("Engine: what is encrypted without an explanation raises one alarm, however often it is reported; TLS raises none", () => {
  const h = harness();
  const random = new SeededRandom(11);
  const flat = (prefix: readonly number[]) =>
    Uint8Array.from([...prefix, ...Array.from({ length: 1200 }, () => random.below(256))]);
  for (let i = 0; i < 8; i++) {
    const sequence = 1 + i * 2000;
    h.feed(tcpPacket({ ...CLIENT, sequence, payload: flat([]) }), 40 * i);
    h.feed(tcpPacket({ ...CLIENT, fromPort: 40_001, sequence, payload: flat([23, 3, 3, 4, 176]) }), 40 * i);
    h.feed(tcpPacket({ ...CLIENT, fromPort: 40_002, sequence, payload: "plain text ".repeat(110) }), 40 * i);
  }
  h.engine.finish();
  assert.ok(h.sessions.length > 6);
  const ofSession = h.sessions.find(({ record }) => record.unexplained === 1)?.record;
  assert.deepEqual(h.alarms, [
    {
      type: "alarm",
      ts: ofSession?.end,
      session_id: 41,
      proto: 6,
      src_ip: "10.0.0.9",
      src_port: 40_000,
      dst_ip: "10.0.0.1",
      dst_port: 8080,
      alarm: "unexplainedEncryption",
      direction: "src",
      protocol: null,
      randomness: ofSession?.src_randomness,
      entropy: ofSession?.src_entropy,
      p_encrypted: ofSession?.src_p_encrypted,
      octets: null,
      lower: null,
      upper: null,
    },
  ]);
  assert.equal(h.engine.counters.alarms, 1);
});

test("Engine: headers beyond the 32 that are walked are counted", () => {
  const h = harness();
  for (const tags of [31, 32, 40]) {
    const frame = new Uint8Array(200);
    frame.set([0x81, 0x00], 12);
    for (let i = 0; i < tags; i++) frame.set(i === tags - 1 ? [0, 1, 0x08, 0x06] : [0, 1, 0x81, 0x00], 14 + 4 * i);
    h.engine.frame(frame, 0, frame.length, frame.length, START, 0, 1);
  }
  const { malformed, layersTooDeep, notIp } = h.engine.counters;
  assert.deepEqual({ malformed, layersTooDeep, notIp }, { malformed: 2, layersTooDeep: 2, notIp: 3 });
});

test("Engine: frames that are no sessions are counted", () => {
  const h = harness();
  const arp = new Uint8Array(42);
  arp.set([0x08, 0x06], 12);
  h.engine.frame(arp, 0, arp.length, 60, START, 0, 1);
  h.engine.frame(arp, 0, arp.length, arp.length, START, 0, 147);
  h.feed(Uint8Array.of(0x41, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  const { frames, bytes, notIp, unknownLinkType, truncated, malformed, sessionsActive } = h.engine.counters;
  assert.deepEqual(
    { frames, bytes, notIp, unknownLinkType, truncated, malformed, sessionsActive },
    { frames: 3, bytes: 122, notIp: 2, unknownLinkType: 1, truncated: 1, malformed: 1, sessionsActive: 0 },
  );
});
