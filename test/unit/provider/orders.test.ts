import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { certificateOwner, recordCertificate } from "../../../provider/fleet/certificates.ts";
import { orderSensor } from "../../../provider/fleet/orders.ts";
import { addSensor, changeHold, type SensorError, sensorByName } from "../../../provider/fleet/sensors.ts";
import { recordEvent } from "../../../provider/link/sensor-records.ts";
import { createDatabase } from "../../../provider/state/database.ts";
import { parseSubnet } from "../../../provider/vpn/subnet.ts";

const SHARE = Buffer.from("the share, sealed: 4f1c9a5e77");
const codeOf = (code: SensorError["code"]) => (error: unknown) => (error as SensorError).code === code;
const sign = (sensorId: string, counter: number) => Buffer.from(`${sensorId} ${counter}`);

function withFlashed(body: (database: DatabaseSync, folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "cepa-orders-"));
  const database = createDatabase(join(folder, "base.db"));
  try {
    const { id } = addSensor(database, "box", parseSubnet("10.213.0.0/16"), 5);
    database
      .prepare("update sensors set state = 'active', wrapped_share = ?, wrapped_wrapping_key = ? where id = ?")
      .run(SHARE, SHARE, id);
    recordCertificate(database, id, { serial: "aa", notAfterMs: 1e15, pem: "" } as never, 6);
    body(database, folder);
  } finally {
    database.close();
    rmSync(folder, { recursive: true });
  }
}
const said = (database: DatabaseSync, spoolId: number, event: object) =>
  recordEvent(database, sensorByName(database, "box"), { type: "event", id: spoolId, event: event as never }, 100);

test("wipe: the share is nowhere in the database's files any more, and no person can release the sensor", () =>
  withFlashed((database, folder) => {
    database.exec("pragma wal_checkpoint(truncate)");
    const isOnDisk = () => readdirSync(folder).some((name) => readFileSync(join(folder, name)).includes(SHARE));
    assert.ok(isOnDisk());
    const sensor = orderSensor(database, "box", "wipe", sign, 50);
    assert.ok(!isOnDisk());
    assert.deepEqual(
      [sensor.state, sensor.wrappedShare, sensor.wrappedWrappingKey, sensor.wipeOrderedAtMs, sensor.commandCounter],
      ["hold", null, null, 50, 1],
    );
    assert.deepEqual(Buffer.from(sensor.pendingCommand ?? []), sign(sensor.id, 1));
    assert.throws(() => changeHold(database, "box", "active"), codeOf("wrongState"));
    assert.throws(() => orderSensor(database, "box", "resetSettings", sign, 51), codeOf("wrongState"));
    const again = orderSensor(database, "box", "wipe", sign, 52);
    assert.deepEqual([again.commandCounter, again.wipeOrderedAtMs], [2, 50], "the key was erased the first time");
  }));

test("a wipe that was ordered: waits until the box says that it began, and ends its certificates", () =>
  withFlashed((database) => {
    const { id } = orderSensor(database, "box", "wipe", sign, 50);
    said(database, 1, { name: "wipe", atMs: 1, cause: "order", stage: "begun" });
    const begun = sensorByName(database, "box");
    assert.deepEqual([begun.pendingCommand, begun.wipeBegunAtMs, begun.wipeErasedAtMs], [null, 100, null]);
    assert.equal(certificateOwner(database, "aa", 7), id);
    const again = orderSensor(database, "box", "wipe", sign, 60);
    assert.deepEqual([again.wipeBegunAtMs, again.wipeCause], [100, "order"], "what the box has said stays");
    said(database, 2, { name: "wipe", atMs: 1, cause: "order", stage: "storeErased" });
    assert.equal(sensorByName(database, "box").wipeErasedAtMs, 100);
    assert.throws(() => orderSensor(database, "box", "wipe", sign, 70), {
      message: "box was wiped at 1970-01-01T00:00:00.100Z, as ordered",
    });
    assert.equal(sensorByName(database, "box").wipeErasedAtMs, 100);
    assert.equal(certificateOwner(database, "aa", 7), undefined);
  }));

test("a wipe that was not ordered: on hold, and what base has of its key and certificate stays for a person to judge", () =>
  withFlashed((database) => {
    said(database, 1, { name: "wipe", atMs: 1, cause: "shouting", stage: "begun" });
    assert.equal(sensorByName(database, "box").state, "active");
    said(database, 2, { name: "wipe", atMs: 1, cause: "button", stage: "storeErased" });
    const { id, state, wipeCause, wipeOrderedAtMs, wrappedShare } = sensorByName(database, "box");
    assert.deepEqual([state, wipeCause, wipeOrderedAtMs], ["hold", "button", null]);
    assert.deepEqual(Buffer.from(wrappedShare ?? []), SHARE);
    assert.equal(certificateOwner(database, "aa", 7), id);
    assert.throws(() => changeHold(database, "box", "active"), codeOf("wrongState"));
    const released = changeHold(database, "box", "active", true);
    assert.deepEqual([released.state, released.wipeBegunAtMs, released.wipeErasedAtMs], ["active", null, null]);
    said(database, 3, { name: "wipe", atMs: 1, cause: "button", stage: "storeErased" });
    const ordered = orderSensor(database, "box", "wipe", sign, 60);
    assert.deepEqual([ordered.wipeErasedAtMs, ordered.wipeCause, ordered.wrappedShare], [100, "button", null]);
    assert.throws(() => changeHold(database, "box", "active", true), codeOf("wrongState"), "what was ordered is so");
  }));

test("a reset of settings waits until it is done or refused", () =>
  withFlashed((database) => {
    for (const [spoolId, event] of [
      [1, { name: "settingsReset", atMs: 1, cause: "order" }],
      [2, { name: "commandRefused", atMs: 1, why: "it was taken before" }],
    ] as const) {
      assert.notEqual(orderSensor(database, "box", "resetSettings", sign, 50).pendingCommand, null);
      said(database, spoolId, event);
      const { pendingCommand, state, wrappedShare } = sensorByName(database, "box");
      assert.deepEqual([pendingCommand, state, wrappedShare === null], [null, "active", false]);
    }
  }));

test("a sensor that was never flashed can't be ordered to do anything", () =>
  withFlashed((database) => {
    addSensor(database, "new", parseSubnet("10.213.0.0/16"), 5);
    assert.throws(() => orderSensor(database, "new", "wipe", sign, 50), codeOf("wrongState"));
    assert.throws(() => orderSensor(database, "nobody", "wipe", sign, 50), codeOf("unknown"));
  }));
