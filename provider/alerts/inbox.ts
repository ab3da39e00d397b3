import { createPublicKey } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { readObject, readText } from "../../core/checked-json.ts";
import { decodeEmergency, decodeEmergencyText, type Emergency } from "../../core/contract/emergency.ts";
import { verifyEmergency } from "../../core/node/signed-message.ts";
import { decodeDeliverPdu } from "../../core/sms/pdu.ts";
import { type Sensor, sensorById } from "../fleet/sensors.ts";
import { inTransaction } from "../state/database.ts";

/** Boots before the latest heard of; what is older is not accepted, though it may never have been seen. */
const BOOTS_BACK = 8;

export type AlertRefusal = "malformed" | "unknownSensor" | "forged" | "replayed" | "tooOld";

export type AlertOutcome =
  | { readonly ok: true; readonly alert: Alert }
  | { readonly ok: false; readonly why: AlertRefusal };

export interface Alert {
  readonly id: number;
  readonly receivedAtMs: number;
  /** Number that the message came from, as the gateway says: proves nothing. */
  readonly sender: string;
  readonly sensorId: string;
  readonly sensorName: string;
  readonly emergency: Emergency;
}

/** The webhook's JSON: `{"from", "received_at", "pdu" | "text"}`. */
export interface GatewayMessage {
  readonly from: string;
  readonly message: Uint8Array;
}

/** undefined: no such JSON, or no emergency message in it. */
export function readGatewayMessage(json: unknown): GatewayMessage | undefined {
  try {
    const object = readObject(json, "message", ["from", "received_at", "pdu", "text"]);
    const from = readText(
      object,
      "from",
      "message",
      "a number or name of at most 40 characters",
      /^[\x20-\x7e]{0,40}$/,
    );
    if ((object.pdu === undefined) === (object.text === undefined)) return undefined;
    if (object.text !== undefined) {
      const decoded = decodeEmergencyText(readText(object, "text", "message", "base64url", /^[\s\S]{1,400}$/));
      return decoded.ok ? { from, message: decoded.value } : undefined;
    }
    const deliver = decodeDeliverPdu(readText(object, "pdu", "message", "hexadecimal", /^[0-9A-Fa-f]{1,400}$/));
    if (!deliver.ok || deliver.value.alphabet !== "8bit") return undefined;
    return { from: from || deliver.value.from, message: deliver.value.userData };
  } catch {
    return undefined;
  }
}

/** Verifies a message and stores it: signature first, then once only. */
export function acceptAlert(database: DatabaseSync, received: GatewayMessage | undefined, nowMs: number): AlertOutcome {
  const decoded = received && decodeEmergency(received.message);
  if (received === undefined || decoded?.ok !== true) return { ok: false, why: "malformed" };
  const emergency = decoded.value;
  const sensor = sensorById(database, emergency.sensorId);
  if (sensor === undefined) return { ok: false, why: "unknownSensor" };
  const key = database
    .prepare("select public_key_pem from emergency_keys where sensor_id = ? and key_id = ? and retired_at_ms is null")
    .get(sensor.id, emergency.keyId);
  if (key === undefined || !verifyEmergency(received.message, createPublicKey(String(key.public_key_pem))))
    return { ok: false, why: "forged" };
  return inTransaction(database, () => store(database, sensor, emergency, received, nowMs));
}

function store(
  database: DatabaseSync,
  sensor: Sensor,
  emergency: Emergency,
  received: GatewayMessage,
  nowMs: number,
): AlertOutcome {
  const { keyId, bootCounter, sequence } = emergency;
  const latest = database
    .prepare("select max(boot_counter) as boot from alerts where sensor_id = ? and key_id = ?")
    .get(sensor.id, keyId);
  if (bootCounter < Number(latest?.boot ?? 0) - BOOTS_BACK) return { ok: false, why: "tooOld" };
  const { changes, lastInsertRowid } = database
    .prepare(
      `insert or ignore into alerts (sensor_id, key_id, boot_counter, sequence, received_at_ms, sender, message)
       values (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(sensor.id, keyId, bootCounter, sequence, nowMs, received.from, received.message);
  if (changes === 0) return { ok: false, why: "replayed" };
  const id = Number(lastInsertRowid);
  const sender = received.from;
  return {
    ok: true,
    alert: { id, receivedAtMs: nowMs, sender, sensorId: sensor.id, sensorName: sensor.name, emergency },
  };
}

/** Counts what became of a message. */
export function countAlert(database: DatabaseSync, name: "accepted" | AlertRefusal): void {
  database
    .prepare("insert into alert_counters values (?, 1) on conflict (name) do update set count = count + 1")
    .run(name);
}

export function alertCounters(database: DatabaseSync): Readonly<Record<string, number>> {
  const rows = database.prepare("select name, count from alert_counters order by name").all();
  return Object.fromEntries(rows.map((row) => [String(row.name), Number(row.count)]));
}

/** The latest `limit` alerts, oldest first. */
export function listAlerts(database: DatabaseSync, limit: number): Alert[] {
  const rows = database
    .prepare(
      `select alerts.id, received_at_ms, sender, message, sensor_id, name from alerts
       join sensors on sensors.id = sensor_id order by alerts.id desc limit ?`,
    )
    .all(limit);
  const alerts: Alert[] = [];
  for (const row of rows.reverse()) {
    const decoded = decodeEmergency(row.message as Uint8Array);
    if (decoded.ok)
      alerts.push({
        id: Number(row.id),
        receivedAtMs: Number(row.received_at_ms),
        sender: String(row.sender),
        sensorId: String(row.sensor_id),
        sensorName: String(row.name),
        emergency: decoded.value,
      });
  }
  return alerts;
}
