import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { runVaultRole } from "../../appliance/roles/vault.ts";
import { fetchBaseShare, type KeyReleaseError } from "../../appliance/vault/base-client.ts";
import { deriveVolumeKey } from "../../appliance/vault/key-exchange.ts";
import { luksTool } from "../../appliance/vault/luks-tool.ts";
import { storeDevice } from "../../appliance/vault/store-device.ts";
import type { RoleRequest, VaultStatus } from "../../core/contract/role.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { askRole, runRoleSocket } from "../../core/node/role-socket.ts";
import { Secret } from "../../core/secret.ts";
import { TEST_SENSOR_ID, writeSensorState } from "../../scripts/rig/sensor-state.ts";
import { type Certified, makeAuthority } from "../support/certificates.ts";
import { type KeyServer, startKeyServer } from "../support/key-server.ts";
import { luksWithoutDmCrypt } from "../support/luks-without-dm-crypt.ts";

const MIB = 1024 * 1024;
const run = promisify(execFile);
const question = { sensorId: TEST_SENSOR_ID, bootId: "0".repeat(32), luksUuid: null, health: null };
let folder: string;
let server: KeyServer;
let sensor: Certified;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-vault-"));
  const authority = await makeAuthority(folder);
  server = await startKeyServer(await authority.issue("base", "127.0.0.1"));
  sensor = await authority.issue(TEST_SENSOR_ID);
});

