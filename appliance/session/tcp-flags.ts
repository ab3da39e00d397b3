/** RFC 9293, section 3.1. */
export const FLAG_FIN = 0x01;
export const FLAG_SYN = 0x02;
export const FLAG_RST = 0x04;
export const FLAG_ACK = 0x10;

/** One that asks for a connection. */
export function isSyn(tcpFlags: number): boolean {
  return (tcpFlags & (FLAG_SYN | FLAG_ACK | FLAG_RST)) === FLAG_SYN;
}

/** Reset by one side, or finished by both. `flags` has those of both sides, as FLAGS of a session's row. */
export function isClosed(flags: number): boolean {
  const flags0 = flags & 0xff;
  const flags1 = flags >> 8;
  return ((flags0 | flags1) & FLAG_RST) !== 0 || (flags0 & flags1 & FLAG_FIN) !== 0;
}
