import assert from "node:assert/strict";
import { test } from "node:test";
import { planAnalysisWorkers } from "../../../../appliance/roles/capture-analyser.ts";
import { mergeReports, renderCaptureStatus } from "../../../../appliance/roles/capture-progress.ts";
import {
  BATCH_RECORDS,
  deliverRecords,
  ON_THE_WAY_MAX,
  type RecordBatch,
  RecordBatches,
} from "../../../../appliance/roles/capture-records.ts";
import { zeroCounters } from "../../../../appliance/session/engine-counters.ts";
import type { AlarmRecord, HandshakeRecord, HttpRecord, SessionRecord } from "../../../../appliance/session/record.ts";
import { shareConfig } from "../../../../appliance/session/share-config.ts";
import { DEFAULT_SENSOR_CONFIG } from "../../../../core/contract/sensor-config.ts";

const session = (id: number) => ({ type: "session", id }) as SessionRecord;
const http = { type: "http", session_id: 7 } as HttpRecord;
const handshake = { type: "handshake", session_id: 7 } as HandshakeRecord;
const alarm = { type: "alarm", session_id: 7 } as AlarmRecord;

test("records arrive in order, with what the engine said of them", () => {
  const sent: RecordBatch[] = [];
  const batches = new RecordBatches((batch) => sent.push(batch));
  batches.session(session(7), false);
  batches.http(http);
  batches.handshake(handshake);
  batches.alarm(alarm);
  batches.session(session(7), true);
  assert.equal(sent.length, 0);
  batches.flush();
  batches.flush();
  assert.equal(sent.length, 1);
  const got: unknown[] = [];
  for (const batch of sent)
    deliverRecords(batch, {
      session: (record, final) => got.push([record, final]),
      http: (record) => got.push(record),
      handshake: (record) => got.push(record),
      alarm: (record) => got.push(record),
    });
  assert.deepEqual(got, [[session(7), false], http, handshake, alarm, [session(7), true]]);
});

test("what nobody takes is lost beyond a limit, and counted; at the end nothing is lost", () => {
  let sent = 0;
  const batches = new RecordBatches(({ records }) => {
    assert.ok(records.length <= BATCH_RECORDS);
    sent += records.length;
  });
  for (let id = 0; id < ON_THE_WAY_MAX + 100; id++) batches.session(session(id), true);
  assert.deepEqual([sent, batches.dropped], [ON_THE_WAY_MAX, 100]);
  batches.acknowledge(BATCH_RECORDS);
  for (let id = 0; id < BATCH_RECORDS + 1; id++) batches.session(session(id), true);
  assert.deepEqual([sent, batches.dropped], [ON_THE_WAY_MAX + BATCH_RECORDS, 101]);
  batches.end();
  for (let id = 0; id < 1000; id++) batches.session(session(id), true);
  batches.flush();
  assert.deepEqual([sent, batches.dropped], [ON_THE_WAY_MAX + BATCH_RECORDS + 1000, 101]);
});

for (const { setting, cores, workers } of [
  { setting: 0, cores: 1, workers: 1 },
  { setting: 0, cores: 2, workers: 1 },
  { setting: 0, cores: 4, workers: 3 },
  { setting: 0, cores: 64, workers: 4 },
  { setting: 2, cores: 1, workers: 2 },
  { setting: 9, cores: 4, workers: 9 },
])
  test(`session.workers ${setting} on ${cores} cores: ${workers}`, () =>
    assert.equal(planAnalysisWorkers(setting, cores), workers));

test("shares together take the memory of one", () => {
  const { session: settings, entropy } = DEFAULT_SENSOR_CONFIG;
  const config = {
    session: { ...settings, maxSessions: 1000, heldBytes: 9_000_000, heldDirectionBytes: 1_000_000, readerBytes: 3001 },
    entropy,
  };
  assert.deepEqual(shareConfig(config, 1), config);
  assert.deepEqual(shareConfig(config, 3).session, {
    ...config.session,
    maxSessions: 407,
    heldBytes: 3_000_000,
    readerBytes: 1001,
  });
  assert.equal(shareConfig(config, 16).session.heldBytes, 1_000_000, "a direction has its due");
});

test("reports of shares become one, and the status says so", () => {
  const reports = [
    { counters: { ...zeroCounters(), frames: 9, sessions: 2 }, drops: 1, recordsDropped: 0, lastFrameAtMs: null },
    { counters: { ...zeroCounters(), frames: 10, sessions: 3 }, drops: 0, recordsDropped: 4, lastFrameAtMs: 5000 },
  ];
  const merged = mergeReports(reports, 30);
  assert.deepEqual(merged, {
    workers: 2,
    counters: { ...zeroCounters(), frames: 10, sessions: 5 },
    drops: 1,
    rowsDropped: 34,
    recordsDropped: 4,
    lastFrameAtMs: 5000,
  });
  const status = renderCaptureStatus({ state: "capturing", analyser: merged }, []);
  assert.deepEqual(
    [status.state, status.frames, status.sessions, status.analysisWorkers, status.rowsDropped],
    ["starting", 10, 5, 2, 34],
  );
  assert.deepEqual(status.counters, { ...zeroCounters(), frames: 10, sessions: 5, recordsDropped: 4 });
  assert.equal(mergeReports(reports.slice(0, 1), 0).lastFrameAtMs, null);
});
