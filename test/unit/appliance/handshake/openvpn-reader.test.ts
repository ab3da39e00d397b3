import assert from "node:assert/strict";
import { test } from "node:test";
import type { HandshakeFacts } from "../../../../appliance/handshake/handshake-facts.ts";
import { zeroOpenVpnCounters } from "../../../../appliance/handshake/openvpn-counters.ts";
import { OpenVpnReader } from "../../../../appliance/handshake/openvpn-reader.ts";
import { OpenVpnStreamReader, startsOpenVpnStream } from "../../../../appliance/handshake/openvpn-stream-reader.ts";
import { zeroTlsCounters } from "../../../../appliance/handshake/tls-counters.ts";
import { clientHelloBody, concat, message, record, serverName } from "./hello-bytes.ts";

const CLIENT = 1;
const SERVER = 0;
const TIME_US = 1_700_000_000_000_000;
const HELLO = record(
  22,
  message(1, clientHelloBody({ version: 0x0303, cipherSuites: [0xc02f], extensions: [serverName("box.example")] })),
);

interface Control {
  readonly opcode?: number;
  readonly keyId?: number;
  readonly id: number;
  readonly acknowledged?: readonly number[];
  /** Octets of --tls-auth: HMAC, packet id and time. */
  readonly authenticationBytes?: number;
  readonly payload?: Uint8Array;
}

function control({
  opcode = 4,
  keyId = 0,
  id,
  acknowledged = [],
  authenticationBytes = 0,
  payload,
}: Control): Uint8Array {
  const word = (value: number) => Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  return concat(
    Uint8Array.of((opcode << 3) | keyId),
    new Uint8Array(8).fill(0x5a),
    new Uint8Array(authenticationBytes).fill(0xee),
    Uint8Array.of(acknowledged.length),
    ...acknowledged.map(word),
    new Uint8Array(acknowledged.length === 0 ? 0 : 8).fill(0xa5),
    word(id),
    payload ?? new Uint8Array(0),
  );
}

function harness() {
  const facts: HandshakeFacts[] = [];
  const counters = { ...zeroOpenVpnCounters(), ...zeroTlsCounters() };
  const reader = new OpenVpnReader((one) => facts.push(one), counters);
  const give = (side: number, packet: Uint8Array) => reader.datagram(side, packet, 0, packet.length, TIME_US);
  return { reader, facts, counters, give };
}

function namesOf(facts: readonly HandshakeFacts[]) {
  return facts.map(({ protocol, sni, clientSide }) => ({ protocol, sni, clientSide }));
}

const FOUND = [{ protocol: "OpenVPN", sni: "box.example", clientSide: CLIENT }];

for (const authenticationBytes of [0, 28, 40, 72])
  test(`OpenVpnReader: a hello in pieces that come in any order, ${authenticationBytes} octets of tls-auth`, () => {
    const { reader, facts, give } = harness();
    give(CLIENT, control({ opcode: 7, id: 0, authenticationBytes }));
    give(SERVER, control({ opcode: 8, id: 0, acknowledged: [0], authenticationBytes }));
    const third = Math.ceil(HELLO.length / 3);
    const piece = (i: number) => HELLO.subarray(third * i, third * (i + 1));
    const packets = [0, 1, 2].map((i) =>
      control({ id: i + 1, acknowledged: i === 0 ? [0] : [], authenticationBytes, payload: piece(i) }),
    );
    for (const i of [0, 2, 2, 1, 0]) give(CLIENT, packets[i] as Uint8Array);
    reader.end();
    assert.deepEqual(namesOf(facts), FOUND);
  });

test("OpenVpnReader: other keys, data and acknowledgements say nothing; what is too far ahead is counted", () => {
  const { reader, facts, counters, give } = harness();
  give(CLIENT, control({ id: 1, keyId: 1, payload: HELLO }));
  give(CLIENT, control({ opcode: 9, id: 1, payload: HELLO }));
  give(CLIENT, control({ id: 40, payload: HELLO }));
  assert.equal(counters.openVpnMessagesDropped, 1);
  for (let i = 0; i < 600; i++) give(SERVER, Uint8Array.of(0x48, i & 255));
  assert.deepEqual([reader.done, counters.openVpnHandshakesGivenUp], [true, 1]);
  assert.deepEqual(facts, []);
});

test("OpenVpnStreamReader: packets split anywhere; a gap ends a side", () => {
  const stream = concat(
    ...[control({ opcode: 7, id: 0 }), control({ id: 1, payload: HELLO })].flatMap((packet) => [
      Uint8Array.of(packet.length >> 8, packet.length & 255),
      packet,
    ]),
  );
  assert.ok(startsOpenVpnStream(stream, 0, 16));
  assert.ok(!startsOpenVpnStream(stream, 0, stream.length) && !startsOpenVpnStream(stream, 2, 16));
  for (const size of [1, 2, 3, 7, 100, stream.length]) {
    const { reader, facts } = harness();
    const split = new OpenVpnStreamReader(reader);
    for (let from = 0; from < stream.length; from += size)
      split.data(CLIENT, stream, from, Math.min(stream.length, from + size), TIME_US);
    split.end();
    assert.deepEqual(namesOf(facts), FOUND, `${size} octets at a time`);
  }
  const { reader, facts } = harness();
  const holed = new OpenVpnStreamReader(reader);
  holed.data(CLIENT, stream, 0, 16, TIME_US);
  holed.gap(CLIENT);
  holed.data(CLIENT, stream, 16, stream.length, TIME_US);
  assert.ok(!holed.done);
  holed.gap(SERVER);
  assert.ok(holed.done);
  assert.deepEqual(facts, []);
});
