import { ConfigError, readInteger, readObject, readText } from "../../core/checked-json.ts";
import { PROTOCOLS, type Protocol } from "./protocol.ts";

/** Entropy of all octets of a direction up to some number of them. */
export interface CumulativeEntropy {
  readonly octets: number;
  readonly bitsPerByte: number;
}

/** Bounds that hold from `from` octets to `to`, both included; bits a byte. */
export interface ProfileRange {
  readonly from: number;
  readonly to: number;
  readonly lower: number;
  readonly upper: number;
  /** Sessions that it was learned from. */
  readonly sessions: number;
}

export const PROFILE_DIRECTIONS = ["client", "server"] as const;
export type ProfileDirection = (typeof PROFILE_DIRECTIONS)[number];

/**
 * How the cumulative entropy of each direction of a protocol develops, as in net-entropy (Olivain and Goubault-Larrecq, Detecting
 * Subverted Cryptographic Protocols by Entropy Checking, LSV-06-13, 2006): ranges of octet counts, a lower and an upper bound
 * for each.
 */
export interface EntropyProfile {
  /** A name of PROTOCOLS. */
  readonly protocol: string;
  /** Where the sessions that it was learned from came from. */
  readonly source: string;
  readonly client: readonly ProfileRange[];
  readonly server: readonly ProfileRange[];
}

export interface ProfileBreach {
  readonly alarm: "entropyProfileFalling" | "entropyProfileRising";
  readonly octets: number;
  readonly bitsPerByte: number;
  readonly lower: number;
  readonly upper: number;
}

/**
 * The first point that lies outside its range: falling, below the lower bound (what should be encrypted by now isn't); rising,
 * above the upper (what should be in clear isn't).
 */
export function findBreach(
  ranges: readonly ProfileRange[],
  points: readonly CumulativeEntropy[],
): ProfileBreach | undefined {
  for (const { octets, bitsPerByte } of points)
    for (const { from, to, lower, upper } of ranges)
      if (octets >= from && octets <= to && (bitsPerByte < lower || bitsPerByte > upper)) {
        const alarm = bitsPerByte < lower ? "entropyProfileFalling" : "entropyProfileRising";
        return { alarm, octets, bitsPerByte, lower, upper };
      }
  return undefined;
}

const OCTETS_MAX = 65_535;
const BITS_MAX = 8;

/** A profile from its file. Throws a ConfigError that names what is wrong; `path` is where it came from. */
export function readEntropyProfile(json: unknown, path: string): EntropyProfile {
  const object = readObject(json, path, ["protocol", "source", "client", "server"]);
  const protocol = readText(object, "protocol", path, "the name of a protocol");
  if (protocolOfName(protocol) === undefined)
    throw new ConfigError(`${path}.protocol`, "a protocol that is recognised", protocol);
  return {
    protocol,
    source: readText(object, "source", path, "text"),
    client: readRanges(object.client, `${path}.client`),
    server: readRanges(object.server, `${path}.server`),
  };
}

export function protocolOfName(name: string): Protocol | undefined {
  return PROTOCOLS.find((protocol) => protocol?.name === name);
}

function readRanges(value: unknown, path: string): ProfileRange[] {
  if (!Array.isArray(value)) throw new ConfigError(path, "a list of ranges", value);
  let least = 1;
  return value.map((item, index) => {
    const at = `${path}[${index}]`;
    const object = readObject(item, at, ["from", "to", "lower", "upper", "sessions"]);
    const from = readInteger(object, "from", at, least, OCTETS_MAX);
    const to = readInteger(object, "to", at, from, OCTETS_MAX);
    least = to + 1;
    const lower = readBits(object.lower, `${at}.lower`, 0);
    const upper = readBits(object.upper, `${at}.upper`, lower);
    return { from, to, lower, upper, sessions: readInteger(object, "sessions", at, 0, Number.MAX_SAFE_INTEGER) };
  });
}

function readBits(value: unknown, path: string, least: number): number {
  if (typeof value === "number" && value >= least && value <= BITS_MAX) return value;
  throw new ConfigError(path, `bits a byte, ${least}..${BITS_MAX}`, value);
}
