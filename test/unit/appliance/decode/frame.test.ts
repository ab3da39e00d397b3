import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeHex } from "../../../support/decode-hex.ts";
import { FRAME_CASES, IPV4, MACS, V4 } from "../../../support/frame-cases.ts";

for (const [name, linkType, hex, expected] of FRAME_CASES)
  test(`decodeFrame: ${name}`, () => assert.deepEqual(decodeHex(linkType, hex), expected));

test("decodeFrame: cut by the snap length", () =>
  assert.deepEqual(decodeHex(1, `${MACS} 0800 ${IPV4}`, 1000), { ...V4, truncated: true }));

test("decodeFrame: a frame cut anywhere is flagged, whatever is in it", () => {
  for (const [name, linkType, hex, expected] of FRAME_CASES) {
    const digits = hex.replace(/\s+/g, "");
    for (let octets = 0; octets < digits.length / 2; octets++) {
      const decoded = decodeHex(linkType, digits.slice(0, 2 * octets), digits.length / 2);
      assert.ok(decoded.truncated || decoded.malformed, `${name} cut to ${octets}: ${JSON.stringify(expected)}`);
    }
  }
});
