import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Arrival, gpsCondition, NO_GPS, nextGpsState } from "../../../../appliance/phone-home/gps.ts";
import { nmeaSentence } from "../../../../scripts/rig/nmea.ts";

const AT: Arrival = { nowMs: 1_790_000_000_000, monotonicMs: 1000, notBeforeMs: 0 };
const GGA = nmeaSentence("GPGGA,120000.00,5128.672590,N,00000.088500,W,1,09,0.9,46.9,M,45.4,M,,");
const RMC = nmeaSentence("GPRMC,120000.00,A,5128.672590,N,00000.088500,W,0.02,,010126,,,A");
const FIX = { atMs: AT.nowMs, latitudeDeg: 51.4778765, longitudeDeg: -0.001475, hdop: 0.9, satellites: 9 };

function read(lines: readonly string[], stepMs = 10, notBeforeMs = 0) {
  let state = NO_GPS;
  lines.forEach((line, index) => {
    state = nextGpsState(state, line, { ...AT, notBeforeMs, monotonicMs: 1000 + index * stepMs });
  });
  return state;
}

for (const { name, lines, fix, stepMs } of [
  { name: "GGA and RMC", lines: [GGA, RMC], fix: FIX },
  { name: "talker GN", lines: [GGA, RMC].map((line) => nmeaSentence(line.slice(1, -3).replace("GP", "GN"))), fix: FIX },
  { name: "RMC alone: no quality", lines: [RMC], fix: undefined },
  { name: "GGA alone", lines: [GGA], fix: undefined },
  {
    name: "void RMC with a position",
    lines: [GGA, nmeaSentence(RMC.slice(1, -3).replace(",A,5", ",V,5"))],
    fix: undefined,
  },
  { name: "quality 0", lines: [nmeaSentence(GGA.slice(1, -3).replace(",W,1,", ",W,0,")), RMC], fix: undefined },
  {
    name: "quality 6, estimated",
    lines: [nmeaSentence(GGA.slice(1, -3).replace(",W,1,", ",W,6,")), RMC],
    fix: undefined,
  },
  {
    name: "quality 8, simulated",
    lines: [nmeaSentence(GGA.slice(1, -3).replace(",W,1,", ",W,8,")), RMC],
    fix: undefined,
  },
  {
    name: "0, 0",
    lines: [GGA, nmeaSentence("GPRMC,120000.00,A,0000.000,N,00000.000,E,0.0,,010126,,,A")],
    fix: undefined,
  },
  {
    name: "beyond the pole",
    lines: [GGA, nmeaSentence("GPRMC,120000.00,A,9100.000,N,00000.000,E,0.0,,010126,,,A")],
    fix: undefined,
  },
  {
    name: "longitude 181",
    lines: [GGA, nmeaSentence("GPRMC,120000.00,A,5100.000,N,18100.000,E,0.0,,010126,,,A")],
    fix: undefined,
  },
  { name: "a wrong checksum", lines: [GGA, RMC.replace(/..$/, "00")], fix: undefined },
  { name: "no checksum", lines: [GGA, RMC.slice(0, -3)], fix: undefined },
  { name: "cut off", lines: [GGA, RMC.slice(0, 30)], fix: undefined },
  { name: "quality of long ago", lines: [GGA, RMC], stepMs: 5000, fix: undefined },
])
  test(`nextGpsState: ${name}`, () => assert.deepEqual(read(lines, stepMs).fix, fix));

test("the weeks that a receiver lost are given back, as many eras as it takes", () => {
  const dateOf = (date: string, notBefore: string) =>
    new Date(
      read(
        [GGA, nmeaSentence(`GPRMC,120000.00,A,5128.672590,N,00000.088500,W,0.02,,${date},,,A`)],
        10,
        Date.parse(notBefore),
      ).gpsTimeMs ?? 0,
    ).toISOString();
  assert.equal(dateOf("100407", "2026-01-01"), "2026-11-24T12:00:00.000Z");
  assert.equal(dateOf("241126", "2026-01-01"), "2026-11-24T12:00:00.000Z");
});

test("gpsCondition: absent, silent, without a fix, and with one that is recent", () => {
  const state = read([GGA, RMC]); // the fix is of 1010
  assert.equal(gpsCondition(state, false, 1010), "absent");
  assert.equal(gpsCondition(NO_GPS, true, 0), "silent");
  assert.equal(gpsCondition(state, true, 11_010), "fix");
  assert.equal(gpsCondition(state, true, 11_011), "silent");
  assert.equal(gpsCondition(nextGpsState(state, GGA, { ...AT, monotonicMs: 20_000 }), true, 20_000), "noFix");
});

test("no line makes it throw", () => {
  const fields = fc.array(fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom("A", "N", "9999.99", "-", "1e400")), {
    maxLength: 20,
  });
  const type = fc.constantFrom("GPRMC", "GPGGA", "GPGSV", "GPGSA", "GPGLL", "GPTXT", "GPGRS", "GPZDA", "GNGNS", "PMTK");
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.tuple(type, fields)), (input) => {
      const line = typeof input === "string" ? `$${input}` : nmeaSentence([input[0], ...input[1]].join(","));
      const { fix } = nextGpsState(nextGpsState(NO_GPS, GGA, AT), line, AT);
      if (fix !== undefined) assert.ok(Math.abs(fix.latitudeDeg) <= 90 && Math.abs(fix.longitudeDeg) <= 180);
    }),
    { numRuns: 3000 },
  );
});
