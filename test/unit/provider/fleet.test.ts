import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { HealthRecord } from "../../../core/contract/health.ts";
import { certificateOwner, recordCertificate, revokeCertificates } from "../../../provider/fleet/certificates.ts";
import {
  addSensor,
  changeHold,
  changeUpdateChoice,
  recordLuksUuid,
  removeSensor,
  type SensorError,
  sensorById,
  sensorByName,
} from "../../../provider/fleet/sensors.ts";
import { recordEvent, recordHeartbeat } from "../../../provider/link/sensor-records.ts";
import { createDatabase, inTransaction, openDatabase } from "../../../provider/state/database.ts";
import { parseSubnet } from "../../../provider/vpn/subnet.ts";

const SUBNET = parseSubnet("10.213.0.0/16");
const UUID = "0b9a7a3c-8f3a-4c1e-9d51-2f1f5f6b7c8d";
const OTHER_UUID = "1b9a7a3c-8f3a-4c1e-9d51-2f1f5f6b7c8d";

/** Of version 3. */
const ORDER_COLUMNS = [
  ...[
    "command_counter",
    "pending_command",
    "wipe_ordered_at_ms",
    "wipe_begun_at_ms",
    "wipe_erased_at_ms",
    "wipe_cause",
  ],
];

function withDatabase(body: (database: DatabaseSync) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "cepa-fleet-"));
  const path = join(folder, "base.db");
  const database = createDatabase(path);
  try {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    body(database);
  } finally {
    database.close();
    rmSync(folder, { recursive: true });
  }
}
const codeOf = (code: SensorError["code"]) => (error: unknown) => (error as SensorError).code === code;

test("sensors: added pending with the next address; hold and release from the states that allow it", () =>
  withDatabase((database) => {
    const box = addSensor(database, "box-1", SUBNET, 5);
    assert.match(box.id, /^[0-9a-f]{16}$/);
    assert.deepEqual(
      { ...box },
      {
        id: box.id,
        name: "box-1",
        address: "10.213.1.1",
        state: "pending",
        addedAtMs: 5,
        enrolledAtMs: null,
        enrolment: 0,
        certificateSerial: null,
        wrappedShare: null,
        wrappedWrappingKey: null,
        luksUuid: null,
        emergencyKeyId: 0,
        configNumber: 0,
        lastSeenAtMs: null,
        lastBootId: null,
        lastHealth: null,
        lastLink: null,
        updateChannel: "stable",
        updatePin: null,
        pendingCommand: null,
        commandCounter: 0,
        wipeOrderedAtMs: null,
        wipeBegunAtMs: null,
        wipeErasedAtMs: null,
        wipeCause: null,
      },
    );
    assert.equal(addSensor(database, "box-2", SUBNET, 6).address, "10.213.1.2");
    assert.throws(() => addSensor(database, "box-1", SUBNET, 7), codeOf("nameTaken"));
    for (const name of ["", "Box", "-box", "a".repeat(32), "b x", "é"])
      assert.throws(() => addSensor(database, name, SUBNET, 7), codeOf("badName"), name);
    assert.throws(() => sensorByName(database, "nobody"), codeOf("unknown"));
    assert.throws(() => changeHold(database, "box-1", "hold"), codeOf("wrongState"));
    database.exec("update sensors set state = 'active'");
    assert.equal(changeHold(database, "box-1", "hold").state, "hold");
    assert.equal(changeHold(database, "box-1", "hold").state, "hold", "again is no error");
    assert.equal(changeHold(database, "box-1", "active").state, "active");
  }));

test("remove: a pending sensor's name and address are free again; one that was flashed stays", () =>
  withDatabase((database) => {
    const { id, address } = addSensor(database, "box", SUBNET, 5);
    assert.deepEqual([removeSensor(database, "box").id, sensorById(database, id)], [id, undefined]);
    assert.throws(() => removeSensor(database, "box"), codeOf("unknown"));
    assert.equal(addSensor(database, "box", SUBNET, 6).address, address);
    for (const state of ["active", "hold", "revoked"]) {
      database.exec(`update sensors set state = '${state}'`);
      assert.throws(() => removeSensor(database, "box"), /box was flashed: .* cepa sensor hold box/);
    }
  }));

