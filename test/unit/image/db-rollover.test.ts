import assert from "node:assert/strict";
import { type KeyObject, X509Certificate } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nodeExec } from "../../../core/node/exec.ts";
import { makeNextDb, planNextDb, useNextDb } from "../../../image/db-rollover.ts";
import { makeSecureBootKeys, readSecureBootKeys } from "../../../image/secure-boot-keys.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const folder = await mkdtemp(join(tmpdir(), "cepa-rollover-"));
after(() => rm(folder, { recursive: true }));
const signal = AbortSignal.timeout(120_000);
const ports = { exec: nodeExec, clock: new FakeClock(Date.UTC(2026, 10, 24)) };
const whole = join(folder, "whole");
await makeSecureBootKeys(whole, "Provider", nodeExec, signal);
const keyNames = [
  "KEK.crt",
  "KEK.key",
  "PK.crt",
  "PK.key",
  "owner.guid",
  "pcr.key",
  "pcr.pub",
  "update.key",
  "update.pub",
];

async function copyOf(name: string): Promise<string> {
  const copy = join(folder, name);
  await cp(whole, copy, { recursive: true });
  return copy;
}

test("makeNextDb, useNextDb: the next key signs only when it is told to, and the one before is kept", async () => {
  const keys = await copyOf("keys");
  const read = (name: string) => readFile(join(keys, name), "utf8");
  const [key, certificate] = [await read("db.key"), await read("db.crt")];
  assert.equal((await readSecureBootKeys(keys)).hasNextDb, undefined);
  await makeNextDb(keys, "Provider", ports, signal);
  assert.equal((await readSecureBootKeys(keys)).hasNextDb, true);
  assert.deepEqual([await read("db.key"), await read("db.crt")], [key, certificate]);
  assert.equal((await stat(join(keys, "db-next.key"))).mode & 0o777, 0o600);
  const next = [await read("db-next.key"), await read("db-next.crt")];
  const { stdout } = await nodeExec(
    "openssl",
    ["x509", "-in", join(keys, "db-next.crt"), "-noout", "-subject"],
    signal,
  );
  assert.match(stdout, /CN ?= ?Provider db 2026-11-24/);
  await assert.rejects(makeNextDb(keys, "Provider", ports, signal), {
    code: "exists",
    message: /db-next\.crt is there/,
  });
  await useNextDb(keys, nodeExec, signal);
  assert.deepEqual([await read("db.key"), await read("db.crt")], next);
  assert.deepEqual([await read("db-former.key"), await read("db-former.crt")], [key, certificate]);
  assert.deepEqual(await readSecureBootKeys(keys), { folder: keys, ownerGuid: (await read("owner.guid")).trim() });
  await assert.rejects(useNextDb(keys, nodeExec, signal), { code: "incomplete", message: /no db-next\.crt/ });
  await makeNextDb(keys, "Provider", ports, signal);
  await assert.rejects(useNextDb(keys, nodeExec, signal), { code: "exists", message: /db-former\.crt is there.*safe/ });
  assert.deepEqual([await read("db.key"), await read("db.crt")], next, "nothing was moved");
});

test("useNextDb: wherever it was cut off, once more ends it", async () => {
  const before = join(folder, "cut");
  await cp(whole, before, { recursive: true });
  await makeNextDb(before, "Provider", ports, signal);
  const moves = [
    ["db.crt", "db-former.crt"],
    ["db.key", "db-former.key"],
    ["db-next.key", "db.key"],
  ] as const;
  const read = (keys: string, name: string) => readFile(join(keys, name), "utf8");
  for (let done = 0; done <= moves.length; done++) {
    const keys = `${before}-${done}`;
    await cp(before, keys, { recursive: true });
    for (const [from, to] of moves.slice(0, done)) await rename(join(keys, from), join(keys, to));
    await useNextDb(keys, nodeExec, signal);
    const names = [...keyNames, "db.crt", "db.key", "db-former.crt", "db-former.key"];
    assert.deepEqual((await readdir(keys)).sort(), names.sort(), `${done} moves`);
    for (const end of ["key", "crt"]) {
      assert.equal(await read(keys, `db.${end}`), await read(before, `db-next.${end}`), `${done} moves`);
      assert.equal(await read(keys, `db-former.${end}`), await read(before, `db.${end}`), `${done} moves`);
    }
  }
});

