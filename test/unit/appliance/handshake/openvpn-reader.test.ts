import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HandshakeFacts } from "../../../../appliance/handshake/handshake-facts.ts";
import { zeroOpenVpnCounters } from "../../../../appliance/handshake/openvpn-counters.ts";
import { OpenVpnReader } from "../../../../appliance/handshake/openvpn-reader.ts";
import { OpenVpnStreamReader, startsOpenVpnStream } from "../../../../appliance/handshake/openvpn-stream-reader.ts";
import { zeroTlsCounters } from "../../../../appliance/handshake/tls-counters.ts";
import { bytesOf, clientHelloBody, concat, message, record, serverName } from "./hello-bytes.ts";

const CLIENT = 0;
const SERVER = 1;
const RESET_CLIENT = 7;
const RESET_SERVER = 8;
const CONTROL = 4;
/** An HMAC of SHA-1, SHA-256, SHA-512, MD5, SHA-224 or SHA-384, a packet id and a time. */
const AUTHENTICATION_BYTES = [28, 40, 72, 24, 36, 56];

interface Control {
  readonly opcode?: number;
  readonly keyId?: number;
  readonly session?: number;
  readonly id: number;
  readonly acknowledges?: number;
  readonly payload?: Uint8Array;
  readonly authenticationBytes?: number;
}

/** OpenVPN's doc/doxygen, "Network protocol": opcode, session id, what --tls-auth adds, acknowledgements, message id, payload. */
function control(packet: Control): Uint8Array {
  const { opcode = CONTROL, keyId = 0, session = 1, acknowledges = 0, authenticationBytes = 0 } = packet;
  return concat(
    Uint8Array.of((opcode << 3) | keyId),
    new Uint8Array(8).fill(session),
    new Uint8Array(authenticationBytes).fill(0xaa),
    Uint8Array.of(acknowledges),
    new Uint8Array(acknowledges === 0 ? 0 : 4 * acknowledges + 8).fill(3),
    Uint8Array.of(0, 0, packet.id >> 8, packet.id & 0xff),
    packet.payload ?? new Uint8Array(0),
  );
}

const hello = (name: string) =>
  record(22, message(1, clientHelloBody({ version: 0x0303, cipherSuites: [0xc02f], extensions: [serverName(name)] })));
const CLIENT_FLIGHT = hello("vpn.example");
const SERVER_FLIGHT = record(
  22,
  concat(
    message(2, concat(bytesOf("0303"), new Uint8Array(32), bytesOf("00 c02f 00"))),
    message(14, new Uint8Array(0)),
  ),
);
const TAIL = CLIENT_FLIGHT.subarray(40);
const HEAD = CLIENT_FLIGHT.subarray(0, 40);

type Part = readonly [side: number, packet: Uint8Array];

function read(parts: readonly Part[], counters = { ...zeroOpenVpnCounters(), ...zeroTlsCounters() }): HandshakeFacts[] {
  const all: HandshakeFacts[] = [];
  const reader = new OpenVpnReader((facts) => all.push(facts), counters);
  for (const [side, bytes] of parts) reader.datagram(side, bytes, 0, bytes.length, 7);
  reader.end();
  assert.equal(reader.done, true);
  return all;
}

function said({ protocol, clientSide, sni, version, cipher }: HandshakeFacts): unknown[] {
  return [protocol, clientSide, sni, version, cipher];
}

const WHOLE = ["OpenVPN", CLIENT, "vpn.example", "0x0303", "0xc02f"];
const UNANSWERED = ["OpenVPN", CLIENT, "vpn.example", null, null];
const OPENING: readonly Part[] = [
  [CLIENT, control({ opcode: RESET_CLIENT, session: 1, id: 0 })],
  [SERVER, control({ opcode: RESET_SERVER, session: 2, id: 0, acknowledges: 1 })],
];
const ANSWER: Part = [SERVER, control({ session: 2, id: 1, acknowledges: 2, payload: SERVER_FLIGHT })];

const CASES: readonly { readonly name: string; readonly parts: readonly Part[]; readonly expected: unknown[][] }[] = [
  {
    name: "messages out of order and again",
    parts: [
      ...OPENING,
      [CLIENT, control({ id: 1, acknowledges: 1, payload: HEAD.subarray(0, 12) })],
      [CLIENT, control({ id: 3, payload: TAIL })],
      [CLIENT, control({ id: 1, acknowledges: 1, payload: HEAD.subarray(0, 12) })],
      [CLIENT, control({ id: 2, payload: HEAD.subarray(12) })],
      ANSWER,
    ],
    expected: [WHOLE],
  },
  ...AUTHENTICATION_BYTES.map((authenticationBytes) => ({
    name: `${authenticationBytes} octets of --tls-auth`,
    parts: [
      [CLIENT, control({ opcode: RESET_CLIENT, id: 0, authenticationBytes })],
      [CLIENT, control({ id: 1, acknowledges: 1, payload: CLIENT_FLIGHT, authenticationBytes })],
      [SERVER, control({ session: 2, id: 1, payload: SERVER_FLIGHT, authenticationBytes })],
    ] as const,
    expected: [WHOLE],
  })),
  {
    name: "without the resets",
    parts: [[CLIENT, control({ id: 1, payload: CLIENT_FLIGHT })], ANSWER],
    expected: [WHOLE],
  },
  {
    name: "the server alone",
    parts: [ANSWER],
    expected: [["OpenVPN", CLIENT, null, "0x0303", "0xc02f"]],
  },
  {
    name: "a handshake without an answer, and another",
    parts: [
      ...OPENING,
      [CLIENT, control({ id: 1, payload: CLIENT_FLIGHT })],
      [CLIENT, control({ opcode: RESET_CLIENT, session: 9, id: 0 })],
      [CLIENT, control({ session: 1, id: 2, payload: CLIENT_FLIGHT })],
      [SERVER, control({ opcode: RESET_SERVER, session: 8, id: 0 })],
      [CLIENT, control({ session: 9, id: 1, payload: hello("again.example") })],
      [SERVER, control({ session: 8, id: 1, payload: SERVER_FLIGHT })],
    ],
    expected: [UNANSWERED, ["OpenVPN", CLIENT, "again.example", "0x0303", "0xc02f"]],
  },
  {
    name: "a message is missing",
    parts: [...OPENING, [CLIENT, control({ id: 2, payload: CLIENT_FLIGHT })]],
    expected: [],
  },
  {
    name: "another key, data, acknowledgements, what --tls-crypt hides, and what is cut",
    parts: [
      ...OPENING,
      [CLIENT, control({ id: 1, keyId: 1, payload: CLIENT_FLIGHT })],
      [CLIENT, control({ opcode: 9, id: 1, payload: CLIENT_FLIGHT })],
      [CLIENT, control({ opcode: 5, id: 1 })],
      [CLIENT, control({ id: 1, payload: new Uint8Array(200).fill(0x9d) })],
      [CLIENT, control({ id: 1, acknowledges: 9, payload: CLIENT_FLIGHT })],
      [CLIENT, control({ id: 1 }).subarray(0, 13)],
      [CLIENT, new Uint8Array(0)],
    ],
    expected: [],
  },
];

