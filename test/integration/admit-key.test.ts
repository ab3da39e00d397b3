import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { attemptsFile, loadKeyAdmission, saveKeyAdmission } from "../../appliance/firmware/admission-files.ts";
import { RefusedError } from "../../appliance/firmware/admit-key.ts";
import { efiVariables } from "../../appliance/firmware/efi-variables.ts";
import type { KeyAdmission } from "../../core/contract/health.ts";

/** A folder in the place of efivarfs. That a firmware takes what is written there is in test/e2e/secure-boot.test.ts. */
const signal = AbortSignal.timeout(60_000);
const folder = await mkdtemp(join(tmpdir(), "cepa-admit-"));
after(() => rm(folder, { recursive: true }));
const DB = join(folder, "db-d719b2cb-3d3a-4596-a3bc-dad00e67656f");
const noExec = async () => assert.fail("nothing is run");
const UPDATE = Buffer.from("an update that is longer than what was there");

test("efiVariables: content is what follows the attributes; a variable that isn't there is none", async () => {
  const variables = efiVariables(folder, noExec, signal);
  await writeFile(join(folder, "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"), Uint8Array.of(6, 0, 0, 0, 1));
  assert.deepEqual(await variables.read("SecureBoot"), Buffer.from([1]));
  assert.equal(await variables.read("SetupMode"), undefined);
});

test("efiVariables: an update is written at once, its attributes before it, while db is not immutable", async () => {
  await writeFile(DB, "old");
  const flags: string[] = [];
  const exec = async (program: string, args: readonly string[]) => {
    assert.equal(program, "chattr");
    flags.push(`${args.join(" ")} over ${(await readFile(DB)).length} octets`);
    return { stdout: "", stderr: "" };
  };
  await efiVariables(folder, exec, signal).appendToDb(UPDATE);
  assert.deepEqual(await readFile(DB), Buffer.concat([Buffer.from([0x67, 0, 0, 0]), UPDATE]));
  assert.deepEqual(flags, [`-i ${DB} over 3 octets`, `+i ${DB} over ${4 + UPDATE.length} octets`]);
});

test("efiVariables: a refusal is told in words, and db is immutable again", async () => {
  const full = join(folder, "full");
  await mkdir(full);
  const db = join(full, "db-d719b2cb-3d3a-4596-a3bc-dad00e67656f");
  await symlink("/dev/full", db);
  const flags: string[] = [];
  const exec = async (_: string, args: readonly string[]) => {
    flags.push(args[0] ?? "");
    return { stdout: "", stderr: "" };
  };
  const appended = efiVariables(full, exec, signal).appendToDb(UPDATE);
  await assert.rejects(appended, new RefusedError("the firmware has no room for it"));
  assert.deepEqual(flags, ["-i", "+i"]);
});

test("attemptsFile: counted for each update; what can't be read counts as all of them", async () => {
  const file = attemptsFile(folder);
  await mkdir(join(folder, "firmware"));
  assert.equal(await file.loadAttempts(UPDATE), 0);
  await file.saveAttempts(UPDATE, 2);
  assert.equal(await file.loadAttempts(UPDATE), 2);
  assert.equal(await file.loadAttempts(Buffer.from("another")), 0);
  for (const text of [
    "",
    "{",
    `${await readFile(join(folder, "firmware/attempts.json"), "utf8")}`.replace("2}", '"2"}'),
  ]) {
    await writeFile(join(folder, "firmware/attempts.json"), text);
    assert.equal(await file.loadAttempts(UPDATE), 3, text);
  }
});

test("loadKeyAdmission: what was saved; null of anything else", async () => {
  const admission: KeyAdmission = { atMs: 1, result: "refused", detail: "why" };
  assert.equal(await loadKeyAdmission(folder), null);
  await saveKeyAdmission(folder, admission);
  assert.deepEqual(await loadKeyAdmission(folder), admission);
  for (const text of [
    "{",
    "null",
    JSON.stringify({ ...admission, result: "eaten" }),
    JSON.stringify({ result: "off" }),
  ]) {
    await writeFile(join(folder, "key-admission.json"), text);
    assert.equal(await loadKeyAdmission(folder), null, text);
  }
});
