import { decodeLatin1 } from "../../core/latin1.ts";
import { md5Hex } from "./ssh-digest.ts";

/** SSH_MSG_KEXINIT, RFC 4253, section 7.1: its number, a cookie, ten name-lists, two more fields. */
const KEXINIT = 20;
const COOKIE_BYTES = 16;
const LISTS = 8;

/**
 * The fingerprint of what a side offers (Salesforce, "HASSH"): MD5 of its key exchange, encryption, MAC and compression
 * algorithms, of the direction in which it sends. `payload` is that of an SSH packet; undefined when it is no whole KEXINIT.
 */
export function renderHassh(payload: Uint8Array, isClient: boolean): string | undefined {
  if (payload[0] !== KEXINIT) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const lists: string[] = [];
  let at = 1 + COOKIE_BYTES;
  for (let i = 0; i < LISTS; i++) {
    if (at + 4 > payload.length) return undefined;
    const end = at + 4 + view.getUint32(at);
    if (end > payload.length) return undefined;
    lists.push(decodeLatin1(payload, at + 4, end));
    at = end;
  }
  // kex, host key, then encryption, MAC and compression, each from the client and from the server
  const [kex, , ...rest] = lists;
  return md5Hex([kex, ...rest.filter((_, i) => (i % 2 === 0) === isClient)].join(";"));
}
