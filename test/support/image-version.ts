import { createHash, createPrivateKey, sign } from "node:crypto";
import { cp, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { contentFilesOf, renderSums, type UpdateDescription } from "../../core/contract/update-set.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { findProfile } from "../../image/profile.ts";
import { renderCommandLine } from "../../image/uki.ts";

const PROJECT = join(import.meta.dirname, "../..");
const TOOLS = join(PROJECT, ".cache/image/tools");
const BUILT = join(PROJECT, ".cache/image/qemu");
const IN_TOOLS = join(PROJECT, "image/in-tools.sh");
const TOOL_TIMEOUT_MS = 300_000;

/** Of the image that `make image` built. */
export const DEVELOPMENT_KEYS = join(PROJECT, ".cache/secure-boot");

async function inTools(work: string, program: string, ...args: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(TOOL_TIMEOUT_MS);
  await nodeExec("sh", [IN_TOOLS, TOOLS, work, program, ...args], signal, { env: { CEPA_KEYS: DEVELOPMENT_KEYS } });
}

/**
 * Makes and signs the set of a version that is the built image (profile qemu, `builtVersion`) but for its name and what `alter` does to its
 * tree, with a boot loader that says the version. `work` is made. Resolves to the set's folder.
 */
export async function makeImageVersion(
  work: string,
  version: string,
  builtVersion: string,
  alter: (tree: string) => Promise<void> = async () => {},
): Promise<string> {
  const tree = join(work, "system");
  await mkdir(work);
  await nodeExec("cp", ["-a", "--reflink=auto", join(BUILT, "system"), tree], AbortSignal.timeout(TOOL_TIMEOUT_MS));
  const release = join(tree, "usr/lib/os-release");
  const text = await readFile(release, "utf8");
  await writeFile(release, text.replaceAll(builtVersion, version));
  await alter(tree);
  await inTools(work, "mkfs.erofs", "--quiet", "-zlz4", "/work/root.erofs", "/work/system");
  await rm(tree, { recursive: true });
  const format = ["format", "--root-hash-file=/work/root.hash", "/work/root.erofs", "/work/root.verity"];
  await inTools(work, "veritysetup", ...format);
  const roothash = (await readFile(join(work, "root.hash"), "utf8")).trim();
  for (const name of ["vmlinuz", "initrd.zst"]) await cp(join(BUILT, name), join(work, name));
  await writeFile(join(work, "os-release"), text.replaceAll(builtVersion, version));
  await inTools(
    work,
    "ukify",
    "build",
    "--linux=/work/vmlinuz",
    "--initrd=/work/initrd.zst",
    `--cmdline=${renderCommandLine(qemuProfile(), roothash)}`,
    "--os-release=@/work/os-release",
    "--output=/work/cepa.efi",
  );
  const keyFiles = ["--key=/keys/db.key", "--cert=/keys/db.crt"];
  await inTools(work, "sbsign", ...keyFiles, "--output=/work/cepa.efi", "/work/cepa.efi");
  await writeFile(join(work, "loader.efi"), await renameLoader(version));
  await inTools(work, "sbsign", ...keyFiles, "--output=/work/loader.efi", "/work/loader.efi");
  return sealSet(work, version, roothash);
}

/** The unsigned boot loader of the built image, but for the end of what it calls itself. */
async function renameLoader(version: string): Promise<Uint8Array> {
  const loader = (await readFile(join(BUILT, "systemd-bootx64.efi"))).toString("latin1");
  const renamed = loader.replaceAll(/(?<=#### LoaderInfo: systemd-boot )[^ ]+/g, (all) =>
    version.padEnd(all.length, "-").slice(0, all.length),
  );
  if (renamed === loader) throw new Error("the boot loader does not say what it is");
  return Buffer.from(renamed, "latin1");
}

function qemuProfile() {
  const profile = findProfile("qemu");
  if (profile === undefined) throw new Error("there is no profile qemu");
  return profile;
}

async function sealSet(work: string, version: string, roothash: string): Promise<string> {
  const sources = ["cepa.efi", "root.erofs", "root.verity", "loader.efi"].map((name) => join(work, name));
  const [efiBytes = 0, rootBytes = 0, verityBytes = 0, loaderBytes = 0] = await Promise.all(
    sources.map(async (path) => (await stat(path)).size),
  );
  const description: UpdateDescription = {
    ...{ version, profile: "qemu", minimumVersion: "0~a", epochS: 1_790_000_000, roothash },
    sizes: { efiBytes, rootBytes, verityBytes, loaderBytes },
  };
  const set = join(work, `cepa-qemu-${version}.update`);
  await mkdir(set);
  const files = contentFilesOf(description).map(({ name }) => name);
  for (const [at, name] of files.entries()) await rename(sources[at] ?? "", join(set, name));
  await writeFile(join(set, "update.json"), JSON.stringify(description));
  const hashes = new Map<string, string>();
  for (const name of ["update.json", ...files]) {
    const content = await readFile(join(set, name));
    hashes.set(name, createHash("sha256").update(content).digest("hex"));
  }
  const sums = renderSums(hashes);
  await writeFile(join(set, "SHA256SUMS"), sums);
  const key = createPrivateKey(await readFile(join(DEVELOPMENT_KEYS, "update.key")));
  await writeFile(join(set, "SHA256SUMS.sig"), sign(null, Buffer.from(sums), key).toString("base64"));
  return set;
}
