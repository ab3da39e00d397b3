import assert from "node:assert/strict";
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { checkTree, keepLibraries, keepModules, keepPrograms, TreeError } from "../../image/tree/keep.ts";
import { filesBelow } from "../../image/tree/walk.ts";

const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const UNITS = "usr/lib/systemd/system";
const KERNEL = "usr/lib/modules/6.12.0";

let tree = "";
beforeEach(async () => {
  tree = await mkdtemp(join(tmpdir(), "cepa-tree-"));
  for (const folder of ["usr/bin", "usr/sbin", "usr/lib64", LIBRARIES, `${UNITS}/multi-user.target.wants`, KERNEL])
    await mkdir(join(tree, folder), { recursive: true });
  await symlink("usr/lib64", join(tree, "lib64"));
});
afterEach(() => rm(tree, { recursive: true, force: true }));

async function write(path: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(tree, path)), { recursive: true });
  await writeFile(join(tree, path), text);
  await chmod(join(tree, path), mode);
}

const paths = async (below: string) =>
  (await filesBelow(tree)).map(({ path }) => path).filter((path) => path.startsWith(`${below}/`));

const saying = (pattern: RegExp) => (error: unknown) => error instanceof TreeError && pattern.test(error.message);

test("keepPrograms: what is not listed goes, with the units that start it and the links to those", async () => {
  await write("usr/bin/kept", "#!/bin/sh\n", 0o755);
  await write("usr/bin/gone", "", 0o755);
  await symlink("gone", join(tree, "usr/sbin/alias"));
  await write("usr/lib/cepa/text", "no program\n");
  await write(`${UNITS}/kept.service`, "[Service]\nExecStart=/usr/bin/kept\nExecStop=-/usr/bin/gone\n");
  await write(`${UNITS}/gone@.service`, "[Service]\nExecStart=-/usr/bin/gone %i\n");
  await write(`${UNITS}/gone.socket`, "[Socket]\nAccept=yes\n");
  await symlink("../gone.socket", join(tree, UNITS, "multi-user.target.wants/gone.socket"));
  await symlink("../kept.service", join(tree, UNITS, "multi-user.target.wants/kept.service"));
  await keepPrograms(tree, ["usr/bin/kept"]);
  assert.deepEqual((await paths("usr")).sort(), [
    "usr/bin/kept",
    "usr/lib/cepa/text",
    `${UNITS}/kept.service`,
    `${UNITS}/multi-user.target.wants/kept.service`,
  ]);
  await assert.rejects(keepPrograms(tree, ["usr/bin/lost"]), saying(/has no program usr\/bin\/lost/));
});

test("keepModules: the named ones with what they need; a name that the kernel lacks is an error", async () => {
  await write(`${KERNEL}/modules.dep`, "kernel/a.ko: kernel/lib/b.ko\nkernel/lib/b.ko:\nkernel/net/c.ko:\n");
  await write(`${KERNEL}/modules.softdep`, "");
  await write(`${KERNEL}/modules.builtin`, "kernel/inside.ko\n");
  for (const name of ["a", "lib/b", "net/c"]) await write(`${KERNEL}/kernel/${name}.ko`, "");
  await assert.rejects(keepModules(tree, ["a", "d"]), saying(/kernel 6\.12\.0 has no module d:/));
  await keepModules(tree, ["a", "inside"]);
  assert.deepEqual((await paths(`${KERNEL}/kernel`)).sort(), [`${KERNEL}/kernel/a.ko`, `${KERNEL}/kernel/lib/b.ko`]);
  assert.deepEqual((await readdir(join(tree, KERNEL, "kernel"))).sort(), ["a.ko", "lib"]);
});

test("keepLibraries: what a program links stays, the rest goes; what is missing is an error", async () => {
  await copyFile("/usr/bin/true", join(tree, "usr/bin/true"));
  await chmod(join(tree, "usr/bin/true"), 0o755);
  await copyFile(`/${LIBRARIES}/libc.so.6`, join(tree, LIBRARIES, "libc-2.so"));
  await symlink("libc-2.so", join(tree, LIBRARIES, "libc.so.6"));
  await assert.rejects(keepLibraries(tree, []), saying(/no library .*ld-linux-x86-64\.so\.2/));
  await copyFile(`/${LIBRARIES}/ld-linux-x86-64.so.2`, join(tree, LIBRARIES, "ld-linux-x86-64.so.2"));
  await copyFile(`/${LIBRARIES}/libm.so.6`, join(tree, LIBRARIES, "libm.so.6"));
  await write(`${LIBRARIES}/plugins/readme`, "text");
  await keepLibraries(tree, []);
  assert.deepEqual((await paths(LIBRARIES)).sort(), [
    `${LIBRARIES}/ld-linux-x86-64.so.2`,
    `${LIBRARIES}/libc-2.so`,
    `${LIBRARIES}/libc.so.6`,
  ]);
  await rm(join(tree, LIBRARIES, "libc.so.6"));
  await assert.rejects(keepLibraries(tree, []), saying(/libc\.so\.6 \(wanted by usr\/bin\/true\)/));
});

test("checkTree: each thing that is started or loaded and not there is named", async () => {
  await write(`${KERNEL}/modules.dep`, "kernel/tun.ko:\n");
  await write(`${KERNEL}/modules.builtin`, "");
  await write("usr/bin/dash", "", 0o755);
  await symlink("dash", join(tree, "usr/bin/sh"));
  await symlink("usr/bin", join(tree, "bin"));
  await write("usr/lib/cepa/fine", "#!/bin/sh\n", 0o755);
  await write("usr/lib/modules-load.d/fine.conf", "# comment\ntun\n");
  await write(`${UNITS}/fine.service`, "[Service]\nExecStartPre=-/usr/bin/none\nExecStart=sh -c x\n");
  await checkTree(tree);
  await write("usr/lib/cepa/script", "#!/usr/bin/perl\n", 0o755);
  await write("usr/lib/modules-load.d/more.conf", "tap\n");
  await write(`${UNITS}/broken.service`, "[Service]\nExecStart=/usr/bin/none\n");
  await assert.rejects(
    checkTree(tree),
    saying(
      /(?=.*more\.conf loads tap)(?=.*broken\.service starts \/usr\/bin\/none)(?=.*script wants \/usr\/bin\/perl)/,
    ),
  );
});
