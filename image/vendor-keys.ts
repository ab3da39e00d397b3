import { X509Certificate } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { decodeSignatureLists } from "../core/efi-signature-list.ts";

/** Variables that may hold a vendor's keys beside the provider's. */
export const VENDOR_VARIABLES = ["KEK", "db"] as const;
export type VendorVariable = (typeof VENDOR_VARIABLES)[number];
/** Names of files, in order, below vendor/VARIABLE of a folder of keys: *.crt (PEM) and *.esl (EFI_SIGNATURE_LIST). */
export type VendorKeys = Readonly<Record<VendorVariable, readonly string[]>>;

export const VENDOR_FOLDER = "vendor";
/** They become words of a shell. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*\.(?:crt|esl)$/;

/** A file that the firmware would not take; the message names it, and says what to do. */
export class VendorKeysError extends Error {
  override readonly name = "VendorKeysError";
}

/** undefined: there are none. Each file is looked into, since a firmware takes the whole list or nothing. */
export async function readVendorKeys(keysFolder: string): Promise<VendorKeys | undefined> {
  const [KEK, db] = [await readFolder(keysFolder, "KEK"), await readFolder(keysFolder, "db")];
  return KEK.length + db.length === 0 ? undefined : { KEK, db };
}

async function readFolder(keysFolder: string, variable: VendorVariable): Promise<readonly string[]> {
  const folder = `${keysFolder}/${VENDOR_FOLDER}/${variable}`;
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  for (const name of names) {
    const path = `${folder}/${name}`;
    if (!NAME.test(name))
      throw new VendorKeysError(`${path}: expected NAME.crt or NAME.esl, of letters, digits, dots and dashes`);
    const fault = name.endsWith(".crt")
      ? faultOfCertificate(await readFile(path, "utf8"))
      : faultOfLists(await readFile(path));
    if (fault !== undefined) throw new VendorKeysError(`${path}: ${fault}`);
  }
  return names.sort();
}

function faultOfCertificate(pem: string): string | undefined {
  if (!pem.includes("-----BEGIN CERTIFICATE-----"))
    return "expected a certificate as PEM; `openssl x509 -inform der -in FILE -out FILE.crt` makes it of DER";
  try {
    new X509Certificate(pem);
    return undefined;
  } catch (error) {
    return `expected a certificate: ${(error as Error).message}`;
  }
}

function faultOfLists(bytes: Uint8Array): string | undefined {
  const lists = decodeSignatureLists(bytes);
  if (!lists.ok)
    return `expected signature lists: ${lists.reason} at octet ${lists.atOffset} (a file of efivarfs has four octets before them)`;
  return lists.value.length === 0 ? "no key is in it" : undefined;
}
