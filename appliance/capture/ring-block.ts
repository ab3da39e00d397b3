import type { FrameCursor } from "./frame-cursor.ts";

/**
 * Layout of a TPACKET_V3 block and of its frames, in the byte order of the machine (little-endian: x86-64).
 * Source: Linux, include/uapi/linux/if_packet.h (tpacket_block_desc, tpacket_hdr_v1, tpacket3_hdr).
 */
export const BLOCK_STATUS_AT = 8;
export const STATUS_KERNEL = 0;
export const STATUS_USER = 1;
const BLOCK_FRAMES_AT = 12;
const BLOCK_FIRST_FRAME_AT = 16;

const FRAME_NEXT_AT = 0;
const FRAME_SECONDS_AT = 4;
const FRAME_NANOSECONDS_AT = 8;
const FRAME_CAPTURED_AT = 12;
const FRAME_ORIGINAL_AT = 16;
const FRAME_STATUS_AT = 20;
const FRAME_MAC_AT = 24;
const FRAME_VLAN_TCI_AT = 32;
const FRAME_VLAN_TPID_AT = 36;
const FRAME_HEADER_BYTES = 48;
const STATUS_VLAN_VALID = 1 << 4;
const STATUS_VLAN_TPID_VALID = 1 << 6;

const ETHERTYPE_VLAN = 0x8100; // IEEE 802.1Q
const MAC_ADDRESSES_BYTES = 12;
const VLAN_TAG_BYTES = 4;

/**
 * The frames of one block of the ring. A VLAN tag that the card or the kernel took off is put back where it was on the
 * wire, into the room that PACKET_RESERVE leaves before each frame; so a block may be walked only once.
 */
export class RingBlockCursor implements FrameCursor {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #blockEnd = 0;
  #left = 0;
  #headerAt = 0;
  offsetBytes = 0;
  capturedBytes = 0;
  originalBytes = 0;
  timeSeconds = 0;
  timeNanoseconds = 0;
  /** Frames whose header contradicts the block; the rest of such a block is given up. */
  damaged = 0;

  constructor(ring: Uint8Array) {
    this.bytes = ring;
    this.#view = new DataView(ring.buffer, ring.byteOffset, ring.byteLength);
  }

  enter(blockAt: number, blockSizeBytes: number): void {
    this.#blockEnd = blockAt + blockSizeBytes;
    this.#left = this.#view.getUint32(blockAt + BLOCK_FRAMES_AT, true);
    this.#headerAt = blockAt + this.#view.getUint32(blockAt + BLOCK_FIRST_FRAME_AT, true);
  }

  next(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    const at = this.#headerAt;
    if (at + FRAME_HEADER_BYTES > this.#blockEnd) return this.#giveUp();
    const view = this.#view;
    this.offsetBytes = at + view.getUint16(at + FRAME_MAC_AT, true);
    this.capturedBytes = view.getUint32(at + FRAME_CAPTURED_AT, true);
    this.originalBytes = view.getUint32(at + FRAME_ORIGINAL_AT, true);
    if (this.offsetBytes + this.capturedBytes > this.#blockEnd) return this.#giveUp();
    this.timeSeconds = view.getUint32(at + FRAME_SECONDS_AT, true);
    this.timeNanoseconds = view.getUint32(at + FRAME_NANOSECONDS_AT, true);
    const status = view.getUint32(at + FRAME_STATUS_AT, true);
    if ((status & STATUS_VLAN_VALID) !== 0) this.#putTagBack(at, status);
    this.#headerAt = at + view.getUint32(at + FRAME_NEXT_AT, true);
    return true;
  }

  #putTagBack(at: number, status: number): void {
    if (this.capturedBytes < MAC_ADDRESSES_BYTES) return;
    const start = this.offsetBytes - VLAN_TAG_BYTES;
    this.bytes.copyWithin(start, this.offsetBytes, this.offsetBytes + MAC_ADDRESSES_BYTES);
    const hasType = (status & STATUS_VLAN_TPID_VALID) !== 0;
    const type = hasType ? this.#view.getUint16(at + FRAME_VLAN_TPID_AT, true) : ETHERTYPE_VLAN;
    this.#view.setUint16(start + MAC_ADDRESSES_BYTES, type);
    this.#view.setUint16(start + MAC_ADDRESSES_BYTES + 2, this.#view.getUint32(at + FRAME_VLAN_TCI_AT, true) & 0xffff);
    this.offsetBytes = start;
    this.capturedBytes += VLAN_TAG_BYTES;
    this.originalBytes += VLAN_TAG_BYTES;
  }

  #giveUp(): false {
    this.damaged += this.#left + 1;
    this.#left = 0;
    return false;
  }
}
