import type { NetworkConfig } from "../../core/contract/network.ts";
import type { StoreConfig } from "../../core/contract/store.ts";
import { STATE_LABEL } from "../layout.ts";
import { FlashError } from "./flash-error.ts";
import type { GptPartition } from "./gpt.ts";

const MIB = 1024 * 1024;
/** Room for /nsm that a box must have; overlay/usr/lib/repart.d/50-nsm.conf says the same. */
const STORE_LEAST_BYTES = 64 * MIB;
/** What is overwritten where /nsm will be, so that no old header there is taken for one of ours. */
const STORE_WIPE_BYTES = 16 * MIB;
const GPT_BACKUP_BYTES = MIB;

export interface FlashTarget {
  readonly path: string;
  readonly kind: "file" | "device";
  /** Of the device, or that the file will have. */
  readonly sizeBytes: number;
}

/** A target that was looked at. */
export interface FoundTarget extends FlashTarget {
  /** Something is there that would be lost. */
  readonly exists: boolean;
  /** Of a device, for people; "" when it says none. */
  readonly model: string;
}

/** What makes a box of the image, for people. */
export interface BoxChoices {
  readonly network: NetworkConfig;
  /** undefined: the rest of the disk. */
  readonly store: StoreConfig | undefined;
  /** Where its settings are from; undefined: it has the defaults. */
  readonly settingsFile: string | undefined;
}

/** What is written, in order; offsets are on the target. */
export interface FlashPlan {
  readonly state: { readonly offsetBytes: number; readonly sizeBytes: number };
  /** Of the image; the state partition between them is made at the bench and not taken from it. */
  readonly copies: readonly Extent[];
  /** Zeroed; nothing for a file, which is new and empty. */
  readonly wipes: readonly Extent[];
}

export interface Extent {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** Throws a FlashError when the image has no state partition, or the target no room. */
export function planFlash(
  image: { readonly sizeBytes: number; readonly partitions: readonly GptPartition[] },
  target: FlashTarget,
): FlashPlan {
  const state = image.partitions.find(({ label }) => label === STATE_LABEL);
  if (state === undefined) throw new FlashError("badImage", "the image has no partition named state");
  const stateEnd = state.offsetBytes + state.sizeBytes;
  if (stateEnd > image.sizeBytes) throw new FlashError("badImage", "the image ends before its state partition does");
  const leastBytes = image.sizeBytes + STORE_LEAST_BYTES;
  if (target.sizeBytes < leastBytes)
    throw new FlashError(
      "tooSmall",
      target.kind === "device"
        ? `${target.path} has ${toMib(target.sizeBytes)} MiB; image and store need at least ${toMib(leastBytes)} MiB`
        : `${target.path} would have ${target.sizeBytes} octets; image and store need at least ${toMib(leastBytes)} MiB: ` +
            `give a size with its unit, like ${toMib(leastBytes)}M or 8G`,
    );
  const storeAt = image.sizeBytes;
  const wipes = [
    { offsetBytes: state.offsetBytes, sizeBytes: state.sizeBytes },
    { offsetBytes: storeAt, sizeBytes: Math.min(STORE_WIPE_BYTES, target.sizeBytes - storeAt) },
    { offsetBytes: target.sizeBytes - GPT_BACKUP_BYTES, sizeBytes: GPT_BACKUP_BYTES },
  ];
  return {
    state: { offsetBytes: state.offsetBytes, sizeBytes: state.sizeBytes },
    copies: [
      { offsetBytes: 0, sizeBytes: state.offsetBytes },
      { offsetBytes: stateEnd, sizeBytes: image.sizeBytes - stateEnd },
    ].filter(({ sizeBytes }) => sizeBytes > 0),
    wipes: target.kind === "device" ? wipes : [],
  };
}

export function renderFlashPlan(plan: FlashPlan, image: string, target: FoundTarget, box: BoxChoices): string {
  const extent = ({ offsetBytes, sizeBytes }: Extent) => `${toMib(sizeBytes)} MiB at ${toMib(offsetBytes)} MiB`;
  return [
    `${target.kind} ${target.path}${target.model === "" ? "" : ` (${target.model})`}, ${toMib(target.sizeBytes)} MiB, ${fateOf(target)}`,
    ...plan.wipes.map((wipe) => `zero ${extent(wipe)}`),
    ...plan.copies.map((copy) => `copy ${extent(copy)} from ${image}`),
    `make the state partition: ${extent(plan.state)}`,
    "read all of it back and compare",
    ...networkWords(box.network),
    `store: ${storeWords(box.store)}`,
    `settings: ${box.settingsFile === undefined ? "the defaults" : `those of ${box.settingsFile}`}`,
  ]
    .map((line) => `${line}\n`)
    .join("");
}

function fateOf({ kind, exists }: FoundTarget): string {
  if (kind === "device") return "all that is on it is lost";
  return exists ? "is there, and is overwritten" : "is made";
}

function networkWords({ uplink, span, static: address, vlan, mtuBytes }: NetworkConfig): readonly string[] {
  const tagged = vlan === undefined ? "" : `, VLAN ${vlan}`;
  const sized = mtuBytes === undefined ? "" : `, MTU ${mtuBytes} octets`;
  return [
    `uplink: ${uplink ?? "the port with the lowest PCI address"}${tagged}${sized}`,
    address === undefined
      ? "address: by DHCP"
      : `address: ${address.address}, gateway ${address.gateway}, DNS ${address.dns.join(", ")}`,
    `SPAN: ${span?.join(", ") ?? "every other port"}`,
  ];
}

function storeWords(store: StoreConfig | undefined): string {
  if (store === undefined) return "the rest of this disk";
  const which = store.disk === "second" ? "the second disk of the box" : `the disk ${store.disk} of the box`;
  return store.take
    ? `${which}; WHATEVER IS ON IT IS OVERWRITTEN at the first start`
    : `${which}, which has to be empty, or have a store of ours`;
}

function toMib(sizeBytes: number): number {
  return Math.ceil(sizeBytes / MIB);
}

const SIZE_UNITS: Readonly<Record<string, number>> = { "": 1, K: 1024, M: MIB, G: 1024 * MIB, T: 1024 * 1024 * MIB };

/** `8G`, `3000M`, … in octets, or undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  const found = /^(\d{1,12})([KMGT]?)$/.exec(text);
  const sizeBytes = Number(found?.[1]) * (SIZE_UNITS[found?.[2] ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(sizeBytes) && sizeBytes > 0 ? sizeBytes : undefined;
}
