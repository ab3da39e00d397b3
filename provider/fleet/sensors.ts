import { randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { SENSOR_NAME_PATTERN } from "../../core/contract/identity.ts";
import type { ResetCause } from "../../core/contract/role.ts";
import { inTransaction } from "../state/database.ts";
import { nextFreeAddress, type Subnet } from "../vpn/subnet.ts";

/** `pending`: added, not yet flashed. `hold`: a person must release it before it gets its key. */
export type SensorState = "pending" | "active" | "hold" | "revoked";

export interface Sensor {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly state: SensorState;
  readonly addedAtMs: number;
  readonly enrolledAtMs: number | null;
  readonly enrolment: number;
  readonly certificateSerial: string | null;
  readonly wrappedShare: Uint8Array | null;
  readonly wrappedWrappingKey: Uint8Array | null;
  readonly luksUuid: string | null;
  readonly emergencyKeyId: number;
  readonly configNumber: number;
  readonly lastSeenAtMs: number | null;
  readonly lastBootId: string | null;
  /** JSON of the last heartbeat's HealthRecord and LinkStatus. */
  readonly lastHealth: string | null;
  readonly lastLink: string | null;
  readonly updateChannel: string;
  /** The one version that it may have; null: the channel decides. */
  readonly updatePin: string | null;
  /** A command as signed, until the sensor answers it. */
  readonly pendingCommand: Uint8Array | null;
  readonly commandCounter: number;
  readonly wipeOrderedAtMs: number | null;
  /** As the sensor says; also of a wipe that was not ordered here. */
  readonly wipeBegunAtMs: number | null;
  readonly wipeErasedAtMs: number | null;
  readonly wipeCause: ResetCause | null;
}

export class SensorError extends Error {
  override readonly name = "SensorError";
  readonly code: "unknown" | "nameTaken" | "badName" | "full" | "wrongState";
  constructor(code: SensorError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

const COLUMNS = `id, name, address, state, added_at_ms as addedAtMs, enrolled_at_ms as enrolledAtMs, enrolment,
  certificate_serial as certificateSerial, wrapped_share as wrappedShare, wrapped_wrapping_key as wrappedWrappingKey,
  luks_uuid as luksUuid, emergency_key_id as emergencyKeyId, config_number as configNumber,
  last_seen_at_ms as lastSeenAtMs, last_boot_id as lastBootId, last_health as lastHealth, last_link as lastLink,
  update_channel as updateChannel, update_pin as updatePin, pending_command as pendingCommand,
  command_counter as commandCounter, wipe_ordered_at_ms as wipeOrderedAtMs, wipe_begun_at_ms as wipeBegunAtMs,
  wipe_erased_at_ms as wipeErasedAtMs, wipe_cause as wipeCause`;

export function listSensors(database: DatabaseSync): Sensor[] {
  return database.prepare(`select ${COLUMNS} from sensors order by name`).all() as unknown as Sensor[];
}

export function sensorById(database: DatabaseSync, id: string): Sensor | undefined {
  return database.prepare(`select ${COLUMNS} from sensors where id = ?`).get(id) as unknown as Sensor | undefined;
}

/** Throws a SensorError. */
export function sensorByName(database: DatabaseSync, name: string): Sensor {
  const row = database.prepare(`select ${COLUMNS} from sensors where name = ?`).get(name);
  if (row === undefined)
    throw new SensorError("unknown", `there is no sensor ${JSON.stringify(name)}; cepa sensor list shows them`);
  return row as unknown as Sensor;
}

/** A new sensor, `pending` until `cepa flash` enrols it. Throws a SensorError. */
export function addSensor(database: DatabaseSync, name: string, subnet: Subnet, nowMs: number): Sensor {
  if (!SENSOR_NAME_PATTERN.test(name))
    throw new SensorError("badName", `${JSON.stringify(name)}: a name is a-z, 0-9 and -, at most 31, not - first`);
  return inTransaction(database, () => {
    const known = listSensors(database);
    if (known.some((sensor) => sensor.name === name))
      throw new SensorError("nameTaken", `there is a sensor ${name} already; cepa sensor show ${name}`);
    const address = nextFreeAddress(subnet, new Set(known.map((sensor) => sensor.address)));
    if (address === undefined) throw new SensorError("full", "every address of the VPN's subnet is taken");
    const id = randomBytes(8).toString("hex");
    database
      .prepare("insert into sensors (id, name, address, state, added_at_ms) values (?, ?, ?, 'pending', ?)")
      .run(id, name, address, nowMs);
    return sensorByName(database, name);
  });
}

/** Frees name and address of a sensor that was never flashed; of another there is more that must stay. Throws a SensorError. */
export function removeSensor(database: DatabaseSync, name: string): Sensor {
  return inTransaction(database, () => {
    const sensor = sensorByName(database, name);
    if (sensor.state !== "pending")
      throw new SensorError(
        "wrongState",
        `${name} was flashed: its certificate, its key and what it said are on record and stay; cepa sensor hold ${name} keeps its key ` +
          `from it, cepa sensor wipe ${name} erases it`,
      );
    database.prepare("delete from sensors where id = ?").run(sensor.id);
    return sensor;
  });
}

/**
 * active → hold or hold → active. A sensor that was wiped stays on hold, but where it alone says so (anything that speaks for it may) and a
 * person knows better: `isNotWiped`. Throws a SensorError for a sensor in another state.
 */
export function changeHold(
  database: DatabaseSync,
  name: string,
  to: "hold" | "active",
  isNotWiped: boolean = false,
): Sensor {
  return inTransaction(database, () => {
    const sensor = sensorByName(database, name);
    const from = to === "hold" ? "active" : "hold";
    if (sensor.state !== from && sensor.state !== to)
      throw new SensorError(
        "wrongState",
        sensor.state === "pending"
          ? `${name} was not flashed yet: it has no key to hold`
          : `${name} is ${sensor.state}`,
      );
    if (to === "active" && sensor.wipeOrderedAtMs !== null)
      throw new SensorError("wrongState", `${name} was wiped; make a box of it again with cepa flash --sensor ${name}`);
    if (to === "active" && sensor.wipeBegunAtMs !== null && !isNotWiped)
      throw new SensorError(
        "wrongState",
        `${name} says that it was wiped, by no order from here; make a box of it again with cepa flash --sensor ${name}, or, ` +
          `if you know that it was not, cepa sensor release ${name} --not-wiped`,
      );
    database
      .prepare(
        isNotWiped
          ? "update sensors set state = ?, wipe_begun_at_ms = null, wipe_erased_at_ms = null, wipe_cause = null where id = ?"
          : "update sensors set state = ? where id = ?",
      )
      .run(to, sensor.id);
    return sensorByName(database, name);
  });
}

/** Which updates a sensor gets; what is undefined stays. Throws a SensorError. */
export function changeUpdateChoice(
  database: DatabaseSync,
  name: string,
  choice: { readonly channel: string | undefined; readonly pin: string | null | undefined },
): Sensor {
  return inTransaction(database, () => {
    const sensor = sensorByName(database, name);
    const updateChannel = choice.channel ?? sensor.updateChannel;
    const updatePin = choice.pin === undefined ? sensor.updatePin : choice.pin;
    database
      .prepare("update sensors set update_channel = ?, update_pin = ? where id = ?")
      .run(updateChannel, updatePin, sensor.id);
    return { ...sensor, updateChannel, updatePin };
  });
}

/** Records the UUID of the store's header; once there is one it is only replaced by a new enrolment. */
export function recordLuksUuid(database: DatabaseSync, sensorId: string, luksUuid: string): void {
  database
    .prepare("update sensors set luks_uuid = ? where id = ? and (luks_uuid is null or luks_uuid = ?)")
    .run(luksUuid, sensorId, luksUuid);
}
