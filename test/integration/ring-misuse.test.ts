import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { loadNativeAddon } from "../../core/node/native-addon.ts";
import { runInNamespace } from "../../scripts/rig/net-namespace.ts";

const FAR_SIDE = new URL("../support/ring-misuse-far-side.ts", import.meta.url).pathname;
const RUNS = 2000;

const addon = loadNativeAddon("ring.node") as Readonly<Record<string, (...args: unknown[]) => unknown>>;
const FUNCTIONS = ["open", "start", "wait", "stats", "close", "compileFilter", "attachFilter"];

/** Anything but an interface that exists. */
const anArgument = fc.oneof(
  fc.integer({ min: -2, max: 2 }),
  fc.constantFrom(0xffff_ffff, 2 ** 53, Number.NaN, true, null, undefined),
  fc.string({ maxLength: 40 }),
  fc.constantFrom("lo0", "x".repeat(10_000), "\0", "tcp port", "not ".repeat(200)),
  fc.uint8Array({ maxLength: 64 }).map((bytes) => bytes.buffer),
  fc.array(fc.constant({}), { maxLength: 3 }),
);

test("the ring addon takes any arguments: an error, never a fault", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.constantFrom(...FUNCTIONS), fc.array(anArgument, { maxLength: 6 }), (name, args) => {
      // below 0 is for ever
      if (name === "wait" && typeof args[1] === "number") args[1] = 1;
      try {
        addon[name]?.(...args);
        seen.add(`${name} answers`);
      } catch (error) {
        assert.ok(error instanceof Error);
        seen.add(`${name} refuses`);
      }
    }),
    { numRuns: RUNS },
  );
  for (const name of FUNCTIONS) assert.ok(seen.has(`${name} refuses`), [...seen].join(", "));
});

test("a closed ring stays closed: every call on its handle is an error or does nothing", async () => {
  const printed = await runInNamespace(["span0"], [process.execPath, FAR_SIDE], 60_000);
  assert.deepEqual(JSON.parse(printed), {
    lengthBytes: 0,
    stats: "EBADF",
    start: "EBADF",
    attachFilter: "EBADF",
    wait: 0,
    closeAgain: "nothing",
  });
});
