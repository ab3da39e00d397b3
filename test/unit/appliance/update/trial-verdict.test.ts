import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isAsBefore,
  nextTrialState,
  parseVerityState,
  recordSlot,
  type SlotRecord,
  type TrialObservation,
  type TrialState,
} from "../../../../appliance/update/trial-verdict.ts";
import type { CaptureStatus, LinkStatus, VaultStatus } from "../../../../core/contract/role.ts";

const LIMITS = { healthyMs: 300_000, limitMs: 1_800_000 };
const ALL_BEFORE: SlotRecord = { capturing: true, frames: true, storeOpen: true, vpn: true };
const NOTHING_BEFORE: SlotRecord = { capturing: false, frames: false, storeOpen: false, vpn: false };

const CAPTURE: CaptureStatus = {
  role: "capture",
  state: "capturing",
  ports: [{ name: "span0", carrier: true }],
  frames: 7,
  bytes: 700,
  analyserDrops: 0,
  writerDrops: 0,
  sessionsActive: 1,
  sessions: 1,
  sessionsFlat: 0,
  sessionsEvicted: 0,
  httpRequests: 0,
  malformedFrames: 0,
  pcapBytes: 0,
  lastFrameAtMs: 1000,
};
const VAULT: VaultStatus = {
  role: "vault",
  state: "open",
  detail: "",
  tries: 1,
  luksUuid: null,
  openedAtMs: null,
  identity: "software",
};
const LINK: LinkStatus = {
  role: "link",
  state: "up",
  detail: "",
  vpnUp: true,
  vpnAddress: "10.213.1.1",
  spooled: 0,
  lastHeartbeatAtMs: 1000,
};
const WELL: TrialObservation = { atMs: 0, capture: CAPTURE, vault: VAULT, link: LINK, isRootCorrupted: false };

const START: TrialState = { name: "watching", startedAtMs: 0, healthySinceMs: undefined };

/** What a trial comes to when it sees the same every ten seconds; undefined: it has no end within two limits. */
function outcome(seen: Partial<TrialObservation>, before = ALL_BEFORE): TrialState | undefined {
  let state: TrialState = START;
  for (let atMs = 0; atMs <= 2 * LIMITS.limitMs; atMs += 10_000) {
    state = nextTrialState(state, { ...WELL, ...seen, atMs }, before, LIMITS);
    if (state.name !== "watching") return state;
  }
  return undefined;
}

const vault = (state: VaultStatus["state"], detail = "") => ({ vault: { ...VAULT, state, detail }, capture: null });
const link = (state: LinkStatus["state"], vpnUp = false) => ({ link: { ...LINK, state, vpnUp, detail: "it is so" } });
const bad = (why: string) => ({ name: "bad", why }) as const;
const GOOD = { name: "good" } as const;

for (const { name, seen, before, expected } of [
  { name: "all is well", seen: {}, expected: GOOD },
  { name: "nothing is known of before", seen: {}, before: NOTHING_BEFORE, expected: GOOD },
  { name: "capture does not run", seen: { capture: null }, expected: bad("capture does not answer") },
  {
    name: "capture finds no ports",
    seen: { capture: { ...CAPTURE, state: "waitingForPorts", ports: [] } },
    expected: bad("capture is waitingForPorts"),
  },
  {
    name: "capture finds no ports, as before",
    seen: { capture: { ...CAPTURE, state: "waitingForPorts", ports: [] } },
    before: { ...ALL_BEFORE, capturing: false, frames: false },
    expected: GOOD,
  },
  {
    name: "capture sees nothing",
    seen: { capture: { ...CAPTURE, frames: 0 } },
    expected: { name: "doubtful", why: "capture sees no frames, and there were some before" },
  },
  {
    name: "capture sees nothing, and there is no tunnel, as nothing else there was before",
    seen: { capture: { ...CAPTURE, frames: 0 }, ...link("vpnDown") },
    expected: {
      name: "doubtful",
      why: "the VPN is not up: it is so; capture sees no frames, and there were some before",
    },
  },
  {
    name: "capture sees nothing, and a role does not run",
    seen: { capture: { ...CAPTURE, frames: 0 }, link: null },
    expected: bad("link does not answer"),
  },
  {
    name: "capture sees nothing, as the cable is out",
    seen: { capture: { ...CAPTURE, frames: 0, ports: [{ name: "span0", carrier: false }] } },
    expected: GOOD,
  },
  { name: "vault does not run", seen: { vault: null }, expected: bad("vault does not answer") },
  {
    name: "the store does not open",
    seen: vault("openFailed", "cryptsetup fails"),
    expected: bad("the store does not open: openFailed, cryptsetup fails"),
  },
  {
    name: "the store did not open before either",
    seen: vault("damagedHeader"),
    before: { ...ALL_BEFORE, storeOpen: false },
    expected: GOOD,
  },
  { name: "base refuses the key", seen: vault("refused"), expected: GOOD },
  { name: "base gives no key, and there is a tunnel", seen: vault("fetchFailed"), expected: GOOD },
  { name: "base is silent", seen: { ...vault("fetchFailed"), ...link("baseSilent", true) }, expected: GOOD },
  {
    name: "no tunnel, and there was one",
    seen: { ...vault("waitingForVpn"), ...link("vpnDown") },
    expected: { name: "doubtful", why: "the VPN is not up: it is so" },
  },
  {
    name: "no tunnel, as before",
    seen: { ...vault("waitingForVpn"), ...link("vpnDown") },
    before: { ...ALL_BEFORE, vpn: false },
    expected: GOOD,
  },
  { name: "the uplink's cable is out", seen: { ...vault("waitingForVpn"), ...link("noUplink") }, expected: GOOD },
  { name: "the network gives no address", seen: { ...vault("waitingForVpn"), ...link("noAddress") }, expected: GOOD },
  {
    name: "no tunnel, and a fault of the version's own",
    seen: { ...vault("openFailed", "x"), ...link("vpnDown") },
    expected: bad("the store does not open: openFailed, x"),
  },
  { name: "link does not run", seen: { link: null }, expected: bad("link does not answer") },
] as const satisfies readonly {
  name: string;
  seen: Partial<TrialObservation>;
  before?: SlotRecord;
  expected: TrialState;
}[])
  test(`a trial: ${name}`, () =>
    assert.deepEqual(outcome(seen as Partial<TrialObservation>, before ?? ALL_BEFORE), expected));

