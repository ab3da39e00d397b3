import { type Backoff, backoffMs } from "../../core/backoff.ts";
import type { SensorEvent, UpdateStatus } from "../../core/contract/role.ts";
import { FINAL_REASONS, UpdateRefusedError } from "../../core/contract/update-refusal.ts";
import type { Clock, Log } from "../../core/ports.ts";
import { compareVersions, isVersion } from "../../core/version.ts";
import { type BaseFiles, BaseUnreachableError } from "./base-files.ts";
import { downloadSet } from "./download.ts";
import type { UpdateFolder } from "./update-folder.ts";
import { type BoxImage, openUpdateKey } from "./verify-set.ts";

const VPN_POLL_MS = 2_000;
const DAY_MS = 86_400_000;
const UNREACHABLE_FIRST_MS = 5_000;
const MESSAGE_MAX = 300;
/** Events that link did not take yet, and versions that are refused for good. */
const EVENTS_MAX = 16;
const REFUSED_MAX = 32;

export interface UpdatePorts {
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  readonly base: BaseFiles;
  readonly folder: UpdateFolder;
  /** The sensor's address is on the tunnel. */
  tunnelUp(): boolean;
  /** Hands an event to link; throws when link does not take it. */
  tell(event: SensorEvent, signal: AbortSignal): Promise<void>;
}

export interface UpdateSettings {
  readonly image: BoxImage;
  readonly askMs: number;
  readonly rateBytesPerSecond: number;
}

export interface Updater {
  status(): UpdateStatus;
  /** Asks base, downloads, checks, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export function createUpdater(ports: UpdatePorts, settings: UpdateSettings): Updater {
  const { clock, folder } = ports;
  const { image, askMs } = settings;
  const counters = { downloads: 0, resumed: 0, refusals: 0 };
  const refused = new Map<string, UpdateRefusedError["code"]>();
  const events: SensorEvent[] = [];
  let told = "";
  let failures = 0;
  let status: UpdateStatus = {
    ...{ role: "update", state: "starting", detail: "starting", version: null, receivedBytes: 0, sizeBytes: 0 },
    ...{ answeredAtMs: null, refusal: null },
  };
  const say = (state: UpdateStatus["state"], detail: string, more: Partial<UpdateStatus> = {}) => {
    if (state !== status.state || detail !== status.detail)
      ports.log(state === "refused" || state === "unreachable" ? "warning" : "info", detail, { state });
    status = { ...status, ...more, state, detail };
  };

  const addEvent = (event: SensorEvent) => {
    events.push(event);
    if (events.length > EVENTS_MAX) events.shift();
  };
  const tellEvents = async (signal: AbortSignal): Promise<void> => {
    for (let event = events[0]; event !== undefined; event = events[0]) {
      try {
        await ports.tell(event, signal);
      } catch {
        signal.throwIfAborted();
        return; // link is not there: told with the next round
      }
      if (events[0] === event) events.shift();
    }
  };

  const refuse = async (error: UpdateRefusedError, version: string, signal: AbortSignal): Promise<void> => {
    counters.refusals++;
    const message = error.message.slice(0, MESSAGE_MAX);
    const refusal = { atMs: clock.nowMs(), version, reason: error.code, message };
    if (FINAL_REASONS.includes(error.code) && isVersion(version)) {
      refused.set(version, error.code);
      for (const [oldest] of refused) if (refused.size > REFUSED_MAX) refused.delete(oldest);
    }
    say("refused", `${version}: ${message}`, { version, refusal });
    const words = `${version} ${error.code} ${message}`;
    if (words !== told) addEvent({ name: "updateRefused", ...refusal }); // once, however often it is tried
    told = words;
    await tellEvents(signal);
  };

  const becomeReady = async (version: string, signal: AbortSignal): Promise<void> => {
    say("ready", `${version} is checked and ready`, { version, refusal: null });
    told = "";
    addEvent({ name: "updateReady", atMs: clock.nowMs(), version });
    await tellEvents(signal);
  };

  /** How long to wait before the next round. */
  const round = async (signal: AbortSignal): Promise<number> => {
    await tellEvents(signal);
    if (!ports.tunnelUp()) {
      if (status.state !== "ready") say("waitingForVpn", "waiting for the VPN to ask base");
      return VPN_POLL_MS;
    }
    const facts = await folder.readFacts(image.version, image.profile);
    // of those that failed, some may be tried again by now
    for (const [version, reason] of refused) if (reason === "failedBefore") refused.delete(version);
    for (const { version } of facts.failed) {
      refused.set(version, "failedBefore");
      await folder.discard(version);
    }
    const question = {
      version: image.version,
      profile: image.profile,
      refused: [...refused].slice(-REFUSED_MAX).map(([version, reason]) => ({ version, reason })),
    };
    const offer = await ports.base.askOffer(question, signal);
    status = { ...status, answeredAtMs: clock.nowMs() };
    const whole = await folder.tidy(image.version);
    for (const version of offer.withdrawn) {
      await folder.discard(version);
      if (whole.includes(version)) addEvent({ name: "updateWithdrawn", atMs: clock.nowMs(), version });
    }
    await tellEvents(signal);
    const { version } = offer;
    const ready = await folder.tidy(image.version, version ?? undefined);
    if (version === null || (ready[0] !== undefined && compareVersions(ready[0], version) >= 0)) {
      const isRefused = status.state === "refused" && version === null && status.refusal !== null;
      if (ready[0] !== undefined) say("ready", `${ready[0]} is checked and ready`, { version: ready[0] });
      else if (!isRefused)
        say("upToDate", `base has nothing newer than ${image.version} for this box`, { version: null });
      failures = 0;
      return askMs;
    }
    counters.downloads++;
    say("downloading", `downloading ${version}`, { version, receivedBytes: 0, sizeBytes: 0 });
    try {
      await downloadSet(
        version,
        {
          ...{ clock, base: ports.base, folder, image, rateBytesPerSecond: settings.rateBytesPerSecond },
          progress: (receivedBytes, sizeBytes) => {
            status = { ...status, receivedBytes, sizeBytes };
          },
          resumed: () => {
            counters.resumed++;
          },
        },
        signal,
      );
    } catch (error) {
      if (!(error instanceof UpdateRefusedError)) throw error;
      if (error.code !== "noRoom") await folder.discardIncoming(version);
      await refuse(error, version, signal);
      return backoffMs({ firstMs: askMs, mostMs: Math.max(askMs, DAY_MS) }, ++failures, ports.random());
    }
    failures = 0;
    await becomeReady(version, signal);
    return askMs;
  };

  return {
    status: () => ({ ...status, counters: { ...counters } }),
    async run(signal) {
      const retry: Backoff = { firstMs: Math.min(UNREACHABLE_FIRST_MS, askMs), mostMs: askMs };
      let unreached = 0;
      await folder.tidy(image.version);
      for (;;) {
        let waitMs: number;
        try {
          await openUpdateKey(image.keyPath);
          waitMs = await round(signal);
          unreached = 0;
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof UpdateRefusedError && error.code === "noKey") {
            say("noKey", error.message);
            waitMs = askMs;
          } else {
            const isBase = error instanceof BaseUnreachableError;
            say("unreachable", isBase ? error.message : `the update failed: ${(error as Error).message}`);
            waitMs = backoffMs(retry, ++unreached, ports.random());
          }
        }
        await clock.sleep(waitMs, signal);
      }
    },
  };
}
