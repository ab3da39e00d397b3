import { uint32At } from "./quic-packet.ts";

/** Opcodes (OpenVPN's doc/doxygen, "Network protocol"; src/openvpn/ssl_pkt.h). */
const P_CONTROL_V1 = 4;
/** P_CONTROL_HARD_RESET of client and server, of both methods of key exchange. */
const RESETS: ReadonlySet<number> = new Set([1, 2, 7, 8]);

const SESSION_ID_BYTES = 8;
/** Opcode and key id, session id. */
const HEADER_BYTES = 1 + SESSION_ID_BYTES;
/** The count of acknowledgements, and the id of the message. */
const PACKET_LEAST_BYTES = HEADER_BYTES + 1 + 4;
const ACKNOWLEDGEMENTS_MAX = 8;
/** --tls-auth puts an HMAC, a packet id and a time there: none, or SHA-1, SHA-256, SHA-512, MD5, SHA-224, SHA-384. */
const AUTHENTICATION_BYTES = [0, 28, 40, 72, 24, 36, 56];
const TLS_HANDSHAKE = 22;
const TLS_MAJOR = 3;
const TLS_MINOR_MAX = 4;
const UNKNOWN = -1;

/**
 * One packet of OpenVPN's control channel, as it is without --tls-crypt; reused for every packet. What --tls-auth adds is not said by
 * the packet: the first that carries the start of a TLS record shows it.
 */
export class OpenVpnPacket {
  /** It opens a session of its sender. */
  isReset = false;
  keyId = 0;
  /** The sender's session, as two halves. */
  sessionHigh = 0;
  sessionLow = 0;
  /** Its place among the messages of its sender; not known of a reset, which is the first. */
  messageId = 0;
  payloadAt = 0;
  #authenticationBytes = UNKNOWN;

  /** Reads `bytes[from]` to `bytes[to - 1]`; false when it is neither a reset nor a message that can be read. */
  read(bytes: Uint8Array, from: number, to: number): boolean {
    if (to - from < PACKET_LEAST_BYTES) return false;
    const first = bytes[from] as number;
    this.isReset = RESETS.has(first >> 3);
    if (!this.isReset && first >> 3 !== P_CONTROL_V1) return false;
    this.keyId = first & 7;
    this.sessionHigh = uint32At(bytes, from + 1);
    this.sessionLow = uint32At(bytes, from + 5);
    return this.isReset || this.#readMessage(bytes, from, to);
  }

  #readMessage(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.#authenticationBytes === UNKNOWN) this.#authenticationBytes = authenticationOf(bytes, from, to);
    if (this.#authenticationBytes === UNKNOWN) return false;
    this.payloadAt = payloadOf(bytes, from, to, this.#authenticationBytes);
    if (this.payloadAt === UNKNOWN) return false;
    this.messageId = uint32At(bytes, this.payloadAt - 4);
    return true;
  }
}

/** Octets between the session id and the acknowledgements; -1 while that can't be told. */
function authenticationOf(bytes: Uint8Array, from: number, to: number): number {
  for (const count of AUTHENTICATION_BYTES) {
    const at = payloadOf(bytes, from, to, count);
    if (
      at !== UNKNOWN &&
      at + 3 <= to &&
      bytes[at] === TLS_HANDSHAKE &&
      bytes[at + 1] === TLS_MAJOR &&
      (bytes[at + 2] as number) <= TLS_MINOR_MAX
    )
      return count;
  }
  return UNKNOWN;
}

/** Behind the acknowledgements, the session id that comes with them, and the message's id. */
function payloadOf(bytes: Uint8Array, from: number, to: number, authenticationBytes: number): number {
  const countAt = from + HEADER_BYTES + authenticationBytes;
  if (countAt >= to) return UNKNOWN;
  const count = bytes[countAt] as number;
  if (count > ACKNOWLEDGEMENTS_MAX) return UNKNOWN;
  const at = countAt + 1 + (count === 0 ? 0 : 4 * count + SESSION_ID_BYTES) + 4;
  return at <= to ? at : UNKNOWN;
}
