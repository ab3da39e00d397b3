import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type GpsState, gpsCondition, NMEA_LIMIT_BYTES, NO_GPS, nextGpsState } from "../../appliance/phone-home/gps.ts";
import { LineSplitter } from "../../appliance/phone-home/line-splitter.ts";
import type { Fix } from "../../core/contract/role.ts";
import { openNodeSerial } from "../../core/node/serial.ts";
import { startGpsEmulator } from "../../scripts/rig/gps-emulator.ts";

const RECORDED = new URL("../../../shared/captures/nmea/", import.meta.url);

test("the emulator's sentences come through a pseudo-terminal with their position and the time of now", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cepa-gps-"));
  const stop = new AbortController();
  const emulator = await startGpsEmulator({ path: join(folder, "gps"), intervalMs: 50 }, stop.signal);
  const line = await openNodeSerial(emulator.path, 9600);
  const timer = setTimeout(() => void line.close(), 60_000);
  const splitter = new LineSplitter(NMEA_LIMIT_BYTES, "$");
  let state: GpsState = NO_GPS;
  for await (const chunk of line.chunks) {
    const monotonicMs = performance.now();
    for (const sentence of splitter.push(chunk))
      state = nextGpsState(state, sentence, { nowMs: Date.now(), monotonicMs, notBeforeMs: 0 });
    if (state.fix !== undefined) break;
  }
  clearTimeout(timer);
  await line.close();
  stop.abort();
  await rm(folder, { recursive: true });
  const { latitudeDeg, longitudeDeg } = state.fix ?? assert.fail("no fix");
  assert.ok(Math.abs(latitudeDeg - emulator.latitudeDeg) < 1e-7);
  assert.ok(Math.abs(longitudeDeg - emulator.longitudeDeg) < 1e-7);
  assert.ok(Math.abs((state.gpsTimeMs ?? 0) - Date.now()) < 60_000);
  assert.equal(gpsCondition(state, true, performance.now()), "fix");
  assert.equal(state.unreadable, 0);
});

/** Positions that gpsd reported on a recorded log: its .chk has each sentence and then the reports on it. */
function gpsdPositions(check: string): { readonly lat: number; readonly lon: number }[] {
  return check
    .split(/\r?\n/)
    .filter((line) => line.startsWith('{"class":"TPV"'))
    .map((line) => JSON.parse(line) as { lat?: number; lon?: number })
    .filter((report): report is { lat: number; lon: number } => report.lat !== undefined && report.lon !== undefined);
}

test("recorded receivers: every fix of ours is a position that gpsd reported", async (context) => {
  const names = (await readdir(RECORDED).catch(() => [] as string[])).filter((name) => name.endsWith(".log"));
  let fixes = 0;
  for (const name of names) {
    const theirs = gpsdPositions(await readFile(new URL(`${name}.chk`, RECORDED), "latin1"));
    let state: GpsState = NO_GPS;
    let monotonicMs = 0;
    const ours: Fix[] = [];
    for (const line of new LineSplitter(NMEA_LIMIT_BYTES, "$").push(await readFile(new URL(name, RECORDED)))) {
      const before = state.fix;
      monotonicMs += 5;
      state = nextGpsState(state, line, { nowMs: monotonicMs, monotonicMs, notBeforeMs: 0 });
      if (state.fix !== before && state.fix !== undefined) ours.push(state.fix);
    }
    // gpsd reports an epoch when the next one begins, so that the last one of a log may be missing
    for (const { latitudeDeg, longitudeDeg } of ours.slice(0, -1))
      assert.ok(
        theirs.some(({ lat, lon }) => Math.abs(lat - latitudeDeg) < 2e-7 && Math.abs(lon - longitudeDeg) < 2e-7),
        `${name}: ${latitudeDeg} ${longitudeDeg}`,
      );
    if (name.startsWith("garmin-geko201")) assert.deepEqual(ours, [], "a simulated position is no fix");
    else assert.ok(ours.length > 0, name);
    context.diagnostic(`${name}: ${ours.length} fixes`);
    fixes += ours.length;
  }
  if (names.length > 0) assert.ok(fixes > 400);
});
