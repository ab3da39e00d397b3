import { UpdateRefusedError } from "../../core/contract/update-refusal.ts";
import { SUMS_FILE } from "../../core/contract/update-set.ts";
import type { SetSource, SourceFile } from "../../core/node/set-source.ts";
import { compareVersions, isVersion } from "../../core/version.ts";
import { type FatEntry, FatError } from "./fat-layout.ts";
import { FatVolume } from "./fat-volume.ts";

/**
 * The set for a profile on a stick: of the folders `cepa-PROFILE-VERSION.update` of its root, as `cepa image build` names them, the one of
 * the greatest version; else the root itself. Throws an UpdateRefusedError.
 */
export async function openStick(device: SourceFile, profile: string): Promise<SetSource> {
  return readable(async () => {
    const volume = await FatVolume.open(device);
    const root = await volume.list();
    const folder = greatestSet(root, profile);
    const entries = folder === undefined ? root : await volume.list(folder);
    if (folder === undefined && !root.some(({ name }) => name === SUMS_FILE))
      throw new UpdateRefusedError("missingFile", `the stick has no folder cepa-${profile}-VERSION.update`);
    return {
      names: async () => entries.map(({ name }) => name),
      withFile: (name, body) => readable(() => withEntry(volume, entries, name, body)),
    };
  });
}

function greatestSet(root: readonly FatEntry[], profile: string): FatEntry | undefined {
  const versionOf = ({ name }: FatEntry) => name.slice(`cepa-${profile}-`.length, -".update".length);
  return root
    .filter(
      (entry) =>
        entry.isFolder && entry.name === `cepa-${profile}-${versionOf(entry)}.update` && isVersion(versionOf(entry)),
    )
    .sort((a, b) => compareVersions(versionOf(a), versionOf(b)))
    .at(-1);
}

async function withEntry<T>(
  volume: FatVolume,
  entries: readonly FatEntry[],
  name: string,
  body: (file: SourceFile, sizeBytes: number) => Promise<T>,
): Promise<T> {
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new UpdateRefusedError("missingFile", `there is no ${name}`);
  if (entry.isFolder) throw new UpdateRefusedError("notAFile", `${name} is a link, a folder or a device, not a file`);
  return body(volume.openFile(entry), entry.sizeBytes);
}

/** What can't be read is a reason to refuse, too. */
async function readable<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    if (cause instanceof FatError)
      throw new UpdateRefusedError("unreadable", `the stick can't be read: ${cause.message}`, { cause });
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (syscall === "read") throw new UpdateRefusedError("unreadable", `the stick can't be read: ${code}`, { cause });
    throw cause;
  }
}
