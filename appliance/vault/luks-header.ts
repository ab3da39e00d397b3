/**
 * What the first octets of the store say. LUKS2 On-Disk Format Specification 1.1.1, section 2.1: a binary header of 4,096
 * octets and a JSON area, twice; the second copy begins where the first one's size ends, at one of nine places.
 */
export type StoreHeader =
  /** No magic at any place where a header can be: blank, or something else's. */
  | { readonly state: "none"; readonly blank: boolean }
  /** At least one copy is whole; cryptsetup repairs the other. */
  | { readonly state: "luks2"; readonly uuid: string; readonly wholeCopies: 1 | 2 }
  /** There was a header once, and no copy is whole; or a LUKS version that we never write. */
  | { readonly state: "damaged"; readonly detail: string };

/** Octets to read from the store's start: up to the end of the second copy of the largest header. */
export const HEADER_AREA_BYTES = 8 * 1024 * 1024;
const KIB = 1024;
const SECOND_AT_OFFSETS = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map((kib) => kib * KIB);
const FIRST_MAGIC = [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe]; // "LUKS\xba\xbe"
const SECOND_MAGIC = [0x53, 0x4b, 0x55, 0x4c, 0xba, 0xbe]; // "SKUL\xba\xbe"
const BINARY_HEADER_BYTES = 4096;
const SIZE_AT = 8;
const CHECKSUM_ALGORITHM_AT = 72;
const UUID_AT = 168;
const HEADER_OFFSET_AT = 256;
const CHECKSUM_AT = 448;
const CHECKSUM_FIELD_BYTES = 64;
const BLANK_BYTES = 1024 * 1024;

export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** `area`: the store's first HEADER_AREA_BYTES, or all of a smaller store. */
export function readStoreHeader(area: Uint8Array, sha256: Sha256): StoreHeader {
  const firstTrace = hasMagic(area, 0, FIRST_MAGIC) || hasMagic(area, 0, SECOND_MAGIC);
  const seconds = SECOND_AT_OFFSETS.filter((at) => hasMagic(area, at, SECOND_MAGIC) || hasMagic(area, at, FIRST_MAGIC));
  if (!firstTrace && seconds.length === 0)
    return { state: "none", blank: area.subarray(0, BLANK_BYTES).every((octet) => octet === 0) };
  const copies = [0, ...seconds].map((at) => readCopy(area, at, sha256));
  const whole = copies.filter((copy) => copy.uuid !== undefined);
  const uuids = new Set(whole.map((copy) => copy.uuid));
  if (uuids.size > 1) return { state: "damaged", detail: "the two copies of the LUKS header are of different stores" };
  const [uuid] = uuids;
  if (uuid !== undefined) return { state: "luks2", uuid, wholeCopies: whole.length > 1 ? 2 : 1 };
  return { state: "damaged", detail: copies.map((copy) => copy.detail).join("; ") };
}

interface Copy {
  readonly uuid?: string;
  readonly detail: string;
}

function readCopy(area: Uint8Array, at: number, sha256: Sha256): Copy {
  const wrong = (what: string): Copy => ({ detail: `LUKS header at ${at}: ${what}` });
  if (area.length < at + BINARY_HEADER_BYTES) return wrong("cut off");
  if (!hasMagic(area, at, at === 0 ? FIRST_MAGIC : SECOND_MAGIC)) return wrong("no magic");
  const view = new DataView(area.buffer, area.byteOffset + at, BINARY_HEADER_BYTES);
  const version = view.getUint16(6);
  if (version !== 2) return wrong(`version ${version}`);
  const sizeBytes = Number(view.getBigUint64(SIZE_AT));
  if (!SECOND_AT_OFFSETS.includes(sizeBytes) || at + sizeBytes > area.length) return wrong("impossible size");
  if (Number(view.getBigUint64(HEADER_OFFSET_AT)) !== at || (at !== 0 && at !== sizeBytes))
    return wrong("out of place");
  if (textAt(area, at + CHECKSUM_ALGORITHM_AT, 32) !== "sha256") return wrong("unknown checksum");
  const copy = new Uint8Array(area.subarray(at, at + sizeBytes));
  const checksum = area.subarray(at + CHECKSUM_AT, at + CHECKSUM_AT + 32);
  copy.fill(0, CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_FIELD_BYTES);
  if (!sha256(copy).every((octet, index) => octet === checksum[index])) return wrong("wrong checksum");
  const uuid = textAt(area, at + UUID_AT, 40);
  return /^[0-9a-f-]{36}$/.test(uuid) ? { uuid, detail: "whole" } : wrong("no UUID");
}

function hasMagic(area: Uint8Array, at: number, magic: readonly number[]): boolean {
  return magic.every((octet, index) => area[at + index] === octet);
}

function textAt(area: Uint8Array, at: number, limitBytes: number): string {
  const field = area.subarray(at, at + limitBytes);
  const end = field.indexOf(0);
  return new TextDecoder("latin1").decode(end < 0 ? field : field.subarray(0, end));
}
