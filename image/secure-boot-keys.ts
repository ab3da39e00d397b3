import { randomUUID } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Exec } from "../core/ports.ts";
import { KEY_PAIRS, type KeyPair, keyPairFiles, makeKeyPair } from "./key-pair.ts";

/** UEFI 2.10, section 32.3: the platform key signs the key exchange keys, those sign db, and a key in db signs what boots. */
export const SECURE_BOOT_KEYS = ["PK", "KEK", "db"] as const;
export type SecureBootKey = (typeof SECURE_BOOT_KEYS)[number];

const GUID_FILE = "owner.guid";
const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** They outlive the boxes; the firmware looks at no date. */
const VALID_DAYS = 20 * 365;
/** RSA-2048 with SHA-256 is what all firmware checks. */
const ALGORITHM = ["-newkey", "rsa:2048", "-sha256", "-nodes"];

export class SecureBootKeysError extends Error {
  override readonly name = "SecureBootKeysError";
  readonly code: "exists" | "incomplete";
  constructor(code: "exists" | "incomplete", message: string) {
    super(message);
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
}

/**
 * Makes keys in `folder`, which is made, with certificates in the name of `owner`. All or nothing: a folder in which anything is stays
 * as it is.
 */
export async function makeSecureBootKeys(
  folder: string,
  owner: string,
  exec: Exec,
  signal: AbortSignal,
): Promise<SecureBootKeys> {
  if (!(await isFree(folder)))
    throw new SecureBootKeysError(
      "exists",
      `${folder} is there, and is no empty folder: keys that boxes trust are never written over`,
    );
  await mkdir(dirname(folder), { recursive: true });
  const made = await mkdtemp(`${folder}.`); // nobody else reads it
  try {
    for (const key of SECURE_BOOT_KEYS) {
      const files = ["-keyout", `${made}/${key}.key`, "-out", `${made}/${key}.crt`];
      const subject = `/CN=${owner.replaceAll(/[/\\]/g, "-")} ${key}`;
      const validity = ["-days", String(VALID_DAYS)];
      await exec("openssl", ["req", "-x509", ...ALGORITHM, ...validity, "-subj", subject, ...files], signal);
      await chmod(`${made}/${key}.key`, 0o600);
    }
    const ownerGuid = randomUUID();
    await writeFile(`${made}/${GUID_FILE}`, `${ownerGuid}\n`);
    for (const pair of KEY_PAIRS) await makeKeyPair(made, pair);
    await rename(made, folder); // fails when somebody has put something there
    return { folder, ownerGuid };
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
 * Adds those pairs to a folder of keys that was made before there were such, and says which. None, and nothing was done: it lacks
 * nothing, or more than that.
 */
export async function addKeyPairs(folder: string): Promise<readonly KeyPair[]> {
  const missing = await missingFiles(folder);
  const added = KEY_PAIRS.filter((pair) => keyPairFiles(pair).every((name) => missing.includes(name)));
  if (missing.length !== added.flatMap(keyPairFiles).length) return [];
  for (const pair of added) await makeKeyPair(folder, pair);
  return added;
}

async function missingFiles(folder: string): Promise<readonly string[]> {
  const wanted = [
    ...SECURE_BOOT_KEYS.flatMap((key) => [`${key}.key`, `${key}.crt`]),
    GUID_FILE,
    ...KEY_PAIRS.flatMap(keyPairFiles),
  ];
  const found = new Set(await readdir(folder).catch(() => []));
  return wanted.filter((name) => !found.has(name));
}

export async function readSecureBootKeys(folder: string): Promise<SecureBootKeys> {
  const missing = await missingFiles(folder);
  if (missing.length > 0)
    throw new SecureBootKeysError(
      "incomplete",
      `${folder} has no ${missing.join(", ")}: \`cepa image keys ${folder}\` makes a set of keys, or adds the pairs that a set lacks`,
    );
  const ownerGuid = (await readFile(`${folder}/${GUID_FILE}`, "utf8")).trim();
  if (!GUID.test(ownerGuid))
    throw new SecureBootKeysError(
      "incomplete",
      `${folder}/${GUID_FILE}: expected a GUID, found ${JSON.stringify(ownerGuid)}`,
    );
  return { folder, ownerGuid };
}
