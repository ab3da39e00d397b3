import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Defragmenter } from "../../../../appliance/decode/defragmenter.ts";
import { decodeExpired, decodeFrame, decodeLayer, decodeRest } from "../../../../appliance/decode/frame.ts";
import * as layers from "../../../../appliance/decode/layer.ts";
import { Packet } from "../../../../appliance/decode/packet.ts";
import { bytesOf } from "../../../support/decode-hex.ts";
import { FRAME_CASES, IPV4, MACS } from "../../../support/frame-cases.ts";

const LAYERS = Object.entries(layers).filter(([, layer]) => layer > layers.MALFORMED);
const KNOWN = new Set<number>(Object.values(layers));
const HEADERS = FRAME_CASES.map(([, , hex]) => bytesOf(hex));

/** Octets of real headers from anywhere on, with some changed. */
const octets = fc
  .tuple(
    fc.constantFrom(...HEADERS),
    fc.nat(100),
    fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 6 }),
    fc.uint8Array({ maxLength: 40 }),
  )
  .map(([header, from, changes, behind]) => {
    const bytes = Uint8Array.of(...header.subarray(from % header.length), ...behind);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return bytes;
  });

for (const [name, layer] of LAYERS)
  test(`decodeLayer, ${name}: whatever comes, the offset never goes back, and what is said to be there is there`, () => {
    fc.assert(
      fc.property(octets, fc.nat(160), fc.nat(40), (bytes, captured, cut) => {
        const packet = new Packet();
        packet.reset(bytes, 0, Math.min(captured, bytes.length), Math.min(captured, bytes.length) + cut, -1);
        const { end, wireEnd } = packet;
        const next = decodeLayer(packet, layer);
        assert.ok(KNOWN.has(next));
        assert.ok(packet.offset >= 0 && packet.end <= end && packet.wireEnd <= wireEnd);
        assert.ok(packet.payloadAt <= packet.payloadEnd && packet.payloadEnd <= Math.max(end, packet.payloadAt));
        if (layer !== layers.IP && next !== layers.TRUNCATED && next !== layers.MALFORMED && next !== layers.DONE)
          assert.ok(packet.offset > 0 || isChoice(layer), `stays at 0: ${next}`);
      }),
      { numRuns: 300 },
    );
  });

/** Layers that only say which of two it is. */
function isChoice(layer: number): boolean {
  return layer === layers.PPP_HDLC || layer === layers.UDP;
}

test("a frame of any octets ends, with and without a defragmenter", () => {
  const defragmenter = new Defragmenter({ maxBytes: 1 << 20, maxDatagrams: 8, timeoutSeconds: 30 }, new Uint8Array(8));
  fc.assert(
    fc.property(octets, fc.constantFrom(...LAYERS), fc.boolean(), (bytes, [, layer], together) => {
      const packet = together ? new Packet(defragmenter) : new Packet();
      packet.reset(bytes, 0, bytes.length, bytes.length, -1);
      decodeFrame(packet, layer);
      for (let i = 0; i < bytes.length && decodeRest(packet); i++);
      assert.ok(!decodeRest(packet));
      while (decodeExpired(packet));
    }),
    { numRuns: 3000 },
  );
});

test("decodeRest: every subframe of an A-MSDU is a packet of its own", () => {
  const subframe = (address: string, pad: string) =>
    `${MACS} 0029 aaaa03 000000 0800 ${IPV4.replace("0a010203", address)} ${pad}`;
  const frame = bytesOf(
    `8802 0000 ${MACS} 020000000003 0000 8000 ${subframe("0a010201", "00")} ${subframe("0a010202", "00")} ${subframe("0a010203", "")}`,
  );
  const packet = new Packet();
  packet.reset(frame, 0, frame.length, frame.length, -1);
  decodeFrame(packet, layers.IEEE80211);
  const sources: number[] = [];
  do sources.push(packet.bytes[packet.sourceAddressAt + 3] ?? 0);
  while (decodeRest(packet));
  assert.deepEqual(sources, [1, 2, 3]);
  assert.deepEqual([packet.truncated, packet.malformed, packet.sourcePort], [false, false, 4660]);
});
