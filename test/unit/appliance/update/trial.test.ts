import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCountedKernel } from "../../../../appliance/update/boot-count.ts";
import { runTrial, type TrialPorts } from "../../../../appliance/update/trial.ts";
import type { Trial } from "../../../../appliance/update/trial-files.ts";
import type { FailedVersion } from "../../../../core/contract/health.ts";
import type { LinkStatus } from "../../../../core/contract/role.ts";

const BEFORE = { capturing: false, frames: false, storeOpen: false, vpn: true };
const LIMITS = { healthyMs: 10_000, limitMs: 60_000 };
const link = (vpnUp: boolean): LinkStatus => ({
  role: "link",
  state: vpnUp ? "up" : "vpnDown",
  detail: "so it is",
  vpnUp,
  vpnAddress: null,
  spooled: 0,
  lastHeartbeatAtMs: null,
});
const vault = {
  role: "vault",
  state: "waitingForVpn",
  detail: "",
  tries: 0,
  luksUuid: null,
  openedAtMs: null,
  identity: "software",
} as const;

interface Given {
  readonly version: string;
  readonly isCounted: boolean;
  readonly trial?: Partial<Trial>;
  /** Whether the tunnel is up, so long after the start. */
  readonly vpnUp: (sinceMs: number) => boolean;
  readonly vaultAnswers?: boolean;
  readonly failedBefore?: readonly FailedVersion[];
  readonly markError?: Error;
}

/** Runs a trial in no time, and tells what was on disk after it. */
async function run({ version, isCounted, trial, vpnUp, vaultAnswers = true, failedBefore = [], markError }: Given) {
  let nowMs = 0;
  let saved: Trial | undefined =
    trial === undefined
      ? undefined
      : { version: "2.0", state: "installed", before: BEFORE, doubt: "", doubts: 0, installedAtMs: 0, ...trial };
  const failed: FailedVersion[] = [];
  const ports: TrialPorts = {
    clock: {
      nowMs: () => nowMs,
      monotonicMs: () => nowMs,
      async sleep(durationMs) {
        nowMs += durationMs;
      },
    },
    log() {},
    observe: async () => ({
      capture: null,
      vault: vaultAnswers ? vault : null,
      link: link(vpnUp(nowMs)),
      isRootCorrupted: false,
    }),
    loadTrial: async () => saved,
    async saveTrial(next) {
      saved = next;
    },
    async removeTrial() {
      saved = undefined;
    },
    loadFailed: async () => failedBefore,
    async markFailed(version) {
      if (markError !== undefined) throw markError;
      failed.push(version);
    },
  };
  const verdict = await runTrial({ version, isCounted }, LIMITS, ports, new AbortController().signal);
  return { verdict, saved, failed, tookMs: nowMs };
}

test("a good version: nothing is left of its trial", async () => {
  const result = await run({ version: "2.0", isCounted: true, trial: {}, vpnUp: () => true });
  assert.deepEqual(result, { verdict: "good", saved: undefined, failed: [], tookMs: 10_000 });
});

test("a bad version is marked, with why", async () => {
  const result = await run({ version: "2.0", isCounted: true, trial: {}, vpnUp: () => true, vaultAnswers: false });
  const failed = [{ version: "2.0", why: "vault does not answer" }];
  assert.deepEqual(result, { verdict: "bad", saved: undefined, failed, tookMs: 60_000 });
});

test("a bad version gives way though it can't be marked; what it leaves has the one before mark it", async () => {
  const scene = { version: "2.0", isCounted: true, trial: {}, vpnUp: () => true, vaultAnswers: false };
  const result = await run({ ...scene, markError: new Error("no room") });
  assert.deepEqual([result.verdict, result.saved?.state], ["bad", "installed"]);
});

test("a version that was found bad, and that the boot loader starts all the same, has no other trial", async () => {
  const failedBefore = [{ version: "2.0", why: "x" }];
  const result = await run({ version: "2.0", isCounted: true, vpnUp: () => true, failedBefore });
  assert.deepEqual(result, { verdict: "bad", saved: undefined, failed: [], tookMs: 0 });
});

test("base is down: the version gives way, and is not marked", async () => {
  const result = await run({ version: "2.0", isCounted: true, trial: {}, vpnUp: () => false });
  assert.deepEqual([result.verdict, result.failed], ["doubtful", []]);
  assert.equal(result.saved?.doubt, "the VPN is not up: so it is");
});

const IN_DOUBT = { state: "doubtful", doubt: "the VPN is not up: so it is" } as const;

