import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { Secret } from "../../core/secret.ts";

/**
 * Secrets at rest. Under a key: IV (12 octets) ‖ AES-256-GCM ciphertext ‖ tag (16), the label as additional data, so that one
 * kind of secret can't be put in place of another. Under a passphrase: JSON with scrypt's parameters (RFC 7914) and the same.
 */
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
/** 128 MiB and about half a second: an attacker pays it for each guess. */
const SCRYPT_COST = { N: 2 ** 17, r: 8, p: 1 } as const;
const SCRYPT_MEMORY_BYTES = 256 * 1024 * 1024;
const SCRYPT_COST_MOST = 2 ** 20;

export function newKey(): Secret {
  return new Secret(randomBytes(KEY_BYTES));
}

export function wrap(key: Secret, secret: Secret, label: string): Uint8Array {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key.reveal(), iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(label));
  return Buffer.concat([iv, cipher.update(secret.reveal()), cipher.final(), cipher.getAuthTag()]);
}

/** undefined: another key, another label, or damaged. */
export function unwrap(key: Secret, wrapped: Uint8Array, label: string): Secret | undefined {
  if (wrapped.length < IV_BYTES + TAG_BYTES) return undefined;
  const end = wrapped.length - TAG_BYTES;
  const decipher = createDecipheriv("aes-256-gcm", key.reveal(), wrapped.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(label));
  decipher.setAuthTag(wrapped.subarray(end));
  const opened = decipher.update(wrapped.subarray(IV_BYTES, end));
  try {
    decipher.final();
  } catch {
    opened.fill(0);
    return undefined;
  }
  return new Secret(opened);
}

interface SealedFile {
  readonly kdf: "scrypt";
  readonly N: number;
  readonly r: number;
  readonly p: number;
  readonly salt: string;
  readonly sealed: string;
}

/** Text of a file that only the passphrase opens. */
export async function sealWithPassphrase(passphrase: Secret, secret: Secret, label: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await passphraseKey(passphrase, salt, SCRYPT_COST);
  const sealed = Buffer.from(wrap(key, secret, label)).toString("base64");
  key.wipe();
  const file: SealedFile = { kdf: "scrypt", ...SCRYPT_COST, salt: salt.toString("base64"), sealed };
  return `${JSON.stringify(file)}\n`;
}

/** undefined: another passphrase, or the file is not such a file. */
export async function openWithPassphrase(passphrase: Secret, text: string, label: string): Promise<Secret | undefined> {
  const file = readSealedFile(text);
  if (file === undefined) return undefined;
  const key = await passphraseKey(passphrase, Buffer.from(file.salt, "base64"), file);
  try {
    return unwrap(key, Buffer.from(file.sealed, "base64"), label);
  } finally {
    key.wipe();
  }
}

function readSealedFile(text: string): SealedFile | undefined {
  try {
    const file = JSON.parse(text) as SealedFile;
    const known = file.kdf === "scrypt" && typeof file.salt === "string" && typeof file.sealed === "string";
    return known && file.N <= SCRYPT_COST_MOST && file.r <= 16 && file.p <= 4 ? file : undefined;
  } catch {
    return undefined;
  }
}

function passphraseKey(
  passphrase: Secret,
  salt: Uint8Array,
  cost: { N: number; r: number; p: number },
): Promise<Secret> {
  const { N, r, p } = cost;
  return new Promise((resolve, reject) => {
    scrypt(passphrase.reveal(), salt, KEY_BYTES, { N, r, p, maxmem: SCRYPT_MEMORY_BYTES }, (error, key) => {
      if (error === null) resolve(new Secret(key));
      else reject(error);
    });
  });
}
