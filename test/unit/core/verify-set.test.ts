import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, sign } from "node:crypto";
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type RefusalReason, UpdateRefusedError } from "../../../core/contract/update-refusal.ts";
import { verifySet } from "../../../core/node/verify-set.ts";
import { type MadeSet, makeSet, updateKeys } from "../../support/update-sets.ts";

const signal = AbortSignal.timeout(120_000);
const { publicKey, privateKey } = updateKeys();
let folder: string;
let good: MadeSet;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-set-"));
  good = await makeSet(join(folder, "good"), privateKey, { version: "1.2.0" });
});
after(() => rm(folder, { recursive: true, force: true }));

async function copyOfGood(name: string): Promise<string> {
  const copy = join(folder, name.replaceAll(/[^a-z]/g, "-"));
  await cp(good.folder, copy, { recursive: true });
  return copy;
}

async function signAgain(set: string, sums: string): Promise<void> {
  await writeFile(join(set, "SHA256SUMS"), sums);
  await writeFile(join(set, "SHA256SUMS.sig"), sign(null, Buffer.from(sums), privateKey).toString("base64"));
}

test("verifySet: a whole set is taken, in place and as a copy of the same octets", async () => {
  const verified = await verifySet(good.folder, publicKey, {}, signal);
  assert.deepEqual(verified.description, good.description);
  assert.deepEqual([...verified.hashes.keys()].sort(), [...good.names, "update.json"].sort());
  const copy = join(folder, "copy");
  await mkdir(copy);
  const stick = await copyOfGood("stick");
  await writeFile(join(stick, "holiday.jpg"), "not of the set, and not copied");
  await verifySet(stick, publicKey, { copyTo: copy }, signal);
  assert.deepEqual((await readdir(copy)).sort(), (await readdir(good.folder)).sort());
  for (const name of await readdir(copy))
    assert.ok((await readFile(join(copy, name))).equals(await readFile(join(good.folder, name))), name);
});

test("verifySet: a set without a boot loader, as they were before there was one, is taken", async () => {
  const sizes = { efiBytes: 3, rootBytes: 5, verityBytes: 7 };
  const set = await makeSet(join(folder, "without"), privateKey, { version: "1.1.0", sizes });
  assert.deepEqual(
    (await readdir(set.folder)).filter((name) => name.endsWith(".loader")),
    [],
  );
  assert.deepEqual((await verifySet(set.folder, publicKey, {}, signal)).description.sizes, sizes);
  await writeFile(join(set.folder, "cepa_1.1.0.loader"), "not signed");
  await assert.rejects(verifySet(set.folder, publicKey, {}, signal), { code: "unexpectedFile" });
});

