import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  link,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import {
  BUTTON_FILE,
  loadCounter,
  loadOrder,
  loadPending,
  ORDER_FILE,
  PENDING_FILE,
  removeRequest,
  removeSettings,
  saveCounter,
  savePending,
  shredState,
} from "../../appliance/reset/reset-files.ts";
import { eraseStore } from "../../appliance/vault/erase-store.ts";
import { luksTool } from "../../appliance/vault/luks-tool.ts";
import { storeDevice } from "../../appliance/vault/store-device.ts";
import { COMMAND_BYTES } from "../../core/contract/command.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { ExecError } from "../../core/ports.ts";
import { Secret } from "../../core/secret.ts";

const PROJECT = dirname(dirname(import.meta.dirname));
const MIB = 1024 * 1024;
const signal = AbortSignal.timeout(300_000);
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-reset-"));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Files of a state partition. */
async function makeState(name: string): Promise<string> {
  const state = join(folder, name);
  const files = {
    "identity/sensor.key": "a private key",
    "identity/sensor.json": "{}",
    "config.json": "settings",
    "network.json": "network",
    "link/config-last-good.json": "settings",
    "vault/config-last-good.json": "settings",
    "link/spool.json": "events",
    "update/ready/1/set": "x".repeat(2 * MIB),
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(state, path)), { recursive: true });
    await writeFile(join(state, path), text);
  }
  await mkdir(join(state, "lost+found"));
  return state;
}

for (const { name, damage } of [
  { name: "whole", damage: 0 },
  { name: "with damaged headers", damage: 64 * 1024 },
])
  test(`a store, ${name}: its key opens it before and not after, and nothing of header and key slots is left`, async () => {
    const path = join(folder, "store.img");
    await writeFile(path, "");
    await truncate(path, 64 * MIB);
    const tool = luksTool(nodeExec);
    const key = randomBytes(64);
    await tool.format(path, new Secret(new Uint8Array(key)), signal);
    const tryKey = () =>
      nodeExec("cryptsetup", ["open", "--test-passphrase", "--key-file", "-", "--keyfile-size", "64", path], signal, {
        stdin: key,
      });
    await tryKey();
    const file = await open(path, "r+");
    await file.write(Buffer.alloc(damage, 0x5a), 0, damage, 0);
    await file.close();
    const freed: string[] = [];
    const ports = { tool, log: () => {}, free: async () => void freed.push("freed") };
    await eraseStore(path, ports, signal);
    assert.deepEqual(freed, ["freed"]);
    await assert.rejects(tryKey());
    assert.deepEqual(await storeDevice(path).readHeader(), { state: "none", blank: true });
    assert.ok((await readFile(path)).subarray(0, 16 * MIB).every((octet) => octet === 0));
    await eraseStore(path, ports, signal);
  });

test("state: each file is overwritten where it lies, then gone; the note of the reset stays, so that it can go on", async () => {
  const state = await makeState("wiped");
  await savePending(state, { what: "everything", cause: "button", stage: "storeErased" });
  await saveCounter(state, 4);
  const witness = join(folder, "witness"); // another name of the same octets
  await link(join(state, "identity/sensor.key"), witness);
  await shredState(state);
  assert.deepEqual(await readFile(witness), Buffer.alloc("a private key".length));
  assert.deepEqual((await readdir(state, { recursive: true })).sort(), ["lost+found", "reset", PENDING_FILE]);
  assert.equal((await loadPending(state))?.stage, "storeErased");
  assert.equal(await loadCounter(state), 0);
  await shredState(state);
});

/** A file whose name is no text, in folders that are deeper than a path is long. */
const HOSTILE = `import os, sys
os.chdir(sys.argv[1])
for _ in range(100):
  os.mkdir("d" * 100)
  os.chdir("d" * 100)
open(b"\\xff", "w").write("x")
os.mkfifo("fifo")`;

test("state: whatever a role has left in its folder, all is gone", async () => {
  const state = await makeState("hostile");
  await nodeExec("python3", ["-c", HOSTILE, join(state, "link")], signal);
  await symlink("/etc", join(state, "link/etc"));
  await shredState(state);
  assert.deepEqual(await readdir(state), ["lost+found"]);
});

test("state: with the capabilities that its unit has it goes too where a role has made its folder sticky", async () => {
  const state = await makeState("sticky");
  for (const path of ["link", "link/spool.json", "link/config-last-good.json"])
    await chown(join(state, path), 902, 902);
  await chmod(join(state, "link"), 0o1700);
  const unit = await readFile(join(PROJECT, "overlay/usr/lib/systemd/system/cepa-reset.service"), "utf8");
  const capabilities = /^CapabilityBoundingSet=(.*)$/m.exec(unit)?.[1]?.toLowerCase().replaceAll("cap_", "+") ?? "";
  const bounding = `--bounding-set=-all,${capabilities.replaceAll(" ", ",")}`;
  const script = `import { shredState } from "${PROJECT}/appliance/reset/reset-files.ts"; await shredState(process.argv[1]);`;
  const run = [process.execPath, "--input-type=module", "-e", script, state];
  await nodeExec("setpriv", [bounding, ...run], signal);
  assert.deepEqual(await readdir(state), ["lost+found"]);
});

