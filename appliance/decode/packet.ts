import { DONE, type Layer } from "./layer.ts";

const NOTHING = new Uint8Array(0);

/** Puts datagrams together; what does is in defragmenter.ts. */
export interface PacketDefragmenter {
  /**
   * Takes the fragment at hand: the packet's IP fields are set, its offset is where the fragment's octets start. `offset` is
   * where they belong in the datagram. True when that makes it whole: the packet is then the datagram's.
   */
  add(packet: Packet, identification: number, protocol: number, offset: number, more: boolean): boolean;
  /**
   * The next datagram that was given up and whose first fragment is there: the packet is then what is known of it, cut behind
   * the first fragment (or the first 2 KiB). False when there is none.
   */
  takeExpired(packet: Packet): boolean;
}

/**
 * The one packet that decoders work on, reused for every frame: offsets into the block that holds it. Decoders move
 * `offset` forward; the network and transport fields are those of the innermost packet decoded so far. Reads beyond the
 * block give 0; a decoder asks `has` first.
 */
export class Packet {
  bytes: Uint8Array = NOTHING;
  /** Where the next header starts. */
  offset = 0;
  /** End of what was captured of the present layer. */
  end = 0;
  /** End of the present layer had all of it been captured: `end` or greater. */
  wireEnd = 0;

  /** IEEE 802.1Q VLAN identifier of the innermost tag, -1 without one. */
  vlan = -1;
  truncated = false;
  malformed = false;

  /** 4, 6, or 0 while no IP header was found. */
  ipVersion = 0;
  /** Octets of the IP packet, header included, as its header says; the sum over all fragments when it was put together. */
  ipBytes = 0;
  /** IANA protocol number of what follows the IP headers. */
  protocol = 0;
  /** Offsets of the two addresses, 4 or 16 octets each. */
  sourceAddressAt = 0;
  destinationAddressAt = 0;
  /** A fragment that does not start the packet: there is no transport header. Only where nothing is put together. */
  laterFragment = false;
  /** A fragment that did not make its datagram whole: it is held back, and the walk ended. */
  waitsForFragments = false;
  /** Frames that the packet came in: more than 1 when it, or one around it, was put together. */
  fragmentCount = 1;

  sourcePort = 0;
  destinationPort = 0;
  /** RFC 9293, section 3.1, the octet of control bits. */
  tcpFlags = 0;
  /** As int32. */
  tcpSequence = 0;
  /** As int32; it counts with the ACK flag only. */
  tcpAcknowledgment = 0;

  /** Payload of the innermost transport (of IP when that is not known): captured from `payloadAt` to `payloadEnd`. */
  payloadAt = 0;
  payloadEnd = 0;
  /** Octets of payload on the wire. */
  payloadWireBytes = 0;

  /** What the frame has besides, to be decoded after it; DONE when that is nothing. */
  restLayer: Layer = DONE;
  #restBytes: Uint8Array = NOTHING;
  #restAt = 0;
  #restEnd = 0;
  #restWireEnd = 0;
  #restVlan = -1;

  /** Frames, of all that this packet was, with more headers than are walked. */
  tooDeepCount = 0;

  /** Without one, fragments are taken as they come. */
  readonly defragmenter: PacketDefragmenter | undefined;

  constructor(defragmenter?: PacketDefragmenter) {
    this.defragmenter = defragmenter;
  }

  reset(bytes: Uint8Array, offset: number, capturedBytes: number, originalBytes: number, vlan: number): void {
    this.bytes = bytes;
    this.offset = offset;
    this.end = Math.min(offset + capturedBytes, bytes.length);
    this.wireEnd = offset + Math.max(capturedBytes, originalBytes);
    this.vlan = vlan;
    this.truncated = this.end < this.wireEnd;
    this.restLayer = DONE;
    this.#clear();
  }

  #clear(): void {
    this.malformed = false;
    this.ipVersion = 0;
    this.ipBytes = 0;
    this.protocol = 0;
    this.laterFragment = false;
    this.waitsForFragments = false;
    this.fragmentCount = 1;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.tcpFlags = 0;
    this.tcpSequence = 0;
    this.tcpAcknowledgment = 0;
    this.payloadAt = 0;
    this.payloadEnd = 0;
    this.payloadWireBytes = 0;
  }

  /** Whether `count` octets from the offset on were captured and belong to this layer. */
  has(count: number): boolean {
    return this.offset + count <= this.end;
  }

  /** Octets captured from the offset on. */
  capturedBytes(): number {
    return this.end - this.offset;
  }

  /** Octets from the offset on, on the wire. */
  wireBytes(): number {
    return this.wireEnd - this.offset;
  }

  /** Big-endian, `at` octets behind the offset. */
  uint8At(at: number): number {
    return (this.bytes[this.offset + at] as number) | 0;
  }

  uint16At(at: number): number {
    const i = this.offset + at;
    return ((this.bytes[i] as number) << 8) | (this.bytes[i + 1] as number);
  }

  /** As int32: the value modulo 2^32, interpreted as signed. */
  int32At(at: number): number {
    const i = this.offset + at;
    const bytes = this.bytes;
    return (
      ((bytes[i] as number) << 24) |
      ((bytes[i + 1] as number) << 16) |
      ((bytes[i + 2] as number) << 8) |
      (bytes[i + 3] as number)
    );
  }

  skip(count: number): void {
    this.offset += count;
  }

  /** Narrows the present layer to `count` octets from the offset on, where its header says that it is shorter. */
  limit(count: number): void {
    const wireEnd = this.offset + count;
    if (wireEnd >= this.wireEnd) return;
    this.wireEnd = wireEnd;
    if (this.end > wireEnd) this.end = wireEnd;
  }

  /** What starts `at` octets behind the offset is another packet of the frame. Of several such places, the outermost counts. */
  keepRest(at: number, layer: Layer): void {
    if (this.restLayer !== DONE) return;
    this.restLayer = layer;
    this.#restBytes = this.bytes;
    this.#restAt = this.offset + at;
    this.#restEnd = this.end;
    this.#restWireEnd = this.wireEnd;
    this.#restVlan = this.vlan;
  }

  /** The octets that `bytes` holds are about to change. */
  forgetRestIn(bytes: Uint8Array): void {
    if (this.#restBytes === bytes) this.restLayer = DONE;
  }

  enterRest(): void {
    this.bytes = this.#restBytes;
    this.offset = this.#restAt;
    this.end = this.#restEnd;
    this.wireEnd = this.#restWireEnd;
    this.vlan = this.#restVlan;
    this.truncated = this.end < this.wireEnd;
    this.restLayer = DONE;
    this.#clear();
  }

  /** Takes what lies from the offset on as the payload. */
  markPayload(): void {
    this.payloadAt = this.offset;
    this.payloadEnd = Math.max(this.offset, this.end);
    this.payloadWireBytes = Math.max(0, this.wireEnd - this.offset);
  }
}
