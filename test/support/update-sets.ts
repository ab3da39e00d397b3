import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { contentFilesOf, renderSums, type UpdateDescription } from "../../core/contract/update-set.ts";

export interface MadeSet {
  readonly folder: string;
  readonly description: UpdateDescription;
  /** Of UKI, root, verity and boot loader; the last is empty when the set has none. */
  readonly names: readonly [string, string, string, string];
}

export const updateKeys = () => generateKeyPairSync("ed25519");

/** A set as `cepa image build` makes it, with made-up content, different for each seed. */
export async function makeSet(
  folder: string,
  privateKey: KeyObject | undefined,
  given: Partial<UpdateDescription> & { readonly version: string },
  seed = 1,
): Promise<MadeSet> {
  await mkdir(folder, { recursive: true });
  const description: UpdateDescription = {
    ...{ profile: "qemu", minimumVersion: "0~a", epochS: 1_790_000_000 },
    roothash: createHash("sha256").update(given.version).digest("hex"),
    sizes: { efiBytes: 300_000, rootBytes: 3_000_000, verityBytes: 70_001, loaderBytes: 40_003 },
    ...given,
  };
  const files = contentFilesOf(description);
  const content = new Map<string, Uint8Array>([
    ["update.json", Buffer.from(JSON.stringify(description))],
    ...files.map(({ name, sizeBytes }, at) => [name, octets(sizeBytes, seed + at)] as const),
  ]);
  const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  const sums = renderSums(new Map([...content].map(([name, bytes]) => [name, hashOf(bytes)])));
  for (const [name, bytes] of content) await writeFile(join(folder, name), bytes);
  await writeFile(join(folder, "SHA256SUMS"), sums);
  if (privateKey !== undefined)
    await writeFile(join(folder, "SHA256SUMS.sig"), sign(null, Buffer.from(sums), privateKey).toString("base64"));
  const [efi = "", root = "", verity = "", loader = ""] = files.map(({ name }) => name);
  return { folder, description, names: [efi, root, verity, loader] };
}

function octets(length: number, seed: number): Uint8Array {
  const block = createHash("sha512").update(String(seed)).digest();
  return Buffer.alloc(length, block);
}
