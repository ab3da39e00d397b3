import assert from "node:assert/strict";
import { Engine } from "../../appliance/session/engine.ts";
import type { AlarmRecord, HandshakeRecord, HttpRecord, SessionRecord } from "../../appliance/session/record.ts";
import { DEFAULT_SENSOR_CONFIG } from "../../core/contract/sensor-config.ts";

type AnyRecord = SessionRecord | HttpRecord | HandshakeRecord | AlarmRecord;

/** Few of everything, so that every limit is met. */
const CONFIG = {
  ...DEFAULT_SENSOR_CONFIG,
  session: {
    ...DEFAULT_SENSOR_CONFIG.session,
    maxSessions: 200,
    heldDirectionBytes: 64 * 1024,
    heldBytes: 256 * 1024,
    readerBytes: 64 * 1024,
  },
};
/** No text of a record is longer: a request's head is at most 32 KiB. */
const TEXT_MAX = 40_000;

/** An engine whose records are looked at. */
export class EngineRun {
  readonly engine: Engine;
  #ended = 0;

  constructor() {
    const sink = {
      session: (record: SessionRecord, final: boolean) => {
        checkSession(record);
        if (final) this.#ended++;
      },
      http: checkRecord,
      handshake: checkRecord,
      alarm: checkRecord,
    };
    this.engine = new Engine(CONFIG, sink, { seed: new Uint8Array(16), sensor: "", firstId: 1 });
  }

  /** Ends all sessions: each that began was reported as over. */
  finish(): void {
    this.engine.finish();
    const { counters } = this.engine;
    assert.equal(counters.sessionsActive, 0);
    assert.equal(counters.readerBytes, 0);
    assert.equal(counters.sessions, this.#ended);
  }
}

function checkRecord(record: AnyRecord): void {
  for (const value of Object.values(record) as unknown[]) {
    if (typeof value === "number") assert.ok(Number.isFinite(value), JSON.stringify(record));
    if (typeof value === "string") assert.ok(value.length <= TEXT_MAX, `${value.length} characters`);
  }
}

function checkSession(record: SessionRecord): void {
  checkRecord(record);
  assert.ok(record.end >= record.start, "a session that ends before it starts");
  for (const p of [record.src_p_encrypted, record.dst_p_encrypted])
    assert.ok(p === null || (p >= 0 && p <= 1), `p_encrypted ${p}`);
  for (const value of [record.src_randomness, record.dst_randomness])
    assert.ok(value === null || value >= 0, `randomness ${value}`);
}
