import assert from "node:assert/strict";
import { test } from "node:test";
import { Engine } from "../../../../appliance/session/engine.ts";
import type { AlarmRecord, HttpRecord, SessionRecord } from "../../../../appliance/session/record.ts";
import { DEFAULT_SENSOR_CONFIG } from "../../../../core/contract/sensor-config.ts";
import { ACK, FIN, ipPacket, LINKTYPE_RAW, PSH, RST, SYN, tcpPacket, udpPacket } from "../../../support/ip-packets.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const START = 1_700_000_000;
const CONFIG = {
  session: { ...DEFAULT_SENSOR_CONFIG.session, maxSessions: 1000 },
  entropy: DEFAULT_SENSOR_CONFIG.entropy,
};

interface Harness {
  readonly engine: Engine;
  readonly sessions: { readonly record: SessionRecord; readonly final: boolean }[];
  readonly requests: HttpRecord[];
  readonly alarms: AlarmRecord[];
  /** `atSeconds` after the start. */
  feed(packet: Uint8Array, atSeconds?: number, vlan?: number): void;
}

function harness(session: Partial<(typeof CONFIG)["session"]> = {}): Harness {
  const sessions: Harness["sessions"] = [];
  const requests: HttpRecord[] = [];
  const alarms: AlarmRecord[] = [];
  const engine = new Engine(
    { ...CONFIG, session: { ...CONFIG.session, ...session } },
    {
      session: (record, final) => sessions.push({ record, final }),
      http: (record) => requests.push(record),
      handshake: () => {},
      alarm: (record) => alarms.push(record),
    },
    { seed: new Uint8Array(16), sensor: "0011223344556677", firstId: 41 },
  );
  return {
    engine,
    sessions,
    requests,
    alarms,
    feed: (packet, atSeconds = 0, vlan = -1) => {
      const seconds = Math.floor(START + atSeconds);
      const nanoseconds = Math.round((START + atSeconds - seconds) * 1e9);
      engine.frame(packet, 0, packet.length, packet.length, seconds, nanoseconds, LINKTYPE_RAW, vlan);
    },
  };
}

const CLIENT = { from: "10.0.0.9", fromPort: 40_000, to: "10.0.0.1", toPort: 8080 };
const SERVER = { from: "10.0.0.1", fromPort: 8080, to: "10.0.0.9", toPort: 40_000 };
const REQUEST = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

function finalsOf({ engine, sessions }: Harness): SessionRecord[] {
  engine.finish();
  return sessions.filter(({ final }) => final).map(({ record }) => record);
}

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

test("Engine: a SYN in the midst of a session that nobody answers hides nothing of what follows", () => {
  for (const ahead of [100, 1_000_000, 2 ** 30]) {
    const h = harness();
    h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 0 }));
    h.feed(tcpPacket({ ...SERVER, flags: SYN | ACK, sequence: 0 }));
    const say = (count: number) => {
      h.feed(tcpPacket({ ...CLIENT, sequence: 1 + count * REQUEST.length, payload: REQUEST }));
      h.feed(tcpPacket({ ...SERVER, sequence: 1 + count * OK.length, payload: OK }));
    };
    say(0);
    h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: REQUEST.length + ahead }));
    h.feed(tcpPacket({ ...CLIENT, sequence: REQUEST.length + ahead + 1, payload: "x" }));
    for (let count = 1; count < 4; count++) say(count);
    h.engine.finish();
    assert.deepEqual(
      h.requests.map(({ status }) => status),
      [200, 200, 200, 200],
      `${ahead} ahead`,
    );
  }
});

test("Engine: a SYN in the midst of a session begins another once it is answered, and counts to that", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 0 }));
  h.feed(tcpPacket({ ...SERVER, flags: SYN | ACK, sequence: 0, acknowledgment: 1 }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 1, payload: REQUEST }));
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 77_000 }));
  h.feed(tcpPacket({ ...SERVER, sequence: 1, acknowledgment: 1 + REQUEST.length }));
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 99_000 }));
  h.feed(tcpPacket({ ...SERVER, flags: SYN | ACK, sequence: 500, acknowledgment: 99_001 }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 99_001, payload: REQUEST }));
  h.feed(tcpPacket({ ...SERVER, sequence: 501, payload: OK }));
  const finals = finalsOf(h);
  assert.deepEqual(
    finals.map(({ src_ip, src_pkts, dst_pkts }) => [src_ip, src_pkts, dst_pkts]),
    [
      ["10.0.0.9", 3, 2], // the SYN that nobody answered is one of the three
      ["10.0.0.9", 2, 2],
    ],
  );
  assert.deepEqual(
    h.requests.map(({ session_id, status }) => [session_id, status]),
    [
      [finals[0]?.id, null],
      [finals[1]?.id, 200],
    ],
  );
});

