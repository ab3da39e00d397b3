import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

const PROJECT = join(import.meta.dirname, "../..");
const NOBODY = 65534;

/** A folder like a fresh clone, as far as set-up looks. */
let clone = "";
/** Programs that stand in for the machine's. */
let programs = "";

before(() => {
  clone = mkdtempSync(join(tmpdir(), "cepa-setup-"));
  mkdirSync(join(clone, "scripts"));
  cpSync(join(PROJECT, "scripts/setup.sh"), join(clone, "scripts/setup.sh"));
  for (const name of ["package.json", "package-lock.json", ".npmrc"]) cpSync(join(PROJECT, name), join(clone, name));
  writeFileSync(join(clone, "scripts/packages.txt"), "bash\ncepa-no-such-package # never there\n");
  programs = join(clone, "programs");
  mkdirSync(programs);
  for (const folder of [clone, programs]) chmodSync(folder, 0o777);
});
after(() => rmSync(clone, { recursive: true }));

function setUp(folder: string, options: { uid?: number; path?: string; release?: string } = {}) {
  const { status, stdout, stderr } = spawnSync("bash", ["scripts/setup.sh"], {
    cwd: folder,
    encoding: "utf8",
    timeout: 120_000,
    env: { ...process.env, PATH: options.path ?? process.env.PATH, CEPA_OS_RELEASE: options.release },
    ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
  });
  return { status, output: stdout + stderr };
}

test("on a machine that is set up nothing is done and nothing is said", () => {
  assert.deepEqual(setUp(PROJECT), { status: 0, output: "" });
});

test("another system is refused, by its name", () => {
  const release = join(clone, "os-release");
  writeFileSync(release, 'ID=fedora\nVERSION_ID=44\nPRETTY_NAME="Fedora Linux 44"\n');
  const { status, output } = setUp(clone, { release });
  assert.equal(status, 1);
  assert.match(output, /needs Debian 12 or 13 and found Fedora Linux 44: use such a machine/);
});

test("too little disk is said before anything is fetched", () => {
  const df = join(programs, "df");
  writeFileSync(df, "#!/bin/sh\necho Filesystem\necho /dev/x 9000 1 500 1% /\n", { mode: 0o755 });
  const { status, output } = setUp(clone, { path: `${programs}:${process.env.PATH}` });
  rmSync(df);
  assert.equal(status, 1);
  assert.match(output, /500 MiB are free in \S+, \d+ are needed: free some, or clone to a larger disk/);
});

test("without root and sudo it says which packages are missing", () => {
  // Only what set-up itself uses: no sudo.
  const path = join(clone, "bin");
  const names = ["bash", "dirname", "uname", "df", "awk", "mkdir", "flock", "cat", "sha256sum", "cut", "sed", "sort"];
  names.push("dpkg-query", "grep", "id");
  mkdirSync(path);
  writeFileSync(join(path, "npm"), "", { mode: 0o755 });
  for (const name of names) {
    const found = spawnSync("which", [name], { encoding: "utf8" });
    symlinkSync(found.stdout.trim(), join(path, name));
  }
  const { status, output } = setUp(clone, { uid: NOBODY, path });
  assert.equal(status, 1);
  assert.match(output, /packages are missing \(cepa-no-such-package\): run this as root, or install sudo/);
});

test("a package that apt can't find is said, with where its output is", () => {
  rmSync(join(clone, ".cache"), { recursive: true, force: true });
  writeFileSync(
    join(programs, "apt-get"),
    '#!/bin/sh\n[ "$1" = update ] && exit 0\necho E: Unable to locate package\nexit 100\n',
    {
      mode: 0o755,
    },
  );
  const { status, output } = setUp(clone, { path: `${programs}:${process.env.PATH}` });
  assert.equal(status, 1);
  assert.match(output, /E: Unable to locate package\nset-up: apt-get could not install .*\.cache\/apt\.log/);
});
