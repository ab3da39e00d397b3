import { type Decoded, malformed, ok, truncated } from "./decoded.ts";

/** One entry of a signature database (PK, KEK, db, dbx). GUIDs are in lower case, as people write them. */
export interface EfiSignature {
  /** X509_SIGNATURE, or another kind. */
  readonly type: string;
  /** Who put it there. */
  readonly owner: string;
  /** Of X509_SIGNATURE the certificate as DER. */
  readonly data: Uint8Array;
}

/** EFI_CERT_X509_GUID. */
export const X509_SIGNATURE = "a5c059a1-94e4-4aa7-87b5-ab155c2bf072";
/** EFI_CERT_SHA256_GUID: of a program, as its signature is over. */
export const SHA256_SIGNATURE = "c1c41626-504c-4092-aca9-41f936934328";
/** EFI_CERT_TYPE_PKCS7_GUID: of a signed variable. */
const PKCS7_SIGNATURE = "4aafd29d-68df-49ee-8aa9-347d375665a7";

const LIST_HEADER_BYTES = 28;
const GUID_BYTES = 16;
const TIME_BYTES = 16;
const CERTIFICATE_HEADER_BYTES = 24;
/** A vendor's dbx has some hundred. */
const SIGNATURES_MAX = 8192;

/** Lists one behind the other, as a variable's content is. Source: UEFI 2.10, section 32.4.1, EFI_SIGNATURE_LIST. */
export function decodeSignatureLists(bytes: Uint8Array): Decoded<readonly EfiSignature[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const signatures: EfiSignature[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < LIST_HEADER_BYTES) return truncated(bytes.length);
    const type = guidAt(bytes, at);
    const listBytes = view.getUint32(at + 16, true);
    const headerBytes = view.getUint32(at + 20, true);
    const signatureBytes = view.getUint32(at + 24, true);
    if (listBytes > bytes.length - at) return truncated(bytes.length);
    const contentBytes = listBytes - LIST_HEADER_BYTES - headerBytes;
    if (contentBytes < 0) return malformed(at + 16);
    if (signatureBytes <= GUID_BYTES || contentBytes % signatureBytes !== 0) return malformed(at + 24);
    const end = at + listBytes;
    for (let entry = end - contentBytes; entry < end; entry += signatureBytes) {
      if (signatures.length === SIGNATURES_MAX) return malformed(entry);
      const data = bytes.subarray(entry + GUID_BYTES, entry + signatureBytes);
      signatures.push({ type, owner: guidAt(bytes, entry), data });
    }
    at = end;
  }
  return ok(signatures);
}

/**
 * What a signed update of a variable (NAME.auth) adds or puts there; its signature is the firmware's to check. Source: UEFI 2.10,
 * section 8.2.2, EFI_VARIABLE_AUTHENTICATION_2.
 */
export function decodeVariableUpdate(bytes: Uint8Array): Decoded<readonly EfiSignature[]> {
  if (bytes.length < TIME_BYTES + CERTIFICATE_HEADER_BYTES) return truncated(bytes.length);
  const certificateBytes = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(TIME_BYTES, true);
  if (certificateBytes < CERTIFICATE_HEADER_BYTES) return malformed(TIME_BYTES);
  if (guidAt(bytes, TIME_BYTES + 8) !== PKCS7_SIGNATURE) return malformed(TIME_BYTES + 8);
  if (certificateBytes > bytes.length - TIME_BYTES) return truncated(bytes.length);
  const listsAt = TIME_BYTES + certificateBytes;
  const lists = decodeSignatureLists(bytes.subarray(listsAt));
  return lists.ok ? lists : { ...lists, atOffset: listsAt + lists.atOffset };
}

/** Its first three parts are little-endian (UEFI 2.10, appendix A). */
function guidAt(bytes: Uint8Array, at: number): string {
  const hex = (from: number, to: number, reversed: boolean) => {
    const part = [...bytes.subarray(at + from, at + to)].map((byte) => byte.toString(16).padStart(2, "0"));
    return (reversed ? part.reverse() : part).join("");
  };
  return [hex(0, 4, true), hex(4, 6, true), hex(6, 8, true), hex(8, 10, false), hex(10, 16, false)].join("-");
}
