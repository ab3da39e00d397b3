/** Looks at octets from the start of a file on, `bytes[from]` to `bytes[to - 1]`; what isn't there any more speaks against nothing. */
export type FormatMatcher = (bytes: Uint8Array, from: number, to: number) => boolean;

export interface FormatSignature {
  /** What the first octet can be. */
  readonly first: readonly number[];
  readonly matches: FormatMatcher;
}

/** Starts with the octets `hex`, and then looks as `looksRight` says, which is asked about the whole. */
export function magic(hex: string, looksRight: FormatMatcher = () => true): FormatSignature {
  const octets = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return {
    first: [octets[0] as number],
    matches: (bytes, from, to) =>
      octets.length <= to - from &&
      octets.every((octet, i) => bytes[from + i] === octet) &&
      looksRight(bytes, from, to),
  };
}

/** The same, from characters of ISO 8859-1. */
export function textMagic(text: string, looksRight?: FormatMatcher): FormatSignature {
  return magic(
    Array.from(text, (character) => character.charCodeAt(0).toString(16).padStart(2, "0")).join(""),
    looksRight,
  );
}

/** The octet at `at`, or `otherwise` beyond the end. */
export function octetOr(bytes: Uint8Array, at: number, to: number, otherwise: number): number {
  return at < to ? (bytes[at] as number) : otherwise;
}
