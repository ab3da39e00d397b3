import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import type { Clock } from "../../core/ports.ts";
import { Secret } from "../../core/secret.ts";
import { runCrlRenewal } from "../../provider/base/crl-renewal.ts";
import type { Stage } from "../../provider/base/stage.ts";
import { type Authority, openAuthority, readCrl } from "../../provider/ca/authority.ts";
import { recordCertificate, revokeCertificates } from "../../provider/fleet/certificates.ts";
import { addSensor } from "../../provider/fleet/sensors.ts";
import { initProvider } from "../../provider/init.ts";
import { openProvider, type Provider } from "../../provider/state/provider.ts";
import { parseSubnet } from "../../provider/vpn/subnet.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Math.floor(Date.now() / 1000) * 1000;

/** A clock whose one sleeper sleeps until the test says so, however long it wanted to. */
class StepClock implements Clock {
  #nowMs = START_MS;
  #wake: (() => void) | undefined;
  #asleep = Promise.withResolvers<void>();
  nowMs = () => this.#nowMs;
  monotonicMs = () => this.#nowMs;

  sleep(_durationMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.#wake = resolve;
      this.#asleep.resolve();
    });
  }

  /** One round of the job, `durationMs` later; returns when it sleeps again. */
  async step(durationMs: number): Promise<void> {
    await this.#asleep.promise;
    this.#asleep = Promise.withResolvers<void>();
    this.#nowMs += durationMs;
    this.#wake?.();
    await this.#asleep.promise;
  }
}

let folder: string;
let provider: Provider;
let authority: Authority;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-crl-"));
  const state = join(folder, "state");
  const passphrase = new Secret(Buffer.from("a passphrase for tests"));
  const settings = {
    vpnSubnet: "10.213.0.0/16",
    remoteHost: "192.0.2.1",
    remoteUdpPort: 1194,
    remoteTcpPort: 443,
    listenUdpPort: 1194,
    listenTcpPort: 443,
    basePort: 8443,
    smsNumber: "+441632960961",
    authorityFolder: join(state, "ca"),
    createdAtMs: START_MS,
  };
  await initProvider(state, passphrase, settings, nodeExec, AbortSignal.timeout(60_000));
  provider = await openProvider(state);
  authority = await openAuthority(settings.authorityFolder, passphrase);
});
after(async () => {
  provider?.database.close();
  await rm(folder, { recursive: true, force: true });
});

async function withRenewal(
  given: Authority | undefined,
  body: (clock: StepClock, stages: Stage[], changes: () => number) => Promise<void>,
): Promise<void> {
  const clock = new StepClock();
  const stages: Stage[] = [];
  let changes = 0;
  const stop = new AbortController();
  const ports = { clock, report: (stage: Stage) => void stages.push(stage) };
  const onChange = async () => {
    changes++;
  };
  const running = runCrlRenewal(provider, given, ports, onChange, stop.signal);
  try {
    await Promise.race([body(clock, stages, () => changes), running]);
  } finally {
    stop.abort();
    await running.catch(() => {});
  }
}

const published = async () => readCrl(await readFile(provider.paths.vpnCrl, "utf8"));

test("without the CA's key there is a warning at the start, and from four days before the end, each hour", () =>
  withRenewal(undefined, async (clock, stages) => {
    const expiresAtMs = START_MS + 7 * DAY_MS;
    const why = "the CA's key is not at hand";
    await clock.step(3 * DAY_MS - HOUR_MS);
    assert.deepEqual(stages.splice(0), [{ stage: "crlWarning", atMs: START_MS, why, expiresAtMs }]);
    await clock.step(2 * HOUR_MS);
    await clock.step(HOUR_MS / 2);
    await clock.step(HOUR_MS);
    assert.deepEqual(stages, [
      { stage: "crlWarning", atMs: START_MS + 3 * DAY_MS + HOUR_MS, why, expiresAtMs },
      { stage: "crlWarning", atMs: START_MS + 3 * DAY_MS + 2.5 * HOUR_MS, why, expiresAtMs },
    ]);
  }));

test("renewed each day, and at once when it lacks a revoked certificate", () =>
  withRenewal(authority, async (clock, stages, changes) => {
    await clock.step(23 * HOUR_MS);
    assert.deepEqual([stages, changes()], [[], 0]);
    await clock.step(2 * HOUR_MS);
    const atMs = START_MS + 25 * HOUR_MS;
    assert.deepEqual(stages, [{ stage: "crlPublished", atMs, expiresAtMs: atMs + 7 * DAY_MS }]);
    assert.deepEqual(await published(), { expiresAtMs: atMs + 7 * DAY_MS, revoked: 0 });

    const { id } = addSensor(provider.database, "box", parseSubnet("10.213.0.0/16"), atMs);
    recordCertificate(provider.database, id, { serial: "4a01", notAfterMs: atMs + 365 * DAY_MS, pem: "" }, atMs);
    revokeCertificates(provider.database, id, atMs);
    await clock.step(10_000);
    assert.equal((await published()).revoked, 1);
    assert.deepEqual([stages.length, changes()], [2, 2]);
    await clock.step(10_000);
    assert.equal(changes(), 2, "and then left alone");
  }));
