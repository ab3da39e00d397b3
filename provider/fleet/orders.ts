import type { DatabaseSync } from "node:sqlite";
import type { ResetCause } from "../../core/contract/role.ts";
import { inTransaction } from "../state/database.ts";
import { revokeCertificates } from "./certificates.ts";
import { type Sensor, SensorError, sensorByName } from "./sensors.ts";

export const ORDER_KINDS = ["wipe", "resetSettings"] as const;
export type OrderKind = (typeof ORDER_KINDS)[number];

/** The 87 octets of a command with that counter, signed: `core/contract/command.ts`. */
export type SignOrder = (sensorId: string, counter: number) => Uint8Array;

/** Throws a SensorError for a sensor that can't be ordered to do this. */
export function readOrderable(database: DatabaseSync, name: string, kind: OrderKind): Sensor {
  const sensor = sensorByName(database, name);
  if (sensor.state === "pending")
    throw new SensorError(
      "wrongState",
      `${name} was not flashed yet: there is nothing to ${kind === "wipe" ? "wipe" : "reset"}`,
    );
  if (sensor.state === "revoked") throw new SensorError("wrongState", `${name} is revoked`);
  const { wipeOrderedAtMs, wipeErasedAtMs } = sensor;
  if (kind === "wipe" && wipeOrderedAtMs !== null && wipeErasedAtMs !== null && wipeErasedAtMs >= wipeOrderedAtMs)
    throw new SensorError("wrongState", `${name} was wiped at ${new Date(wipeErasedAtMs).toISOString()}, as ordered`);
  if (kind === "resetSettings" && (wipeOrderedAtMs !== null || sensor.wipeBegunAtMs !== null))
    throw new SensorError("wrongState", `${name} is being wiped, or was`);
  return sensor;
}

/**
 * Puts a signed command where base finds it. A wipe also erases base's share of the store's key, which alone makes the store
 * unreadable for ever, and no key is released to the sensor any more; what the sensor has said of a wipe stays. Throws a SensorError.
 */
export function orderSensor(
  database: DatabaseSync,
  name: string,
  kind: OrderKind,
  sign: SignOrder,
  nowMs: number,
): Sensor {
  const ordered = inTransaction(database, () => {
    const sensor = readOrderable(database, name, kind);
    const counter = sensor.commandCounter + 1;
    database
      .prepare("update sensors set command_counter = ?, pending_command = ? where id = ?")
      .run(counter, sign(sensor.id, counter), sensor.id);
    if (kind === "wipe")
      database
        .prepare(
          `update sensors set state = 'hold', wrapped_share = null, wrapped_wrapping_key = null,
           wipe_ordered_at_ms = coalesce(wipe_ordered_at_ms, ?) where id = ?`,
        )
        .run(nowMs, sensor.id);
    return sensorByName(database, name);
  });
  // What was erased does not stay in the write-ahead log; while another process reads it goes with that one's next checkpoint.
  database.exec("pragma wal_checkpoint(truncate)");
  return ordered;
}

/** What a sensor says of a wipe. It gets no key any more; once its store is gone as ordered, its certificates end as well. */
export function recordWipe(
  database: DatabaseSync,
  sensorId: string,
  wipe: { readonly stage: "begun" | "storeErased"; readonly cause: ResetCause },
  nowMs: number,
): void {
  database
    .prepare(
      `update sensors set pending_command = null, wipe_cause = ?, wipe_begun_at_ms = coalesce(wipe_begun_at_ms, ?),
       state = case state when 'active' then 'hold' else state end where id = ?`,
    )
    .run(wipe.cause, nowMs, sensorId);
  if (wipe.stage === "begun") return;
  database.prepare("update sensors set wipe_erased_at_ms = ? where id = ?").run(nowMs, sensorId);
  const row = database.prepare("select wipe_ordered_at_ms as at from sensors where id = ?").get(sensorId);
  if (row?.at !== null) revokeCertificates(database, sensorId, nowMs);
}

/** The sensor took the command, or refuses it: it is not said again. */
export function endCommand(database: DatabaseSync, sensorId: string): void {
  database.prepare("update sensors set pending_command = null where id = ?").run(sensorId);
}
