import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runInstallCommand } from "../../appliance/commands/install.ts";
import {
  loadFailedVersions,
  loadTrial,
  markFailed,
  saveTrial,
  type Trial,
} from "../../appliance/update/trial-files.ts";
import { type RoleStatus, roleSocketPath, type SensorEvent } from "../../core/contract/role.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { runRoleSocket } from "../../core/node/role-socket.ts";
import { makeSet, updateKeys } from "../support/update-sets.ts";

const folder = await mkdtemp(join(tmpdir(), "cepa-install-"));
const stop = new AbortController();
const { signal } = stop;
after(async () => {
  stop.abort();
  await rm(folder, { recursive: true, force: true });
});

const { privateKey, publicKey } = updateKeys();
const keyFile = join(folder, "update.pub");
await writeFile(keyFile, publicKey.export({ format: "pem", type: "spki" }));

/** Roles of a slot that does all it should, so that the installer does not wait; link takes every event. */
const events: SensorEvent[] = [];
let whenAsked = async () => {};
const run = join(folder, "run");
await mkdir(run);
for (const status of [
  { role: "capture", state: "capturing", lastFrameAtMs: Date.now() },
  { role: "vault", state: "open" },
  { role: "link", vpnUp: true },
] as unknown as readonly RoleStatus[])
  runRoleSocket(
    roleSocketPath(status.role, run),
    async (request) => {
      if (request.type === "event") events.push(request.event);
      if (request.type !== "status") return { type: "ok" };
      if (status.role === "link") await whenAsked();
      return { type: "status", status };
    },
    signal,
  ).catch(() => {});

async function makeState(name: string): Promise<string> {
  const state = join(folder, name);
  await mkdir(join(state, "update/ready"), { recursive: true });
  await mkdir(join(state, "install"));
  return state;
}

const install = (state: string, ...more: readonly string[]) =>
  runInstallCommand(["--state", state, "--run", run, "--key", keyFile, ...more], signal);
const installOnBox = (state: string) =>
  runInstallCommand(["--state", state, "--run", run, "--key", keyFile], signal, { version: "1.0", profile: "qemu" });

// this machine runs no image of ours, so that no set is meant for it
for (const { name, key, reason } of [
  { name: "unsigned", key: undefined, reason: "unsigned" },
  { name: "other-key", key: updateKeys().privateKey, reason: "badSignature" },
  { name: "other-profile", key: privateKey, reason: "wrongProfile" },
])
  test(`what is not to be installed is removed, and base is told: ${name}`, async () => {
    const state = await makeState(name);
    await makeSet(join(state, "update/ready/2.0"), key, { version: "2.0" });
    events.length = 0;
    assert.equal(await install(state), 3);
    assert.deepEqual(
      events.map((event) => event.name === "updateRefused" && [event.version, event.reason]),
      [["2.0", reason]],
    );
    assert.deepEqual(await readdir(join(state, "update/ready")), []);
    assert.deepEqual(await readdir(join(state, "install/set")), []);
    assert.equal(await loadTrial(state), undefined);
  });

test("what was left of an installation that was cut off is removed", async () => {
  const state = await makeState("cut-off");
  await mkdir(join(state, "install/set"));
  await writeFile(join(state, "install/set/cepa_1.9.efi"), "half");
  await makeSet(join(state, "update/ready/2.0"), undefined, { version: "2.0" });
  assert.equal(await install(state), 3);
  assert.deepEqual(await readdir(join(state, "install/set")), []);
});

test("a set that is taken away while the slot that runs is waited for is not installed", async () => {
  const state = await makeState("withdrawn");
  await makeSet(join(state, "update/ready/2.0"), privateKey, { version: "2.0" });
  events.length = 0;
  let copied: readonly string[] = [];
  whenAsked = async () => {
    copied = await readdir(join(state, "install/set"));
    await rm(join(state, "update/ready/2.0"), { recursive: true });
  };
  assert.equal(await installOnBox(state), 0);
  whenAsked = async () => {};
  assert.equal(copied.length, 7, "it had been checked and copied");
  assert.deepEqual(events, []);
  assert.equal(await loadTrial(state), undefined, "no slot was begun");
  assert.deepEqual(await readdir(join(state, "install")), ["set"]);
  assert.deepEqual(await readdir(join(state, "install/set")), []);
});