test("a damaged block ends a trial at once", () => {
  const state = nextTrialState(START, { ...WELL, isRootCorrupted: true }, ALL_BEFORE, LIMITS);
  assert.deepEqual(state, bad("a block of the root file system is damaged"));
});

test("what is well must stay so: a role that is gone in between begins it anew", () => {
  const at = (state: TrialState, atMs: number, seen: Partial<TrialObservation> = {}) =>
    nextTrialState(state, { ...WELL, ...seen, atMs }, ALL_BEFORE, LIMITS);
  let state = at(START, 0);
  state = at(state, 299_000, { capture: null });
  assert.deepEqual(state, { name: "watching", startedAtMs: 0, healthySinceMs: undefined });
  state = at(state, 301_000);
  state = at(state, 600_999);
  assert.equal(state.name, "watching");
  assert.deepEqual(at(state, 601_000), GOOD);
});

test("what became well just before the limit is not cut short", () => {
  let state = nextTrialState(START, { ...WELL, capture: null, atMs: 1_790_000 }, ALL_BEFORE, LIMITS);
  state = nextTrialState(state, { ...WELL, atMs: 1_799_000 }, ALL_BEFORE, LIMITS);
  state = nextTrialState(state, { ...WELL, atMs: 1_900_000 }, ALL_BEFORE, LIMITS);
  assert.equal(state.name, "watching");
  assert.deepEqual(nextTrialState(state, { ...WELL, atMs: 2_099_000 }, ALL_BEFORE, LIMITS), GOOD);
});

test("a key that is long in coming makes no version good before its capture has run; none at all makes it good at the limit", () => {
  const at = (state: TrialState, atMs: number, seen: Partial<TrialObservation> = {}) =>
    nextTrialState(state, { ...WELL, ...seen, atMs }, ALL_BEFORE, LIMITS);
  const waits = { ...vault("askingForKey"), capture: null };
  let state = at(at(START, 0, waits), 1_500_000, waits);
  assert.deepEqual(state, { name: "watching", startedAtMs: 0, healthySinceMs: undefined });
  assert.deepEqual(at(state, 1_800_000, waits), GOOD);
  assert.deepEqual(at(state, 1_800_000, { capture: null }), bad("capture does not answer"));
  state = at(state, 1_600_000);
  assert.equal(at(state, 1_899_999).name, "watching");
  assert.deepEqual(at(state, 1_900_000), GOOD);
});

for (const [name, seen, before, expected] of [
  ["all is there", {}, ALL_BEFORE, true],
  ["no tunnel", link("vpnDown"), ALL_BEFORE, false],
  ["no frames", { capture: { ...CAPTURE, frames: 0 } }, ALL_BEFORE, false],
  ["no capture yet", { capture: null }, ALL_BEFORE, false],
  ["no frames, as before", { capture: null }, { ...ALL_BEFORE, frames: false }, true],
  ["no tunnel, as before", link("vpnDown"), { ...ALL_BEFORE, vpn: false }, true],
] as const)
  test(`the slot before is as it was: ${name}`, () => assert.equal(isAsBefore({ ...WELL, ...seen }, before), expected));

const DAY_MS = 86_400_000;
test("what a slot did counts for a day", () => {
  assert.deepEqual(recordSlot(WELL, 1000 + DAY_MS - 1), ALL_BEFORE);
  const down = { ...WELL, link: { ...LINK, vpnUp: false } };
  assert.deepEqual(recordSlot(down, 1000 + DAY_MS - 1), ALL_BEFORE);
  assert.deepEqual(recordSlot(down, 1000 + DAY_MS), { ...ALL_BEFORE, frames: false, vpn: false });
  assert.deepEqual(recordSlot({ capture: null, vault: null, link: null }, 0), NOTHING_BEFORE);
});

for (const [text, expected] of [
  ["/dev/mapper/root is active and is in use.\n  type:    VERITY\n  status:  verified\n", "verified"],
  ["  type:    VERITY\n  status:  corrupted\n", "corrupted"],
  ["", undefined],
] as const)
  test(`veritysetup says ${expected ?? "nothing"}`, () => assert.equal(parseVerityState(text), expected));
