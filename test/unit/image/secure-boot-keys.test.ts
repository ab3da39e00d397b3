import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nodeExec } from "../../../core/node/exec.ts";
import {
  addKeyPairs,
  makeSecureBootKeys,
  readSecureBootKeys,
  SECURE_BOOT_KEYS,
} from "../../../image/secure-boot-keys.ts";

const folder = await mkdtemp(join(tmpdir(), "cepa-keys-"));
after(() => rm(folder, { recursive: true }));
const signal = AbortSignal.timeout(120_000);

test("makeSecureBootKeys: a set of keys, whose certificates are their own, that only the owner reads", async () => {
  const keys = join(folder, "keys");
  const made = await makeSecureBootKeys(keys, "Provider/1", nodeExec, signal);
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
    assert.match(await read("x509", "-in", certificate, "-noout", "-subject"), new RegExp(`CN ?= ?Provider-1 ${key}`));
  }
});

test("makeSecureBootKeys, addKeyPairs: each pair fits, only the owner reads its private half, and an older folder gets what it lacks", async () => {
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
  const before = await read("update.key");
  assert.deepEqual(await addKeyPairs(keys), [], "it has them");
  await rm(join(keys, "update.pub"));
  assert.deepEqual(await addKeyPairs(keys), [], "half a pair is not made whole with another's half");
  assert.equal(await read("update.key"), before);
  await rm(join(keys, "update.key"));
  const other = await read("pcr.key");
  await assert.rejects(readSecureBootKeys(keys), {
    code: "incomplete",
    message: /no update\.key, update\.pub: .*adds the pairs/,
  });
  assert.deepEqual(await addKeyPairs(keys), ["update"]);
  assert.notEqual(await read("update.key"), before);
  assert.equal(await read("pcr.key"), other);
  await rm(join(keys, "pcr.key"));
  await rm(join(keys, "pcr.pub"));
  assert.deepEqual(await addKeyPairs(keys), ["pcr"]);
  assert.equal((await readSecureBootKeys(keys)).folder, keys);
  assert.deepEqual(await addKeyPairs(join(folder, "nowhere")), []);
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