test("a set that is taken away while it is copied is not refused", async () => {
  const state = await makeState("withdrawn-in-copy");
  const sizes = { efiBytes: 1000, rootBytes: 60_000_000, verityBytes: 1000 };
  const { names } = await makeSet(join(state, "update/ready/2.0"), privateKey, { version: "2.0", sizes });
  events.length = 0;
  const done = new AbortController();
  const takeAway = async () => {
    while (!(await readdir(join(state, "install/set")).catch((): string[] => [])).includes(names[1]))
      done.signal.throwIfAborted();
    await rm(join(state, "update/ready/2.0"), { recursive: true });
  };
  const [status] = await Promise.all([installOnBox(state).finally(() => done.abort()), takeAway()]);
  assert.equal(status, 0);
  assert.deepEqual(events, []);
  assert.equal(await loadTrial(state), undefined);
  assert.deepEqual(await readdir(join(state, "install/set")), []);
});

test("a set that is still there goes on to be installed", async () => {
  const state = await makeState("installed");
  await makeSet(join(state, "update/ready/2.0"), privateKey, { version: "2.0" });
  events.length = 0;
  assert.equal(await installOnBox(state), 1, "this machine has no ESP of ours");
  assert.deepEqual(
    events.map((event) => event.name === "updateRefused" && [event.version, event.reason]),
    [["2.0", "notInstalled"]],
  );
  assert.equal((await loadTrial(state))?.state, "installing");
  assert.deepEqual(await readdir(join(state, "update/ready")), ["2.0"], "it is tried again");
});

test("a dry run removes nothing", async () => {
  const state = await makeState("dry");
  await makeSet(join(state, "update/ready/2.0"), undefined, { version: "2.0" });
  await assert.rejects(install(state, "--dry-run"), { code: "unsigned" });
  assert.deepEqual(await readdir(join(state, "update/ready")), ["2.0"]);
});

test("nothing is ready", async () => {
  assert.equal(await install(await makeState("nothing")), 0);
});

const TRIAL: Trial = {
  version: "2.0",
  state: "doubtful",
  before: { capturing: true, frames: false, storeOpen: true, vpn: false },
  doubt: "the VPN is not up",
  doubts: 2,
  installedAtMs: 5,
};

test("a trial is on disk as it was; what is no trial is none", async () => {
  const state = await makeState("trial");
  assert.equal(await loadTrial(state), undefined);
  await saveTrial(state, TRIAL);
  assert.deepEqual(await loadTrial(state), TRIAL);
  for (const text of [
    "",
    "{}",
    JSON.stringify({ ...TRIAL, before: {} }),
    JSON.stringify({ ...TRIAL, version: "../x" }),
    JSON.stringify({ ...TRIAL, state: "any" }),
  ]) {
    await writeFile(join(state, "install/trial.json"), text);
    assert.equal(await loadTrial(state), undefined, text);
  }
});

test("failed versions: each once, with the last reason, the newest sixteen", async () => {
  const state = await makeState("failed");
  assert.deepEqual(await loadFailedVersions(state, 0), []);
  await markFailed(state, { version: "2.0", why: "first" }, 0);
  await markFailed(state, { version: "2.1", why: "other" }, 0);
  await markFailed(state, { version: "2.0", why: "second" }, 0);
  assert.deepEqual(await loadFailedVersions(state, 0), [
    { version: "2.1", why: "other" },
    { version: "2.0", why: "second" },
  ]);
  for (let minor = 1; minor <= 20; minor++) await markFailed(state, { version: `3.${minor}`, why: "x" }, 0);
  const versions = (await loadFailedVersions(state, 0)).map(({ version }) => version);
  assert.equal(versions.length, 16);
  assert.equal(versions[0], "3.5");
});

test("whatever lies in the place of what root reads and writes: it waits for nothing, and a version is marked", async () => {
  for (const make of ["mkfifo", "mkdir"]) {
    const state = await makeState(make);
    await nodeExec(make, [join(state, "update/failed.json"), join(state, "update/failed.json.new")], signal);
    assert.deepEqual(await loadFailedVersions(state, 0), []);
    await markFailed(state, { version: "2.0", why: "x" }, 0);
    assert.deepEqual(await loadFailedVersions(state, 0), [{ version: "2.0", why: "x" }]);
  }
});

test("a link put in the way of what root writes is not followed", async () => {
  const state = await makeState("link");
  const victim = join(folder, "victim");
  await writeFile(victim, "as it was");
  await symlink(victim, join(state, "update/failed.json.new"));
  await symlink(victim, join(state, "update/failed.json"));
  await markFailed(state, { version: "2.0", why: "x" }, 0);
  assert.equal(await readFile(victim, "utf8"), "as it was");
});
