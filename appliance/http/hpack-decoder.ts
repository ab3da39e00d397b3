import { decodeLatin1 } from "../../core/latin1.ts";
import { type Allowance, ownAllowance } from "../decode/reader-budget.ts";
import { STATIC_TABLE } from "./hpack-static-table.ts";
import type { HttpCounters } from "./http-transaction.ts";
import { decodeHuffman } from "./huffman.ts";
import { TARGET_MAX_BYTES } from "./request.ts";

/** Fields whose values are kept, and how much of each; of all others only the size counts. */
const KEPT_BYTES = {
  ":authority": 1024,
  ":method": 32,
  ":path": TARGET_MAX_BYTES,
  ":protocol": 32,
  ":status": 4,
  host: 1024,
  referer: 1024,
  "user-agent": 1024,
} as const;
type KeptName = keyof typeof KEPT_BYTES;
const NAME_MAX_BYTES = 10;

/** What is kept of a header block, a byte a character (latin1); of a name that stands there twice the first. */
export type HeaderBlock = Partial<Record<KeptName, string>>;

/** What the dynamic table holds at first (RFC 9113, section 6.5.2), and what is kept of it at most. */
const TABLE_FIRST_BYTES = 4096;
export const TABLE_MAX_BYTES = 65536;
/** RFC 7541, section 4.1. */
const ENTRY_OVERHEAD_BYTES = 32;
/** What an entry takes beside its text: the object, its place in the table, the text's own header. */
const ENTRY_HELD_BYTES = 96;
/** Octets of an integer after its first; more are an attack (RFC 7541, section 5.1). */
const INTEGER_MAX_OCTETS = 4;

interface Entry {
  readonly name: KeptName | undefined;
  /** undefined: not kept, or not known. */
  readonly value: string | undefined;
  readonly nameBytes: number;
  readonly valueBytes: number;
}

const UNKNOWN: Entry = { name: undefined, value: undefined, nameBytes: 0, valueBytes: 0 };
const STATIC_ENTRIES = STATIC_TABLE.map(([name, value]) => entryOf(name, value));
const SCRATCH = new Uint8Array(TARGET_MAX_BYTES);

/**
 * Decodes the header blocks of one direction, in their order (RFC 7541). What an encoder may use of the dynamic table it says
 * itself, by a size update, so the SETTINGS of the other side needn't be read (section 4.2). An index beyond what is known of
 * the table stands for a field that nobody knows: after `forget`, what doesn't refer to earlier blocks is still read.
 */
export class HpackDecoder {
  readonly #counters: Pick<HttpCounters, "hpackTablesCut">;
  readonly #allowance: Allowance;
  /** Entries of the dynamic table, the oldest first, from `#oldest` on. */
  #entries: Entry[] = [];
  #oldest = 0;
  #tableBytes = 0;
  #capacityBytes = TABLE_FIRST_BYTES;
  #bytes: Uint8Array = SCRATCH;
  #at = 0;
  #to = 0;
  /** Of the text that was read last, whatever was kept of it. */
  #textBytes = 0;

  constructor(counters: Pick<HttpCounters, "hpackTablesCut">, allowance: Allowance = ownAllowance()) {
    this.#counters = counters;
    this.#allowance = allowance;
  }

  /** Octets in the dynamic table, as RFC 7541, section 4.1, counts them. */
  get tableBytes(): number {
    return this.#tableBytes;
  }

  /** Blocks were lost: what the table holds, and how much it may, isn't known. */
  forget(): void {
    this.#evict(0);
    this.#capacityBytes = TABLE_MAX_BYTES;
  }

