import { hasText, word16, word16Little, word32 } from "./octets.ts";
import { range, type Signature, signature } from "./signature.ts";

/** Octets of a BER length (X.690, section 8.1.3) at `at`; 0 where it is none. */
function lengthOctets(b: Uint8Array, at: number): number {
  const first = b[at] as number;
  if (first < 0x80) return 1;
  return first >= 0x81 && first <= 0x84 ? first - 0x7f : 0;
}

const LDAP_OPERATIONS = new Set([
  0x60, 0x61, 0x42, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x4a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x50, 0x73, 0x77,
  0x78, 0x79,
]);

/** RFC 4511, section 4.1.1: a sequence of a message id and an operation. */
function isLdap(b: Uint8Array, from: number, to: number): boolean {
  const size = lengthOctets(b, from + 1);
  const at = from + 1 + size;
  const idBytes = b[at + 1] as number;
  if (size === 0 || at + 3 > to || b[at] !== 2 || idBytes < 1 || idBytes > 5) return false;
  return LDAP_OPERATIONS.has(b[at + 2 + idBytes] as number);
}

/** RFC 3416 and RFC 3412: a sequence of a version (0, 1, 3) and a community or header. */
function isSnmp(b: Uint8Array, from: number, to: number): boolean {
  const size = lengthOctets(b, from + 1);
  const at = from + 1 + size;
  if (size === 0 || at + 4 > to || b[at] !== 2 || b[at + 1] !== 1) return false;
  const version = b[at + 2] as number;
  return (version <= 1 && b[at + 3] === 4) || (version === 3 && b[at + 3] === 0x30);
}

/** RFC 4120, section 5.4: an application tag 10..30, a sequence, the version 5 in it. */
function isKerberosAt(b: Uint8Array, from: number, to: number): boolean {
  const tag = b[from] as number;
  if (tag < 0x6a || tag > 0x7e) return false;
  const size = lengthOctets(b, from + 1);
  const at = from + 1 + size;
  const inner = lengthOctets(b, at + 1);
  if (size === 0 || inner === 0 || b[at] !== 0x30 || at + 1 + inner + 5 > to) return false;
  const version = at + 1 + inner;
  return (
    ((b[version] as number) & 0xf0) === 0xa0 &&
    b[version + 1] === 3 &&
    b[version + 2] === 2 &&
    b[version + 3] === 1 &&
    b[version + 4] === 5
  );
}

/** Section 7.2.2: over TCP behind its length. */
function isKerberosStream(b: Uint8Array, from: number, to: number): boolean {
  return word32(b, from) < 65_536 && isKerberosAt(b, from + 4, to);
}

/** C706, section 12.6.3: version 5.0 or 5.1, a packet type, flags, data representation, the length of the fragment. */
function isDceRpc(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 16 || (b[from + 1] as number) > 1 || (b[from + 2] as number) > 20) return false;
  const little = b[from + 4] === 0x10;
  if ((!little && b[from + 4] !== 0) || b[from + 5] !== 0 || word16(b, from + 6) !== 0) return false;
  return (little ? word16Little(b, from + 8) : word16(b, from + 8)) >= 16;
}

/** C706, section 12.5: version 4 over datagrams. */
function isDceRpcDatagram(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 80 || (b[from + 1] as number) > 10 || ((b[from + 3] as number) & 0xfc) !== 0) return false;
  return (b[from + 4] === 0x10 || b[from + 4] === 0) && b[from + 5] === 0 && b[from + 6] === 0;
}

/** RFC 4121, section 4.2.6.2, behind the length of RFC 4422, section 3.7: a Kerberos wrap token, signed or sealed. */
function isGssWrap(b: Uint8Array, from: number, to: number): boolean {
  return (
    word32(b, from) < 1_048_576 &&
    hasText(b, from + 4, to, "\x05\x04") &&
    b[from + 7] === 0xff &&
    (b[from + 6] as number) < 8
  );
}

/** RFC 2608, section 8: SLP version 2, function, length. */
function isSlp(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 14 &&
    (b[from + 1] as number) >= 1 &&
    (b[from + 1] as number) <= 11 &&
    b[from + 2] === 0 &&
    word16(b, from + 3) === to - from
  );
}

/** Directories, their authentication, and remote procedures. */
export const DIRECTORY_SIGNATURES: readonly Signature[] = [
  signature("SNMP", "udp", [0x30], isSnmp),
  signature("LDAP", "both", [0x30], isLdap),
  signature("LDAP", "tcp", [0], isGssWrap),
  signature("Kerberos", "udp", range(0x6a, 0x7e), isKerberosAt),
  signature("Kerberos", "tcp", [0], isKerberosStream),
  signature("DCE-RPC", "tcp", [5], isDceRpc),
  signature("DCE-RPC", "udp", [4], isDceRpcDatagram),
  signature("SLP", "both", [2], isSlp),
];
