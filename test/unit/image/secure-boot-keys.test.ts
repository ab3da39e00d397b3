import assert from "node:assert/strict";
import { createPublicKey, X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nodeExec } from "../../../core/node/exec.ts";
import {
  addMissingFiles,
  makeSecureBootKeys,
  readSecureBootKeys,
  SECURE_BOOT_KEYS,
} from "../../../image/secure-boot-keys.ts";

const folder = await mkdtemp(join(tmpdir(), "cepa-keys-"));
after(() => rm(folder, { recursive: true }));
const signal = AbortSignal.timeout(120_000);

test("makeSecureBootKeys: a set of keys, whose certificates are their own, that only the owner reads", async () => {
  const keys = join(folder, "keys");
  const made = await makeSecureBootKeys(keys, "Größe + Co/1", nodeExec, signal);
  assert.deepEqual(await readSecureBootKeys(keys), made);
  assert.equal((await stat(keys)).mode & 0o777, 0o700);
  for (const key of SECURE_BOOT_KEYS) {
    assert.equal((await stat(join(keys, `${key}.key`))).mode & 0o777, 0o600);
    const certificate = join(keys, `${key}.crt`);
    const read = async (...args: readonly string[]) => (await nodeExec("openssl", args, signal)).stdout;
    assert.equal(
      await read("x509", "-in", certificate, "-noout", "-pubkey"),
      await read("pkey", "-in", join(keys, `${key}.key`), "-pubout"),
    );
    assert.equal(new X509Certificate(await readFile(certificate)).subject, `CN=Größe \\+ Co-1 ${key}`);
  }
});

test("makeSecureBootKeys, addMissingFiles: each pair fits, only the owner reads its private half, and an older folder gets what it lacks", async () => {
  const keys = join(folder, "with-pairs");
  await makeSecureBootKeys(keys, "x", nodeExec, signal);
  const read = (name: string) => readFile(join(keys, name), "utf8");
  for (const [pair, type] of [
    ["update", "ed25519"],
    ["pcr", "rsa"],
  ] as const) {
    const half = createPublicKey(await read(`${pair}.key`)).export({ format: "pem", type: "spki" });
    assert.equal(half, await read(`${pair}.pub`));
    assert.equal(createPublicKey(await read(`${pair}.pub`)).asymmetricKeyType, type);
    assert.equal((await stat(join(keys, `${pair}.key`))).mode & 0o777, 0o600);
  }
  const before = [await read("update.key"), await read("update.pub")];
  assert.deepEqual(await addMissingFiles(keys), [], "it has them");
  await rm(join(keys, "update.pub"));
  await assert.rejects(readSecureBootKeys(keys), {
    code: "incomplete",
    message: /has no update\.pub: `cepa image keys .*` makes update\.pub/,
  });
  assert.deepEqual(await addMissingFiles(keys), ["update.pub"], "of the key that is there");
  assert.deepEqual([await read("update.key"), await read("update.pub")], before);
  await rm(join(keys, "update.pub"));
  await rm(join(keys, "update.key"));
  const other = await read("pcr.key");
  await assert.rejects(readSecureBootKeys(keys), {
    code: "incomplete",
    message: /has no update\.key, update\.pub: `cepa image keys .*` makes update\.key, update\.pub/,
  });
  assert.deepEqual(await addMissingFiles(keys), ["update.key", "update.pub"]);
  assert.notEqual(await read("update.key"), before[0]);
  assert.equal(await read("pcr.key"), other);
  await rm(join(keys, "pcr.key"));
  await rm(join(keys, "pcr.pub"));
  assert.deepEqual(await addMissingFiles(keys), ["pcr.key", "pcr.pub"]);
  assert.equal((await readSecureBootKeys(keys)).folder, keys);
  assert.deepEqual(await addMissingFiles(join(folder, "nowhere")), []);
});

test("addMissingFiles, readSecureBootKeys: what only a copy has is asked for, and nothing is made", async () => {
  const keys = join(folder, "lost");
  await makeSecureBootKeys(keys, "x", nodeExec, signal);
  for (const name of ["pcr.pub", "update.key", "db.key"]) await rm(join(keys, name));
  const lost = {
    code: "incomplete",
    message:
      /has no db\.key, update\.key, pcr\.pub: nothing makes db\.key, update\.key again: take .* from the safe.*; then `cepa image keys .*` makes pcr\.pub/,
  };
  await assert.rejects(readSecureBootKeys(keys), lost);
  await assert.rejects(addMissingFiles(keys), lost);
  assert.ok(!(await readdir(keys)).includes("pcr.pub"));
  await writeFile(join(keys, "db-next.crt"), "");
  await writeFile(join(keys, "db.key"), "");
  await rename(join(keys, "db.crt"), join(keys, "db-former.crt"));
  await assert.rejects(readSecureBootKeys(keys), /has no db\.crt, .*--use-next-db`, which was cut off, goes on/);
});

test("addMissingFiles, readSecureBootKeys: a folder that can't be looked into is not one without keys", async () => {
  const file = join(folder, "file");
  await writeFile(file, "");
  for (const look of [addMissingFiles, readSecureBootKeys])
    await assert.rejects(look(file), { code: "unreadable", message: /file can't be read: ENOTDIR/ });
});

test("makeSecureBootKeys: what is there is never written over", async () => {
  const keys = join(folder, "taken");
  await mkdir(keys);
  await writeFile(join(keys, "db.key"), "mine");
  await assert.rejects(makeSecureBootKeys(keys, "x", nodeExec, signal), { code: "exists", message: /no empty folder/ });
  assert.equal(await readFile(join(keys, "db.key"), "utf8"), "mine");
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith("taken")),
    ["taken"],
  );
});

test("readSecureBootKeys: says what is missing", async () => {
  await assert.rejects(readSecureBootKeys(join(folder, "taken")), {
    code: "incomplete",
    message:
      /has no PK\.key, PK\.crt, KEK\.key, KEK\.crt, db\.crt, owner\.guid, update\.key, update\.pub, pcr\.key, pcr\.pub/,
  });
  await assert.rejects(readSecureBootKeys(join(folder, "none")), { code: "incomplete" });
});
