import { randomInt } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import type { HealthRecord } from "../../core/contract/health.ts";
import type { SensorMessage } from "../../core/contract/link.ts";
import type { SensorEvent } from "../../core/contract/role.ts";
import { endCommand, recordWipe } from "../fleet/orders.ts";
import { recordLuksUuid, type Sensor } from "../fleet/sensors.ts";
import { inTransaction } from "../state/database.ts";
import { isUuid, isWipe, readHealthRecord } from "./sensor-words.ts";

const HEALTH_LIMIT_CHARACTERS = 64 * 1024;
const EVENT_LIMIT_CHARACTERS = 4096;
/** Events kept of one sensor, the last that came, whatever number it gives them; a spool never sends again what is this far back. */
const EVENTS_KEPT = 10_000;
/** Looked for at one event of so many, by chance: sensors that take turns can't see to it that it is never one of theirs. */
const LOOK_EACH = 64;

/** The record that is shown; undefined: it can't be, or is too long to be kept; then only the time is. */
export function recordHeartbeat(
  database: DatabaseSync,
  sensorId: string,
  message: Extract<SensorMessage, { type: "heartbeat" }>,
  nowMs: number,
): HealthRecord | undefined {
  const record = readHealthRecord(message.health);
  const health = JSON.stringify(record ?? null);
  const link = JSON.stringify(message.link ?? null);
  const kept =
    record !== undefined && health.length <= HEALTH_LIMIT_CHARACTERS && link.length <= HEALTH_LIMIT_CHARACTERS;
  if (kept)
    database
      .prepare("update sensors set last_seen_at_ms = ?, last_health = ?, last_link = ? where id = ?")
      .run(nowMs, health, link, sensorId);
  else database.prepare("update sensors set last_seen_at_ms = ? where id = ?").run(nowMs, sensorId);
  return kept ? record : undefined;
}

/** Stores an event unless it was already; undefined: a repeat, or nothing that can be kept. */
export function recordEvent(
  database: DatabaseSync,
  sensor: Pick<Sensor, "id" | "enrolment">,
  message: Extract<SensorMessage, { type: "event" }>,
  nowMs: number,
): SensorEvent | undefined {
  const text = JSON.stringify(message.event ?? null);
  if (text.length > EVENT_LIMIT_CHARACTERS || typeof message.event?.name !== "string") return undefined;
  return inTransaction(database, () => {
    const { changes } = database
      .prepare("insert or ignore into events values (?, ?, ?, ?, ?)")
      .run(sensor.id, sensor.enrolment, message.id, nowMs, text);
    if (changes === 0) return undefined;
    if (randomInt(LOOK_EACH) === 0) dropOldEvents(database, sensor);
    const event = message.event;
    const isStore = event.name === "storeFormatted" || event.name === "storeOpened";
    if (isStore && isUuid(event.luksUuid)) recordLuksUuid(database, sensor.id, event.luksUuid);
    if (event.name === "wipe" && isWipe(event)) recordWipe(database, sensor.id, event, nowMs);
    if (event.name === "settingsReset" || event.name === "commandRefused") endCommand(database, sensor.id);
    return event;
  });
}

function dropOldEvents(database: DatabaseSync, sensor: Pick<Sensor, "id" | "enrolment">): void {
  database
    .prepare(
      `delete from events where rowid in (
         select rowid from events where sensor_id = ? and enrolment = ? order by rowid desc limit -1 offset ?)`,
    )
    .run(sensor.id, sensor.enrolment, EVENTS_KEPT);
}