  /**
   * Reads the block from `from` to `to`; false when it is malformed or cut: what comes after can't be known, so the table is
   * forgotten; `block` then holds the fields before.
   */
  decode(bytes: Uint8Array, from: number, to: number, block: HeaderBlock): boolean {
    this.#bytes = bytes;
    this.#at = from;
    this.#to = to;
    let isWhole = true;
    while (this.#at < to && isWhole) isWhole = this.#field(block);
    this.#bytes = SCRATCH;
    if (!isWhole) this.forget();
    return isWhole;
  }

  /** RFC 7541, section 6. */
  #field(block: HeaderBlock): boolean {
    const first = this.#bytes[this.#at] as number;
    if (first >= 0x80) {
      const index = this.#integer(7);
      if (index <= 0) return false;
      keep(block, this.#entry(index));
      return true;
    }
    if (first >= 0x40) return this.#literal(block, 6, true);
    return first >= 0x20 ? this.#resize(this.#integer(5)) : this.#literal(block, 4, false);
  }

  #literal(block: HeaderBlock, prefixBits: number, isIndexed: boolean): boolean {
    const index = this.#integer(prefixBits);
    if (index < 0) return false;
    let { name, nameBytes } = index > 0 ? this.#entry(index) : UNKNOWN;
    if (index === 0) {
      const text = this.#text(NAME_MAX_BYTES);
      if (text === undefined) return false;
      nameBytes = this.#textBytes;
      name = nameBytes === text.length ? keptName(text) : undefined;
    }
    const value = this.#text(name === undefined ? 0 : KEPT_BYTES[name]);
    if (value === undefined) return false;
    const entry = { name, value, nameBytes, valueBytes: this.#textBytes };
    keep(block, entry);
    if (isIndexed) this.#add(entry);
    return true;
  }

  #entry(index: number): Entry {
    if (index <= STATIC_ENTRIES.length) return STATIC_ENTRIES[index - 1] ?? UNKNOWN;
    const at = this.#entries.length - (index - STATIC_ENTRIES.length);
    return at < this.#oldest ? UNKNOWN : (this.#entries[at] ?? UNKNOWN);
  }

  #resize(sizeBytes: number): boolean {
    if (sizeBytes < 0) return false;
    if (sizeBytes > TABLE_MAX_BYTES) this.#counters.hpackTablesCut++;
    this.#capacityBytes = Math.min(sizeBytes, TABLE_MAX_BYTES);
    this.#evict(this.#capacityBytes);
    return true;
  }

  /**
   * RFC 7541, section 4.4: an entry that is larger than the table empties it. One for which there is no room empties it too, so that
   * the table always has the newest entries, without one missing among them.
   */
  #add(entry: Entry): void {
    const sizeBytes = sizeOf(entry);
    this.#evict(Math.max(0, this.#capacityBytes - sizeBytes));
    if (sizeBytes > this.#capacityBytes) return;
    if (!this.#allowance.take(heldBytes(entry))) {
      this.forget();
      return;
    }
    this.#entries.push(entry);
    this.#tableBytes += sizeBytes;
  }

  /** Drops the oldest entries until the rest has `leftBytes` at most. */
  #evict(leftBytes: number): void {
    while (this.#tableBytes > leftBytes) {
      const entry = this.#entries[this.#oldest++] as Entry;
      this.#tableBytes -= sizeOf(entry);
      this.#allowance.give(heldBytes(entry));
    }
    if (2 * this.#oldest < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#oldest);
    this.#oldest = 0;
  }

  /** -1 when it is cut, or longer than any that is meant seriously. RFC 7541, section 5.1. */
  #integer(prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    let value = (this.#bytes[this.#at++] as number) & most;
    if (value < most) return value;
    for (let i = 0; i < INTEGER_MAX_OCTETS && this.#at < this.#to; i++) {
      const octet = this.#bytes[this.#at++] as number;
      value += (octet & 0x7f) << (7 * i);
      if (octet < 0x80) return value;
    }
    return -1;
  }

  /** Up to `maxBytes` of a text; undefined when it is cut or malformed. RFC 7541, section 5.2. */
  #text(maxBytes: number): string | undefined {
    if (this.#at >= this.#to) return undefined;
    const isHuffman = (this.#bytes[this.#at] as number) >= 0x80;
    const length = this.#integer(7);
    const from = this.#at;
    if (length < 0 || length > this.#to - from) return undefined;
    this.#at = from + length;
    this.#textBytes = isHuffman ? decodeHuffman(this.#bytes, from, this.#at, SCRATCH) : length;
    if (this.#textBytes < 0) return undefined;
    const kept = Math.min(this.#textBytes, maxBytes);
    return isHuffman ? decodeLatin1(SCRATCH, 0, kept) : decodeLatin1(this.#bytes, from, from + kept);
  }
}

function entryOf(name: string, value: string): Entry {
  const kept = keptName(name);
  return {
    name: kept,
    value: kept === undefined ? undefined : value,
    nameBytes: name.length,
    valueBytes: value.length,
  };
}

function keptName(name: string): KeptName | undefined {
  return Object.hasOwn(KEPT_BYTES, name) ? (name as KeptName) : undefined;
}

function sizeOf({ nameBytes, valueBytes }: Entry): number {
  return nameBytes + valueBytes + ENTRY_OVERHEAD_BYTES;
}

function heldBytes({ value }: Entry): number {
  return ENTRY_HELD_BYTES + (value?.length ?? 0);
}

function keep(block: HeaderBlock, { name, value }: Entry): void {
  if (name !== undefined && value !== undefined) block[name] ??= value;
}
