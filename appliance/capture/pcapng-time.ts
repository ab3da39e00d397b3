export interface Resolution {
  readonly ticksPerSecond: number;
}

export interface Ticks {
  seconds: number;
  nanoseconds: number;
}

const NANOSECONDS = 1_000_000_000;
const WORD = 65_536;
/** Beyond this a remainder times 2^16 is no exact number any more. */
const EXACT_MAX = 2 ** 37;

/** draft-ietf-opsawg-pcapng, section 4.2, if_tsresol: a negative power of 10, or of 2 when the highest bit is set. */
export function decodeResolution(octet: number): Resolution {
  const exponent = octet & 0x7f;
  return { ticksPerSecond: (octet & 0x80) === 0 ? 10 ** exponent : 2 ** exponent };
}

/**
 * A count of ticks of 64 bits as seconds and nanoseconds. A double does not hold such a count, so it is divided 16 bits
 * at a time, as on paper; exact up to 2^37 ticks a second, which is finer than nanoseconds.
 */
export function splitTicks(high: number, low: number, resolution: Resolution, out: Ticks): void {
  const divisor = resolution.ticksPerSecond;
  if (divisor > EXACT_MAX) {
    const seconds = (high * 2 ** 32 + low) / divisor;
    out.seconds = Math.floor(seconds);
    out.nanoseconds = Math.floor((seconds - out.seconds) * NANOSECONDS);
    return;
  }
  let quotient = Math.floor(high / divisor);
  let rest = (high % divisor) * WORD + (low >>> 16);
  quotient = quotient * WORD + Math.floor(rest / divisor);
  rest = (rest % divisor) * WORD + (low & 0xffff);
  out.seconds = quotient * WORD + Math.floor(rest / divisor);
  rest %= divisor;
  out.nanoseconds = Math.min(NANOSECONDS - 1, Math.floor((rest * NANOSECONDS) / divisor));
}
