import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFRAGMENTER_MIN_BYTES, Defragmenter } from "../../../../appliance/decode/defragmenter.ts";
import { decodeExpired, decodeFrame, layerOfLinkType } from "../../../../appliance/decode/frame.ts";
import { IP } from "../../../../appliance/decode/layer.ts";
import { Packet } from "../../../../appliance/decode/packet.ts";

const SECOND_US = 1_000_000;
const LIMITS = { maxBytes: 1 << 20, maxDatagrams: 64, timeoutSeconds: 30 };
const RAW = layerOfLinkType(101) ?? IP;

interface Piece {
  readonly id: number;
  readonly offset: number;
  readonly more: boolean;
  readonly octets: Uint8Array;
}

function fragment4({ id, offset, more, octets }: Piece, protocol = 17): Uint8Array {
  const bytes = new Uint8Array(20 + octets.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x45;
  view.setUint16(2, bytes.length);
  view.setUint16(4, id);
  view.setUint16(6, (offset / 8) | (more ? 0x2000 : 0));
  bytes[9] = protocol;
  bytes.set([192, 0, 2, 1, 192, 0, 2, 2], 12);
  bytes.set(octets, 20);
  return bytes;
}

function fragment6({ id, offset, more, octets }: Piece): Uint8Array {
  const bytes = new Uint8Array(48 + octets.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x60;
  view.setUint16(4, 8 + octets.length);
  bytes[6] = 44;
  bytes[23] = 1;
  bytes[39] = 2;
  bytes[40] = 17;
  view.setUint16(42, offset | (more ? 1 : 0));
  view.setUint32(44, id);
  bytes.set(octets, 48);
  return bytes;
}

/** A UDP datagram, as the payload of IP. */
function udp(payloadBytes: number, seed = 0): Uint8Array {
  const bytes = Uint8Array.from({ length: 8 + payloadBytes }, (_, i) => (i * 7 + (i >> 8) + seed) & 0xff);
  new DataView(bytes.buffer).setUint32(0, (4660 << 16) | 53);
  new DataView(bytes.buffer).setUint16(4, bytes.length);
  return bytes;
}

function piece(id: number, whole: Uint8Array, offset: number, end: number): Piece {
  return { id, offset, more: end < whole.length, octets: whole.subarray(offset, end) };
}

function newPacket(limits = LIMITS): { packet: Packet; defragmenter: Defragmenter } {
  const defragmenter = new Defragmenter(limits, new Uint8Array(8));
  return { packet: new Packet(defragmenter), defragmenter };
}

function decode(packet: Packet, frame: Uint8Array, capturedBytes = frame.length) {
  packet.reset(frame, 0, capturedBytes, frame.length, -1);
  decodeFrame(packet, RAW);
  return shown(packet);
}

function expired(packet: Packet) {
  return decodeExpired(packet) ? shown(packet) : undefined;
}

function shown(packet: Packet) {
  if (packet.waitsForFragments) return "waits";
  return {
    ports: `${packet.sourcePort} ${packet.destinationPort}`,
    ipBytes: packet.ipBytes,
    frames: packet.fragmentCount,
    payload: Buffer.from(packet.bytes.subarray(packet.payloadAt, packet.payloadEnd)).toString("hex"),
    addresses: Buffer.from(
      packet.bytes.subarray(packet.sourceAddressAt, packet.destinationAddressAt + (packet.ipVersion === 4 ? 4 : 16)),
    ).toString("hex"),
    truncated: packet.truncated,
  };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const ADDRESSES_4 = "c0000201c0000202";
const ADDRESSES_6 = `${"0".repeat(30)}01${"0".repeat(30)}02`;
const WHOLE = udp(24);
const RESULT = {
  ports: "4660 53",
  ipBytes: 20 + 16 + 20 + 16,
  frames: 2,
  payload: hex(WHOLE.subarray(8)),
  addresses: ADDRESSES_4,
  truncated: false,
};
const FIRST = piece(1, WHOLE, 0, 16);
const LAST = piece(1, WHOLE, 16, 32);

for (const [name, frames, expected] of [
  ["in order", [FIRST, LAST], ["waits", RESULT]],
  ["the last one first", [LAST, FIRST], ["waits", RESULT]],
  ["a duplicate", [FIRST, FIRST, LAST], ["waits", "waits", { ...RESULT, frames: 3, ipBytes: 108 }]],
  ["another identification", [FIRST, { ...LAST, id: 2 }], ["waits", "waits"]],
  [
    "an overlap: what came first stays",
    [FIRST, { ...LAST, offset: 8, octets: new Uint8Array(24).fill(0xee) }],
    ["waits", { ...RESULT, ipBytes: 36 + 44, payload: hex(WHOLE.subarray(8, 16)) + "ee".repeat(16) }],
  ],
  ["beyond the end", [LAST, { ...LAST, offset: 24, more: true }], ["waits", "waits"]],
  ["beyond 65,535", [FIRST, { ...LAST, offset: 65_528 }], ["waits", "waits"]],
  ["none", [{ ...FIRST, more: true, octets: new Uint8Array(0) }], ["waits"]],
  ["one octet: too short for a unit", [{ ...FIRST, octets: new Uint8Array(1) }], ["waits"]],
] as const)
  test(`Defragmenter, IPv4: ${name}`, () => {
    const { packet } = newPacket();
    assert.deepEqual(
      frames.map((frame) => decode(packet, fragment4(frame))),
      expected,
    );
  });

test("Defragmenter: an overlap in IPv6 drops the datagram and what comes of it; its first fragment is looked at", () => {
  const { packet, defragmenter } = newPacket();
  assert.equal(decode(packet, fragment6(FIRST)), "waits");
  assert.equal(decode(packet, fragment6({ ...LAST, offset: 8, octets: WHOLE.subarray(8, 32) })), "waits");
  assert.deepEqual(expired(packet), {
    ...RESULT,
    ipBytes: 64 + 72,
    payload: hex(WHOLE.subarray(8, 16)),
    addresses: ADDRESSES_6,
    truncated: true,
  });
  assert.equal(expired(packet), undefined);
  assert.equal(decode(packet, fragment6(LAST)), "waits");
  assert.equal(defragmenter.counters.fragmentOverlaps, 1);
  assert.equal(defragmenter.heldBytes, 0);
});

test("Defragmenter: without one, fragments are taken as they come", () => {
  const packet = new Packet();
  assert.deepEqual(decode(packet, fragment4(FIRST)), {
    ...RESULT,
    ipBytes: 36,
    frames: 1,
    payload: hex(WHOLE.subarray(8, 16)),
    truncated: false,
  });
  assert.ok(typeof decode(packet, fragment4(LAST)) === "object" && packet.laterFragment);
});

test("Defragmenter: what was cut by the snap length is cut in the datagram", () => {
  const { packet } = newPacket();
  assert.equal(decode(packet, fragment4(FIRST)), "waits");
  const result = decode(packet, fragment4(LAST), 24);
  assert.deepEqual(result, { ...RESULT, payload: hex(WHOLE.subarray(8, 20)), truncated: true });
});

test("Defragmenter: fragments within fragments of a tunnel", () => {
  const { packet, defragmenter } = newPacket();
  const pieces = [FIRST, LAST].flatMap((inner, i) => {
    const carried = fragment4(inner);
    return [piece(50 + i, carried, 0, 24), piece(50 + i, carried, 24, carried.length)].map((outer) =>
      fragment4(outer, 4),
    );
  });
  const results = pieces.map((frame) => decode(packet, frame));
  assert.deepEqual(results, ["waits", "waits", "waits", { ...RESULT, frames: 4 }]);
  assert.equal(defragmenter.counters.datagramsReassembled, 3);
  assert.equal(defragmenter.waiting, 0);
});

test("Defragmenter: time is over", () => {
  const { packet, defragmenter } = newPacket();
  defragmenter.nowUs = 5 * SECOND_US;
  decode(packet, fragment4(FIRST));
  decode(packet, fragment4({ ...LAST, id: 2 }));
  defragmenter.nowUs = 35 * SECOND_US;
  assert.equal(expired(packet), undefined);
  defragmenter.nowUs = 36 * SECOND_US;
  const cut = { ...RESULT, ipBytes: 36, frames: 1, payload: hex(WHOLE.subarray(8, 16)), truncated: true };
  assert.deepEqual(expired(packet), cut);
  assert.equal(defragmenter.expiredAtUs, 5 * SECOND_US);
  assert.equal(expired(packet), undefined);
  assert.equal(defragmenter.counters.datagramsTimedOut, 2);
  assert.equal(defragmenter.waiting, 0);
  decode(packet, fragment4(FIRST));
  defragmenter.finish();
  assert.deepEqual(expired(packet), cut);
});

test("Defragmenter: an identification that is used again", () => {
  const { packet, defragmenter } = newPacket();
  decode(packet, fragment4(piece(1, udp(24, 1), 0, 16)));
  defragmenter.nowUs = 2 * SECOND_US;
  decode(packet, fragment4(FIRST));
  assert.deepEqual(decode(packet, fragment4(LAST)), RESULT);
  assert.ok(expired(packet) !== undefined);
});

test("Defragmenter: when too many wait, the oldest goes", () => {
  const { packet, defragmenter } = newPacket({ ...LIMITS, maxDatagrams: 3 });
  for (const id of [1, 2, 3, 4]) decode(packet, fragment4({ ...FIRST, id }));
  assert.equal(defragmenter.counters.datagramsEvicted, 1);
  assert.ok(expired(packet) !== undefined && expired(packet) === undefined);
  assert.equal(decode(packet, fragment4(LAST)), "waits");
  assert.deepEqual(decode(packet, fragment4({ ...LAST, id: 4 })), RESULT);
});

test("Defragmenter: a flood stays within the limits, and the datagrams after it are put together", () => {
  const { packet, defragmenter } = newPacket({ ...LIMITS, maxDatagrams: 100_000 });
  const octets = new Uint8Array(1480);
  for (let i = 0; i < 20_000; i++) {
    const frame = fragment4({ id: i & 0xffff, offset: (i % 40) * 1480, more: true, octets });
    new DataView(frame.buffer).setUint32(12, Math.imul(i, 0x9e3779b1));
    decode(packet, frame);
    assert.ok(defragmenter.heldBytes <= DEFRAGMENTER_MIN_BYTES);
    while (decodeExpired(packet));
  }
  assert.equal(defragmenter.counters.fragments, 20_000);
  assert.equal(defragmenter.counters.fragmentsNotLookedAt, 0);
  assert.equal(defragmenter.counters.datagramsEvicted + defragmenter.waiting, 20_000);
  assert.deepEqual([fragment4(FIRST), fragment4(LAST)].map((frame) => decode(packet, frame)).at(-1), RESULT);
});

test("Defragmenter: any split, in any order, with duplicates, gives the datagram once", () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 9, max: 3000 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 370 }), { minLength: 1, maxLength: 20 }),
      fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
      fc.boolean(),
      (payloadBytes, cuts, order, six) => {
        const whole = udp(payloadBytes);
        const ends = [...cuts.map((cut) => cut * 8).filter((cut) => cut < whole.length), whole.length];
        ends.sort((a, b) => a - b);
        if (ends.length < 2) return;
        const pieces = ends.map((end, i) => piece(9, whole, ends[i - 1] ?? 0, end));
        const shuffled = pieces
          .map((value, i) => ({ value, rank: order[i] ?? 0 }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ value }) => value);
        const repeated = shuffled.slice(0, -1).filter((_, i) => (order[i + 20] ?? 0) % 3 === 0);
        const sent = [...shuffled.slice(0, -1), ...repeated, ...shuffled.slice(-1)];
        const { packet, defragmenter } = newPacket();
        const frames = sent.map((value) => (six ? fragment6(value) : fragment4(value)));
        const results = frames.map((frame) => decode(packet, frame));
        assert.deepEqual(results, [
          ...sent.slice(1).map(() => "waits"),
          {
            ports: "4660 53",
            ipBytes: frames.reduce((sum, frame) => sum + frame.length, 0),
            frames: sent.length,
            payload: hex(whole.subarray(8)),
            addresses: six ? ADDRESSES_6 : ADDRESSES_4,
            truncated: false,
          },
        ]);
        assert.equal(defragmenter.heldBytes, 0);
      },
    ),
  ));

