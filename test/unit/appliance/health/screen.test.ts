import assert from "node:assert/strict";
import { test } from "node:test";
import {
  changeLines,
  renderStatus,
  type StatusView,
  stageLines,
  summaryLine,
} from "../../../../appliance/health/screen.ts";

const AT_MS = Date.UTC(2026, 10, 24, 16, 30, 5);
const NEW: StatusView = {
  atMs: AT_MS,
  uptimeMs: 12_000,
  imageVersion: "0.1.0",
  identity: null,
  link: null,
  vault: null,
  capture: null,
  phoneHome: null,
  update: null,
  shortfalls: [],
  isStarting: false,
  reset: null,
};
const WAITING: StatusView = {
  ...NEW,
  identity: { name: "lab-1", sensorId: "0123456789abcdef" },
  link: {
    role: "link",
    state: "vpnDown",
    detail: "enp0s2 has 192.0.2.9; the VPN does not come up",
    vpnUp: false,
    vpnAddress: null,
    spooled: 1,
    lastHeartbeatAtMs: null,
  },
  vault: {
    role: "vault",
    state: "waitingForVpn",
    detail: "waiting for the VPN to ask base for the key",
    tries: 0,
    luksUuid: null,
    openedAtMs: null,
    identity: "software",
  },
};
const RUNNING: StatusView = {
  ...WAITING,
  uptimeMs: 90_061_000,
  link: {
    role: "link",
    state: "up",
    detail: "base answers at 10.213.0.1",
    vpnUp: true,
    vpnAddress: "10.213.1.1",
    spooled: 0,
    lastHeartbeatAtMs: AT_MS - 12_000,
  },
  vault: {
    role: "vault",
    state: "open",
    detail: "the store is open",
    tries: 1,
    luksUuid: "4a1f6d3c-0000-4000-8000-1234567890ab",
    openedAtMs: AT_MS - 60_000,
    identity: "software",
  },
  capture: {
    role: "capture",
    state: "capturing",
    ports: [
      { name: "enp0s3", carrier: true },
      { name: "enp0s4", carrier: false },
    ],
    frames: 1_234_567,
    bytes: 1,
    analyserDrops: 1,
    writerDrops: 2,
    sessionsActive: 4,
    sessions: 500,
    sessionsFlat: 60,
    sessionsEvicted: 0,
    httpRequests: 0,
    malformedFrames: 0,
    pcapBytes: 0,
    lastFrameAtMs: AT_MS,
  },
  phoneHome: {
    role: "phone-home",
    gps: "fix",
    fix: { atMs: AT_MS - 1000, latitudeDeg: 51.4778765, longitudeDeg: -0.001475, hdop: 0.9, satellites: 9 },
    modem: "ready",
    signalQuality: 21,
    outbox: 0,
    sent: 1,
    lastEmergencyAtMs: null,
  },
  update: {
    role: "update",
    state: "downloading",
    detail: "downloading 0.2.0",
    version: "0.2.0",
    receivedBytes: 12_345_678,
    sizeBytes: 96_400_000,
    answeredAtMs: AT_MS,
    refusal: null,
  },
};

test("renderStatus: a box that has just started", () => {
  assert.equal(
    renderStatus(NEW),
    `Cepa sensor without an identity: flash it with \`cepa flash\`
2026-11-24 16:30:05 UTC, up 0:00, image 0.1.0

! uplink   its role does not run yet
! VPN      its role does not run yet
! base     its role does not run yet
! key      its role does not run yet
! store    its role does not run yet
! capture  its role does not run yet
! GPS      its role does not run yet
! modem    its role does not run yet
  update   not asked for yet
`,
  );
});