test("useNextDb: a file may give way to a token; which of two keys counts is not guessed", async () => {
  const keys = await copyOf("token");
  await makeNextDb(keys, "Provider", ports, signal);
  await rm(join(keys, "db-next.key"));
  await assert.rejects(useNextDb(keys, nodeExec, signal), { code: "incomplete", message: /one of \.key and \.uri/ });
  await writeFile(join(keys, "db-next.uri"), "pkcs11:token=x\n");
  await writeFile(join(keys, "db.uri"), "pkcs11:token=y\n");
  await assert.rejects(useNextDb(keys, nodeExec, signal), { code: "incomplete" });
  await rm(join(keys, "db.uri"));
  const certificate = new X509Certificate(await readFile(join(keys, "db-next.crt")));
  const asked: string[][] = [];
  const answering = (stdout: string) => async (program: string, args: readonly string[]) => {
    asked.push([program, ...args]);
    return { stdout, stderr: "" };
  };
  const other = new X509Certificate(await readFile(join(keys, "db.crt"))).publicKey;
  const pem = (key: KeyObject) => key.export({ format: "pem", type: "spki" }).toString();
  await assert.rejects(useNextDb(keys, answering(pem(other)), signal), {
    code: "mismatch",
    message: /db-next\.uri is not the key of db-next\.crt/,
  });
  await assert.rejects(useNextDb(keys, answering(""), signal), { code: "mismatch", message: /can't be compared/ });
  await useNextDb(keys, answering(pem(certificate.publicKey)), signal);
  assert.deepEqual(asked[0]?.slice(-3), ["-in", "pkcs11:token=x", "-pubout"]);
  assert.equal((await readSecureBootKeys(keys)).dbUri, "pkcs11:token=x");
  assert.ok((await readdir(keys)).includes("db-former.key"));
});

test("useNextDb: a key that is not its certificate's is refused, and nothing is renamed", async () => {
  const keys = await copyOf("other-key");
  await makeNextDb(keys, "Provider", ports, signal);
  assert.deepEqual(await planNextDb(keys, nodeExec, signal), [
    { from: "db.crt", to: "db-former.crt" },
    { from: "db.key", to: "db-former.key" },
    { from: "db-next.key", to: "db.key" },
    { from: "db-next.crt", to: "db.crt" },
  ]);
  await cp(join(keys, "KEK.key"), join(keys, "db-next.key"));
  const before = await readdir(keys);
  await assert.rejects(useNextDb(keys, nodeExec, signal), { code: "mismatch", message: /nothing was renamed/ });
  assert.deepEqual(await readdir(keys), before);
});

test("useNextDb: a certificate of db that is lost is no change that was cut off, and one that was is checked too", async () => {
  const keys = await copyOf("lost-certificate");
  await makeNextDb(keys, "Provider", ports, signal);
  await rename(join(keys, "db.crt"), join(keys, "../lost.crt"));
  const before = await readdir(keys);
  await assert.rejects(useNextDb(keys, nodeExec, signal), { code: "incomplete", message: /db\.crt is lost.*the safe/ });
  assert.deepEqual(await readdir(keys), before);
  await rename(join(keys, "../lost.crt"), join(keys, "db-former.crt"));
  await cp(join(keys, "KEK.key"), join(keys, "db-next.key"));
  await assert.rejects(useNextDb(keys, nodeExec, signal), { code: "mismatch" });
  await rename(join(keys, "db.key"), join(keys, "db-former.key"));
  await rename(join(keys, "db-next.key"), join(keys, "db.key"));
  await assert.rejects(useNextDb(keys, nodeExec, signal), { code: "mismatch" });
});
