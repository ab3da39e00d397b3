/** The copies of the boot loader on the ESP, in the order in which they are written; the last is what firmware takes when all else fails. */
export const LOADER_PLACES = [
  ...[1, 2, 3, 4].map((number) => `EFI/cepa/boot-${number}.efi`),
  "EFI/BOOT/BOOTX64.EFI",
] as const;

export interface LoaderCopy {
  readonly place: string;
  /** Of its octets; undefined when it is not there, or can't be read. */
  readonly sha256: string | undefined;
  /** Undefined when it is not whole, or no boot loader of ours. */
  readonly identity: string | undefined;
}

export interface LoaderState {
  readonly copies: readonly LoaderCopy[];
  /** Which of them the firmware started this time; undefined: none of them. */
  readonly started: string | undefined;
  /** Identity of the one that belongs to the version that runs. */
  readonly wanted: string;
  /** Identity of one that was put where the firmware starts first, in an earlier start. */
  readonly tried: string | undefined;
}

export interface LoaderPlan {
  /**
   * `everywhere`: all copies are the wanted one then. `tried`: one is, and the next start tells. `passedOver`: the firmware took another copy
   * although the wanted one was there. `waiting`: this is no start to try it in. `unknown`: what started this box is not known, nor so what is proven.
   */
  readonly outcome: "everywhere" | "tried" | "passedOver" | "waiting" | "unknown";
  /** Why it waits; else empty. */
  readonly why: string;
  /** In this order, one at a time. */
  readonly writes: readonly { readonly place: string; readonly content: "started" | "wanted" }[];
}

/**
 * What is proven is the copy that started this box up to a version that was found good. All others become like it, broken ones first; only
 * then does the wanted one go where the next start comes from, and the others follow when the box has started by that. So the firmware always has all copies
 * but one of a kind that has started this very box.
 */
export function planLoader({ copies, started, wanted, tried }: LoaderState): LoaderPlan {
  const proven = copies.find(({ place }) => place === started);
  if (proven?.identity === undefined)
    return { outcome: "unknown", why: "the firmware started this box by no boot loader of ours", writes: [] };
  const isPassedOver =
    tried !== undefined && tried !== proven.identity && copies.some(({ identity }) => identity === tried);
  const isGivenUp = isPassedOver && tried === wanted;
  const others = copies.filter(({ sha256 }) => sha256 !== proven.sha256);
  // one that the firmware should have started and could not comes first in the next start
  const before = others.find((copy) => copies.indexOf(copy) < copies.indexOf(proven));
  const isLastResort = proven.place === LOADER_PLACES.at(-1) && before === undefined;
  const isTrial = proven.identity !== wanted && !isGivenUp && !isLastResort;
  const first = before ?? proven;
  const writes = others
    .filter((copy) => !isTrial || copy !== first)
    .sort((a, b) => Number(a.identity !== undefined) - Number(b.identity !== undefined))
    .map(({ place }) => ({ place, content: "started" }) as const);
  if (isTrial) return { outcome: "tried", why: "", writes: [...writes, { place: first.place, content: "wanted" }] };
  if (proven.identity === wanted) return { outcome: "everywhere", why: "", writes };
  if (isGivenUp) return { outcome: "passedOver", why: "", writes };
  const why = "the firmware started its last resort, behind which nothing is";
  return { outcome: "waiting", why, writes };
}
