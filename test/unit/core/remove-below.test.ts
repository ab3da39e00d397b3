import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { removeBelow, removeBelowAfter } from "../../../core/node/remove-below.ts";

let root = "";
let role = "";
let precious = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cepa-remove-"));
  role = join(root, "role");
  precious = join(root, "precious");
  mkdirSync(role);
  mkdirSync(precious);
  for (const name of ["a", "b"]) writeFileSync(join(precious, name), name);
});
afterEach(() => rmSync(root, { recursive: true }));

test("a file, an empty folder, a folder with more in it; and what is not there", async () => {
  writeFileSync(join(role, "file"), "");
  mkdirSync(join(role, "empty"));
  mkdirSync(join(role, "full/more"), { recursive: true });
  writeFileSync(join(role, "full/more/file"), "");
  for (const name of ["file", "empty", "full", "nothing"]) await removeBelow(role, name);
  await removeBelow(role, "nothing", "below");
  assert.deepEqual(readdirSync(role), []);
});

test("of a link itself, never what it leads to", async () => {
  symlinkSync(precious, join(role, "link"));
  mkdirSync(join(role, "full"));
  symlinkSync(precious, join(role, "full/link"));
  await removeBelow(role, "link");
  await removeBelow(role, "full");
  assert.deepEqual(readdirSync(role), []);
  assert.deepEqual(readdirSync(precious), ["a", "b"]);
});

test("a link on the way is refused", async () => {
  symlinkSync(precious, join(role, "ready"));
  await assert.rejects(removeBelow(role, "ready", "a"), { code: "ENOTDIR" });
  assert.deepEqual(readdirSync(precious), ["a", "b"]);
});

test("who puts a link in the place of a folder while it is emptied gains nothing", async () => {
  for (let round = 0; round < 20; round++) {
    const order = join(role, "order");
    mkdirSync(join(order, "x"), { recursive: true });
    for (const name of ["a", "b"]) writeFileSync(join(order, "x", name), "decoy");
    for (let decoy = 0; decoy < 200; decoy++) writeFileSync(join(order, "x", `0${decoy}`), "");
    const removal = removeBelow(role, "order").catch(() => {}); // it may find the folder changed, and say so
    while (existsSync(join(order, "x/00"))) await new Promise((resolve) => setImmediate(resolve));
    try {
      renameSync(join(order, "x"), join(root, `moved-${round}`));
      symlinkSync(precious, join(order, "x"));
    } catch {
      // too late this time
    }
    await removal;
    assert.deepEqual(readdirSync(precious), ["a", "b"]);
    rmSync(order, { recursive: true, force: true });
  }
});

test("a name that is none is refused", async () => {
  for (const name of ["", ".", "..", "a/b"]) await assert.rejects(removeBelow(role, name), /no name of a file/);
});

test("names that are no text, and folders deeper than a path is long; what stays keeps nothing else there", async () => {
  const odd = Buffer.from([0xff, 0xfe]);
  mkdirSync(join(role, "full"));
  writeFileSync(Buffer.concat([Buffer.from(`${join(role, "full")}/`), odd]), "");
  mkdirSync(join(role, "deep"));
  execFileSync("python3", [
    "-c",
    "import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(100):\n  os.mkdir('d' * 100)\n  os.chdir('d' * 100)",
    join(role, "deep"),
  ]);
  await removeBelow(role, "full");
  await removeBelow(role, "deep");
  assert.deepEqual(readdirSync(role), []);
  for (const name of ["a", "b", "c"]) writeFileSync(join(role, name), name);
  const refuseB = (path: Uint8Array) => (path.at(-1) === 0x62 ? Promise.reject(new Error("no")) : Promise.resolve());
  await assert.rejects(removeBelowAfter(refuseB, root, "role"), { message: "no" });
  assert.deepEqual(readdirSync(role), ["b"]);
});