after(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

function base(changes: Partial<Parameters<typeof fetchBaseShare>[0]> = {}) {
  return { host: "127.0.0.1", port: server.port, localAddress: "127.0.0.2", ...sensor, ...changes };
}

test("base's share comes over mutual TLS from the tunnel's address, sealed", async () => {
  const share = randomBytes(32);
  server.answer = () => ({ share: Buffer.from(share), format: true });
  const released = await fetchBaseShare(base(), question, AbortSignal.timeout(20_000));
  assert.equal(released.format, true);
  assert.deepEqual(Buffer.from(released.share.reveal()), share);
  const { request, commonName, from } = server.requests.at(-1) ?? assert.fail();
  assert.deepEqual([commonName, from, request.sensorId], [TEST_SENSOR_ID, "127.0.0.2", TEST_SENSOR_ID]);
});

test("what base can answer wrongly is a typed error", async () => {
  const signal = AbortSignal.timeout(60_000);
  const failing = (code: KeyReleaseError["code"], changes: Parameters<typeof base>[0] = {}) =>
    assert.rejects(fetchBaseShare(base(changes), question, signal), { name: "KeyReleaseError", code });
  server.answer = () => ({ state: "refused", why: "hold" });
  await assert.rejects(fetchBaseShare(base(), question, signal), { code: "denied", refusal: "hold" });
  for (const text of ["", "no JSON", "{}", "[]", '{"state":"refused","why":"?"}', `"${"x".repeat(70_000)}"`]) {
    server.answer = () => text;
    await failing("badReply");
  }
  const zeros = (length: number) => Buffer.alloc(length).toString("base64");
  server.answer = () => ({
    state: "released",
    format: true,
    ephemeralPublicKey: zeros(32), // a point of small order: RFC 7748, section 6.1
    sealedShare: zeros(60),
  });
  await failing("badReply");
  const other = await makeAuthority(folder, "other");
  await failing("unreachable", { authority: other.authority });
  await failing("unreachable", await other.issue(TEST_SENSOR_ID));
  await failing("unreachable", { port: 1 });
});

test("a sealed share that was changed on its way is refused", async () => {
  server.answer = () => ({ share: randomBytes(32), format: false });
  const { publicKey, openShare } = (await import("../../appliance/vault/key-exchange.ts")).beginKeyExchange();
  const nonce = randomBytes(32).toString("base64");
  const released = { state: "released", format: false, ephemeralPublicKey: publicKey } as const;
  assert.throws(() =>
    openShare({ ...released, sealedShare: randomBytes(60).toString("base64") }, nonce, TEST_SENSOR_ID),
  );
});

test("the header that cryptsetup writes is read as cryptsetup reads it, whole and damaged", async () => {
  const path = join(folder, "header.img");
  await writeFile(path, "");
  await truncate(path, 64 * MIB);
  const store = storeDevice(path);
  assert.deepEqual(await store.readHeader(), { state: "none", blank: true });
  const key = new Secret(randomBytes(64));
  const signal = AbortSignal.timeout(120_000);
  await luksTool(nodeExec).format(path, key, signal);
  const uuid = (await run("cryptsetup", ["luksUUID", path])).stdout.trim();
  assert.deepEqual(await store.readHeader(), { state: "luks2", uuid, wholeCopies: 2 });
  const dump = (await run("cryptsetup", ["luksDump", path])).stdout;
  assert.match(dump, /PBKDF:\s+pbkdf2\s+Hash:\s+sha256\s+Iterations:\s+1000/);
  await overwrite(path, 5000, 1);
  assert.deepEqual(await store.readHeader(), { state: "luks2", uuid, wholeCopies: 1 });
  await run("cryptsetup", ["luksUUID", path]); // mends the first copy by the second
  assert.deepEqual(await store.readHeader(), { state: "luks2", uuid, wholeCopies: 2 });
  await overwrite(path, 5000, 1);
  await overwrite(path, 16384 + 5000, 1);
  assert.equal((await store.readHeader()).state, "damaged");
  await assert.rejects(run("cryptsetup", ["luksUUID", path]));
});

test("the role formats a new store, opens it again with the same key, and reports both", async () => {
  const state = join(folder, "state");
  const runFolder = join(folder, "run");
  const mapper = join(folder, "mapper");
  const image = join(folder, "store.img");
  for (const path of [state, runFolder, mapper]) await mkdir(path);
  await writeFile(image, "");
  await truncate(image, 64 * MIB);
  await writeSensorState(state, sensor, { basePort: server.port });
  const share = randomBytes(32);
  let format = true;
  server.answer = () => ({ share: Buffer.from(share), format });
  const events: RoleRequest[] = [];
  const stop = new AbortController();
  const link = runRoleSocket(
    join(runFolder, "link.sock"),
    async (request) => {
      events.push(request);
      return { type: "ok" };
    },
    stop.signal,
  ).catch(() => {});
  const overrides = {
    store: storeDevice(image, mapper),
    tool: luksTool(luksWithoutDmCrypt(mapper, join(folder, "content.img"))),
    tunnelUp: () => true,
  };
  const folders = { stateFolder: state, runFolder, nsmFolder: join(folder, "nsm") };

  const first = await runUntilOpen(folders, overrides, () => events.length >= 2);
  const uuid = (await run("cryptsetup", ["luksUUID", image])).stdout.trim();
  assert.deepEqual([first.state, first.luksUuid, first.tries], ["open", uuid, 1]);
  assert.deepEqual(
    events.map((event) => (event.type === "event" ? event.event.name : event.type)),
    ["storeFormatted", "storeOpened"],
  );
  const key = deriveVolumeKey(new Secret(Buffer.from(share)), TEST_SENSOR_ID);
  await nodeExec("cryptsetup", ["open", "--test-passphrase", "--key-file", "-", image], AbortSignal.timeout(60_000), {
    stdin: key.reveal(),
  });
  await assert.rejects(readFile(join(state, "vault/format.json")), { code: "ENOENT" });

  format = false;
  await rm(join(mapper, "nsm"));
  const second = await runUntilOpen(folders, overrides);
  assert.deepEqual([second.state, second.luksUuid], ["open", uuid]);
  assert.equal(server.requests.at(-1)?.request.luksUuid, uuid);
  stop.abort();
  await link;
});

async function runUntilOpen(
  folders: Parameters<typeof runVaultRole>[0],
  overrides: Parameters<typeof runVaultRole>[2],
  isTold: () => boolean = () => true,
): Promise<VaultStatus> {
  const stop = new AbortController();
  const role = runVaultRole(folders, stop.signal, overrides).catch((error: unknown) => error);
  const deadline = AbortSignal.timeout(120_000);
  try {
    for (;;) {
      deadline.throwIfAborted();
      const answer = await askRole(join(folders.runFolder, "vault.sock"), { type: "status" }, deadline).catch(() => {});
      if (answer?.type === "status" && answer.status.role === "vault" && answer.status.state === "open") {
        const idle = await readFile(join(folders.stateFolder, "vault/format.json")).catch(() => undefined);
        if (idle === undefined && isTold()) return answer.status;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    stop.abort();
    assert.equal(((await role) as Error).name, "AbortError");
  }
}

async function overwrite(path: string, atOffset: number, octet: number): Promise<void> {
  const file = await open(path, "r+");
  await file.write(Uint8Array.of(octet), 0, 1, atOffset);
  await file.close();
}
