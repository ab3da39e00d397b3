import { encryptBlock, hmacSha256, openAesGcm } from "./quic-cipher.ts";
import type { LongHeader } from "./quic-packet.ts";
import type { QuicVersion } from "./quic-version.ts";

/** RFC 9001, section 5.1: of AEAD_AES_128_GCM, which protects every Initial packet (section 5.2). */
const KEY_BYTES = 16;
const IV_BYTES = 12;
const SECRET_BYTES = 32;
const SAMPLE_BYTES = 16;
const PACKET_NUMBER_MAX_BYTES = 4;

interface PacketKeys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  readonly headerProtection: Uint8Array;
}

/**
 * Keys of the Initial packets of one connection, which follow from the Destination Connection ID of the client's first (RFC 9001,
 * section 5.2). Those of the server are made when they are first used.
 */
export class InitialKeys {
  readonly version: QuicVersion;
  readonly destinationId: Uint8Array;
  readonly #initialSecret: Uint8Array;
  readonly #client: PacketKeys;
  #server: PacketKeys | undefined;

  constructor(version: QuicVersion, destinationId: Uint8Array) {
    this.version = version;
    this.destinationId = destinationId;
    this.#initialSecret = hmacSha256(version.salt, destinationId); // HKDF-Extract (RFC 5869, section 2.2)
    this.#client = deriveKeys(this.#initialSecret, "client in", version.label);
  }

  /** Payload of an Initial packet of the client; undefined when it is of another connection, or damaged. */
  openClient(packet: LongHeader): Uint8Array | undefined {
    return open(this.#client, packet);
  }

  openServer(packet: LongHeader): Uint8Array | undefined {
    this.#server ??= deriveKeys(this.#initialSecret, "server in", this.version.label);
    return open(this.#server, packet);
  }
}

function deriveKeys(initialSecret: Uint8Array, side: string, label: string): PacketKeys {
  const secret = expandLabel(initialSecret, side, SECRET_BYTES);
  return {
    key: expandLabel(secret, `${label}key`, KEY_BYTES),
    iv: expandLabel(secret, `${label}iv`, IV_BYTES),
    headerProtection: expandLabel(secret, `${label}hp`, KEY_BYTES),
  };
}

/** HKDF-Expand-Label with an empty context (RFC 8446, section 7.1); one round of SHA-256 gives all that is asked for. */
function expandLabel(secret: Uint8Array, label: string, sizeBytes: number): Uint8Array {
  const text = `tls13 ${label}`;
  const info = new Uint8Array(2 + 1 + text.length + 1 + 1);
  info[1] = sizeBytes;
  info[2] = text.length;
  for (let i = 0; i < text.length; i++) info[3 + i] = text.charCodeAt(i);
  info[info.length - 1] = 1; // HKDF-Expand counts its rounds
  return hmacSha256(secret, info).subarray(0, sizeBytes);
}

/**
 * Takes off the header protection and opens the payload (RFC 9001, sections 5.3 and 5.4). The packet number is taken as it
 * stands: those of Initial packets start at 0 and are few. Leaves the packet as it was.
 */
function open(keys: PacketKeys, packet: LongHeader): Uint8Array | undefined {
  const { bytes, at, packetNumberAt, end } = packet;
  const sampleAt = packetNumberAt + PACKET_NUMBER_MAX_BYTES;
  const mask = encryptBlock(keys.headerProtection, bytes.subarray(sampleAt, sampleAt + SAMPLE_BYTES));
  const first = (bytes[at] as number) ^ ((mask[0] as number) & 0x0f);
  const packetNumberBytes = (first & 3) + 1;
  const payloadAt = packetNumberAt + packetNumberBytes;
  if (end - payloadAt <= SAMPLE_BYTES) return undefined;
  const header = new Uint8Array(bytes.subarray(at, payloadAt)); // a slice of a Buffer is no copy
  const nonce = new Uint8Array(keys.iv);
  header[0] = first;
  for (let i = 0; i < packetNumberBytes; i++) {
    const octet = (bytes[packetNumberAt + i] as number) ^ (mask[1 + i] as number);
    const nonceAt = IV_BYTES - packetNumberBytes + i;
    header[packetNumberAt - at + i] = octet;
    nonce[nonceAt] = (nonce[nonceAt] as number) ^ octet;
  }
  return openAesGcm(keys.key, nonce, header, bytes.subarray(payloadAt, end));
}
