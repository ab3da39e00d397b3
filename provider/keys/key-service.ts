import { parseJson } from "../../core/checked-json.ts";
import {
  type Challenge,
  readVolumeKeyRequest,
  type VolumeKeyAnswer,
  type VolumeKeyRequest,
} from "../../core/contract/key-release.ts";
import type { Clock } from "../../core/ports.ts";
import type { Secret } from "../../core/secret.ts";
import type { Report } from "../base/stage.ts";
import { recordLuksUuid, type Sensor } from "../fleet/sensors.ts";
import type { Provider } from "../state/provider.ts";
import { decideRelease, type ReleaseDecision } from "./decision.ts";
import { NonceBook } from "./nonces.ts";
import { RateLimit } from "./rate-limit.ts";
import { openShare, sealForSensor } from "./share.ts";

const CHALLENGES_PER_MINUTE = 30;
const REQUESTS_PER_MINUTE = 12;
const MINUTE_MS = 60_000;
/** A refusal that repeats is written into the audit log this often. */
const REPEATED_REFUSAL_MS = 10 * MINUTE_MS;

export interface KeyService {
  /** undefined: too many. */
  challenge(sensor: Sensor): Challenge | undefined;
  /** Throws an AuditError when the log can't be written: then there is no key. */
  volumeKey(sensor: Sensor, sourceAddress: string, body: string): VolumeKeyAnswer;
  /** Since base started. */
  counters(): {
    readonly challengesRefused: number;
    readonly keysReleased: number;
    readonly keysRefused: number;
    readonly noncesEvicted: number;
  };
}

/** Decides, writes the audit entry, and only then makes the answer. */
export function createKeyService(
  provider: Pick<Provider, "database" | "audit">,
  masterKey: Secret,
  ports: { readonly clock: Clock; readonly report: Report },
): KeyService {
  const { database, audit } = provider;
  const nonces = new NonceBook();
  const challenges = new RateLimit(CHALLENGES_PER_MINUTE, MINUTE_MS);
  const requests = new RateLimit(REQUESTS_PER_MINUTE, MINUTE_MS);
  /** By sensor and reason, so that a sensor which takes turns with its faults fills the log no faster. */
  const refusals = new Map<string, Map<string, { readonly atMs: number; suppressed: number }>>();

  const counters = { challengesRefused: 0, keysReleased: 0, keysRefused: 0 };

  const refused = (sensor: Sensor, why: string, source: string, nowMs: number) => {
    counters.keysRefused++;
    const own = refusals.get(sensor.id) ?? new Map();
    refusals.set(sensor.id, own);
    const before = own.get(why);
    if (before !== undefined && nowMs - before.atMs < REPEATED_REFUSAL_MS) {
      before.suppressed++;
      return;
    }
    const detail = { why, source, identity: "software", repeatsBefore: before?.suppressed ?? 0 };
    audit.append({ atMs: nowMs, who: sensor.id, action: "keyRefused", sensorId: sensor.id, detail });
    own.set(why, { atMs: nowMs, suppressed: 0 });
    ports.report({ stage: "keyRefused", atMs: nowMs, sensor: sensor.name, sensorId: sensor.id, why });
  };

  return {
    counters: () => ({ ...counters, noncesEvicted: nonces.evicted }),

    challenge(sensor) {
      const nowMs = ports.clock.nowMs();
      if (!challenges.allow(sensor.id, nowMs)) {
        counters.challengesRefused++;
        return undefined;
      }
      return { nonce: nonces.issue(sensor.id, nowMs) };
    },

    volumeKey(sensor, sourceAddress, body) {
      const nowMs = ports.clock.nowMs();
      const request = parseRequest(body);
      const decision = decideRelease({
        sensor,
        sourceAddress,
        withinRate: requests.allow(sensor.id, nowMs),
        request,
        nonceFresh: request !== undefined && nonces.take(request.nonce, sensor.id, nowMs),
      });
      if (decision.state === "refuse" || request === undefined) {
        const why = decision.state === "refuse" ? decision.why : "badRequest";
        refused(sensor, why, sourceAddress, nowMs);
        return { state: "refused", why };
      }
      const share =
        sensor.wrappedShare !== null && sensor.wrappedWrappingKey !== null
          ? openShare(masterKey, sensor.id, {
              wrappedShare: sensor.wrappedShare,
              wrappedWrappingKey: sensor.wrappedWrappingKey,
            })
          : undefined;
      const sealed = share && sealForSensor(share, sensor.id, request.nonce, request.ephemeralPublicKey);
      share?.wipe();
      if (sealed === undefined) {
        const why = share === undefined ? "notActive" : "badRequest";
        refused(sensor, why, sourceAddress, nowMs);
        return { state: "refused", why };
      }
      audit.append({
        atMs: nowMs,
        who: sensor.id,
        action: "keyReleased",
        sensorId: sensor.id,
        detail: releaseDetail(request, decision, sourceAddress),
      });
      refusals.delete(sensor.id);
      counters.keysReleased++;
      if (decision.newLuksUuid !== null) recordLuksUuid(database, sensor.id, decision.newLuksUuid);
      database.prepare("update sensors set last_boot_id = ? where id = ?").run(request.bootId, sensor.id);
      const { format, storeDiffers } = decision;
      ports.report({
        stage: "keyReleased",
        atMs: nowMs,
        sensor: sensor.name,
        sensorId: sensor.id,
        format,
        storeDiffers,
      });
      return { state: "released", format, ...sealed };
    },
  };
}

function parseRequest(body: string): VolumeKeyRequest | undefined {
  try {
    return readVolumeKeyRequest(parseJson(body, "request"));
  } catch {
    return undefined;
  }
}

function releaseDetail(
  request: VolumeKeyRequest,
  decision: Extract<ReleaseDecision, { state: "release" }>,
  source: string,
): Readonly<Record<string, unknown>> {
  return {
    source,
    bootId: request.bootId,
    luksUuid: request.luksUuid,
    format: decision.format,
    storeDiffers: decision.storeDiffers,
    identity: "software",
  };
}
