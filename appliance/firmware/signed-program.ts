import { createHash } from "node:crypto";
import {
  DerCursor,
  TAG_CONTEXT_0,
  TAG_INTEGER,
  TAG_OBJECT_IDENTIFIER,
  TAG_OCTET_STRING,
  TAG_SEQUENCE,
  TAG_SET,
} from "../../core/der.ts";
import { decodeLatin1 } from "../../core/latin1.ts";

/** A program of the firmware, whole as far as its own signature tells; whether that one is right is the firmware's to say. */
export interface SignedProgram {
  /** SHA-256 of what a signature is over, in hexadecimal: the same however often, and when, it was signed. */
  readonly digest: string;
  /** Certificates of those who signed it, DER. */
  readonly signers: readonly Uint8Array[];
  /** What systemd-boot calls itself; undefined: it is another program. */
  readonly loaderInfo: string | undefined;
}

const SHA256_BYTES = 32;
/** Of the DOS header: where the PE header is. Source: PE Format (Microsoft), "MS-DOS Stub" and "Optional Header". */
const PE_OFFSET_AT = 0x3c;
const OPTIONAL_HEADER_AT = 24;
const CHECKSUM_AT = OPTIONAL_HEADER_AT + 64;
/** Of PE32+: the fifth data directory, the certificate table, whose address is an offset in the file. */
const PE32_PLUS = 0x20b;
const TABLE_ENTRY_AT = OPTIONAL_HEADER_AT + 112 + 4 * 8;
/** WIN_CERTIFICATE (PE Format, "The Attribute Certificate Table"). */
const CERTIFICATE_HEADER_BYTES = 8;
const PKCS_SIGNED_DATA = 0x0002;
const CERTIFICATES_MAX = 8;
/** systemd-boot's section .sdmagic (systemd, src/boot/boot.c). */
const LOADER_INFO = /#### LoaderInfo: (systemd-boot [\x21-\x7e]{1,60}) ####/;

/**
 * Reads a PE32+ program with Authenticode signatures at its end; undefined when it is none, or not the octets that were signed. Source:
 * Microsoft, "Windows Authenticode Portable Executable Signature Format" (2008).
 */
export function decodeSignedProgram(bytes: Uint8Array): SignedProgram | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < PE_OFFSET_AT + 4 || decodeLatin1(bytes, 0, 2) !== "MZ") return undefined;
  const pe = view.getUint32(PE_OFFSET_AT, true);
  if (pe + TABLE_ENTRY_AT + 8 > bytes.length || decodeLatin1(bytes, pe, pe + 4) !== "PE\0\0") return undefined;
  if (view.getUint16(pe + OPTIONAL_HEADER_AT, true) !== PE32_PLUS) return undefined;
  const tableFrom = view.getUint32(pe + TABLE_ENTRY_AT, true);
  const tableTo = tableFrom + view.getUint32(pe + TABLE_ENTRY_AT + 4, true);
  if (tableFrom < pe + TABLE_ENTRY_AT + 8 || tableTo !== bytes.length) return undefined;
  const digest = createHash("sha256")
    .update(bytes.subarray(0, pe + CHECKSUM_AT))
    .update(bytes.subarray(pe + CHECKSUM_AT + 4, pe + TABLE_ENTRY_AT))
    .update(bytes.subarray(pe + TABLE_ENTRY_AT + 8, tableFrom))
    .digest("hex");
  const signers: Uint8Array[] = [];
  for (let at = tableFrom; at < tableTo && signers.length < CERTIFICATES_MAX; ) {
    if (tableTo - at < CERTIFICATE_HEADER_BYTES) return undefined;
    const lengthBytes = view.getUint32(at, true);
    if (lengthBytes < CERTIFICATE_HEADER_BYTES || lengthBytes > tableTo - at) return undefined;
    if (view.getUint16(at + 6, true) === PKCS_SIGNED_DATA) {
      const signature = decodeSignature(bytes, at + CERTIFICATE_HEADER_BYTES, at + lengthBytes);
      if (signature?.digest !== digest) return undefined;
      signers.push(signature.signer);
    }
    at += Math.ceil(lengthBytes / 8) * 8;
  }
  if (signers.length === 0) return undefined;
  const loaderInfo = LOADER_INFO.exec(decodeLatin1(bytes, 0, tableFrom))?.[1];
  return { digest, signers, loaderInfo };
}

/** What tells a program from others: its octets and who signed them, not when. */
export function identityOf({ digest, signers }: SignedProgram): string {
  const names = signers.map((signer) => createHash("sha256").update(signer).digest("hex"));
  return [digest, ...names.sort()].join(" ");
}

/** The digest that is signed, and the certificate of the first signer: PKCS #7 SignedData over SpcIndirectDataContent (RFC 2315). */
function decodeSignature(
  bytes: Uint8Array,
  from: number,
  to: number,
): { readonly digest: string; readonly signer: Uint8Array } | undefined {
  const data = new DerCursor(bytes, from, to).enter(TAG_SEQUENCE)?.after(TAG_OBJECT_IDENTIFIER);
  const signed = data?.enter(TAG_CONTEXT_0)?.enter(TAG_SEQUENCE)?.after(TAG_INTEGER)?.after(TAG_SET);
  const content = signed?.enter(TAG_SEQUENCE)?.after(TAG_OBJECT_IDENTIFIER)?.enter(TAG_CONTEXT_0)?.enter(TAG_SEQUENCE);
  const hash = content?.after(TAG_SEQUENCE)?.enter(TAG_SEQUENCE)?.after(TAG_SEQUENCE);
  if (signed === undefined || hash?.take(TAG_OCTET_STRING) !== true || hash.to - hash.from !== SHA256_BYTES)
    return undefined;
  const digest = bytes.subarray(hash.from, hash.to).toHex();
  const certificates = signed.enter(TAG_CONTEXT_0);
  const issuerAndSerial = signed.enter(TAG_SET)?.enter(TAG_SEQUENCE)?.after(TAG_INTEGER)?.enter(TAG_SEQUENCE);
  const wanted =
    issuerAndSerial === undefined
      ? undefined
      : [take(issuerAndSerial, TAG_SEQUENCE), take(issuerAndSerial, TAG_INTEGER)];
  while (certificates?.take(TAG_SEQUENCE) === true) {
    const { start, to: end } = certificates;
    const tbs = certificates.inside().enter(TAG_SEQUENCE);
    tbs?.take(TAG_CONTEXT_0); // version
    const serial = take(tbs, TAG_INTEGER);
    const issuer = take(tbs?.after(TAG_SEQUENCE), TAG_SEQUENCE);
    if (serial !== undefined && issuer !== undefined && wanted?.[0] === issuer && wanted[1] === serial)
      return { digest, signer: bytes.subarray(start, end) };
  }
  return undefined;
}

/** The next value whole, in hexadecimal, if it has this tag. */
function take(cursor: DerCursor | undefined, tag: number): string | undefined {
  if (cursor?.take(tag) !== true) return undefined;
  return cursor.bytes.subarray(cursor.start, cursor.to).toHex();
}
