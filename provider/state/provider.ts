import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import type { DatabaseSync } from "node:sqlite";
import type { Secret } from "../../core/secret.ts";
import { type AuditLog, openAuditLog } from "../audit/audit-log.ts";
import { openWithPassphrase, unwrap } from "../keys/wrap.ts";
import { namingFile, openDatabase } from "./database.ts";
import { type StatePaths, statePaths } from "./paths.ts";
import { type ProviderSettings, readSettings, StateError } from "./settings.ts";

export const MASTER_LABEL = "cepa-master-key";
export const COMMAND_LABEL = "cepa-command-key";
export const HTTPS_KEY_LABEL = "cepa-https-key";
export const VPN_KEY_LABEL = "cepa-vpn-key";
export const TLS_CRYPT_V2_LABEL = "cepa-tls-crypt-v2-key";

/** A provider's state folder, opened. Without the passphrase nothing secret can be read. */
export interface Provider {
  readonly paths: StatePaths;
  readonly settings: ProviderSettings;
  readonly database: DatabaseSync;
  readonly audit: AuditLog;
}

/** Throws a StateError when there is none. The caller closes `database`. */
export async function openProvider(folder: string): Promise<Provider> {
  const settings = await readSettings(folder);
  if (((await stat(folder)).mode & 0o077) !== 0)
    throw new StateError("damaged", `${folder}: other users can read it, and keys are in it; chmod 700 ${folder}`);
  const paths = statePaths(folder);
  const database = openDatabase(paths.database);
  return { paths, settings, database, audit: openAuditLog(paths.auditLog, database) };
}

/** Opens it for `body`, and closes it. Throws what that throws, a StateError, or a DatabaseError. */
export async function withProvider<T>(folder: string, body: (provider: Provider) => Promise<T>): Promise<T> {
  const provider = await openProvider(folder);
  try {
    return await body(provider);
  } catch (error) {
    throw namingFile(error, provider.paths.database);
  } finally {
    provider.database.close();
  }
}

/** The key that wraps every other. Throws a StateError. */
export async function unlockMasterKey(paths: StatePaths, passphrase: Secret): Promise<Secret> {
  const text = await readFile(paths.masterKey, "utf8").catch((cause: Error) => {
    throw new StateError("damaged", `${paths.masterKey}: ${cause.message}`, { cause });
  });
  const key = await openWithPassphrase(passphrase, text, MASTER_LABEL);
  if (key === undefined)
    throw new StateError("wrongPassphrase", `${paths.folder}: the passphrase is not this provider's`);
  return key;
}

/** What a file holds that is sealed under the master key. Throws a StateError. */
export async function openSealed(path: string, masterKey: Secret, label: string): Promise<Secret> {
  const sealed = await readFile(path).catch((cause: Error) => {
    throw new StateError("damaged", `${path}: ${cause.message}`, { cause });
  });
  const opened = unwrap(masterKey, sealed, label);
  if (opened === undefined) throw new StateError("damaged", `${path}: not under this provider's master key`);
  return opened;
}

/** Base's Ed25519 key: signs commands and sensors' configurations. Throws a StateError. */
export async function openCommandKey(paths: StatePaths, masterKey: Secret): Promise<KeyObject> {
  const der = await openSealed(paths.commandKey, masterKey, COMMAND_LABEL);
  try {
    const { buffer, byteOffset, byteLength } = der.reveal();
    return createPrivateKey({ key: Buffer.from(buffer, byteOffset, byteLength), format: "der", type: "pkcs8" });
  } finally {
    der.wipe();
  }
}
