import assert from "node:assert/strict";
import { test } from "node:test";
import { nextVpnTrigger, startVpnTrigger, type VpnEvent } from "../../../../appliance/phone-home/trigger.ts";

const LIMITS = { vpnLostMs: 600_000, vpnLostTries: 3 };
const up = (nowMs: number): VpnEvent => ({ name: "vpn", up: true, tries: 0, nowMs });
const down = (nowMs: number, tries: number): VpnEvent => ({ name: "vpn", up: false, tries, nowMs });
const tick = (nowMs: number): VpnEvent => ({ name: "tick", nowMs });

for (const { name, events, expected } of [
  { name: "up", events: [up(0), tick(10_000)], expected: ["up", "up"] },
  {
    name: "lost for ten minutes and three tries",
    events: [up(0), down(1_000, 1), down(300_000, 30), down(600_999, 60), down(601_000, 60), down(700_000, 70)],
    expected: ["up", "lost", "lost", "lost", "alarmed", "alarmed"],
  },
  {
    name: "long, but tried too seldom",
    events: [up(0), down(1_000, 0), down(700_000, 2), down(710_000, 3)],
    expected: ["up", "lost", "lost", "alarmed"],
  },
  {
    name: "back in time, and lost again: counted anew",
    events: [up(0), down(1_000, 1), up(500_000), down(510_000, 1), down(650_000, 14), down(1_110_000, 60)],
    expected: ["up", "lost", "up", "lost", "lost", "alarmed"],
  },
  {
    name: "back after the alarm: armed again",
    events: [down(0, 60), down(600_000, 60), up(610_000), down(620_000, 1), down(1_220_000, 60)],
    expected: ["lost", "alarmed", "up", "lost", "alarmed"],
  },
  { name: "never up since the start", events: [tick(599_999), tick(600_000)], expected: ["lost", "alarmed"] },
  {
    name: "link falls silent: that is no reason to be calm",
    events: [up(0), tick(59_000), tick(61_000), tick(599_000), tick(600_000)],
    expected: ["up", "up", "lost", "lost", "alarmed"],
  },
])
  test(`nextVpnTrigger: ${name}`, () => {
    let state = startVpnTrigger(0);
    const seen = events.map((event) => {
      state = nextVpnTrigger(state, event, LIMITS);
      return state.name;
    });
    assert.deepEqual(seen, expected);
  });