test("Engine: a SYN in the midst of a session of which one direction is seen begins another once it goes on", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 0 }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 1, payload: REQUEST }));
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 99_000 }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 99_001, payload: REQUEST }));
  assert.deepEqual(
    finalsOf(h).map(({ src_pkts }) => src_pkts),
    [2, 2],
  );
  assert.equal(h.requests.length, 2);
});

test("Engine: octets that never came are counted", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, sequence: 1, payload: "abc" }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 1004, payload: "def" }));
  h.engine.finish();
  assert.equal(h.engine.counters.gapBytes, 1000);
});

test("Engine: a request is reported once, and pipelined ones each", () => {
  const h = harness();
  const two = `${REQUEST}GET /y HTTP/1.1\r\n\r\n`;
  h.feed(tcpPacket({ ...CLIENT, sequence: 1, payload: REQUEST }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 1, payload: REQUEST }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 1 + REQUEST.length, payload: two }));
  h.engine.finish();
  assert.deepEqual(
    h.requests.map(({ uri }) => uri),
    ["/x", "/x", "/y"],
  );
});

test("Engine: requests and responses split over segments in any order, each with its status", () => {
  const h = harness();
  const request = `${REQUEST}POST /y HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc`;
  const response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
  const random = new SeededRandom(7);
  for (const [ends, first, text] of [
    [CLIENT, 1000, request],
    [SERVER, 0xffff_fff0, response],
  ] as const) {
    h.feed(tcpPacket({ ...ends, flags: ends === CLIENT ? SYN : SYN | ACK, sequence: first - 1 }));
    const segments = Array.from({ length: Math.ceil(text.length / 7) }, (_, i) => i * 7);
    segments.sort(() => (random.below(2) === 0 ? -1 : 1));
    for (const at of segments)
      h.feed(tcpPacket({ ...ends, sequence: (first + at) >>> 0, payload: text.slice(at, at + 9) }));
  }
  h.engine.finish();
  assert.deepEqual(
    h.requests.map(({ method, uri, status }) => [method, uri, status]),
    [
      ["GET", "/x", 200],
      ["POST", "/y", 404],
    ],
  );
  assert.equal(h.engine.counters.gapBytes, 0);
  assert.ok(h.engine.counters.segmentsHeld > 0);
});

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/** Payloads of segments, each side's behind each other, and "METHOD target status" of the requests. */
const STREAMS: readonly [name: string, segments: readonly (readonly [typeof CLIENT, string])[], expected: string[]][] =
  [
    [
      "a request an octet a segment",
      [...[...REQUEST].map((octet) => [CLIENT, octet] as const), [SERVER, OK]],
      ["GET /x 200"],
    ],
    [
      "a target with spaces, split there",
      [
        [CLIENT, "GET /a b"],
        [CLIENT, " c HTTP/1.1\r\n\r\n"],
        [SERVER, OK],
      ],
      ["GET /a b c 200"],
    ],
    [
      "behind a proxy's line",
      [
        [CLIENT, `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${REQUEST}`],
        [SERVER, OK],
      ],
      ["GET /x 200"],
    ],
    [
      "behind SOCKS 4",
      [
        [CLIENT, "\x04\x01\0\x50\x0a\0\0\x01\0"],
        [SERVER, "\0\x5a\0\0\0\0\0\0"],
        [CLIENT, REQUEST],
        [SERVER, OK],
      ],
      ["GET /x 200"],
    ],
    [
      "HTTP/2 by prior knowledge, and within a tunnel",
      [
        [CLIENT, "CONNECT h:80 HTTP/1.1\r\n\r\n"],
        [SERVER, "HTTP/1.1 200 OK\r\n\r\n"],
        [CLIENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"],
        [SERVER, "\0\0\0\x04\0\0\0\0\0"],
        [CLIENT, "\0\0\x03\x01\x05\0\0\0\x01\x82\x86\x84"],
        [SERVER, "\0\0\x01\x01\x05\0\0\0\x01\x88"],
      ],
      ["CONNECT h:80 200", "GET / 200"],
    ],
    ["HTTP/2 that is met midway", [[CLIENT, "\0\0\x03\x01\x05\0\0\0\x07\x82\x86\x84"]], ["GET / null"]],
    [
      "text that is no request",
      [
        [CLIENT, "G"],
        [CLIENT, "REETINGS all\r\n"],
        [SERVER, "SEARCH me not\r\n"],
      ],
      [],
    ],
  ];

for (const [name, segments, expected] of STREAMS)
  test(`Engine: requests: ${name}`, () => {
    const h = harness();
    const next = new Map([
      [CLIENT, 1],
      [SERVER, 1],
    ]);
    for (const [ends, payload] of segments) {
      const sequence = next.get(ends) ?? 1;
      h.feed(tcpPacket({ ...ends, sequence, payload }));
      next.set(ends, sequence + payload.length);
    }
    h.engine.finish();
    assert.deepEqual(
      h.requests.map(({ method, uri, status }) => `${method} ${uri} ${status}`),
      expected,
    );
  });

test("Engine: a session of HTTP/2 is named so", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, sequence: 1, payload: "\0\0\x03\x01\x05\0\0\0\x07\x82\x86\x84" }));
  assert.deepEqual(
    finalsOf(h).map(({ protocol }) => protocol),
    ["HTTP/2"],
  );
});

