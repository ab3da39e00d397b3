import { createPublicKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { UpdateRefusedError } from "../../core/contract/update-refusal.ts";
import { contentBytesOf, type UpdateDescription } from "../../core/contract/update-set.ts";
import type { SetSource } from "../../core/node/set-source.ts";
import { type VerifiedSet, verifySet, verifySource } from "../../core/node/verify-set.ts";
import { judgeSet } from "./judge-set.ts";
import type { UpdateFolder } from "./update-folder.ts";

/** Under verity: made by `cepa image build --keys`. */
export const UPDATE_PUBLIC_KEY = "/usr/lib/cepa/update.pub";

/** The key that updates must be signed with. Throws an UpdateRefusedError when the image has none. */
export async function openUpdateKey(path: string): Promise<KeyObject> {
  const refuse = (why: string, cause: unknown) =>
    new UpdateRefusedError("noKey", `this image takes no updates: ${path} ${why}`, { cause });
  const pem = await readFile(path, "utf8").catch((cause: unknown) => {
    throw refuse("is not there", cause);
  });
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch (cause) {
    throw refuse("is no public key", cause);
  }
  throw refuse("is no Ed25519 key", undefined);
}

/** Which box it is, and who may sign. */
export interface BoxImage {
  readonly version: string;
  readonly profile: string;
  readonly keyPath: string;
}

/**
 * All that must hold before a set is installed: signed by the image's key, every octet as signed, nothing else beside it, for this box,
 * newer than what runs, at least the minimum, not failed before. The role calls it when a download is whole, and the installer as root once
 * more. Throws an UpdateRefusedError.
 */
export async function verifyForBox(
  path: string,
  image: BoxImage,
  folder: Pick<UpdateFolder, "readFacts">,
  signal: AbortSignal,
): Promise<VerifiedSet> {
  const key = await openUpdateKey(image.keyPath);
  const facts = await folder.readFacts(image.version, image.profile);
  return verifySet(path, key, { judge: (description) => judgeSet(description, facts) }, signal);
}

/**
 * A set that is elsewhere, on a USB stick: it is checked by the octets that are copied. Resolves when it is ready. Throws an
 * UpdateRefusedError, or what reading or the file system throws.
 */
export async function importSet(
  source: SetSource,
  image: BoxImage,
  folder: UpdateFolder,
  signal: AbortSignal,
): Promise<UpdateDescription> {
  const key = await openUpdateKey(image.keyPath);
  const facts = await folder.readFacts(image.version, image.profile);
  const judge = async (description: UpdateDescription) => {
    judgeSet(description, facts);
    await folder.raiseMinimum(description.minimumVersion);
    await folder.checkRoom(contentBytesOf(description));
  };
  return folder.withCopyFolder(async (copy) => {
    const { description } = await verifySource(source, key, { judge, copyTo: copy }, signal);
    await folder.promote(copy, description.version);
    return description;
  });
}
