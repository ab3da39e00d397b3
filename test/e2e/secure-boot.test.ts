import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { nodeExec } from "../../core/node/exec.ts";
import type { ImageManifest } from "../../image/manifest.ts";
import { makeSecureBootKeys, readSecureBootKeys } from "../../image/secure-boot-keys.ts";
import { findPartition } from "../../scripts/rig/disk-image.ts";
import { type SensorVm, startSensorVm, variablesFile } from "../../scripts/rig/qemu.ts";
import { startTpm } from "../../scripts/rig/tpm.ts";
import { addVendor, makeEnrolment } from "../support/enrolment.ts";
import { DEVELOPMENT_KEYS } from "../support/image-version.ts";

/**
 * The image that `make image` built, in an emulator whose firmware checks signatures: in setup mode it takes the keys that are on the
 * disk, and from then on starts nothing that they have not signed. Where the newest kernel is refused, the box comes up on the other.
 * The image brings the next key into the firmware, which then starts what that key signs.
 */
const PROJECT = join(import.meta.dirname, "../..");
const IMAGE = join(PROJECT, "dist/cepa-qemu.raw");
const MANIFEST = join(PROJECT, "dist/cepa-qemu.manifest.json");
const TOOLS = join(PROJECT, ".cache/image/tools");
const WORK = join(PROJECT, ".cache/image/qemu");
const IN_TOOLS = join(PROJECT, "image/in-tools.sh");
const DISK_BYTES = 4 * 1024 ** 3;

/** Four times what is typical under emulation. */
const BOOT_TIMEOUT_MS = 300_000;
const TOOL_TIMEOUT_MS = 60_000;
const ENROLLED = /Secure Boot keys successfully enrolled/;
/** What the initrd says first. */
const UP = /Cepa: starting/;
/** systemd-boot of what the firmware doesn't let it start. */
const REFUSED = /Error loading .*cepa_.*\.efi: (?:Access denied|Security violation)/g;
/** Version of the kernel that is added. */
const NEWER = "cepa_9.0.0";
/** Label of the last boot entry that cepa-boot-loader.service makes, as the firmware writes it. */
const LAST_ENTERED = Buffer.from("Cepa 1", "utf16le");
const POLL_MS = 1000;

const stop = new AbortController();
const { signal } = stop;
const folder = await mkdtemp(join(tmpdir(), "cepa-sb-"));
let running: SensorVm | undefined;
let isEnrolled = false;
after(async () => {
  stop.abort();
  await running?.ended;
  await rm(folder, { recursive: true, force: true });
});

async function inTools(work: string, program: string, ...args: readonly string[]): Promise<string> {
  const command = [IN_TOOLS, TOOLS, work, program, ...args];
  return (await nodeExec("sh", command, AbortSignal.timeout(TOOL_TIMEOUT_MS))).stdout;
}

/** A disk of its own for one machine. */
async function makeDisk(name: string): Promise<string> {
  const disk = join(folder, `${name}.raw`);
  await nodeExec("cp", ["--sparse=always", "--reflink=auto", IMAGE, disk], AbortSignal.timeout(TOOL_TIMEOUT_MS));
  await truncate(disk, DISK_BYTES);
  return disk;
}

/** Puts a kernel on a disk as an update does: newer than the one that is there, with three tries. */
async function addKernel(disk: string, kernel: string): Promise<void> {
  const work = join(folder, "work");
  await mkdir(work, { recursive: true });
  await copyFile(kernel, join(work, "kernel.efi"));
  const esp = `/work/disk@@${(await findPartition(disk, /^esp$/)).offsetBytes}`;
  await rm(join(work, "disk"), { force: true });
  await nodeExec("ln", [disk, join(work, "disk")], signal);
  await inTools(work, "mcopy", "-i", esp, "/work/kernel.efi", `::/EFI/Linux/${NEWER}+3.efi`);
}

/** What the kernel that was added is called after its tries. */
async function kernelsOf(disk: string): Promise<readonly string[]> {
  const work = join(folder, "work");
  await rm(join(work, "disk"), { force: true });
  await nodeExec("ln", [disk, join(work, "disk")], signal);
  const listed = await inTools(
    work,
    "mdir",
    "-b",
    "-i",
    `/work/disk@@${(await findPartition(disk, /^esp$/)).offsetBytes}`,
    "::/EFI/Linux",
  );
  return listed
    .trim()
    .split("\n")
    .map((path) => path.replace("::/EFI/Linux/", ""));
}

/** Has the disk enrol a vendor's keys beside ours. Resolves to the vendor's certificates, as they are in the firmware. */
async function enrolVendor(disk: string): Promise<readonly Buffer[]> {
  const work = join(folder, "enrolment");
  const keys = join(folder, "with-vendor");
  await mkdir(work);
  await cp(DEVELOPMENT_KEYS, keys, { recursive: true });
  await addVendor(keys, work);
  await makeEnrolment(await readSecureBootKeys(keys), work, Math.floor(Date.now() / 1000));
  await nodeExec("ln", [disk, join(work, "disk")], signal);
  const esp = `/work/disk@@${(await findPartition(disk, /^esp$/)).offsetBytes}`;
  const updates = ["/work/signed/KEK.auth", "/work/signed/db.auth"];
  await inTools(work, "mcopy", "-o", "-i", esp, ...updates, "::/loader/keys/auto/");
  return Promise.all(["vendor-KEK.crt", "vendor-db.crt"].map((name) => certificateOf(join(work, name))));
}

async function certificateOf(path: string): Promise<Buffer> {
  return new X509Certificate(await readFile(path)).raw;
}