test("Defragmenter: overlapping fragments of any kind give what came first, octet by octet", () =>
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ from: fc.nat(40), units: fc.integer({ min: 1, max: 20 }), fill: fc.nat(255), last: fc.boolean() }),
        { maxLength: 30 },
      ),
      (parts) => {
        const { packet, defragmenter } = newPacket();
        const model: number[] = [];
        let total = -1;
        for (const { from, units, fill, last } of parts) {
          const start = from * 8;
          const end = start + units * 8;
          if (start === 0 && last) continue; // no fragment
          const octets = new Uint8Array(units * 8).fill(fill);
          const result = decode(packet, fragment4({ id: 5, offset: start, more: !last, octets }, 253));
          const agrees = total < 0 ? !last || end >= model.length : last ? end === total : end <= total;
          if (agrees) {
            if (last) total = end;
            for (let i = start; i < end; i++) model[i] ??= fill;
          }
          const whole =
            total >= 0 && Array.from({ length: total }, (_, i) => model[i]).every((value) => value !== undefined);
          assert.equal(typeof result === "object", whole);
          if (!whole) continue;
          assert.deepEqual([...packet.bytes.subarray(packet.payloadAt, packet.payloadEnd)], model);
          assert.equal(defragmenter.heldBytes, 0);
          return;
        }
      },
    ),
  ));
