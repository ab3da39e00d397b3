import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Exec } from "../core/ports.ts";
import { KEY_PAIRS, keyPairFiles, makeKeyPair, makePublicHalf } from "./key-pair.ts";
import { makeCertificate } from "./signing-certificate.ts";
import { faultOfTokenUri } from "./token-uri.ts";
import { readVendorKeys, type VendorKeys } from "./vendor-keys.ts";

/** UEFI 2.10, section 32.3: the platform key signs the key exchange keys, those sign db, and a key in db signs what boots. */
export const SECURE_BOOT_KEYS = ["PK", "KEK", "db"] as const;
export type SecureBootKey = (typeof SECURE_BOOT_KEYS)[number];

const GUID_FILE = "owner.guid";
const DB_URI_FILE = "db.uri";
const NEXT_DB_FILE = "db-next.crt";
const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export class SecureBootKeysError extends Error {
  override readonly name = "SecureBootKeysError";
  readonly code: "exists" | "incomplete" | "badUri" | "unreadable" | "mismatch";
  constructor(code: SecureBootKeysError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * A folder of keys: NAME.key and NAME.crt (PEM) of each, the GUID that owns them in the firmware's lists, and the pairs of
 * key-pair.ts.
 */
export interface SecureBootKeys {
  readonly folder: string;
  readonly ownerGuid: string;
  /** db is in a PKCS #11 token, under this URI, and db.uri is in the place of db.key. */
  readonly dbUri?: string;
  /** Images bring the certificate of the next db into the firmware of their boxes: db-rollover.ts. */
  readonly hasNextDb?: true;
  /** Stay in the firmware, beside the provider's. */
  readonly vendor?: VendorKeys;
}

/**
 * Makes keys in `folder`, which is made, with certificates in the name of `owner`. All or nothing: a folder in which anything is stays
 * as it is. With `dbUri`, db is an RSA key that is in a token already.
 */
export async function makeSecureBootKeys(
  folder: string,
  owner: string,
  exec: Exec,
  signal: AbortSignal,
  dbUri?: string,
): Promise<SecureBootKeys> {
  if (dbUri !== undefined) checkUri("the URI of db", dbUri);
  if (!(await isFree(folder)))
    throw new SecureBootKeysError(
      "exists",
      `${folder} is there, and is no empty folder: keys that boxes trust are never written over`,
    );
  await mkdir(dirname(folder), { recursive: true });
  const made = await mkdtemp(`${folder}.`); // nobody else reads it
  try {
    for (const key of SECURE_BOOT_KEYS)
      await makeCertificate(made, key, `${owner} ${key}`, exec, signal, key === "db" ? dbUri : undefined);
    const ownerGuid = randomUUID();
    await writeFile(`${made}/${GUID_FILE}`, `${ownerGuid}\n`);
    for (const pair of KEY_PAIRS) await makeKeyPair(made, pair);
    await rename(made, folder); // fails when somebody has put something there
    return { folder, ownerGuid, ...(dbUri === undefined ? {} : { dbUri }) };
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    throw error;
  }
}

/** Whether nothing is there, or an empty folder. */
async function isFree(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length === 0;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTDIR") return false;
    if (code === "ENOENT") return true;
    throw error;
  }
}

/**
 * Adds what a folder of keys lacks and can be made, to one from before there were such pairs for instance, and says which files. None: it
 * lacks nothing, or is no folder of keys. Throws when it lacks more: nothing was done.
 */
export async function addMissingFiles(folder: string): Promise<readonly string[]> {
  const lack = await findLack(folder);
  if (lack.isNoSet) return [];
  if (lack.lost.length > 0) throw incomplete(folder, lack);
  for (const pair of KEY_PAIRS) {
    const [privateFile, publicFile] = keyPairFiles(pair);
    if (lack.makeable.includes(privateFile)) await makeKeyPair(folder, pair);
    else if (lack.makeable.includes(publicFile)) await makePublicHalf(folder, pair);
  }
  return lack.makeable;
}

/** Files that a folder of keys should have and has not. */
interface Lack {
  /** `cepa image keys` makes them: whole pairs, and the public half of one. */
  readonly makeable: readonly string[];
  readonly lost: readonly string[];
  /** It has none of them. */
  readonly isNoSet: boolean;
  /** The change to the next db was cut off. */
  readonly isInChange: boolean;
}

async function findLack(folder: string): Promise<Lack> {
  const wanted = [
    ...SECURE_BOOT_KEYS.flatMap((key) => [`${key}.key`, `${key}.crt`]),
    GUID_FILE,
    ...KEY_PAIRS.flatMap(keyPairFiles),
  ];
  const found = new Set(await listFolder(folder));
  if (found.has(DB_URI_FILE)) found.add("db.key");
  const missing = wanted.filter((name) => !found.has(name));
  const makeable = KEY_PAIRS.flatMap((pair) => {
    const [privateFile, publicFile] = keyPairFiles(pair);
    if (found.has(publicFile)) return [];
    return found.has(privateFile) ? [publicFile] : [privateFile, publicFile];
  });
  return {
    makeable,
    lost: missing.filter((name) => !makeable.includes(name)),
    isNoSet: missing.length === wanted.length,
    isInChange: !found.has("db.crt") && found.has("db-former.crt") && found.has(NEXT_DB_FILE),
  };
}

async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return [];
    throw new SecureBootKeysError("unreadable", `${folder} can't be read: ${message}`, { cause });
  }
}

