import type { PartitionPlace } from "../../scripts/rig/disk-image.ts";
import type { LoggedRequest } from "./block-log.ts";

/** A moment at which the power goes. */
export interface PowerCut {
  /** Requests that were done by then. */
  readonly requests: number;
  /** Where the last one went, or what the disk has then. */
  readonly place: string;
  /** Of what was done since the last flush all is lost; else some, by chance. */
  readonly losesAll: boolean;
}

/** Requests from one to another of a log. */
export interface RequestRange {
  readonly from: number;
  readonly to: number;
}

/** Where no partition lies, there is the table of them, and its copy at the end of the disk. */
const TABLE = "partition table";

/**
 * `count` moments within a range: `always` those that are given, and of the others every other one among those that change the ESP or the
 * partition table, evenly; the rest evenly over what is left. Every other one of those loses all that was not flushed.
 */
export function choosePowerCuts(
  entries: readonly LoggedRequest[],
  { from, to }: RequestRange,
  partitions: readonly PartitionPlace[],
  count: number,
  always: readonly PowerCut[],
): readonly PowerCut[] {
  const placeOf = (offsetBytes: number) =>
    partitions.find((one) => offsetBytes >= one.offsetBytes && offsetBytes < one.offsetBytes + one.sizeBytes)?.label ??
    TABLE;
  const given = always.slice(0, count);
  const all = entries
    .slice(from, to)
    .flatMap((request, index) =>
      request.kind === "write" ? [{ requests: from + index + 1, place: placeOf(request.offsetBytes) }] : [],
    )
    .filter(({ requests }) => !given.some((one) => one.requests === requests));
  const isCritical = ({ place }: (typeof all)[number]) => place === "esp" || place === TABLE;
  const critical = all.filter(isCritical);
  const others = all.filter((one) => !isCritical(one));
  const restCount = count - given.length;
  const criticalCount = Math.min(Math.ceil(restCount / 2), critical.length);
  const chosen = [...evenly(critical, criticalCount), ...evenly(others, restCount - criticalCount)]
    .sort((a, b) => a.requests - b.requests)
    .map((one, at) => ({ ...one, losesAll: at % 2 === 0 }));
  return [...given, ...chosen].sort((a, b) => a.requests - b.requests);
}

/** From the first to the last; of one the middle. */
function evenly<T>(items: readonly T[], count: number): readonly T[] {
  return Array.from({ length: count }, (_, at) => {
    const share = count === 1 ? 0.5 : at / (count - 1);
    return items[Math.round(share * (items.length - 1))];
  }).filter((item) => item !== undefined);
}
