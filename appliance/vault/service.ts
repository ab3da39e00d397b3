import { type Backoff, backoffMs } from "../../core/backoff.ts";
import type { SensorEvent, VaultState, VaultStatus } from "../../core/contract/role.ts";
import type { Clock, Log } from "../../core/ports.ts";
import type { Secret } from "../../core/secret.ts";
import { KeyReleaseError, type ReleasedShare } from "./base-client.ts";
import { deriveVolumeKey } from "./key-exchange.ts";
import type { StoreHeader } from "./luks-header.ts";
import { type LuksTool, StoreError } from "./luks-tool.ts";
import { type FormatRecord, judgeHeader, planStore } from "./plan.ts";

export const STORE_NAME = "nsm";
/** The store is opened under this name while it may have no file system: nsm.mount must not see it yet. */
export const NEW_STORE_NAME = "nsm-new";
const RETRY: Backoff = { firstMs: 5_000, mostMs: 60_000 };
const TELL_RETRY: Backoff = { firstMs: 1_000, mostMs: 60_000 };
const POLL_MS = 500;
const DAMAGED_POLL_MS = 60_000;

export interface VaultPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  readonly tool: LuksTool;
  readonly store: {
    readonly device: string;
    exists(): Promise<boolean>;
    /** Why it may not exist, for people. */
    trouble(): Promise<string | undefined>;
    readHeader(): Promise<StoreHeader>;
    isOpen(name: string): Promise<boolean>;
    mapped(name: string): string;
    hasFileSystem(name: string): Promise<boolean>;
  };
  readonly formatRecord: {
    read(): Promise<FormatRecord | undefined>;
    write(record: FormatRecord): Promise<void>;
    clear(): Promise<void>;
  };
  /** The sensor's address is on the tunnel. */
  tunnelUp(): boolean;
  /** Throws a KeyReleaseError. */
  fetchShare(luksUuid: string | null, signal: AbortSignal): Promise<ReleasedShare>;
  /** Hands an event to link; throws when link does not take it. */
  tell(event: SensorEvent, signal: AbortSignal): Promise<void>;
}

export interface VaultBoard {
  status: VaultStatus;
}

export function newVaultBoard(): VaultBoard {
  const status = { role: "vault", state: "starting", detail: "starting", tries: 0, luksUuid: null } as const;
  return { status: { ...status, openedAtMs: null, identity: "software" } };
}

/** Opens the store, asking base for its key for as long as it takes; then tells link, and ends when `signal` aborts. */
export async function runVault(
  ports: VaultPorts,
  sensorId: string,
  board: VaultBoard,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  for (;;) {
    const outcome = await tryToOpen(ports, sensorId, board, signal);
    if (outcome === "open") break;
    failures = outcome === "failed" ? failures + 1 : 0;
    const waitMs = outcome === "failed" ? backoffMs(RETRY, failures, ports.random()) : outcome.waitMs;
    await ports.clock.sleep(waitMs, signal);
  }
  await reportOpened(ports, board, signal);
}

type Outcome = "open" | "failed" | { readonly waitMs: number };

