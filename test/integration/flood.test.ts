import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FLOODS } from "../../scripts/flood/flood-frames.ts";
import { type FloodRun, runFlood } from "../../scripts/flood/run-flood.ts";
import { SENSOR } from "../support/read-captures.ts";

const MIB = 1024 * 1024;
const MAX_SESSIONS = 10_000;
/** Every limit is small, so that all of them are met. */
const SETTINGS = {
  session: { maxSessions: MAX_SESSIONS, heldBytes: 4 * MIB, readerBytes: 4 * MIB },
  entropy: { rawWindowsBytes: 4 * MIB },
};
const PACKETS = 150_000;
/** A collection of garbage comes sooner or later. */
const GROWTH_MAX_BYTES = 48 * MIB;

const folder = mkdtempSync(join(tmpdir(), "cepa-flood-"));
after(() => rmSync(folder, { recursive: true }));

/** What each flood is stopped by, and how often. */
const STOPPED: Readonly<Record<string, (counters: FloodRun["counters"], packets: number) => void>> = {
  SYN: eachIsASession,
  datagrams: eachIsASession,
  aimed: eachIsASession,
  fragments: (counters, packets) => {
    const { fragments, datagramsEvicted = 0, datagramsTimedOut = 0 } = counters;
    assert.equal(fragments, packets);
    // at the end those that still wait have timed out
    assert.equal(datagramsEvicted + datagramsTimedOut, packets);
    assert.ok(datagramsEvicted > 0);
  },
  segments: ({ segmentsNoRoom = 0, segmentsHeld = 0 }) => {
    assert.ok(segmentsNoRoom > 0);
    assert.ok(segmentsHeld > 0);
  },
  "HTTP/2 tables": readersAreFull,
  "HTTP heads": readersAreFull,
  certificates: readersAreFull,
};

function readersAreFull({ readersNoRoom = 0, readerBytes, malformed }: FloodRun["counters"]): void {
  assert.ok(readersNoRoom > 0);
  assert.deepEqual({ readerBytes, malformed }, { readerBytes: 0, malformed: 0 });
}

function eachIsASession({ sessions, sessionsEvicted, malformed }: FloodRun["counters"], packets: number): void {
  assert.deepEqual(
    { sessions, sessionsEvicted, malformed },
    { sessions: packets, sessionsEvicted: packets - MAX_SESSIONS, malformed: 0 },
  );
}

for (const flood of FLOODS)
  test(`a flood stays inside the memory that is set, and what was given up is counted: ${flood.name}`, async () => {
    const run = (packets: number) => runFlood([SENSOR], flood, packets, SETTINGS, folder, AbortSignal.timeout(300_000));
    const half = await run(PACKETS / 2);
    const whole = await run(PACKETS);
    assert.ok(
      whole.anonBytes < half.anonBytes + GROWTH_MAX_BYTES,
      `${half.anonBytes / MIB} MiB with half the packets, ${whole.anonBytes / MIB} MiB with all`,
    );
    assert.equal(whole.counters.frames, PACKETS);
    STOPPED[flood.name]?.(whole.counters, PACKETS);
  });
