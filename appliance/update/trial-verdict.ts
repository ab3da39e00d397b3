import type { CaptureStatus, LinkStatus, VaultState, VaultStatus } from "../../core/contract/role.ts";

/** What the box did in the slot before, within the last day: a new version is held against that, and nothing else. */
export interface SlotRecord {
  readonly capturing: boolean;
  readonly frames: boolean;
  readonly storeOpen: boolean;
  readonly vpn: boolean;
}

export interface TrialObservation {
  /** Monotonic. */
  readonly atMs: number;
  /** null: that role does not answer. */
  readonly capture: CaptureStatus | null;
  readonly vault: VaultStatus | null;
  readonly link: LinkStatus | null;
  /** dm-verity found a block that is not as it was signed. */
  readonly isRootCorrupted: boolean;
}

export interface TrialLimits {
  /** All has to be well for so long without a break. */
  readonly healthyMs: number;
  /** After so long the trial has an end. */
  readonly limitMs: number;
}

export type TrialState =
  | { readonly name: "watching"; readonly startedAtMs: number; readonly healthySinceMs: number | undefined }
  | { readonly name: "good" }
  | { readonly name: "bad"; readonly why: string }
  /** What is missing depends on what is outside of the box too, base or who feeds the SPAN port: the version before is asked. */
  | { readonly name: "doubtful"; readonly why: string };

/** In these the box waits for base, which may be down. */
const KEY_STILL_DUE: readonly VaultState[] = ["waitingForVpn", "askingForKey", "fetchFailed"];
/** And in one more base says no: no fault of a version either. */
const UP_TO_BASE: readonly VaultState[] = [...KEY_STILL_DUE, "refused"];

export function nextTrialState(
  state: TrialState,
  observation: TrialObservation,
  before: SlotRecord,
  limits: TrialLimits,
): TrialState {
  if (state.name !== "watching") return state;
  if (observation.isRootCorrupted) return { name: "bad", why: "a block of the root file system is damaged" };
  const faults = findFaults(observation, before);
  const doubt = findDoubt(observation, before);
  const isWell = faults.length === 0 && doubt === undefined && !isKeyStillDue(observation, before);
  const healthySinceMs = isWell ? (state.healthySinceMs ?? observation.atMs) : undefined;
  if (healthySinceMs !== undefined && observation.atMs - healthySinceMs >= limits.healthyMs) return { name: "good" };
  // what is well at the limit may go on until it has been well for long enough
  if (observation.atMs - state.startedAtMs < limits.limitMs || isWell) return { ...state, healthySinceMs };
  if (faults.length > 0) return { name: "bad", why: faults.join("; ") };
  return doubt === undefined ? { name: "good" } : { name: "doubtful", why: doubt };
}

/** Whether it captures shows only once base gives the key, or says why not; a base that does neither until the limit condemns nothing. */
function isKeyStillDue({ vault }: TrialObservation, before: SlotRecord): boolean {
  return before.storeOpen && vault !== null && KEY_STILL_DUE.includes(vault.state);
}

/** What the version alone answers for. */
function findFaults({ capture, vault, link }: TrialObservation, before: SlotRecord): readonly string[] {
  const faults: string[] = [];
  if (link === null) faults.push("link does not answer");
  if (vault === null) faults.push("vault does not answer");
  else if (vault.state === "starting" || vault.state === "formatting") faults.push(`vault is ${vault.state}`);
  else if (vault.state !== "open" && before.storeOpen && !UP_TO_BASE.includes(vault.state))
    faults.push(`the store does not open: ${vault.state}, ${vault.detail}`);
  if (vault?.state === "open") {
    if (capture === null) faults.push("capture does not answer");
    else if (before.capturing && capture.state !== "capturing") faults.push(`capture is ${capture.state}`);
  }
  return faults;
}

/** What was there before is not, and a port that it came by works: the tunnel, or frames. */
function findDoubt({ capture, vault, link }: TrialObservation, before: SlotRecord): string | undefined {
  const doubts: string[] = [];
  const hasUplink = link !== null && link.state !== "noUplink" && link.state !== "noAddress";
  if (before.vpn && hasUplink && !link.vpnUp) doubts.push(`the VPN is not up: ${link.detail}`);
  const captures = vault?.state === "open" && capture?.state === "capturing";
  if (before.frames && captures && capture.frames === 0 && capture.ports.some(({ carrier }) => carrier))
    doubts.push("capture sees no frames, and there were some before");
  return doubts.length === 0 ? undefined : doubts.join("; ");
}

/** The slot before has again what a version could be in doubt for. */
export function isAsBefore({ capture, link }: Pick<TrialObservation, "capture" | "link">, before: SlotRecord): boolean {
  return (!before.vpn || link?.vpnUp === true) && (!before.frames || (capture !== null && capture.frames > 0));
}

const DAY_MS = 86_400_000;

/** What a slot that runs would be held against, as its roles tell; `nowMs` and their times are Unix milliseconds. */
export function recordSlot(
  { capture, vault, link }: Pick<TrialObservation, "capture" | "vault" | "link">,
  nowMs: number,
): SlotRecord {
  const isOfLate = (atMs: number | null | undefined) => typeof atMs === "number" && nowMs - atMs < DAY_MS;
  return {
    capturing: capture?.state === "capturing",
    frames: isOfLate(capture?.lastFrameAtMs),
    storeOpen: vault?.state === "open",
    vpn: link?.vpnUp === true || isOfLate(link?.lastHeartbeatAtMs),
  };
}

/** Of `veritysetup status`, veritysetup(8); undefined when it doesn't say. */
export function parseVerityState(text: string): "verified" | "corrupted" | undefined {
  const state = /^\s*status:\s+(verified|corrupted)$/m.exec(text)?.[1];
  return state === "verified" || state === "corrupted" ? state : undefined;
}
