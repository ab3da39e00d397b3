import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { decodeVariableUpdate, X509_SIGNATURE } from "../../core/efi-signature-list.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { makeNextDb } from "../../image/db-rollover.ts";
import { makeSecureBootKeys, readSecureBootKeys } from "../../image/secure-boot-keys.ts";
import { addVendor, makeEnrolment, nextDbUpdateOf, VENDOR_GUID, withTools } from "../support/enrolment.ts";
import { FakeClock } from "../support/fake-clock.ts";

/**
 * What the image has for a firmware, made by the tools of the image's build and read by efitools: which certificates, and whose. Nothing is
 * booted; secure-boot.test.ts has a firmware take them.
 */
const TIME_BYTES = 16;
const EPOCH_S = 1_790_000_000;

const signal = AbortSignal.timeout(120_000);
const folder = await mkdtemp(join(tmpdir(), "cepa-lists-"));
after(() => rm(folder, { recursive: true, force: true }));
const keysFolder = join(folder, "keys");
const work = join(folder, "work");
await mkdir(work);
await makeSecureBootKeys(keysFolder, "Provider", nodeExec, signal);
await makeNextDb(keysFolder, "Provider", { exec: nodeExec, clock: new FakeClock() }, signal);
await addVendor(keysFolder, work);
const keys = await readSecureBootKeys(keysFolder);
await makeEnrolment(keys, work, EPOCH_S);

const certificate = async (path: string) => new X509Certificate(await readFile(path)).raw;

/** Certificates of an update, in order, as sig-list-to-certs reads them. */
async function certificatesOf(path: string): Promise<readonly Buffer[]> {
  const bytes = await readFile(path);
  const out = await mkdtemp(join(work, "certs-"));
  await writeFile(join(out, "list.esl"), bytes.subarray(TIME_BYTES + bytes.readUInt32LE(TIME_BYTES)));
  const inWork = `/work/${out.split("/").at(-1)}`;
  await withTools(work, keysFolder, "sig-list-to-certs", `${inWork}/list.esl`, `${inWork}/cert`);
  const names = (await readdir(out)).filter((name) => name.endsWith(".der")).sort();
  return Promise.all(names.map((name) => readFile(join(out, name))));
}

for (const { update, own, vendor } of [
  { update: "PK", own: "PK.crt", vendor: undefined },
  { update: "KEK", own: "KEK.crt", vendor: { file: "vendor-KEK.crt", guid: VENDOR_GUID } },
  { update: "db", own: "db.crt", vendor: { file: "vendor-db.crt", guid: keys.ownerGuid } },
])
  test(`${update}: ours, and after it the vendor's where one was chosen`, async () => {
    const path = join(work, `signed/${update}.auth`);
    const expected = [await certificate(join(keysFolder, own))];
    if (vendor !== undefined) expected.push(await certificate(join(work, vendor.file)));
    assert.deepEqual(await certificatesOf(path), expected);
    const decoded = decodeVariableUpdate(await readFile(path));
    const owners = [keys.ownerGuid, vendor?.guid].filter((guid) => guid !== undefined);
    assert.deepEqual(decoded, {
      ok: true,
      value: owners.map((owner, at) => ({ type: X509_SIGNATURE, owner, data: expected[at] })),
    });
  });

test("the next db is in an update of its own, and nowhere else", async () => {
  const next = await certificate(join(keysFolder, "db-next.crt"));
  assert.deepEqual(await certificatesOf(nextDbUpdateOf(work)), [next]);
  for (const name of ["PK", "KEK", "db"])
    assert.ok(!(await readFile(join(work, `signed/${name}.auth`))).includes(next), name);
});

test("the same keys and the same date give the same octets", async () => {
  const again = join(folder, "again");
  await mkdir(again);
  await makeEnrolment(keys, again, EPOCH_S);
  for (const name of ["signed/PK.auth", "signed/KEK.auth", "signed/db.auth", "db-next.auth"])
    assert.deepEqual(await readFile(join(again, name)), await readFile(join(work, name)), name);
});