test("renderStatus: a box that runs", () => {
  assert.equal(
    renderStatus(RUNNING),
    `Cepa sensor lab-1, 0123456789abcdef, software identity: weaker
2026-11-24 16:30:05 UTC, up 1 d 1:01, image 0.1.0

  uplink   up
  VPN      up, 10.213.1.1
  base     answers; heartbeat 12 s ago, 0 events waiting
  key      released
  store    open
  capture  on enp0s3, enp0s4 (no carrier); 1,234,567 frames, 3 dropped, 500 sessions, 60 of them encrypted, 4 active
  GPS      fix; 51.47788 -0.00147, 1 s ago
  modem    ready; signal 21/31, 0 emergency messages waiting, 1 sent
  update   downloading 0.2.0; 12 of 96 MB
`,
  );
});

test("renderStatus: an update that is refused says why", () => {
  const { update } = RUNNING;
  assert.ok(update);
  const detail = "0.2.0: SHA256SUMS is not signed with the key that this image trusts";
  const text = renderStatus({ ...RUNNING, update: { ...update, state: "refused", detail } });
  assert.match(text, new RegExp(`^! update   ${detail}$`, "m"));
});

for (const { state, detail, key, store } of [
  {
    state: "fetchFailed",
    detail: "base does not answer: x",
    key: "base does not answer: x",
    store: "locked: waits for the key",
  },
  {
    state: "refused",
    detail: "base refuses the key: hold",
    key: "base refuses the key: hold",
    store: "locked: waits for the key",
  },
  { state: "wrongKey", detail: "wrong key", key: "wrong key", store: "locked: waits for the key" },
  { state: "damagedHeader", detail: "damaged", key: "not asked for", store: "damaged" },
  { state: "formatting", detail: "making the store", key: "released", store: "making the store" },
] as const)
  test(`renderStatus: vault ${state}`, () => {
    const vault = { ...(RUNNING.vault ?? assert.fail()), state, detail, tries: 3 };
    const lines = renderStatus({ ...RUNNING, vault }).split("\n");
    const asked = state === "formatting" ? "" : "; asked 3 times";
    assert.ok(lines.some((line) => line.slice(2) === `key      ${key}${asked}`));
    assert.ok(lines.includes(`! store    ${store}`));
  });

test("stages are said once, when they are reached, and again after they were lost", () => {
  assert.deepEqual(stageLines(undefined, NEW), []);
  assert.deepEqual(stageLines(NEW, WAITING), ["cepa: uplink up"]);
  const all = [
    "cepa: vpn up 10.213.1.1",
    "cepa: base answers",
    "cepa: key released",
    "cepa: store open",
    "cepa: capturing on enp0s3 enp0s4",
    "cepa: gps fix",
    "cepa: modem ready",
  ];
  assert.deepEqual(stageLines(WAITING, RUNNING), all);
  assert.deepEqual(stageLines(RUNNING, RUNNING), []);
});

test("on a console that scrolls only what changed is said, and why it is not further", () => {
  const later = { ...WAITING, atMs: AT_MS + 1000, link: { ...(WAITING.link ?? assert.fail()), spooled: 2 } };
  assert.deepEqual(changeLines(WAITING, later), []);
  assert.deepEqual(changeLines(NEW, WAITING), [
    "cepa: 2026-11-24 16:30:05 uplink: up",
    "cepa: 2026-11-24 16:30:05 ! VPN: enp0s2 has 192.0.2.9; the VPN does not come up",
    "cepa: 2026-11-24 16:30:05 ! base: waits for the VPN",
    "cepa: 2026-11-24 16:30:05 ! key: waiting for the VPN to ask base for the key",
    "cepa: 2026-11-24 16:30:05 ! store: locked: waits for the key",
  ]);
  assert.match(
    summaryLine(WAITING),
    /^cepa: 2026-11-24 16:30:05 up 0:00: uplink; !VPN; !base no heartbeat yet, 1 events/,
  );
});

test("too little hardware is a line of the screen, above all else", () => {
  const short = { ...NEW, shortfalls: ["memory 0.9 GiB, 2 GiB is least", "disk 4.0 GB, 8 GB is least"] };
  assert.match(
    renderStatus(short),
    /\n\n! hardware memory 0\.9 GiB, 2 GiB is least; disk 4\.0 GB, 8 GB is least\n! uplink/,
  );
  assert.doesNotMatch(renderStatus(NEW), /hardware/);
});
