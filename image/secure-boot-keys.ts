import { randomUUID } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Exec } from "../core/ports.ts";
import { KEY_PAIRS, type KeyPair, keyPairFiles, makeKeyPair } from "./key-pair.ts";
import { faultOfTokenUri } from "./token-uri.ts";

/** UEFI 2.10, section 32.3: the platform key signs the key exchange keys, those sign db, and a key in db signs what boots. */
export const SECURE_BOOT_KEYS = ["PK", "KEK", "db"] as const;
export type SecureBootKey = (typeof SECURE_BOOT_KEYS)[number];

const GUID_FILE = "owner.guid";
const DB_URI_FILE = "db.uri";
const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** They outlive the boxes; the firmware looks at no date. */
const VALID_DAYS = 20 * 365;
/** RSA-2048 with SHA-256 is what all firmware checks. */
const ALGORITHM = ["-newkey", "rsa:2048", "-sha256", "-nodes"];

export class SecureBootKeysError extends Error {
  override readonly name = "SecureBootKeysError";
  readonly code: "exists" | "incomplete" | "badUri";
  constructor(code: SecureBootKeysError["code"], message: string) {
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
  /** db is in a PKCS #11 token, under this URI, and db.uri is in the place of db.key. */
  readonly dbUri?: string;
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
    for (const key of SECURE_BOOT_KEYS) {
      const inToken = key === "db" ? dbUri : undefined;
      const source =
        inToken === undefined
          ? [...ALGORITHM, "-keyout", `${made}/${key}.key`]
          : ["-sha256", "-engine", "pkcs11", "-keyform", "engine", "-key", inToken];
      const files = [...source, "-out", `${made}/${key}.crt`];
      const subject = `/CN=${owner.replaceAll(/[/\\]/g, "-")} ${key}`;
      const validity = ["-days", String(VALID_DAYS)];
      await exec("openssl", ["req", "-x509", ...validity, "-subj", subject, ...files], signal);
      if (inToken === undefined) await chmod(`${made}/${key}.key`, 0o600);
      else await writeFile(`${made}/${DB_URI_FILE}`, `${inToken}\n`);
    }
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
  if (found.has(DB_URI_FILE)) found.add("db.key");
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
  const names = await readdir(folder);
  if (!names.includes(DB_URI_FILE)) return { folder, ownerGuid };
  if (names.includes("db.key"))
    throw new SecureBootKeysError(
      "badUri",
      `${folder} has both db.key and ${DB_URI_FILE}: remove the one that boxes do not trust`,
    );
  const dbUri = (await readFile(`${folder}/${DB_URI_FILE}`, "utf8")).trim();
  checkUri(`${folder}/${DB_URI_FILE}`, dbUri);
  return { folder, ownerGuid, dbUri };
}

function checkUri(where: string, uri: string): void {
  const fault = faultOfTokenUri(uri);
  if (fault !== undefined) throw new SecureBootKeysError("badUri", `${where}: ${fault}`);
}
