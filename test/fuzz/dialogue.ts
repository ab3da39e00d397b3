/**
 * A dialogue as octets: the ports (two octets of side 0, two of side 1), then chunks: an octet that says how it is sent, its length
 * (two octets, big-endian), and its octets.
 */
export const SIDE = 0x01;
/** As many octets as the chunk has are lost in front of it. */
export const LOST = 0x02;
/** It begins with octets in place of some that were sent before. */
export const AGAIN = 0x04;
/** It comes after the one that follows. */
export const LATE = 0x08;
/** It ends the side, or resets it. */
export const END = 0x10;
export const RESET = 0x20;

export interface Chunk {
  readonly how: number;
  readonly bytes: Uint8Array;
}

const PORTS_BYTES = 4;
const CHUNK_HEADER_BYTES = 3;
const CHUNK_MAX_BYTES = 0xffff;

export function* chunksOf(input: Uint8Array): Generator<Chunk> {
  for (let at = PORTS_BYTES; at + CHUNK_HEADER_BYTES <= input.length; ) {
    const from = at + CHUNK_HEADER_BYTES;
    const length = ((input[at + 1] as number) << 8) | (input[at + 2] as number);
    yield { how: input[at] as number, bytes: input.subarray(from, from + length) };
    at = from + length;
  }
}

export function portsOf(input: Uint8Array): readonly [number, number] {
  const word = (at: number) => ((input[at] ?? 0) << 8) | (input[at + 1] ?? 0);
  return [word(0), word(2)];
}

export function encodeDialogue(ports: readonly [number, number], chunks: readonly Chunk[]): Uint8Array {
  const octets = [ports[0] >> 8, ports[0], ports[1] >> 8, ports[1]];
  for (const { how, bytes } of chunks) {
    const length = Math.min(bytes.length, CHUNK_MAX_BYTES);
    octets.push(how, length >> 8, length);
    for (const octet of bytes.subarray(0, length)) octets.push(octet);
  }
  return Uint8Array.from(octets);
}
