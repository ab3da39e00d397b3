import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { espFiles } from "../../appliance/firmware/esp-files.ts";
import { loaderFiles, loadLoaderReport, saveWanted } from "../../appliance/firmware/loader-files.ts";
import { LOADER_PLACES } from "../../appliance/firmware/loader-plan.ts";
import type { EspFiles, LoaderRecord } from "../../appliance/firmware/renew-loader.ts";
import { decodeSignedProgram, identityOf } from "../../appliance/firmware/signed-program.ts";
import { makeProgram } from "../support/boot-loaders.ts";
import { assertSurvives, CUT_KINDS, LoaderBox } from "../support/loader-box.ts";

/** Boot loaders that sbsign has signed, on a FAT32 image by mtools; what Linux makes of one is in test/e2e/update.test.ts. */
const ESP_MIB = 40;
const KERNEL = Buffer.alloc(300_000, "kernel");
let folder: string;
let oldLoader: Buffer;
let newLoader: Buffer;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-loader-"));
  for (const key of ["old", "new"])
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=${key}`],
        ...["-keyout", `${key}.key`, "-out", `${key}.crt`],
      ],
      { cwd: folder, stdio: "ignore" },
    );
  oldLoader = await sign(makeProgram("systemd-boot 257.13-1~deb13u1", 60_000), "old");
  newLoader = await sign(makeProgram("systemd-boot 257.14-1~deb13u1", 64_000), "new");
});
after(() => rm(folder, { recursive: true, force: true }));

async function sign(program: Buffer, ...keys: readonly string[]): Promise<Buffer> {
  await writeFile(join(folder, "program"), program);
  for (const key of keys) {
    const args = ["--key", `${key}.key`, "--cert", `${key}.crt`, "--output", "program", "program"];
    execFileSync("sbsign", args, { cwd: folder, stdio: "ignore" });
    execFileSync("sbverify", ["--cert", `${key}.crt`, "program"], { cwd: folder, stdio: "ignore" });
  }
  return await readFile(join(folder, "program"));
}

const certificateOf = async (key: string) => new X509Certificate(await readFile(join(folder, `${key}.crt`))).raw;

test("decodeSignedProgram: what sbsign has signed, once and by two keys", async () => {
  const once = decodeSignedProgram(oldLoader);
  assert.deepEqual(once?.signers, [await certificateOf("old")]);
  assert.equal(once?.loaderInfo, "systemd-boot 257.13-1~deb13u1");
  const program = makeProgram("systemd-boot 257.13-1~deb13u1", 60_000);
  const twice = decodeSignedProgram(await sign(program, "old", "new"));
  assert.deepEqual(twice?.signers, [await certificateOf("old"), await certificateOf("new")]);
  assert.equal(twice?.digest, once?.digest);
  assert.ok(once && twice && identityOf(twice) !== identityOf(once));
  assert.equal(decodeSignedProgram(oldLoader.subarray(0, oldLoader.length / 2)), undefined);
});

/** A FAT32 image of its own, by mtools: there a file is removed before another can take its name. */
async function mtoolsEsp(name: string): Promise<EspFiles> {
  const image = join(folder, name);
  await writeFile(image, "");
  await truncate(image, ESP_MIB * 1024 * 1024);
  const run = (program: string, ...args: readonly string[]) =>
    execFileSync(program, ["-i", image, ...args], { stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1024 ** 2 });
  const esp: EspFiles = {
    async read(place) {
      try {
        return run("mtype", `::${place}`);
      } catch {
        return undefined;
      }
    },
    async remove(place) {
      if ((await this.read(place)) !== undefined) run("mdel", `::${place}`);
    },
    async write(place, content) {
      await writeFile(join(folder, "content"), content);
      run("mcopy", join(folder, "content"), `::${place}`);
    },
    async move(from, to) {
      await this.remove(to);
      run("mren", `::${from}`, `::${to}`);
    },
    isFoundGood: async (version) => (await esp.read(`EFI/Linux/cepa_${version}.efi`)) !== undefined,
  };
  run("mformat", "-F", "-c", "1", "::");
  run("mmd", "::EFI", "::EFI/BOOT", "::EFI/cepa", "::EFI/Linux");
  for (const place of LOADER_PLACES) await esp.write(place, oldLoader);
  await esp.write("EFI/Linux/cepa_2.0.efi", KERNEL);
  return esp;
}

for (const kind of CUT_KINDS)
  test(`on FAT, with the power cut twice: ${kind}`, async () => {
    for (const afterSteps of [2, 5, 6, 9]) {
      const esp = await mtoolsEsp(`esp-${kind}-${afterSteps}`);
      const box = new LoaderBox(esp);
      box.bring("2.0", newLoader);
      await assertSurvives(box, "2.0", newLoader, [
        { afterSteps: 4, kind },
        { afterSteps, kind },
      ]);
      assert.equal(box.record?.result, "everywhere");
      assert.deepEqual(await esp.read("EFI/Linux/cepa_2.0.efi"), KERNEL, "what else is there is as it was");
      for (const place of new Set(LOADER_PLACES.map(dirname)))
        assert.equal(await esp.read(`${place}/loader.new`), undefined, "nothing is left");
    }
  });

test("a kernel that is still counted: the boot loader waits", async () => {
  const esp = await mtoolsEsp("counted");
  await esp.move("EFI/Linux/cepa_2.0.efi", "EFI/Linux/cepa_2.0+2-1.efi");
  const box = new LoaderBox(esp);
  box.bring("2.0", newLoader);
  await box.start();
  assert.equal((await box.renew("2.0"))?.detail, "2.0 is not found good yet");
  for (const content of await box.copies()) assert.deepEqual(content, oldLoader);
});

test("espFiles: a mounted ESP", async () => {
  const root = join(folder, "mounted");
  const esp = espFiles(root);
  await mkdir(join(root, "EFI/cepa"), { recursive: true });
  await mkdir(join(root, "EFI/Linux"));
  const [place, beside] = ["EFI/cepa/boot-1.efi", "EFI/cepa/loader.new"] as const;
  assert.equal(await esp.read(place), undefined);
  await esp.remove(place);
  await esp.write(beside, oldLoader);
  await assert.rejects(esp.write(beside, oldLoader), { code: "EEXIST" });
  await esp.move(beside, place); // where there was none
  await esp.write(beside, newLoader);
  await esp.move(beside, place);
  assert.deepEqual(await esp.read(place), newLoader);
  assert.deepEqual(await readdir(join(root, "EFI/cepa")), ["boot-1.efi"]);
  await truncate(join(root, place), 1024 ** 2 + 1);
  assert.equal(await esp.read(place), undefined, "larger than any boot loader");
  await writeFile(join(root, "EFI/Linux/cepa_1.0+3.efi"), "");
  assert.equal(await esp.isFoundGood("1.0"), false);
  await writeFile(join(root, "EFI/Linux/cepa_1.0.efi"), "");
  assert.equal(await esp.isFoundGood("1.0"), true);
});

const RECORD: LoaderRecord = {
  ...{ atMs: 5, version: "2.0", info: "systemd-boot 257.14-1", result: "tried", detail: "" },
  tried: { identity: `${"a".repeat(64)} ${"b".repeat(64)}`, bootId: "7b0c6a52-0f5e-4dbb-9d6c-0a7c1e9a5d10" },
};

test("what waits is root's alone, that of the version that runs and of the one that is installed", async () => {
  const state = join(folder, "state");
  const place = join(state, "install/loader");
  const files = loaderFiles(state);
  assert.equal(await files.loadWanted("1.0"), undefined);
  for (const [running, version] of [
    ["0.9", "1.0"],
    ["1.0", "2.0"],
    ["1.0", "3.0"],
  ] as const)
    await saveWanted(state, running, version, Buffer.from(`loader of ${version}`));
  assert.deepEqual((await readdir(place)).map((name) => name.replace(/_.*/, "")).sort(), ["1.0", "3.0"]);
  assert.equal((await stat(place)).mode & 0o777, 0o700);
  const wanted = await files.loadWanted("3.0");
  assert.equal(String(wanted?.content), "loader of 3.0");
  assert.match(wanted?.sha256 ?? "", /^[0-9a-f]{64}$/);
  await writeFile(join(place, "2.0_half.new"), "cut off");
  await files.keepWanted("3.0");
  assert.deepEqual((await readdir(place)).length, 1);
  await files.keepWanted(undefined);
  assert.deepEqual(await readdir(place), []);
});

test("the record is on disk as it was, and base is told of it; what is no record is none", async () => {
  const state = join(folder, "state-2");
  const files = loaderFiles(state);
  const path = join(state, "install/boot-loader.json");
  await mkdir(join(state, "install"), { recursive: true });
  assert.equal(await loadLoaderReport(state), null);
  await files.saveRecord(RECORD);
  assert.deepEqual(await files.loadRecord(), RECORD);
  const { tried: _, ...report } = RECORD;
  assert.deepEqual(await loadLoaderReport(state), report);
  await files.saveRecord({ ...RECORD, tried: null });
  assert.deepEqual(await files.loadRecord(), { ...RECORD, tried: null });
  assert.equal((await stat(path)).mode & 0o777, 0o644, "link reads it");
  for (const text of [
    "",
    "{}",
    JSON.stringify({ ...RECORD, result: "any" }),
    JSON.stringify({ ...RECORD, version: "../x" }),
    JSON.stringify({ ...RECORD, tried: { identity: "x", bootId: "y" } }),
  ]) {
    await writeFile(path, text);
    assert.equal(await files.loadRecord(), undefined, text);
  }
  const victim = join(folder, "victim");
  await writeFile(victim, "as it was");
  await symlink(victim, `${path}.new`);
  await files.saveRecord(RECORD);
  assert.equal(await readFile(victim, "utf8"), "as it was");
});
