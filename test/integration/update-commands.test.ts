import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rename, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import type { SensorView } from "../../provider/base/status.ts";
import { UpdateRig } from "../support/update-rig.ts";
import { type MadeSet, updateKeys } from "../support/update-sets.ts";

const rig = await UpdateRig.start();
const { base, folder } = rig;
after(() => rig.destroy());
const cepa = (...args: readonly string[]) => rig.cepa(...args);
const filesAtBase = (set: MadeSet) => readdir(rig.atBase(set)).catch(() => undefined);

test("where the audit log can't be written, nothing is changed", async () => {
  const set = await rig.makeNext();
  await cepa("update", "publish", set.folder);
  const { version } = set.description;
  const { auditLog } = base.provider.paths;
  const listed = await cepa("update", "list", "--json");
  await rename(auditLog, `${auditLog}.away`);
  await mkdir(auditLog);
  for (const args of [
    ["percent", version, "5"],
    ["stop", version],
    ["withdraw", version, "--yes"],
    ["publish", (await rig.makeNext()).folder],
  ]) {
    const { status, stderr } = await base.cepa("update", ...args);
    assert.equal(status, 1, args.join(" "));
    assert.match(stderr, /the audit log can't be written, so nothing was changed here/, args.join(" "));
    assert.equal(await cepa("update", "list", "--json"), listed, args.join(" "));
  }
  assert.notEqual(await filesAtBase(set), undefined);
  await rmdir(auditLog);
  await rename(`${auditLog}.away`, auditLog);
  await cepa("update", "withdraw", version, "--yes");
  assert.equal(await filesAtBase(set), undefined);
});

test("withdraw: asked for, since it is for good; a dry run does nothing", async () => {
  const set = await rig.makeNext();
  const { version } = set.description;
  await cepa("update", "publish", set.folder);
  const listed = await cepa("update", "list", "--json");
  const unasked = await base.cepa("update", "withdraw", version);
  assert.deepEqual(
    [unasked.status, unasked.stderr.split("\n")[0]],
    [2, "cepa update withdraw: give --yes, or answer on a terminal"],
  );
  const dry = JSON.parse(await cepa("update", "withdraw", version, "--dry-run", "--json"));
  assert.deepEqual([dry.dryRun, dry.updates.map((update: { version: string }) => update.version)], [true, [version]]);
  assert.equal(
    await cepa("update", "withdraw", version, "--dry-run"),
    `${version} for qemu would be withdrawn and deleted\n`,
  );
  assert.equal((await base.cepa("update", "withdraw", "9.9")).status, 1, "there is none, so nothing is asked");
  assert.equal(await cepa("update", "list", "--json"), listed);
  assert.notEqual(await filesAtBase(set), undefined);
  await cepa("update", "withdraw", version, "--yes");
  assert.equal(await filesAtBase(set), undefined);
});

test("key: another one in its place is said and asked for; the same again is not", async () => {
  const { updatePublicKey, auditLog } = base.provider.paths;
  const same = join(folder, "update.pub");
  const other = join(folder, "other.pub");
  await writeFile(other, updateKeys().publicKey.export({ format: "pem", type: "spki" }));
  const before = await readFile(updatePublicKey, "utf8");
  await cepa("update", "key", same);
  const unasked = await base.cepa("update", "key", other);
  assert.equal(unasked.status, 2);
  const dry = JSON.parse(await cepa("update", "key", other, "--dry-run", "--json"));
  assert.equal(await readFile(updatePublicKey, "utf8"), before);
  assert.equal(
    await cepa("update", "key", other, "--yes"),
    `updates must be signed with the key of SHA-256 ${dry.sha256}, until now with that of ${dry.replaces}\n`,
  );
  assert.equal(await readFile(updatePublicKey, "utf8"), await readFile(other, "utf8"));
  const last = JSON.parse((await readFile(auditLog, "utf8")).trimEnd().split("\n").at(-1) ?? "");
  assert.deepEqual(last.detail, { sha256: dry.sha256, replaces: dry.replaces });
  await writeFile(updatePublicKey, "no key");
  await cepa("update", "key", same);
  assert.equal(await readFile(updatePublicKey, "utf8"), before);
});

test("list: a version that has no minimum has a dash there", async () => {
  for (const [given, minimum] of [
    [{}, "-"],
    [{ minimumVersion: "1.2" }, "1.2"],
  ] as const) {
    const set = await rig.makeNext(given);
    await cepa("update", "publish", set.folder);
    const { version } = set.description;
    const row = (await cepa("update", "list")).split("\n").find((line) => line.startsWith(`${version} `));
    assert.deepEqual(row?.split(/ {2,}/).slice(0, 5), [version, "qemu", "stable", "100 %", minimum]);
  }
});

test("cepa sensor set: what offers nothing is taken, and said", async () => {
  const set = await rig.makeNext();
  await cepa("update", "publish", set.folder);
  const choose = (...args: readonly string[]) => base.cepa("sensor", "set", "box", "--json", ...args);
  const doubtful = await choose("--update-channel", "betta", "--update-pin", "9.9");
  assert.equal(
    doubtful.stderr,
    "box: there is no update 9.9 here: it gets none until 9.9 is published\n" +
      "box: nothing is offered on channel betta for now\n",
  );
  const { updateChannel, updatePin } = JSON.parse(doubtful.stdout) as SensorView;
  assert.deepEqual([doubtful.status, updateChannel, updatePin], [0, "betta", "9.9"]);
  assert.equal((await choose("--update-pin", set.description.version)).stderr, "");
  assert.equal((await choose("--update-pin", "none")).stderr, "box: nothing is offered on channel betta for now\n");
  assert.equal((await choose("--update-channel", "stable")).stderr, "");
});