test("a store's UUID is recorded once, and never replaced", () =>
  withDatabase((database) => {
    const { id } = addSensor(database, "box", SUBNET, 5);
    recordLuksUuid(database, id, UUID);
    recordLuksUuid(database, id, OTHER_UUID);
    assert.equal(sensorById(database, id)?.luksUuid, UUID);
  }));

test("certificates: whose it is until it is revoked or runs out", () =>
  withDatabase((database) => {
    const { id } = addSensor(database, "box", SUBNET, 5);
    recordCertificate(database, id, { serial: "4a01", notAfterMs: 1000, pem: "" }, 10);
    assert.equal(certificateOwner(database, "4A01", 999), id);
    assert.equal(certificateOwner(database, "4a01", 1000), undefined);
    assert.equal(certificateOwner(database, "", 999), undefined);
    assert.equal(revokeCertificates(database, id, 20), 1);
    assert.equal(revokeCertificates(database, id, 30), 0);
    assert.equal(certificateOwner(database, "4a01", 999), undefined);
  }));

test("events: once for each enrolment, bounded, and only a good UUID counts", () =>
  withDatabase((database) => {
    const sensor = addSensor(database, "box", SUBNET, 5);
    const event = { name: "storeFormatted", atMs: 1, luksUuid: UUID } as const;
    assert.deepEqual(recordEvent(database, sensor, { type: "event", id: 1, event }, 9), event);
    assert.equal(recordEvent(database, sensor, { type: "event", id: 1, event }, 9), undefined, "a repeat");
    const renewed = { ...sensor, enrolment: 1 };
    assert.deepEqual(recordEvent(database, renewed, { type: "event", id: 1, event }, 9), event, "a new spool");
    const long = { ...event, luksUuid: "x".repeat(5000) };
    assert.equal(recordEvent(database, sensor, { type: "event", id: 2, event: long }, 9), undefined);
    recordEvent(database, sensor, { type: "event", id: 20_000, event: { ...event, luksUuid: "no uuid" } }, 9);
    assert.equal(sensorById(database, sensor.id)?.luksUuid, UUID);
  }));

test("events: about the last 10,000 that came are kept, whatever numbers a sensor gives them, and whoever helps it", () =>
  withDatabase((database) => {
    const sensor = addSensor(database, "box", SUBNET, 5);
    const other = addSensor(database, "other", SUBNET, 5);
    const say = (from: typeof sensor, id: number) =>
      recordEvent(database, from, { type: "event", id, event: { name: "tunnelUp", atMs: id } as never }, id);
    database.exec("pragma synchronous = off");
    say(other, 1);
    for (let count = 0; count < 12_000; count++) say(count % 64 === 62 ? other : sensor, 1_000_000 - count);
    say(sensor, Number.MAX_SAFE_INTEGER);
    const { kept } = database
      .prepare("select count(*) as kept from events where sensor_id = ?")
      .get(sensor.id) as unknown as { kept: number };
    assert.ok(kept >= 10_000 && kept < 11_600, `${kept} are kept`); // of 11,814; by chance more in one of 10^10 runs
    const has = (from: typeof sensor, id: number) =>
      database.prepare("select 1 from events where sensor_id = ? and spool_id = ?").get(from.id, id) !== undefined;
    assert.deepEqual(
      [has(other, 1), has(sensor, Number.MAX_SAFE_INTEGER), has(sensor, 1_000_000)],
      [true, true, false],
    );
  }));

const HEALTH: HealthRecord = {
  atMs: 1,
  bootId: "b",
  uptimeMs: 7,
  imageVersion: "1",
  rootHash: "unknown",
  loadAverage1: 0.5,
  memoryTotalBytes: 2,
  memoryAvailableBytes: 1,
  disks: [{ mount: "/nsm", sizeBytes: 2, usedBytes: 1 }],
  temperatureC: null,
  interfaces: [],
  units: [],
  capture: null,
  vault: null,
  phoneHome: null,
  rootCheck: null,
};

const KEYBOARD = { atMs: 1, port: "1-1", id: "046d:c31c", drivers: [], why: "not allowed", refusals: 1 };