async function tryToOpen(
  ports: VaultPorts,
  sensorId: string,
  board: VaultBoard,
  signal: AbortSignal,
): Promise<Outcome> {
  const say = (state: VaultState, detail: string, more: Partial<VaultStatus> = {}) => {
    if (board.status.state !== state || board.status.detail !== detail)
      ports.log(state === "open" ? "info" : "warning", detail, { state });
    board.status = { ...board.status, ...more, state, detail };
  };
  try {
    if (!(await ports.store.exists())) {
      say("noStore", (await ports.store.trouble()) ?? `waiting for the partition of the store, ${ports.store.device}`);
      return { waitMs: POLL_MS };
    }
    const header = await ports.store.readHeader();
    const record = await ports.formatRecord.read();
    const luksUuid = header.state === "luks2" ? header.uuid : null;
    board.status = { ...board.status, luksUuid };
    if (await ports.store.isOpen(STORE_NAME)) {
      say("open", "the store was open already", { openedAtMs: ports.clock.nowMs() });
      return "open";
    }
    const verdict = judgeHeader(header, record);
    if (!verdict.ask) {
      say("damagedHeader", verdict.detail);
      return { waitMs: DAMAGED_POLL_MS };
    }
    if (!ports.tunnelUp()) {
      say("waitingForVpn", "waiting for the VPN to ask base for the key");
      return { waitMs: POLL_MS };
    }
    if (board.status.tries === 0 || board.status.state === "waitingForVpn")
      say("askingForKey", "asking base for the key");
    board.status = { ...board.status, tries: board.status.tries + 1 };
    const { share, format } = await ports.fetchShare(verdict.luksUuid, signal);
    const key = deriveAndWipe(share, sensorId);
    try {
      const plan = planStore(header, record, format);
      if (plan.action === "leave") {
        say("damagedHeader", plan.detail);
        return "failed";
      }
      if (plan.action !== "open") {
        say("formatting", "making the store: a LUKS2 header and a file system");
        await makeStore(ports, plan.action === "format", key, signal);
      }
      await ports.tool.open(ports.store.device, STORE_NAME, key, signal);
    } finally {
      key.wipe();
    }
    const opened = await ports.store.readHeader();
    const uuid = opened.state === "luks2" ? opened.uuid : null;
    say("open", "the store is open", { luksUuid: uuid, openedAtMs: ports.clock.nowMs() });
    if (uuid !== null && (format || record?.state === "formatting"))
      await ports.formatRecord.write({ state: "formatted", luksUuid: uuid });
    return "open";
  } catch (error) {
    signal.throwIfAborted();
    const { state, detail } = explain(error);
    say(state, detail);
    return "failed";
  }
}

function deriveAndWipe(share: Secret, sensorId: string): Secret {
  try {
    return deriveVolumeKey(share, sensorId);
  } finally {
    share.wipe();
  }
}

/** Leaves a closed store that has a header and a file system. Cut off anywhere, it can be done again. */
async function makeStore(ports: VaultPorts, writeHeader: boolean, key: Secret, signal: AbortSignal): Promise<void> {
  if (await ports.store.isOpen(NEW_STORE_NAME)) await ports.tool.close(NEW_STORE_NAME, signal);
  if (writeHeader) {
    await ports.formatRecord.write({ state: "formatting" });
    await ports.tool.format(ports.store.device, key, signal);
  }
  await ports.tool.open(ports.store.device, NEW_STORE_NAME, key, signal);
  try {
    if (!(await ports.store.hasFileSystem(NEW_STORE_NAME)))
      await ports.tool.makeFileSystem(ports.store.mapped(NEW_STORE_NAME), signal);
  } finally {
    await ports.tool.close(NEW_STORE_NAME, signal);
  }
}

function explain(error: unknown): { state: VaultState; detail: string } {
  if (error instanceof KeyReleaseError) {
    if (error.code === "denied")
      return { state: "refused", detail: `base refuses the key: ${error.refusal}; asking again` };
    const what = error.code === "unreachable" ? "base does not answer" : "base's answer makes no sense";
    return { state: "fetchFailed", detail: `${what}: ${(error.cause as Error | undefined)?.message ?? error.code}` };
  }
  if (error instanceof StoreError && error.code === "wrongKey")
    return { state: "wrongKey", detail: "base's key does not open the store" };
  return { state: "openFailed", detail: error instanceof Error ? error.message : String(error) };
}

/** That the store was formatted stays in the format record until link has spooled it. */
async function reportOpened(ports: VaultPorts, board: VaultBoard, signal: AbortSignal): Promise<void> {
  const { luksUuid, openedAtMs } = board.status;
  const atMs = openedAtMs ?? ports.clock.nowMs();
  const record = await ports.formatRecord.read();
  if (record?.state === "formatted") {
    await tellUntilTaken(ports, { name: "storeFormatted", atMs, luksUuid: record.luksUuid }, signal);
    await ports.formatRecord.clear();
  }
  if (luksUuid !== null) await tellUntilTaken(ports, { name: "storeOpened", atMs, luksUuid }, signal);
}

async function tellUntilTaken(ports: VaultPorts, event: SensorEvent, signal: AbortSignal): Promise<void> {
  for (let failures = 1; ; failures++) {
    try {
      return await ports.tell(event, signal);
    } catch {
      signal.throwIfAborted();
      await ports.clock.sleep(backoffMs(TELL_RETRY, failures, ports.random()), signal);
    }
  }
}
