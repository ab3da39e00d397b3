import { generateKeyPairSync } from "node:crypto";
import { open } from "node:fs/promises";
import type { SecureBootKeys } from "./secure-boot-keys.ts";

/** PEM, Ed25519: PKCS #8, and SPKI for the image. */
const PRIVATE_FILE = "update.key";
const PUBLIC_FILE = "update.pub";
export const UPDATE_KEY_FILES = [PRIVATE_FILE, PUBLIC_FILE] as const;

/** What signs updates. Files of these names are never written over. */
export async function makeUpdateKey(folder: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  await writeNew(`${folder}/${PRIVATE_FILE}`, String(privateKey.export({ format: "pem", type: "pkcs8" })), 0o600);
  await writeNew(`${folder}/${PUBLIC_FILE}`, String(publicKey.export({ format: "pem", type: "spki" })), 0o644);
}

export function updatePublicKeyOf({ folder }: SecureBootKeys): string {
  return `${folder}/${PUBLIC_FILE}`;
}

export function updatePrivateKeyOf({ folder }: SecureBootKeys): string {
  return `${folder}/${PRIVATE_FILE}`;
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