function incomplete(folder: string, { makeable, lost, isNoSet, isInChange }: Lack): SecureBootKeysError {
  const command = `\`cepa image keys ${folder}`;
  const advice = isNoSet
    ? [`${command}\` makes a set of keys`]
    : [
        ...(isInChange ? [`${command} --use-next-db\`, which was cut off, goes on with the change of db`] : []),
        ...(lost.length > 0 && !isInChange
          ? [`nothing makes ${lost.join(", ")} again: take what boxes trust from the safe, or from another copy`]
          : []),
        ...(makeable.length > 0
          ? [
              `${command}\` makes ${makeable.join(", ")}; where boxes trust such a pair already, take that from the safe`,
            ]
          : []),
      ];
  return new SecureBootKeysError(
    "incomplete",
    `${folder} has no ${[...lost, ...makeable].join(", ")}: ${advice.join("; then ")}`,
  );
}

export async function readSecureBootKeys(folder: string): Promise<SecureBootKeys> {
  const lack = await findLack(folder);
  if (lack.lost.length + lack.makeable.length > 0) throw incomplete(folder, lack);
  const ownerGuid = (await readFile(`${folder}/${GUID_FILE}`, "utf8")).trim();
  if (!GUID.test(ownerGuid))
    throw new SecureBootKeysError(
      "incomplete",
      `${folder}/${GUID_FILE}: expected a GUID, found ${JSON.stringify(ownerGuid)}`,
    );
  const names = await readdir(folder);
  const vendor = await readVendorKeys(folder);
  const keys: SecureBootKeys = {
    ...{ folder, ownerGuid },
    ...(names.includes(NEXT_DB_FILE) ? { hasNextDb: true } : {}),
    ...(vendor === undefined ? {} : { vendor }),
  };
  if (!names.includes(DB_URI_FILE)) return keys;
  if (names.includes("db.key"))
    throw new SecureBootKeysError(
      "badUri",
      `${folder} has both db.key and ${DB_URI_FILE}: remove the one that boxes do not trust`,
    );
  const dbUri = (await readFile(`${folder}/${DB_URI_FILE}`, "utf8")).trim();
  checkUri(`${folder}/${DB_URI_FILE}`, dbUri);
  return { ...keys, dbUri };
}

export function checkUri(where: string, uri: string): void {
  const fault = faultOfTokenUri(uri);
  if (fault !== undefined) throw new SecureBootKeysError("badUri", `${where}: ${fault}`);
}
