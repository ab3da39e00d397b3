import type { PartitionPlace } from "../../scripts/rig/disk-image.ts";
import type { BlockLog } from "./block-log.ts";

/** A moment at which the power goes. */
export interface PowerCut {
  /** Requests that were done by then. */
  readonly requests: number;
  /** Where the last one went. */
  readonly place: string;
}

/** Where no partition lies, there is the table of them, and its copy at the end of the disk. */
const TABLE = "partition table";

/**
 * `count` moments within requests that lie in the log from `fromBytes` to `toBytes`: every other one among those that change the ESP or
 * the partition table, evenly; the others evenly over what is left.
 */
export function choosePowerCuts(
  { entries }: BlockLog,
  { fromBytes, toBytes }: { readonly fromBytes: number; readonly toBytes: number },
  partitions: readonly PartitionPlace[],
  count: number,
): readonly PowerCut[] {
  const placeOf = (offsetBytes: number) =>
    partitions.find((one) => offsetBytes >= one.offsetBytes && offsetBytes < one.offsetBytes + one.sizeBytes)?.label ??
    TABLE;
  const all = entries
    .map(({ offsetBytes, sizeBytes, endsAt, isDiscard }, index) => ({
      requests: index + 1,
      endsAt,
      isWrite: sizeBytes > 0 && !isDiscard,
      place: placeOf(offsetBytes),
    }))
    .filter(({ endsAt, isWrite }) => isWrite && endsAt > fromBytes && endsAt <= toBytes);
  const isCritical = ({ place }: PowerCut) => place === "esp" || place === TABLE;
  const critical = all.filter(isCritical);
  const others = all.filter((one) => !isCritical(one));
  const criticalCount = Math.min(Math.ceil(count / 2), critical.length);
  const chosen = [...evenly(critical, criticalCount), ...evenly(others, count - criticalCount)];
  return chosen.sort((a, b) => a.requests - b.requests).map(({ requests, place }) => ({ requests, place }));
}

/** From the first to the last; of one the middle. */
function evenly<T>(items: readonly T[], count: number): readonly T[] {
  return Array.from({ length: count }, (_, at) => {
    const share = count === 1 ? 0.5 : at / (count - 1);
    return items[Math.round(share * (items.length - 1))];
  }).filter((item) => item !== undefined);
}