test("settings: a folder in the place of what a role keeps goes, and keeps no other there", async () => {
  const state = await makeState("settings-folder");
  await rm(join(state, "link/config-last-good.json"));
  await mkdir(join(state, "link/config-last-good.json/more"), { recursive: true });
  await removeSettings(state, "config-last-good.json", false);
  assert.deepEqual(await readdir(join(state, "link")), ["spool.json"]);
  assert.deepEqual(await readdir(join(state, "vault")), []);
});

test("settings: those of base and what roles keep of them; the network's only when that is wanted", async () => {
  const state = await makeState("reset");
  await removeSettings(state, "config-last-good.json", false);
  const left = async () => (await readdir(state, { recursive: true })).filter((name) => /config|network/.test(name));
  assert.deepEqual(await left(), ["network.json"]);
  await removeSettings(state, "config-last-good.json", true);
  assert.deepEqual(await left(), []);
  assert.equal(await readFile(join(state, "identity/sensor.key"), "utf8"), "a private key");
});

test("what is begun is read as it was written; a torn note is none", async () => {
  const state = join(folder, "notes");
  assert.equal(await loadPending(state), undefined);
  const pending = { what: "settings", cause: "order", stage: "begun" } as const;
  await savePending(state, pending);
  assert.deepEqual(await loadPending(state), pending);
  await writeFile(join(state, PENDING_FILE), '{"what":"everything"');
  assert.equal(await loadPending(state), undefined);
});

test("what link leaves is read up to an octet more than a command has, and nothing else than a file; then it is gone", async () => {
  const state = join(folder, "orders");
  const path = join(state, ORDER_FILE);
  await mkdir(dirname(path), { recursive: true });
  assert.equal(await loadOrder(state), undefined);
  for (const { make, bytes } of [
    { make: () => writeFile(path, Buffer.alloc(COMMAND_BYTES)), bytes: COMMAND_BYTES },
    { make: () => writeFile(path, Buffer.alloc(MIB)), bytes: COMMAND_BYTES + 1 },
    { make: () => symlink("/etc/hostname", path), bytes: 0 },
    { make: () => nodeExec("mkfifo", [path], signal), bytes: 0 },
    { make: () => mkdir(join(path, "more"), { recursive: true }), bytes: 0 },
  ]) {
    await make();
    assert.equal((await loadOrder(state))?.length, bytes);
    await removeRequest(state, ORDER_FILE);
    assert.deepEqual(await readdir(dirname(path)), []);
  }
});

test("the command: nothing without --yes, and a dry run says what would be done and does nothing", async () => {
  const state = await makeState("by-hand");
  const MAIN = join(PROJECT, "appliance/main.ts");
  const reset = async (...args: readonly string[]) => {
    try {
      return { status: 0, ...(await nodeExec(process.execPath, [MAIN, "reset", "--state", state, ...args], signal)) };
    } catch (error) {
      if (!(error instanceof ExecError)) throw error;
      return { status: error.status, stdout: error.stdout, stderr: error.stderr };
    }
  };
  const before = await readdir(state, { recursive: true });
  for (const { args, status, output } of [
    { args: ["--everything"], status: 2, output: /it can't be undone: give --yes as well/ },
    { args: ["--settings", "--everything", "--yes"], status: 2, output: /not both/ },
    { args: ["--everything", "--dry-run"], status: 0, output: /^the store is made unreadable, identity, keys/ },
    { args: ["--settings", "--dry-run"], status: 0, output: /^settings go, and what network\.json says/ },
    { args: ["--dry-run"], status: 0, output: /^nothing was begun/ },
    { args: [], status: 0, output: /^$/ },
  ]) {
    const done = await reset(...args);
    assert.equal(done.status, status, args.join(" "));
    assert.match(done.stdout + done.stderr, output);
  }
  assert.deepEqual(await readdir(state, { recursive: true }), before);
});

test("the command: what is no order does not keep the button from being looked at", async () => {
  const state = await makeState("shadowed");
  const identity = {
    ...{ sensorId: "0011223344556677", name: "box", vpnAddress: "10.8.1.1", baseAddress: "10.8.0.1", basePort: 8443 },
    ...{ emergencyKeyId: 1, emergencySmsNumber: "+441632960961", flashedAtMs: 1 },
  };
  await writeFile(join(state, "identity/sensor.json"), JSON.stringify(identity));
  const { publicKey } = generateKeyPairSync("ed25519");
  await writeFile(join(state, "identity/command.pub"), publicKey.export({ format: "pem", type: "spki" }));
  await rm(join(state, "config.json"));
  await rm(join(state, "vault"), { recursive: true });
  await writeFile(join(state, ORDER_FILE), "no order");
  await mkdir(dirname(join(state, BUTTON_FILE)));
  await writeFile(join(state, BUTTON_FILE), "");
  const args = [join(PROJECT, "appliance/main.ts"), "reset", "--state", state, "--run", state];
  const { stderr } = await nodeExec(process.execPath, args, signal, { env: { PATH: folder } });
  assert.match(stderr, /a command is refused[\s\S]*there is no button by the settings/);
  assert.deepEqual([await readdir(join(state, "phone-home")), await loadPending(state)], [[], undefined]);
});
