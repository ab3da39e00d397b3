import type { LinkStatus, SensorEvent } from "../../core/contract/role.ts";
import type { Clock, Log } from "../../core/ports.ts";
import type { PendingReset } from "./reset-files.ts";

/** Base is given so long to hear of it before the box's identity goes; without that it goes unheard. */
export const TELL_LIMIT_MS = 60_000;
const LOOK_MS = 500;

export interface ResetPorts {
  readonly clock: Clock;
  readonly log: Log;
  savePending(pending: PendingReset): Promise<void>;
  removePending(): Promise<void>;
  /** Hands an event to link; throws when link does not take it. */
  tell(event: SensorEvent, signal: AbortSignal): Promise<void>;
  /** null: link does not answer. */
  askLink(signal: AbortSignal): Promise<LinkStatus | null>;
  /** The sensor has an identity, so that link may come to run. */
  hasIdentity(): Promise<boolean>;
  /** Makes what is on the store unreadable. Done again, it does no harm. Throws when that can't be had. */
  eraseStore(signal: AbortSignal): Promise<void>;
  removeSettings(network: boolean): Promise<void>;
  /** Ends what might write to the state partition. */
  stopRoles(signal: AbortSignal): Promise<void>;
  shredState(signal: AbortSignal): Promise<void>;
}

/** What was begun, or is asked for: settings that can't be put back, whatever a role makes of them, keep no wipe from being taken. */
export async function findReset(
  begun: PendingReset | undefined,
  takeRequest: () => Promise<PendingReset | undefined>,
): Promise<PendingReset | undefined> {
  return begun?.what === "everything" ? begun : ((await takeRequest()) ?? begun);
}

/**
 * Carries out a reset from wherever it is: `pending` is on the disk before anything else is done, and goes as the last thing, so
 * that a power cut at any place only makes it begin again where it was. The box starts anew afterwards.
 */
export async function runReset(pending: PendingReset, ports: ResetPorts, signal: AbortSignal): Promise<void> {
  const { cause } = pending;
  await ports.savePending(pending);
  if (pending.what === "settings") {
    await ports.removeSettings(cause !== "order"); // an order that cut the box off from base could not be taken back
    await tellQuietly({ name: "settingsReset", atMs: ports.clock.nowMs(), cause }, ports, signal);
    await ports.removePending();
    return;
  }
  ports.log("warning", "everything on this box is erased", { cause, from: pending.stage });
  if (pending.stage === "begun") {
    await tellQuietly({ name: "wipe", atMs: ports.clock.nowMs(), cause, stage: "begun" }, ports, signal);
    await ports.eraseStore(signal);
    await ports.savePending({ ...pending, stage: "storeErased" });
    ports.log("warning", "the store's keys are erased");
  }
  await tellBase({ name: "wipe", atMs: ports.clock.nowMs(), cause, stage: "storeErased" }, ports, signal);
  await ports.stopRoles(signal);
  await ports.shredState(signal);
  ports.log("warning", "identity, keys and settings are erased");
  await ports.removePending();
}

/** Link takes it and base has acknowledged it, or the time is over. */
async function tellBase(event: SensorEvent, ports: ResetPorts, signal: AbortSignal): Promise<void> {
  const untilMs = ports.clock.monotonicMs() + TELL_LIMIT_MS;
  let isTaken = false;
  while ((await ports.hasIdentity()) && ports.clock.monotonicMs() < untilMs) {
    isTaken ||= await tellQuietly(event, ports, signal);
    if (isTaken && (await ports.askLink(signal))?.spooled === 0) return;
    await ports.clock.sleep(LOOK_MS, signal);
  }
  ports.log("warning", "base has not heard of it");
}

async function tellQuietly(event: SensorEvent, ports: ResetPorts, signal: AbortSignal): Promise<boolean> {
  return ports.tell(event, signal).then(
    () => true,
    () => {
      signal.throwIfAborted();
      return false;
    },
  );
}
