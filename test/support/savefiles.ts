import { octetsOf } from "./ip-packets.ts";

/** Frames as they come out of a savefile. */
export interface SavefileFrame {
  readonly text: string;
  readonly originalBytes: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly linkType: number;
}

/** Writes numbers of one byte order, one after the other. */
export class ByteWriter {
  readonly #littleEndian: boolean;
  readonly #octets: number[] = [];

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  u16(...values: number[]): this {
    for (const value of values) this.#number(value, 2);
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) this.#number(value, 4);
    return this;
  }

  octets(bytes: Uint8Array | string): this {
    this.#octets.push(...octetsOf(bytes));
    return this;
  }

  /** Zeros up to a multiple of four. */
  pad(): this {
    while (this.#octets.length % 4 !== 0) this.#octets.push(0);
    return this;
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#octets);
  }

  #number(value: number, width: number): void {
    const octets = Array.from({ length: width }, (_, i) => Math.floor(value / 256 ** i) % 256);
    this.#octets.push(...(this.#littleEndian ? octets : octets.reverse()));
  }
}

export function pcapFile(littleEndian: boolean, magic: number, frames: readonly SavefileFrame[]): Uint8Array {
  const nanoseconds = magic === 0xa1b23c4d;
  const writer = new ByteWriter(littleEndian);
  writer
    .u32(magic)
    .u16(2, 4)
    .u32(0, 0, 65_535, frames[0]?.linkType ?? 1);
  for (const frame of frames)
    writer
      .u32(frame.seconds, nanoseconds ? frame.nanoseconds : frame.nanoseconds / 1000)
      .u32(frame.text.length, frame.originalBytes)
      .octets(frame.text);
  return writer.bytes();
}

export function pcapngBlock(littleEndian: boolean, type: number, body: Uint8Array): Uint8Array {
  const length = 12 + Math.ceil(body.length / 4) * 4;
  return new ByteWriter(littleEndian).u32(type, length).octets(body).pad().u32(length).bytes();
}