const CASES: readonly (readonly [string, RefusalReason, RegExp, (set: string) => Promise<unknown>])[] = [
  ["no folder", "missingFile", /no folder that can be read/, (set) => rm(set, { recursive: true })],
  [
    "a link to a folder",
    "missingFile",
    /no folder/,
    async (set) => {
      await rename(set, `${set}-real`);
      await symlink(`${set}-real`, set);
    },
  ],
  ["no signature", "unsigned", /no SHA256SUMS\.sig/, (set) => rm(join(set, "SHA256SUMS.sig"))],
  ["an empty signature", "badSignature", /not signed/, (set) => writeFile(join(set, "SHA256SUMS.sig"), "")],
  [
    "another's signature",
    "badSignature",
    /not signed/,
    async (set) =>
      writeFile(
        join(set, "SHA256SUMS.sig"),
        sign(null, await readFile(join(set, "SHA256SUMS")), updateKeys().privateKey).toString("base64"),
      ),
  ],
  [
    "a hash changed",
    "badSignature",
    /not signed/,
    async (set) => {
      const sums = await readFile(join(set, "SHA256SUMS"), "utf8");
      await writeFile(
        join(set, "SHA256SUMS"),
        sums.replace(/^./, (digit) => (digit === "0" ? "1" : "0")),
      );
    },
  ],
  ["a signature of a gigabyte", "wrongSize", /at most 128/, (set) => truncate(join(set, "SHA256SUMS.sig"), 2 ** 30)],
  ["sums of a gigabyte", "wrongSize", /at most 4096/, (set) => truncate(join(set, "SHA256SUMS"), 2 ** 30)],
  ["no description", "missingFile", /no update\.json/, (set) => rm(join(set, "update.json"))],
  [
    "another description",
    "wrongHash",
    /update\.json is not what was signed/,
    async (set) =>
      writeFile(join(set, "update.json"), (await readFile(join(set, "update.json"), "utf8")).replace("1.2.0", "1.3.0")),
  ],
  ["a bit of the UKI flipped", "wrongHash", /\.efi is not what was signed/, (set) => flip(join(set, good.names[0]))],
  ["a bit of the root flipped", "wrongHash", /\.root is not what was signed/, (set) => flip(join(set, good.names[1]))],
  [
    "the root cut off",
    "wrongSize",
    /\.root is cut off: 17 octets, 3000000 were signed/,
    (set) => truncate(join(set, good.names[1]), 17),
  ],
  [
    "the verity made longer, sparsely",
    "wrongSize",
    /\.verity is too long: 1099511627776/,
    (set) => truncate(join(set, good.names[2]), 2 ** 40),
  ],
  ["no root", "missingFile", /there is no .*\.root/, (set) => rm(join(set, good.names[1]))],
  ["no boot loader", "missingFile", /there is no cepa_1\.2\.0\.loader/, (set) => rm(join(set, good.names[3]))],
  [
    "a bit of the boot loader flipped",
    "wrongHash",
    /cepa_1\.2\.0\.loader is not what was signed/,
    (set) => flip(join(set, good.names[3])),
  ],
  [
    "the boot loader an octet longer",
    "wrongSize",
    /\.loader is too long: 40004 octets, 40003 were signed/,
    (set) => truncate(join(set, good.names[3]), 40_004),
  ],
  [
    "signed, but a boot loader that the description does not know",
    "badDescription",
    /does not name the files/,
    async (set) => {
      const text = await readFile(join(set, "update.json"), "utf8");
      const without = text.replace(',"loaderBytes":40003', "");
      assert.notEqual(without, text);
      await writeFile(join(set, "update.json"), without);
      const hash = createHash("sha256").update(without).digest("hex");
      const sums = await readFile(join(set, "SHA256SUMS"), "utf8");
      await signAgain(set, sums.replace(/^\S+(?= {2}update\.json$)/m, hash));
    },
  ],
  [
    "the root is a link",
    "notAFile",
    /\.root is a link/,
    async (set) => {
      await rename(join(set, good.names[1]), join(folder, "elsewhere"));
      await symlink(join(folder, "elsewhere"), join(set, good.names[1]));
    },
  ],
  [
    "the root is a FIFO",
    "notAFile",
    /\.root is a link, a folder or a device/,
    async (set) => {
      await rm(join(set, good.names[1]));
      execFileSync("mkfifo", [join(set, good.names[1])]);
    },
  ],
  [
    "the sums are a FIFO",
    "notAFile",
    /SHA256SUMS is a link/,
    async (set) => {
      await rm(join(set, "SHA256SUMS"));
      execFileSync("mkfifo", [join(set, "SHA256SUMS")]);
    },
  ],
  [
    "the UKI is a folder",
    "notAFile",
    /\.efi is a link, a folder/,
    async (set) => {
      await rm(join(set, good.names[0]));
      await mkdir(join(set, good.names[0]));
    },
  ],
  [
    "a second root beside",
    "unexpectedFile",
    /"cepa_1\.9_.*" is not of the set/,
    (set) => writeFile(join(set, `cepa_1.9_${"0".repeat(8)}.root`), ""),
  ],
  [
    "signed, but a path",
    "badDescription",
    /no list of hashes/,
    (set) => signAgain(set, `${"a".repeat(64)}  ../../etc/passwd\n`),
  ],
  [
    "signed, but a name twice",
    "badDescription",
    /no list of hashes/,
    async (set) => {
      const sums = await readFile(join(set, "SHA256SUMS"), "utf8");
      await signAgain(set, sums + sums.slice(0, sums.indexOf("\n") + 1));
    },
  ],
  [
    "signed, but a name more",
    "badDescription",
    /does not name the files/,
    async (set) => signAgain(set, `${await readFile(join(set, "SHA256SUMS"), "utf8")}${"a".repeat(64)}  more\n`),
  ],
];

for (const [name, code, message, spoil] of CASES)
  test(`verifySet: ${name}: ${code}`, async () => {
    const set = await copyOfGood(name);
    await spoil(set);
    await assert.rejects(verifySet(set, publicKey, {}, signal), (error) => {
      assert.ok(error instanceof UpdateRefusedError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    });
  });

test("verifySet: a signed description that says what can't be: badDescription", async () => {
  for (const wrong of [
    { minimumVersion: "9" },
    { profile: "../x" },
    { roothash: "ab" },
    { sizes: { efiBytes: 0, rootBytes: 1, verityBytes: 1 } },
    { sizes: { efiBytes: 1, rootBytes: 1, verityBytes: 1, loaderBytes: 0 } },
    { sizes: { efiBytes: 1, rootBytes: 1, verityBytes: 1, loaderBytes: 1024 ** 2 + 1 } },
  ]) {
    const set = await makeSet(join(folder, "said"), privateKey, { version: "1.2.0", ...wrong });
    await assert.rejects(verifySet(set.folder, publicKey, {}, signal), { code: "badDescription" });
    await rm(set.folder, { recursive: true });
  }
});

test("verifySet: what the judge refuses costs no reading of the large files", async () => {
  const set = await copyOfGood("judged");
  await chmod(join(set, good.names[1]), 0);
  await rm(join(set, good.names[0]));
  const judge = () => {
    throw new UpdateRefusedError("notNewer", "old");
  };
  await assert.rejects(verifySet(set, publicKey, { judge }, signal), { code: "notNewer" });
});

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0x10;
  await writeFile(path, bytes);
}
