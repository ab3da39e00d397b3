import assert from "node:assert/strict";
import { test } from "node:test";
import { admitKey, RefusedError } from "../../../../appliance/firmware/admit-key.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const OWNER = "bd9afa775903324dbd6028f4e78f784b";
const listOf = (octet: string) => `a159c0a5e494a74a87b5ab155c2bf072 2f000000 00000000 13000000 ${OWNER} 3001${octet}`;
const HEAD = "e7070b0e161400000000000000000000 1a000000 0002 f10e 9dd2af4adf68ee498aa9347d375665a7 3000";
const UPDATE = bytesOf(HEAD + listOf("02"));
const ON = Uint8Array.of(1);
const OFF = Uint8Array.of(0);
const NOW_MS = 1_700_000_000_000;

interface Box {
  secureBoot?: Uint8Array;
  setupMode?: Uint8Array;
  db?: Uint8Array;
  attempts?: number;
  append?: (box: Box) => void;
}

async function admit(box: Box, update = UPDATE) {
  const done: string[] = [];
  const admission = await admitKey(update, {
    clock: new FakeClock(NOW_MS),
    variables: {
      read: async (name) => (name === "SecureBoot" ? box.secureBoot : name === "SetupMode" ? box.setupMode : box.db),
      appendToDb: async (given) => {
        assert.equal(given, update);
        done.push("append");
        box.append?.(box);
      },
    },
    loadAttempts: async () => box.attempts ?? 0,
    saveAttempts: async (_, attempts) => {
      box.attempts = attempts;
      done.push(`attempt ${attempts}`);
    },
  });
  return { ...admission, done };
}

const result = (name: string, detail: string, done: readonly string[]) => ({
  atMs: NOW_MS,
  result: name,
  detail,
  done,
});
const lacking = (): Box => ({ secureBoot: ON, setupMode: OFF, db: bytesOf(listOf("01")) });
const takes = (box: Box) => {
  box.db = bytesOf(listOf("01") + listOf("02"));
};
const refuses = () => {
  throw new RefusedError("the firmware has no room for it");
};

for (const { name, box, expected } of [
  { name: "no Secure Boot", box: {}, expected: result("off", "Secure Boot is off", []) },
  {
    name: "Secure Boot is off",
    box: { ...lacking(), secureBoot: OFF },
    expected: result("off", "Secure Boot is off", []),
  },
  {
    name: "setup mode",
    box: { ...lacking(), setupMode: ON },
    expected: result("off", "the firmware is in setup mode", []),
  },
  {
    name: "db has it: nothing is written",
    box: { ...lacking(), db: bytesOf(listOf("02") + listOf("01")) },
    expected: result("known", "", []),
  },
  { name: "db lacks it", box: { ...lacking(), append: takes }, expected: result("added", "", ["attempt 1", "append"]) },
  {
    name: "the firmware says it took it, and did not",
    box: lacking(),
    expected: result("failed", "the firmware took it, and db lacks it", ["attempt 1", "append"]),
  },
  {
    name: "the firmware refuses it",
    box: { ...lacking(), attempts: 2, append: refuses },
    expected: result("refused", "the firmware has no room for it", ["attempt 3", "append"]),
  },
  {
    name: "the firmware has refused it often enough",
    box: { ...lacking(), attempts: 3, append: takes },
    expected: result("refused", "tried 3 times, and not any more", []),
  },
  {
    name: "a db that can't be read is not taken for one that has it",
    box: { ...lacking(), db: bytesOf("00"), append: takes },
    expected: result("added", "", ["attempt 1", "append"]),
  },
])
  test(`admitKey: ${name}`, async () => assert.deepEqual(await admit(box), expected));

test("admitKey: what is no signed update never reaches the firmware", async () =>
  assert.deepEqual(
    await admit({ ...lacking(), append: takes }, UPDATE.subarray(0, -1)),
    result("failed", "the image's update is truncated at octet 88", []),
  ));

test("admitKey: what is no refusal is passed on, counted", async () => {
  const box: Box = {
    ...lacking(),
    append: () => {
      throw new Error("chattr: no such program");
    },
  };
  await assert.rejects(admit(box), /no such program/);
  assert.equal(box.attempts, 1);
});
