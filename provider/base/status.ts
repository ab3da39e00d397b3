import type { HealthRecord } from "../../core/contract/health.ts";
import type { LinkStatus, ResetCause } from "../../core/contract/role.ts";
import type { Sensor, SensorState } from "../fleet/sensors.ts";
import type { LiveLink } from "../link/link-hub.ts";
import type { ConnectedClient } from "../vpn/management.ts";

/** A sensor as `cepa sensor list --json` and base's socket show it. */
export interface SensorView {
  readonly name: string;
  readonly sensorId: string;
  readonly address: string;
  readonly state: SensorState;
  /** There is no TPM behind it yet: the weaker kind, and it is always said. */
  readonly identity: "software";
  readonly enrolledAtMs: number | null;
  readonly luksUuid: string | null;
  readonly lastSeenAtMs: number | null;
  readonly lastBootId: string | null;
  readonly health: HealthRecord | null;
  readonly linkStatus: LinkStatus | null;
  readonly updateChannel: string;
  readonly updatePin: string | null;
  /** A command waits for the sensor, or for its answer. */
  readonly commandWaits: boolean;
  /** null: not wiped, and not ordered to. */
  readonly wipe: WipeView | null;
  /** undefined: base does not run, so it is not known. */
  readonly live?: {
    readonly vpn: readonly ConnectedClient[];
    readonly linkUpSinceMs: number | null;
  };
}

export interface WipeView {
  /** null: base ordered none. */
  readonly orderedAtMs: number | null;
  /** As the sensor says: it is on its disk, and can't be stopped. */
  readonly begunAtMs: number | null;
  /** As the sensor says: the store's keys are gone. */
  readonly erasedAtMs: number | null;
  readonly cause: ResetCause | null;
}

export function viewOf(
  sensor: Sensor,
  live: { readonly vpn: readonly ConnectedClient[]; readonly link: LiveLink | undefined } | undefined,
): SensorView {
  return {
    name: sensor.name,
    sensorId: sensor.id,
    address: sensor.address,
    state: sensor.state,
    identity: "software",
    enrolledAtMs: sensor.enrolledAtMs,
    luksUuid: sensor.luksUuid,
    lastSeenAtMs: sensor.lastSeenAtMs,
    lastBootId: sensor.lastBootId,
    health: parseStored<HealthRecord>(sensor.lastHealth),
    linkStatus: parseStored<LinkStatus>(sensor.lastLink),
    updateChannel: sensor.updateChannel,
    updatePin: sensor.updatePin,
    commandWaits: sensor.pendingCommand !== null,
    wipe:
      sensor.wipeOrderedAtMs === null && sensor.wipeBegunAtMs === null
        ? null
        : {
            orderedAtMs: sensor.wipeOrderedAtMs,
            begunAtMs: sensor.wipeBegunAtMs,
            erasedAtMs: sensor.wipeErasedAtMs,
            cause: sensor.wipeCause,
          },
    ...(live !== undefined && { live: { vpn: live.vpn, linkUpSinceMs: live.link?.upSinceMs ?? null } }),
  };
}

function parseStored<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}
