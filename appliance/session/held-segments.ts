/** What is kept of segments that came before the ones in front of them. */
export interface HeldLimits {
  /** Of one direction. */
  readonly directionBytes: number;
  /** Of all. */
  readonly totalBytes: number;
}

/** Segments of one direction, the odd empty one included. */
const DIRECTION_SEGMENTS_MAX = 512;
/** What a segment takes besides its octets. */
const SEGMENT_OVERHEAD_BYTES = 160;

export interface HeldSegment {
  /** int32, of the first octet. */
  readonly sequence: number;
  readonly bytes: Uint8Array;
  /** Octets on the wire: more than `bytes` where the capture cut it. */
  readonly wireBytes: number;
  /** Unix microseconds. */
  readonly timeUs: number;
}

const NONE: readonly HeldSegment[] = [];

interface Direction {
  /** By sequence number; among equal ones, by arrival. */
  readonly segments: HeldSegment[];
  bytes: number;
}

/**
 * Copies of TCP segments that wait for a hole in front of them to be filled, by direction (`2 * row + side`), within limits.
 * Of overlapping segments the octets of the one with the lower sequence number count, of equal ones those that came first.
 */
export class HeldSegments {
  /** All that is held, overhead included. */
  totalBytes = 0;
  readonly #limits: HeldLimits;
  readonly #directions = new Map<number, Direction>();

  constructor(limits: HeldLimits) {
    this.#limits = limits;
  }

  /** Whether one more segment of so many octets is within the limits. */
  hasRoom(at: number, octets: number): boolean {
    const direction = this.#directions.get(at);
    const size = octets + SEGMENT_OVERHEAD_BYTES;
    if (this.totalBytes + size > this.#limits.totalBytes) return false;
    if (direction === undefined) return size <= this.#limits.directionBytes;
    return direction.bytes + size <= this.#limits.directionBytes && direction.segments.length < DIRECTION_SEGMENTS_MAX;
  }

  /** Whether a segment that starts there and is as long, or longer, is held already. */
  holds(at: number, sequence: number, wireBytes: number): boolean {
    const segments = this.#directions.get(at)?.segments ?? NONE;
    for (let i = segments.length - 1; i >= 0; i--) {
      const held = segments[i] as HeldSegment;
      const ahead = (held.sequence - sequence) | 0;
      if (ahead < 0) return false;
      if (ahead === 0 && held.wireBytes >= wireBytes) return true;
    }
    return false;
  }

  /** The octets are copied. The caller has asked for room. */
  hold(
    at: number,
    sequence: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    wireBytes: number,
    timeUs: number,
  ): void {
    let direction = this.#directions.get(at);
    if (direction === undefined) {
      direction = { segments: [], bytes: 0 };
      this.#directions.set(at, direction);
    }
    const { segments } = direction;
    let index = segments.length;
    while (index > 0 && ((sequence - (segments[index - 1] as HeldSegment).sequence) | 0) < 0) index--;
    segments.splice(index, 0, { sequence, bytes: new Uint8Array(bytes.subarray(from, to)), wireBytes, timeUs });
    const size = to - from + SEGMENT_OVERHEAD_BYTES;
    direction.bytes += size;
    this.totalBytes += size;
  }

  /** Segments that a direction holds. */
  count(at: number): number {
    return this.#directions.get(at)?.segments.length ?? 0;
  }

  /** The one with the lowest sequence number. */
  first(at: number): HeldSegment | undefined {
    return this.#directions.get(at)?.segments[0];
  }

  /** Takes that one out. */
  removeFirst(at: number): void {
    const direction = this.#directions.get(at);
    const segment = direction?.segments.shift();
    if (direction === undefined || segment === undefined) return;
    const size = segment.bytes.length + SEGMENT_OVERHEAD_BYTES;
    direction.bytes -= size;
    this.totalBytes -= size;
    if (direction.segments.length === 0) this.#directions.delete(at);
  }
}