test("the version before reaches base soon: base may have come back just then, so the new one gets another trial", async () => {
  const vpnUp = (sinceMs: number) => sinceMs >= 60_000;
  const result = await run({ version: "1.0", isCounted: false, trial: IN_DOUBT, vpnUp });
  assert.deepEqual([result.verdict, result.failed, result.tookMs], ["good", [], 60_000]);
  assert.deepEqual([result.saved?.state, result.saved?.doubts], ["settled", 1]);
});

test("the third time in a row it was the new version, for a week", async () => {
  const trial = { ...IN_DOUBT, doubts: 2 };
  const result = await run({ version: "1.0", isCounted: false, trial, vpnUp: () => true });
  const why = "the VPN is not up: so it is; not so with 1.0, 3 times; taken again from 1970-01-08T00:00 UTC on";
  const failed = [{ version: "2.0", why, lapsesAtMs: 7 * 86_400_000 }];
  assert.deepEqual(result, { verdict: "good", saved: undefined, failed, tookMs: 0 });
});

test("what is settled is not looked at again", async () => {
  const trial = { state: "settled", doubts: 2 } as const;
  const result = await run({ version: "1.0", isCounted: false, trial, vpnUp: () => true });
  assert.deepEqual([result.failed, result.saved?.doubts, result.tookMs], [[], 2, 0]);
});

test("an installation that was cut off condemns nothing", async () => {
  const result = await run({ version: "1.0", isCounted: false, trial: { state: "installing" }, vpnUp: () => true });
  assert.deepEqual([result.failed, result.saved?.state], [[], "settled"]);
});

test("one that was cut off when its kernel was there already is tried, with what was before", async () => {
  const trial = { state: "installing", doubts: 1 } as const;
  const result = await run({ version: "2.0", isCounted: true, trial, vpnUp: () => false });
  assert.deepEqual([result.verdict, result.saved?.state, result.saved?.doubts], ["doubtful", "doubtful", 1]);
});

test("the version before does not reach base either: the new one is not condemned", async () => {
  const result = await run({ version: "1.0", isCounted: false, trial: IN_DOUBT, vpnUp: () => false });
  assert.deepEqual([result.failed, result.tookMs], [[], 600_000]);
  assert.deepEqual([result.saved?.state, result.saved?.doubts], ["settled", 0]);
});

test("a version that never said anything, its tries used up, is marked by the one before", async () => {
  const result = await run({ version: "1.0", isCounted: false, trial: {}, vpnUp: () => true });
  const failed = [{ version: "2.0", why: "it did not start, or not far enough to say why" }];
  assert.deepEqual(result, { verdict: "good", saved: undefined, failed, tookMs: 0 });
});

test("a version without a note of its installation makes one, so that it can be marked", async () => {
  const result = await run({ version: "2.0", isCounted: true, vpnUp: () => false });
  assert.deepEqual([result.verdict, result.failed, result.saved], ["good", [], undefined]);
});

test("a version that was found good, with its note still there", async () => {
  const result = await run({ version: "2.0", isCounted: false, trial: {}, vpnUp: () => false });
  assert.deepEqual(result, { verdict: "good", saved: undefined, failed: [], tookMs: 0 });
});

/** A file of efivarfs. */
const variable = (text: string) => Buffer.concat([Buffer.of(6, 0, 0, 0), Buffer.from(`${text}\0`, "utf16le")]);

for (const [path, kernel] of [
  ["\\EFI\\Linux\\cepa_0.2.0+2-1.efi", { file: "cepa_0.2.0+2-1.efi", version: "0.2.0" }],
  ["\\EFI\\Linux\\cepa_1.4.0~rc2+3.efi", { file: "cepa_1.4.0~rc2+3.efi", version: "1.4.0~rc2" }],
  ["\\EFI\\Linux\\cepa_0.2.0.efi", undefined],
  ["\\EFI\\Linux\\other_1+1.efi", undefined],
  ["\\cepa_1+1.efi", undefined],
  ["", undefined],
] as const)
  test(`boots are counted: ${path}`, () => assert.deepEqual(parseCountedKernel(variable(path)), kernel));

test("boots are counted: a variable that is cut off, or too long", () => {
  assert.equal(parseCountedKernel(Buffer.of(6, 0)), undefined);
  assert.equal(parseCountedKernel(variable(`\\EFI\\Linux\\cepa_${"1".repeat(65)}+1.efi`)), undefined);
});
