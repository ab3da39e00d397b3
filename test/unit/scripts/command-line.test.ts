import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readPassphrase, runParsed, stateFolder, UsageError } from "../../../scripts/command-line.ts";

const folder = await mkdtemp(join(tmpdir(), "cepa-command-line-"));
after(() => rm(folder, { recursive: true }));

const OPTIONS = { state: { type: "string" }, span: { type: "string", multiple: true } } as const;
const EMPTY: readonly (readonly [args: readonly string[], status: number])[] = [
  [["--state", ""], 2],
  [["--state="], 2],
  [["--span", "a", "--span", ""], 2],
  [["image.raw", ""], 2],
  [["--state", ".", "--span", "a", "image.raw"], 0],
];
for (const [args, status] of EMPTY)
  test(`runParsed: an empty argument is none: ${JSON.stringify(args)}`, async () =>
    assert.equal(await runParsed("usage: x\n", args, OPTIONS, async () => 0), status));

test("stateFolder: an empty CEPA_STATE is not the current folder", (t) => {
  const before = process.env.CEPA_STATE;
  t.after(() => {
    if (before === undefined) delete process.env.CEPA_STATE;
    else process.env.CEPA_STATE = before;
  });
  process.env.CEPA_STATE = "";
  assert.throws(() => stateFolder(undefined), new UsageError("CEPA_STATE is empty: unset it, or give it a value"));
  assert.equal(stateFolder("/state"), "/state");
});

const PASSPHRASES: readonly (readonly [text: string, expected: string | RegExp])[] = [
  ["correct horse", "correct horse"],
  ["correct horse\n", "correct horse"],
  ["correct horse\r\n", "correct horse"],
  ["correct horse\r\nsecond line\r\n", "correct horse"],
  ["größer als acht\n", "größer als acht"],
  ["correct\rhorse\n", /no control characters/],
  ["correct horse\r\r\n", /no control characters/],
  ["correct\0horse", /no control characters/],
  ["correct horse\u007f", /no control characters/],
  ["seven77\r\n", /at least 8 octets/],
];
for (const [text, expected] of PASSPHRASES)
  test(`readPassphrase: a new one, of a file: ${JSON.stringify(text)}`, async () => {
    const file = join(folder, "passphrase");
    await writeFile(file, text);
    const passphrase = readPassphrase(file, true);
    if (expected instanceof RegExp) await assert.rejects(passphrase, expected);
    else assert.equal(Buffer.from((await passphrase).reveal()).toString(), expected);
  });

test("readPassphrase: one that has been taken before may have them", async () => {
  const file = join(folder, "old");
  await writeFile(file, "correct horse\r\r\n");
  assert.equal(Buffer.from((await readPassphrase(file)).reveal()).toString(), "correct horse\r");
});