test("heartbeats: kept; of one that is too long or makes no sense, only when it came", () =>
  withDatabase((database) => {
    const { id } = addSensor(database, "box", SUBNET, 5);
    const beat = (health: unknown, nowMs: number) =>
      recordHeartbeat(
        database,
        id,
        { type: "heartbeat", sentAtMs: 1, health: health as HealthRecord, link: null as never },
        nowMs,
      );
    assert.deepEqual(beat({ ...HEALTH, usb: [KEYBOARD] }, 9), { ...HEALTH, usb: [KEYBOARD] });
    assert.deepEqual(beat(HEALTH, 9), HEALTH);
    const bad = [
      null,
      [],
      { ...HEALTH, bootId: "x".repeat(70_000) },
      { ...HEALTH, uptimeMs: "7" },
      { ...HEALTH, disks: undefined },
      { ...HEALTH, disks: [{ mount: 1 }] },
      { ...HEALTH, disks: Array.from({ length: 65 }, () => HEALTH.disks[0]) },
      { ...HEALTH, capture: {} },
      { ...HEALTH, vault: { state: "open" } },
      { ...HEALTH, vault: undefined },
      { ...HEALTH, keyAdmission: { atMs: 1, result: "added" } },
      { ...HEALTH, bootLoader: { atMs: 1, version: "1.2", info: "systemd-boot 257", result: "tried" } },
      { ...HEALTH, shortfalls: [1] },
      { ...HEALTH, usb: [{ ...KEYBOARD, drivers: "usbhid" }] },
      { ...HEALTH, usb: [{ ...KEYBOARD, refusals: null }] },
      { ...HEALTH, phoneHome: { gps: "fix", modem: "ready", outbox: 0, sent: 0, fix: { latitudeDeg: "north" } } },
    ];
    for (const [index, health] of bad.entries()) assert.equal(beat(health, 10 + index), undefined, `case ${index}`);
    const sensor = sensorById(database, id);
    assert.deepEqual(
      [sensor?.lastSeenAtMs, sensor?.lastHealth, sensor?.lastLink],
      [9 + bad.length, JSON.stringify(HEALTH), "null"],
    );
  }));

test("openDatabase: one of before updates is brought up to date, and keeps what is in it", () => {
  const folder = mkdtempSync(join(tmpdir(), "cepa-fleet-"));
  const path = join(folder, "base.db");
  try {
    const old = createDatabase(path);
    addSensor(old, "box-1", SUBNET, 5);
    old.exec("drop table updates; alter table sensors drop column update_channel");
    for (const column of ["update_pin", ...ORDER_COLUMNS]) old.exec(`alter table sensors drop column ${column}`);
    old.exec("pragma user_version = 1");
    old.close();
    const database = openDatabase(path);
    const { updateChannel, updatePin } = sensorByName(database, "box-1");
    assert.deepEqual({ updateChannel, updatePin }, { updateChannel: "stable", updatePin: null });
    assert.equal(changeUpdateChoice(database, "box-1", { channel: "beta", pin: "1.2" }).updatePin, "1.2");
    assert.equal(changeUpdateChoice(database, "box-1", { channel: undefined, pin: null }).updateChannel, "beta");
    assert.equal(sensorByName(database, "box-1").updatePin, null);
    database.exec("pragma user_version = 99");
    database.close();
    assert.throws(() => openDatabase(path), /made by a later version of cepa \(schema 99, known: 3\)/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("openDatabase: makes none, and says of which file it can't read one", () => {
  const folder = mkdtempSync(join(tmpdir(), "cepa-fleet-"));
  const path = join(folder, "base.db");
  try {
    assert.throws(() => openDatabase(path), { message: `${path} is missing: put it back from a backup` });
    assert.equal(existsSync(path), false);
    writeFileSync(path, "");
    assert.throws(() => openDatabase(path), { message: `${path} is empty: put it back from a backup` });
    assert.equal(statSync(path).size, 0);
    writeFileSync(path, "x".repeat(8192));
    assert.throws(() => openDatabase(path), { message: `${path}: file is not a database` });
    assert.throws(() => createDatabase(path), /EEXIST/);
    rmSync(path);
    const other = new DatabaseSync(path);
    other.exec("create table notes (text text)");
    other.close();
    assert.throws(() => openDatabase(path), { message: `${path} is no database of cepa: put it back from a backup` });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("an error of SQLite in a transaction names the file", () =>
  withDatabase((database) => {
    const wrong = () => inTransaction(database, () => database.exec("insert into sensors (id) values ('a')"));
    assert.throws(wrong, /\/base\.db: NOT NULL constraint failed: /);
  }));
