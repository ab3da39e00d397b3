import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePcr11 } from "../../../image/measure.ts";

const HASH = "d782052dd5cc7c21934221ae6ee9eea81c400e0e02ee46d8363d093bf90e77df";

test("parsePcr11: of systemd-measure 257", () =>
  assert.equal(parsePcr11(`{"sha256":[{"pcr":11,"hash":"${HASH}"}]}\n`), HASH));

for (const [name, text] of [
  ["no bank", "{}"],
  ["another register", `{"sha256":[{"pcr":12,"hash":"${HASH}"}]}`],
  ["of two phases", `{"sha256":[{"pcr":11,"hash":"${HASH}"},{"pcr":11,"hash":"${HASH}"}]}`],
  ["too short", `{"sha256":[{"pcr":11,"hash":"${HASH.slice(2)}"}]}`],
] as const)
  test(`parsePcr11: ${name}`, () => assert.throws(() => parsePcr11(text), /expected one SHA-256 value of PCR 11/));