async function boot(
  disk: string,
  name: string,
  keepVariables: boolean,
  more: readonly string[] = [],
): Promise<SensorVm> {
  running = await startSensorVm({ disk, folder: join(folder, name), secureBoot: true, keepVariables, more }, signal);
  return running;
}

async function firmwareHas(name: string, octets: Uint8Array): Promise<boolean> {
  return (await readFile(variablesFile(join(folder, name)))).includes(octets);
}

async function variables(name: string): Promise<string> {
  const work = join(folder, name);
  const file = variablesFile(work).slice(work.length + 1);
  return inTools(work, "virt-fw-vars", "--input", `/work/${file}`, "--print");
}

test("a firmware in setup mode takes the keys of the disk, and later the next one; a TPM measures what was foretold", {
  timeout: 2 * BOOT_TIMEOUT_MS,
}, async () => {
  const tpm = await startTpm(join(folder, "tpm"), signal);
  const disk = await makeDisk("good");
  const vendor = await enrolVendor(disk);
  const vm = await boot(disk, "good", false, tpm.qemuArguments);
  await vm.waitForConsole(ENROLLED, BOOT_TIMEOUT_MS, signal);
  await vm.waitForConsole(UP, BOOT_TIMEOUT_MS, signal);
  const deadlineMs = performance.now() + BOOT_TIMEOUT_MS;
  for (const [what, octets] of [
    ["the boot loader in the boot order", LAST_ENTERED],
    ["the next key", await certificateOf(join(DEVELOPMENT_KEYS, "db-next.crt"))],
  ] as const)
    while (!(await firmwareHas("good", octets))) {
      assert.ok(performance.now() < deadlineMs, `the firmware has not got ${what}`);
      await delay(POLL_MS, undefined, { signal });
    }
  await vm.kill();
  for (const certificate of vendor) assert.ok(await firmwareHas("good", certificate), "the vendor's keys are enrolled");
  // The system has been up for a while, and nothing has extended the register since the kernel was measured.
  const { pcr11 } = JSON.parse(await readFile(MANIFEST, "utf8")) as ImageManifest;
  assert.match(pcr11, /^[0-9a-f]{64}$/);
  assert.ok((await tpm.readRegisters()).includes(Buffer.from(pcr11, "hex")), "PCR 11 is what was foretold");
  const enrolled = await variables("good");
  for (const key of ["PK", "KEK", "db"]) assert.match(enrolled, new RegExp(`^${key} `, "m"));
  isEnrolled = true;
});

/** One bit of the kernel's own code is another. */
async function withOneBitChanged(): Promise<string> {
  const bytes = await readFile(join(WORK, "signed/cepa.efi"));
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] as number) ^ 1;
  const changed = join(folder, "changed.efi");
  await writeFile(changed, bytes);
  return changed;
}

/** Signs the kernel with a pair of files in work/keys. */
async function signKernel(work: string, name: string): Promise<string> {
  await copyFile(join(WORK, "cepa.efi"), join(work, "cepa.efi"));
  const key = ["--key", `/work/keys/${name}.key`, "--cert", `/work/keys/${name}.crt`];
  await inTools(work, "sbsign", ...key, "--output", "/work/signed.efi", "/work/cepa.efi");
  return join(work, "signed.efi");
}

/** Signed with a key of the same name that the firmware has not got. */
async function signedByAnother(): Promise<string> {
  const work = join(folder, "other");
  await mkdir(work);
  await makeSecureBootKeys(join(work, "keys"), "Cepa development", nodeExec, signal);
  return signKernel(work, "db");
}

/** A disk with a newer kernel, in a firmware with the keys of the first test. */
async function bootWith(name: string, kernel: string): Promise<{ readonly vm: SensorVm; readonly disk: string }> {
  const disk = await makeDisk(name);
  await addKernel(disk, kernel);
  await mkdir(join(folder, name));
  await copyFile(variablesFile(join(folder, "good")), variablesFile(join(folder, name)));
  return { vm: await boot(disk, name, true), disk };
}

test("a kernel signed with the next key is started", { timeout: 2 * BOOT_TIMEOUT_MS }, async () => {
  assert.ok(isEnrolled, "the firmware has no keys: an earlier test failed");
  const work = join(folder, "next");
  await mkdir(work);
  await cp(DEVELOPMENT_KEYS, join(work, "keys"), { recursive: true });
  const { vm, disk } = await bootWith("next-db", await signKernel(work, "db-next"));
  await vm.waitForConsole(UP, BOOT_TIMEOUT_MS, signal);
  assert.doesNotMatch(await vm.readConsole(), REFUSED);
  await vm.kill();
  assert.ok((await kernelsOf(disk)).includes(`${NEWER}+2-1.efi`), (await kernelsOf(disk)).join(" "));
});

for (const [what, makeKernel] of [
  ["with one bit changed", withOneBitChanged],
  ["without a signature", async () => join(WORK, "cepa.efi")],
  ["signed with another key", signedByAnother],
] as const)
  test(`a kernel ${what} is refused, and the box comes up on the other`, { timeout: 2 * BOOT_TIMEOUT_MS }, async () => {
    assert.ok(isEnrolled, "the firmware has no keys: an earlier test failed");
    const name = what.replaceAll(" ", "-");
    const { vm, disk } = await bootWith(name, await makeKernel());
    await vm.waitForConsole(UP, BOOT_TIMEOUT_MS, signal);
    assert.equal([...(await vm.readConsole()).matchAll(REFUSED)].length, 3);
    await vm.kill();
    const kernels = await kernelsOf(disk);
    assert.equal(kernels.length, 2);
    assert.ok(kernels.includes(`${NEWER}+0-3.efi`), kernels.join(" "));
  });
