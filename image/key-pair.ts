import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { open, readFile } from "node:fs/promises";

/**
 * Pairs of a folder of keys, beside those of Secure Boot: `update` (Ed25519) signs updates, `pcr` (RSA-2048, which every TPM checks)
 * the measurements that a TPM may release its share for.
 */
export const KEY_PAIRS = ["update", "pcr"] as const;
export type KeyPair = (typeof KEY_PAIRS)[number];

/** PEM: PKCS #8, and SPKI for the image. */
export function keyPairFiles(pair: KeyPair): readonly [privateFile: string, publicFile: string] {
  return [`${pair}.key`, `${pair}.pub`];
}

/** Files that are there are never written over. */
export async function makeKeyPair(folder: string, pair: KeyPair): Promise<void> {
  const { privateKey, publicKey } =
    pair === "update" ? generateKeyPairSync("ed25519") : generateKeyPairSync("rsa", { modulusLength: 2048 });
  const [privateFile, publicFile] = keyPairFiles(pair);
  await writeNew(`${folder}/${privateFile}`, String(privateKey.export({ format: "pem", type: "pkcs8" })), 0o600);
  await writePublicHalf(`${folder}/${publicFile}`, publicKey);
}

/** Of a pair whose private half is there. */
export async function makePublicHalf(folder: string, pair: KeyPair): Promise<void> {
  const [privateFile, publicFile] = keyPairFiles(pair);
  await writePublicHalf(`${folder}/${publicFile}`, createPublicKey(await readFile(`${folder}/${privateFile}`)));
}

function writePublicHalf(path: string, key: KeyObject): Promise<void> {
  return writeNew(path, String(key.export({ format: "pem", type: "spki" })), 0o644);
}

export function publicKeyOf({ folder }: { folder: string }, pair: KeyPair): string {
  return `${folder}/${keyPairFiles(pair)[1]}`;
}

export function privateKeyOf({ folder }: { folder: string }, pair: KeyPair): string {
  return `${folder}/${keyPairFiles(pair)[0]}`;
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, "wx", mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
