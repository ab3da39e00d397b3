import assert from "node:assert/strict";
import { test } from "node:test";
import { redraw, scroll } from "../../../../appliance/health/display.ts";
import type { StatusView } from "../../../../appliance/health/screen.ts";

const STARTING: StatusView = {
  atMs: Date.UTC(2026, 10, 24, 16, 30, 5),
  uptimeMs: 3_000,
  imageVersion: "0.1.0",
  isStarting: true,
  identity: null,
  link: null,
  vault: null,
  capture: null,
  phoneHome: null,
  update: null,
  shortfalls: [],
  reset: null,
};
const STARTED: StatusView = {
  ...STARTING,
  isStarting: false,
  identity: { name: "lab-1", sensorId: "0123456789abcdef" },
};

test("before the disk is there neither says more than that", () => {
  assert.equal(scroll()(STARTING, 0), "cepa: status follows\ncepa: Cepa sensor: waits for its disk, image 0.1.0\n");
  const screen = redraw()(STARTING, 0);
  assert.ok(screen.includes("Cepa sensor: waits for its disk\n"));
  assert.ok(!screen.includes("uplink"));
});

test("lines: the title again when it changes, states as they change, a summary once a minute", () => {
  const display = scroll();
  display(STARTING, 0);
  const lines = display(STARTED, 500).trim().split("\n");
  assert.equal(lines[0], "cepa: Cepa sensor lab-1, 0123456789abcdef, software identity: weaker, image 0.1.0");
  assert.equal(lines[1], "cepa: 2026-11-24 16:30:05 ! uplink: its role does not run yet");
  assert.equal(display(STARTED, 59_999), "");
  assert.match(display(STARTED, 60_000), /^cepa: 2026-11-24 16:30:05 up 0:00: !uplink; [^\n]*\n$/);
  assert.equal(display(STARTED, 119_999), "");
});

test("a screen is drawn every two seconds, whatever changed", () => {
  const display = redraw();
  assert.ok(display(STARTED, 0).startsWith("\x1b[H\x1b[2JCepa sensor lab-1"));
  assert.equal(display(STARTED, 1_999), "");
  assert.notEqual(display(STARTED, 2_000), "");
});
