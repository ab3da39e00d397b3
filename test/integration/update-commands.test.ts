import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setFolder } from "../../provider/updates/publish.ts";
import { UpdateBase } from "../support/update-base.ts";
import { type MadeSet, makeSet, updateKeys } from "../support/update-sets.ts";

const keys = updateKeys();
let folder: string;
let base: UpdateBase;
let number = 0;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-update-commands-"));
  base = await UpdateBase.start(folder);
  await writeFile(join(folder, "update.pub"), keys.publicKey.export({ format: "pem", type: "spki" }));
  await cepa("update", "key", join(folder, "update.pub"));
});
after(async () => {
  await base?.destroy();
  await rm(folder, { recursive: true, force: true });
});

async function cepa(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await base.cepa(...args);
  assert.equal(status, 0, `cepa ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** A version of its own for each test. */
async function makeNext(given: object = {}): Promise<MadeSet> {
  const version = `2.0.${++number}`;
  return await makeSet(join(folder, `set-${number}`), keys.privateKey, { version, ...given }, number);
}

const atBase = ({ description }: MadeSet) =>
  readdir(setFolder(base.provider.paths, description.profile, description.version)).catch(() => undefined);

test("where the audit log can't be written, nothing is changed", async () => {
  const set = await makeNext();
  await cepa("update", "publish", set.folder);
  const { version } = set.description;
  const { auditLog } = base.provider.paths;
  const listed = await cepa("update", "list", "--json");
  await rename(auditLog, `${auditLog}.away`);
  await mkdir(auditLog);
  for (const args of [
    ["percent", version, "5"],
    ["stop", version],
    ["withdraw", version],
    ["publish", (await makeNext()).folder],
  ]) {
    const { status, stderr } = await base.cepa("update", ...args);
    assert.equal(status, 1, args.join(" "));
    assert.match(stderr, /the audit log can't be written, so nothing was changed here/, args.join(" "));
    assert.equal(await cepa("update", "list", "--json"), listed, args.join(" "));
  }
  assert.notEqual(await atBase(set), undefined);
  await rmdir(auditLog);
  await rename(`${auditLog}.away`, auditLog);
  await cepa("update", "withdraw", version);
  assert.equal(await atBase(set), undefined);
});