test("Engine: HTTP over UDP, a message a datagram; SIP is none", () => {
  const h = harness();
  const asks = { from: "10.0.0.9", fromPort: 40_000, to: "239.255.255.250", toPort: 1900 };
  h.feed(udpPacket({ ...asks, payload: "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nST: ssdp:all\r\n\r\n" }));
  h.feed(udpPacket({ ...SERVER, payload: "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n" }));
  h.feed(udpPacket({ ...SERVER, payload: "OPTIONS sip:a@h SIP/2.0\r\n\r\n" }));
  h.feed(udpPacket({ ...SERVER, payload: "GET /x\r\n" }));
  assert.deepEqual(finalsOf(h).map(({ protocol }) => protocol)[0], "SSDP");
  assert.deepEqual(
    h.requests.map((r) => [r.src_ip, r.dst_port, r.method, r.uri, r.host, r.status]),
    [["10.0.0.9", 1900, "M-SEARCH", "*", "239.255.255.250:1900", null]],
  );
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

test("Engine: idle sessions end, each kind in its time", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, fromPort: 50_001, flags: SYN, sequence: 1 })); // never answered
  h.feed(tcpPacket({ ...CLIENT, fromPort: 50_002 }));
  h.feed(tcpPacket({ ...CLIENT, fromPort: 50_003 }));
  h.feed(tcpPacket({ ...CLIENT, fromPort: 50_003, flags: RST }));
  h.feed(udpPacket({ ...CLIENT, fromPort: 50_004 }));
  const ended: [number, number][] = [];
  for (let seconds = 1; seconds < 400; seconds++) {
    h.engine.advance((START + seconds) * 1000);
    for (const { record, final } of h.sessions.splice(0)) if (final) ended.push([record.src_port, seconds]);
  }
  assert.deepEqual(ended.sort(), [
    [50_001, 60],
    [50_002, 300],
    [50_003, 10],
    [50_004, 60],
  ]);
  assert.equal(h.engine.counters.sessionsActive, 0);
});

test("Engine: a session that goes on is reported under one id, and not when nothing came", () => {
  const h = harness();
  for (let seconds = 0; seconds <= 130; seconds += 10) h.feed(tcpPacket({ ...CLIENT, payload: "x" }), seconds);
  for (let seconds = 131; seconds <= 500; seconds++) h.engine.advance((START + seconds) * 1000);
  assert.deepEqual(
    h.sessions.map(({ record, final }) => [record.id, record.src_pkts, final]),
    [
      [41, 6, false], // time moves on before the packet of that second counts
      [41, 12, false],
      [41, 14, false],
      [41, 14, true],
    ],
  );
});

test("Engine: a new SYN after the end, or with another number, is a new session; a repeated one is not", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 1 }));
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 1 }));
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 999 }));
  h.feed(tcpPacket({ ...SERVER, flags: RST | ACK, acknowledgment: 1000 }));
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 999 }));
  assert.deepEqual(
    finalsOf(h).map(({ id, src_pkts, dst_pkts }) => [id, src_pkts, dst_pkts]),
    [
      [41, 2, 0],
      [43, 1, 1],
      [45, 1, 0],
    ],
  );
});

test("Engine: a full table gives up the session that was silent for longest, and counts it", () => {
  const h = harness({ maxSessions: 4 });
  for (let i = 1; i <= 4; i++) h.feed(udpPacket({ ...CLIENT, fromPort: 50_000 + i }), i);
  h.feed(udpPacket({ ...CLIENT, fromPort: 50_005 }), 50);
  h.feed(udpPacket({ ...CLIENT, fromPort: 50_006 }), 51);
  assert.deepEqual(
    h.sessions.map(({ record }) => record.src_port),
    [50_001, 50_002],
  );
  assert.equal(h.engine.counters.sessionsEvicted, 2);
  assert.equal(h.engine.counters.sessionsActive, 4);
});

test("Engine: the clock is set back: sessions go on, and end in time", () => {
  const h = harness();
  h.feed(udpPacket(CLIENT), 1_000_000);
  h.engine.advance((START + 100) * 1000);
  h.feed(udpPacket(CLIENT), 101);
  h.engine.advance((START + 150) * 1000);
  assert.equal(h.sessions.filter(({ final }) => final).length, 0);
  h.engine.advance((START + 162) * 1000);
  assert.deepEqual(
    h.sessions.filter(({ final }) => final).map(({ record }) => record.src_pkts),
    [2],
  );
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