for (const { name, parts, expected } of CASES)
  test(`OpenVpnReader: ${name}`, () => assert.deepEqual(read(parts).map(said), expected));

test("OpenVpnReader: messages too far ahead or too long, restarts and packets have their limits, and are counted", () => {
  const counters = { ...zeroOpenVpnCounters(), ...zeroTlsCounters() };
  const begin: Part = [CLIENT, control({ id: 1, payload: HEAD })];
  read(
    [
      begin,
      [CLIENT, control({ id: 18, payload: TAIL })],
      [CLIENT, control({ id: 19, payload: TAIL })],
      [CLIENT, control({ id: 3, payload: new Uint8Array(2049) })],
    ],
    counters,
  );
  assert.deepEqual([counters.openVpnMessagesDropped, counters.openVpnHandshakesGivenUp], [2, 0]);
  read(
    Array.from({ length: 10 }, (_, i): Part => [CLIENT, control({ opcode: RESET_CLIENT, session: i, id: 0 })]),
    counters,
  );
  assert.equal(counters.openVpnHandshakesGivenUp, 1);
  read(
    Array.from({ length: 513 }, () => begin),
    counters,
  );
  assert.deepEqual([counters.openVpnMessagesDropped, counters.openVpnHandshakesGivenUp], [2, 2]);
});

const framed = (packet: Uint8Array) => concat(Uint8Array.of(packet.length >> 8, packet.length & 0xff), packet);

test("OpenVpnStreamReader: packets split anywhere; what follows a gap is not read", () => {
  const client = concat(
    ...[OPENING[0]?.[1] ?? new Uint8Array(0), control({ id: 1, payload: HEAD }), control({ id: 2, payload: TAIL })].map(
      framed,
    ),
  );
  const server = concat(framed(new Uint8Array(0)), framed(ANSWER[1]));
  const pieces = (bytes: Uint8Array, size: number) =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
  const streamed = (size: number, lose: boolean) => {
    const all: HandshakeFacts[] = [];
    const reader = new OpenVpnStreamReader(new OpenVpnReader((facts) => all.push(facts)));
    for (const piece of pieces(client, size)) reader.data(CLIENT, piece, 0, piece.length, 7);
    if (lose) reader.gap(SERVER);
    for (const piece of pieces(server, size)) reader.data(SERVER, piece, 0, piece.length, 7);
    reader.end();
    assert.equal(reader.done, true);
    return all.map(said);
  };
  for (const size of [1, 2, 3, 50, 1000]) {
    assert.deepEqual(streamed(size, false), [WHOLE], `pieces of ${size}`);
    assert.deepEqual(streamed(size, true), [UNANSWERED], `pieces of ${size}, and a gap`);
  }
});

test("startsOpenVpnStream: a reset, as long as it says", () => {
  const reset = framed(control({ opcode: RESET_CLIENT, id: 0, authenticationBytes: 28 }));
  const starts = (bytes: Uint8Array) => startsOpenVpnStream(bytes, 0, bytes.length);
  assert.equal(starts(reset), true);
  assert.equal(starts(framed(control({ opcode: RESET_SERVER, id: 0, acknowledges: 1 }))), true);
  for (const other of [
    reset.subarray(0, 20),
    concat(reset, Uint8Array.of(0)),
    framed(control({ id: 1, payload: TAIL })),
    framed(control({ opcode: RESET_CLIENT, keyId: 1, id: 0 })),
    bytesOf("00"),
    new Uint8Array(0),
  ])
    assert.equal(starts(other), false);
});

test("OpenVpnReader: whatever comes, nothing is thrown", () => {
  const packet = fc.record({
    opcode: fc.constantFrom(CONTROL, CONTROL, RESET_CLIENT, RESET_SERVER, 5, 9),
    session: fc.nat(2),
    id: fc.nat(20),
    acknowledges: fc.nat(9),
    payload: fc.oneof(fc.constantFrom(CLIENT_FLIGHT, HEAD, TAIL, SERVER_FLIGHT), fc.uint8Array({ maxLength: 60 })),
    authenticationBytes: fc.constantFrom(0, 0, 28),
  });
  const bytes = fc.oneof(packet.map(control), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1), bytes), { maxLength: 60 }), (parts) => {
      assert.ok(read(parts).length <= 9);
    }),
    { numRuns: 200, seed: 1 },
  );
});
