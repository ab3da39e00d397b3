import { CONTROL_SIGNATURES } from "./control-signatures.ts";
import { DATABASE_SIGNATURES } from "./database-signatures.ts";
import { DIRECTORY_SIGNATURES } from "./directory-signatures.ts";
import { MEDIA_SIGNATURES } from "./media-signatures.ts";
import { MESSAGE_SIGNATURES } from "./message-signatures.ts";
import { NETWORK_SIGNATURES } from "./network-signatures.ts";
import { codeOf, PROTOCOL_ESP, PROTOCOL_NONE } from "./protocol.ts";
import { SECURE_SIGNATURES, WEAK_SECURE_SIGNATURES } from "./secure-signatures.ts";
import type { Matcher, Signature } from "./signature.ts";
import { TEXT_SIGNATURES } from "./text-signatures.ts";
import { VPN_SIGNATURES, WEAK_VPN_SIGNATURES } from "./vpn-signatures.ts";

export {
  PROTOCOL_ESP,
  PROTOCOL_HTTP,
  PROTOCOL_HTTP2,
  PROTOCOL_NONE,
  PROTOCOL_OPENVPN,
  PROTOCOL_QUIC,
  PROTOCOL_SSH,
  PROTOCOL_TLS,
  PROTOCOLS,
  type Protocol,
} from "./protocol.ts";

const IP_TCP = 6;
const IP_UDP = 17;
const IP_ESP = 50;
const IP_AH = 51;
const FIRST_OCTETS = 256;
/** Shorter payload says nothing. */
const LEAST_BYTES = 3;

/** The most certain first: where several match, the first is taken. */
const SIGNATURES: readonly Signature[] = [
  ...SECURE_SIGNATURES,
  ...TEXT_SIGNATURES,
  ...VPN_SIGNATURES,
  ...NETWORK_SIGNATURES,
  ...DIRECTORY_SIGNATURES,
  ...CONTROL_SIGNATURES,
  ...DATABASE_SIGNATURES,
  ...MESSAGE_SIGNATURES,
  ...MEDIA_SIGNATURES,
  ...WEAK_VPN_SIGNATURES,
  ...WEAK_SECURE_SIGNATURES,
];

/** Signatures by the first octet of the payload, so that a packet is compared with few. */
class SignatureIndex {
  readonly #matchers: (readonly Matcher[])[] = [];
  readonly #codes: (readonly number[])[] = [];

  constructor(signatures: readonly Signature[]) {
    for (let octet = 0; octet < FIRST_OCTETS; octet++) {
      const fitting = signatures.filter(({ first }) => first === undefined || first.includes(octet));
      this.#matchers.push(fitting.map(({ matches }) => matches));
      this.#codes.push(fitting.map(({ name }) => codeOf(name)));
    }
  }

  find(bytes: Uint8Array, from: number, to: number, source: number, destination: number): number {
    const octet = bytes[from] as number;
    const matchers = this.#matchers[octet] as readonly Matcher[];
    for (let i = 0; i < matchers.length; i++)
      if ((matchers[i] as Matcher)(bytes, from, to, source, destination))
        return (this.#codes[octet] as readonly number[])[i] as number;
    return PROTOCOL_NONE;
  }
}

const overTcp = new SignatureIndex(SIGNATURES.filter(({ over }) => over !== "udp"));
const overUdp = new SignatureIndex(SIGNATURES.filter(({ over }) => over !== "tcp"));
const PROTOCOL_AH = codeOf("AH");

/**
 * What the payload of one segment or datagram, `bytes[from]` to `bytes[to - 1]`, says about the application protocol: a code of
 * PROTOCOLS. Allocates nothing.
 */
export function recogniseProtocol(
  bytes: Uint8Array,
  from: number,
  to: number,
  ipProtocol: number,
  sourcePort: number,
  destinationPort: number,
): number {
  if (ipProtocol === IP_ESP) return PROTOCOL_ESP;
  if (ipProtocol === IP_AH) return PROTOCOL_AH;
  if (to - from < LEAST_BYTES) return PROTOCOL_NONE;
  if (ipProtocol === IP_TCP) return overTcp.find(bytes, from, to, sourcePort, destinationPort);
  if (ipProtocol === IP_UDP) return overUdp.find(bytes, from, to, sourcePort, destinationPort);
  return PROTOCOL_NONE;
}
