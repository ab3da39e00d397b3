import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import { type Exec, ExecError } from "../../core/ports.ts";
import { holdLockedPackages } from "../../image/package-lock/kept-packages.ts";
import type { LockedPackage } from "../../image/package-lock/lock-file.ts";
import { lockPackages } from "../../image/package-lock/make-lock.ts";
import type { ImageError } from "../../image/step-runner.ts";

const signal = AbortSignal.timeout(60_000);
const APT = { mirror: { debian: "http://m.example/debian/", security: "http://s.example/" }, options: [] };
const SUITE = "trixie";

let folder = "";
let kept = "";
let fetched: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-lock-"));
  kept = join(folder, "kept");
  fetched = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Makes a .deb with dpkg-deb, and says how a lock names it. */
async function makePackage(name: string): Promise<{ readonly bytes: Buffer; readonly locked: LockedPackage }> {
  const tree = join(folder, name);
  await nodeExec("mkdir", ["-p", `${tree}/DEBIAN`], signal);
  await writeFile(
    `${tree}/DEBIAN/control`,
    `Package: ${name}\nVersion: 1:2-3\nArchitecture: all\nMaintainer: A <a@b.example>\nDescription: a test\n`,
  );
  await nodeExec("dpkg-deb", ["--build", tree, `${folder}/${name}.deb`], signal);
  const bytes = await readFile(`${folder}/${name}.deb`);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const file = `pool/main/${name[0]}/${name}/${name}_2-3_all.deb`;
  return { bytes, locked: { name, version: "1:2-3", architecture: "all", sha256, file } };
}

/** The mirror has `files`, by URL. */
function execWith(files: ReadonlyMap<string, Buffer>): Exec {
  return async (program, args, ...rest) => {
    if (!program.endsWith("apt-helper")) return nodeExec(program, args, ...rest);
    const [url = "", path = ""] = args.slice(args.indexOf("download-file") + 1);
    fetched.push(url);
    const bytes = files.get(url);
    if (bytes === undefined) throw new ExecError(program, 100, "Err:1 404  Not Found", "E: Download Failed");
    await writeFile(path, bytes);
    return { stdout: "", stderr: "" };
  };
}

const hold = (packages: readonly LockedPackage[], files: ReadonlyMap<string, Buffer>) =>
  holdLockedPackages(
    { profile: "qemu", tools: packages.slice(0, 1), root: packages },
    "image/locks/qemu.json",
    kept,
    SUITE,
    { apt: APT, exec: execWith(files) },
    signal,
  );

test("holdLockedPackages: fetches what isn't kept, from the security mirror's pool too, once", async () => {
  const [one, two] = [await makePackage("one"), await makePackage("two")];
  const urls = [
    `http://m.example/debian/${one.locked.file}`,
    "http://s.example/pool/updates/main/t/two/two_2-3_all.deb",
  ];
  const files = new Map([one.bytes, two.bytes].map((bytes, index) => [urls[index] ?? "", bytes]));
  await hold([one.locked, two.locked], files);
  assert.deepEqual(fetched, [urls[0], `http://m.example/debian/${two.locked.file}`, urls[1]]);
  const index = await readFile(`${kept}/locked-root/Packages`, "utf8");
  assert.deepEqual(
    [...index.matchAll(/^(Package|Filename|SHA256): (.*)$/gm)].map(([, field, value]) => [field, value]),
    [one, two].flatMap(({ locked }) => [
      ["Package", locked.name],
      ["Filename", `${locked.name}_1%3a2-3_all.deb`],
      ["SHA256", locked.sha256],
    ]),
  );
  assert.doesNotMatch(await readFile(`${kept}/locked-tools/Packages`, "utf8"), /two/);
  fetched = [];
  await hold([one.locked, two.locked], new Map());
  assert.deepEqual(fetched, []);
});

test("holdLockedPackages: names all that is gone from the mirror", async () => {
  const [one, two] = [await makePackage("one"), await makePackage("two")];
  await assert.rejects(hold([one.locked, two.locked], new Map()), (error: ImageError) => {
    assert.equal(error.code, "goneFromMirror");
    assert.match(
      error.message,
      /^image\/locks\/qemu\.json: of its packages, 2 can neither .*one 1:2-3 \(gone\), two 1:2-3 \(gone\)/,
    );
    return true;
  });
});

test("holdLockedPackages: a kept file with another hash is refused, and left as it is", async () => {
  const { bytes, locked } = await makePackage("one");
  await nodeExec("mkdir", ["-p", kept], signal);
  const path = `${kept}/one_1%3a2-3_all.deb`;
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await assert.rejects(hold([locked], new Map()), (error: ImageError) => {
    assert.equal(error.code, "wrongHash");
    assert.ok(error.message.startsWith(`${path} has sha256 `), error.message);
    return true;
  });
  assert.deepEqual(await readFile(path), bytes);
});

test("lockPackages: of kept files; one that isn't kept is an error", async () => {
  const { bytes, locked } = await makePackage("one");
  await nodeExec("mkdir", ["-p", kept], signal);
  await writeFile(`${kept}/one_1%3a2-3_all.deb`, bytes);
  const { name, version, architecture } = locked;
  const one = {
    name,
    version,
    architecture,
    installedBytes: 0,
    source: "one",
    sourceVersion: "1:2-3",
    section: "misc",
  };
  assert.deepEqual(await lockPackages([one], kept), [locked]);
  await assert.rejects(lockPackages([{ ...one, name: "other" }], kept), { code: "missingInput" });
});
