import assert from "node:assert/strict";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { HEADER_AND_SLOTS_BYTES } from "../../appliance/vault/erase-store.ts";
import { nodeExec } from "../../core/node/exec.ts";
import type { Stage } from "../../provider/base/stage.ts";
import type { SensorView } from "../../provider/base/status.ts";
import { sensorByName } from "../../provider/fleet/sensors.ts";
import { statePaths } from "../../provider/state/paths.ts";
import { openProvider } from "../../provider/state/provider.ts";
import type { BaseProcess } from "../../scripts/rig/cepa-process.ts";
import { findPartition } from "../../scripts/rig/disk-image.ts";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";
import { makeRig, postToWebhook, type Rig, type RunningSensor } from "../../scripts/rig/rig.ts";
import { readIdentityForms, storeSecrets } from "../support/box-secrets.ts";
import { type SecretForm, searchFile, secretForms } from "../support/key-search.ts";
import { inSteps } from "../support/steps.ts";
import { usbDevices } from "../support/usb-devices.ts";
import { waitForRigView } from "../support/wait-for-view.ts";

/**
 * The chain, in the image that `make image` built, in an emulator: power on → verified boot → VPN → key → /nsm → capture →
 * phone home. The steps follow one another on one machine; after a failed one the others say so and fail. Must run in a
 * private network (scripts/private-network.sh).
 */
const PROJECT = join(import.meta.dirname, "../..");
const PROGRAM = join(PROJECT, "dist/cepa");
const SENSOR_PROGRAM = join(PROJECT, "dist/cepa-sensor");
const IMAGE = join(PROJECT, "dist/cepa-qemu.raw");
const MANIFEST = join(PROJECT, "dist/cepa-qemu.manifest.json");
const CAPTURE = join(PROJECT, "test/captures/office-minute/input.pcap");
const NAME = "chain-1";

/** Four times what is typical under emulation. */
const BOOT_TIMEOUT_MS = 240_000;
const STEP_TIMEOUT_MS = 120_000;
/** cepa-check-root.timer, and as long again for the check. */
const ROOT_CHECK_MS = 240_000;
const POLL_MS = 1000;
const ETHERNET_LEAST_BYTES = 60;
/** Shorter than by default, so that the test need not wait ten minutes; long enough that booting is not "lost". */
const SETTINGS = {
  session: { activeMs: 10_000 },
  link: { heartbeatMs: 2000 },
  phoneHome: { vpnLostMs: 20_000, vpnLostTries: 2 },
};

const stop = new AbortController();
const { signal } = stop;
const folder = await mkdtemp(join(tmpdir(), "cepa-e2e-"));
after(async () => {
  stop.abort();
  await base?.ended;
  await sensor?.vm.ended;
  await rm(folder, { recursive: true, force: true });
});

let rig: Rig;
let base: BaseProcess;
let sensor: RunningSensor;
let identityForms: readonly SecretForm[];

const step = inSteps(BOOT_TIMEOUT_MS + 4 * ROOT_CHECK_MS);

const waitForView = (what: string, timeoutMs: number, matches: (view: SensorView) => boolean) =>
  waitForRigView({ rig, sensor: () => sensor, pollMs: POLL_MS }, what, timeoutMs, matches, signal);

const waitForStage = (stage: Stage["stage"], timeoutMs: number, from = 0) =>
  base.waitForStage((candidate) => candidate.stage === stage, stage, timeoutMs, signal, from);

async function auditEntries(): Promise<
  readonly { action: string; sensorId: string; detail: Record<string, unknown> }[]
> {
  const text = await readFile(statePaths(rig.provider.stateFolder).auditLog, "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

step("a sensor is enrolled and flashed; base holds none of its private keys", async () => {
  rig = await makeRig(
    { program: PROGRAM, image: IMAGE, folder, sensorName: NAME, settings: SETTINGS, diskSize: "4G" },
    signal,
  );
  await rig.provider.cepa(["sensor", "hold", NAME], signal);
  base = rig.startBase(signal);
  await waitForStage("listening", STEP_TIMEOUT_MS);
});

step("the image boots, and the tunnel is up with the address of its CCD file", async () => {
  sensor = await rig.boot(signal, { gpsOverUsb: true, more: await usbDevices(join(folder, "stick"), signal) });
  const connected = await waitForStage("vpnConnected", BOOT_TIMEOUT_MS);
  const { sensorId, address } = await rig.view(signal);
  assert.deepEqual(connected.stage === "vpnConnected" && [connected.sensorId, connected.address], [sensorId, address]);
  const ccd = await readFile(join(statePaths(rig.provider.stateFolder).ccdFolder, sensorId), "utf8");
  assert.match(ccd, new RegExp(`^ifconfig-push ${address.replaceAll(".", "\\.")} `, "m"));
});

step("while it is on hold it gets no key, says so, and keeps asking", async () => {
  await waitForStage("keyRefused", STEP_TIMEOUT_MS);
  const view = await waitForView(
    "the vault was refused twice",
    STEP_TIMEOUT_MS,
    ({ health }) => health?.vault?.state === "refused" && health.vault.tries >= 2,
  );
  assert.equal(view.luksUuid, null);
  assert.ok(!base.stages.some(({ stage }) => stage === "keyReleased"));
  await sensor.vm.waitForConsole(/base refuses the key: hold/, STEP_TIMEOUT_MS, signal);
});

step("released, it gets its key, with an entry in the audit log, and opens a new LUKS2 store", async () => {
  await rig.provider.cepa(["sensor", "release", NAME], signal);
  await waitForStage("keyReleased", STEP_TIMEOUT_MS);
  const { sensorId, luksUuid } = await waitForView(
    "the store is open and capture runs",
    STEP_TIMEOUT_MS,
    ({ health, luksUuid: uuid }) =>
      uuid !== null && health?.vault?.state === "open" && health.capture?.state === "capturing",
  );
  const releases = (await auditEntries()).filter((entry) => entry.action === "keyReleased");
  assert.equal(releases.length, 1);
  assert.equal(releases[0]?.sensorId, sensorId);
  assert.equal(releases[0]?.detail.format, true);
  await rig.provider.cepa(["audit", "verify"], signal);
  assert.match(luksUuid ?? "", /^[0-9a-f-]{36}$/);
});

step("it runs the system of the manifest, under dm-verity", async () => {
  const manifest = JSON.parse(await readFile(MANIFEST, "utf8")) as { rootHash: string; version: string };
  const { health } = await rig.view(signal);
  assert.equal(health?.rootHash, manifest.rootHash);
  assert.equal(health?.imageVersion, manifest.version);
});

step("frames of a real capture come back octet for octet, and the sessions are those that read gives", async () => {
  const frames = framesOfPcap(await readFile(CAPTURE));
  const [span] = sensor.vm.span;
  assert.ok(span);
  for (const [index, frame] of frames.entries()) {
    await span.send(frame.bytes);
    if (index % 50 === 49) await delay(20, undefined, { signal }); // the emulated card has a short queue
  }
  await waitForView(
    "every frame was seen",
    STEP_TIMEOUT_MS,
    ({ health }) => (health?.capture?.frames ?? 0) >= frames.length,
  );
  const file = join(folder, "back.pcap");
  await rig.provider.cepa(["pcap", NAME, "--filter", "", "-w", file], signal);
  const back = framesOfPcap(await readFile(file));
  assert.equal(back.length, frames.length);
  for (const [index, frame] of frames.entries()) {
    const padded = Buffer.alloc(Math.max(frame.bytes.length, ETHERNET_LEAST_BYTES));
    padded.set(frame.bytes);
    assert.deepEqual(Buffer.from(back[index]?.bytes ?? []), padded, `frame ${index}`);
  }
});

step("cepa query gives the sessions that cepa-sensor read gives for the same file", async () => {
  const columns = [
    ...["proto", "src_ip", "src_port", "dst_ip", "dst_port", "src_pkts", "src_bytes", "dst_pkts", "dst_bytes"],
    ...["src_flags", "dst_flags", "src_randomness", "dst_randomness", "src_entropy", "dst_entropy"],
    ...["src_p_encrypted", "dst_p_encrypted", "src_kind", "dst_kind", "protocol", "unexplained", "vlan"],
  ];
  const read = await nodeExec(SENSOR_PROGRAM, ["read", "--json", CAPTURE], signal);
  const pick = (record: Record<string, unknown>) =>
    JSON.stringify(
      columns.map((column) => (typeof record[column] === "boolean" ? Number(record[column]) : record[column])),
    );
  const expected = read.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ type }) => type === "session")
    .map(pick)
    .sort();
  assert.ok(expected.length > 60, `${expected.length} sessions`);
  const query = async (sql: string) =>
    (await rig.provider.cepa(["query", NAME, sql, "--json"], signal))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const deadlineMs = performance.now() + STEP_TIMEOUT_MS; // live, a row is complete when its session is reported
  let found: string[] = [];
  while (JSON.stringify(found) !== JSON.stringify(expected) && performance.now() < deadlineMs) {
    found = (await query(`select ${columns.join(", ")} from sessions`)).map(pick).sort();
    await delay(POLL_MS, undefined, { signal });
  }
  assert.deepEqual(found, expected);
  const flat = await query("select count(*) as n from sessions where src_randomness < 1 or dst_randomness < 1");
  assert.ok(Number(flat[0]?.n) >= 5, `${flat[0]?.n} sessions as flat as encryption`);
});

step("one session's frames come back by its id", async () => {
  const rows = await rig.provider.cepa(
    [
      "query",
      NAME,
      "select id, src_pkts + dst_pkts as n from sessions where dst_port = 443 order by n desc limit 1",
      "--json",
    ],
    signal,
  );
  const { id, n } = JSON.parse(rows) as { id: number; n: number };
  const file = join(folder, "session.pcap");
  await rig.provider.cepa(["pcap", NAME, "--session", String(id), "-w", file], signal);
  assert.equal(framesOfPcap(await readFile(file)).length, n);
});

step("of what is plugged into USB only what the image allows works, and base is told", async () => {
  const { health } = await waitForView("all were looked at", STEP_TIMEOUT_MS, (view) => view.health?.usb?.length === 5);
  const found = (health?.usb ?? []).map(({ id, drivers, why, refusals }) => [id, drivers.join(" "), why, refusals]);
  assert.deepEqual(found.sort(), [
    ["0403:6001", "ftdi_sio", "", 0], // the GPS receiver: that it has a fix says that its line works
    ["0409:55aa", "usbcore", "", 0],
    ["0525:a4a2", "", "nothing here drives it", 1],
    ["0627:0001", "", "usbhid is not allowed for 0627:0001 03/01/01", 1],
    ["46f4:0001", "uas usb_storage", "", 0],
  ]);
  assert.match(
    await rig.provider.cepa(["sensor", "show", NAME], signal),
    /^USB 1-\S+ +0627:0001 does not work; refused .*: usbhid is not allowed for 0627:0001 03\/01\/01$/m,
  );
});

step("nothing left the SPAN port", async () => {
  assert.equal(sensor.vm.span[0]?.framesOutCount, 0);
  const { health } = await rig.view(signal);
  assert.ok(health);
  const span = health.capture?.ports[0]?.name;
  assert.equal(health.interfaces.find(({ name }) => name === span)?.sentFrames, 0);
});

step("every block of its root file system is what it was", async () => {
  const checked = await waitForView("it has looked", 4 * ROOT_CHECK_MS, ({ health }) => health?.rootCheck != null);
  assert.deepEqual({ ...checked.health?.rootCheck, atMs: 0 }, { atMs: 0, result: "whole", detail: "" });
});

step("without base the sensor calls for help, with its position; base takes the message once", async () => {
  const { latitudeDeg, longitudeDeg } = sensor.gps;
  await waitForView("the GPS has a fix", STEP_TIMEOUT_MS, ({ health }) => health?.phoneHome?.gps === "fix");
  await base.stop();
  const message = await sensor.modem.message(0, AbortSignal.any([signal, AbortSignal.timeout(STEP_TIMEOUT_MS)]));
  base = rig.startBase(signal);
  await waitForStage("listening", STEP_TIMEOUT_MS);
  assert.equal(await postToWebhook(sensor.modem.deliver(message), signal), 201);
  assert.equal(await postToWebhook(sensor.modem.deliver(message), signal), 409);
  const lines = (await rig.provider.cepa(["alerts", "--json"], signal))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const alerts = lines.filter(({ type }) => type === "alert");
  assert.equal(alerts.length, 1);
  const [alert] = alerts;
  assert.equal(alert.sensorName, NAME);
  assert.deepEqual(alert.reasons, ["vpnLost"]);
  assert.ok(Math.abs(alert.position.latitudeDeg - latitudeDeg) < 1e-5, JSON.stringify(alert.position));
  assert.ok(Math.abs(alert.position.longitudeDeg - longitudeDeg) < 1e-5, JSON.stringify(alert.position));
  assert.equal(lines.find(({ type }) => type === "counters").replayed, 1);
});

step("when base is back, so is the sensor", async () => {
  await waitForStage("vpnConnected", STEP_TIMEOUT_MS);
  await waitForStage("linkUp", STEP_TIMEOUT_MS);
});

step("no form of any key is on the disk, by a search that finds them when they are", async () => {
  await sensor.vm.powerDown(STEP_TIMEOUT_MS);
  const { share, passphrase, volumeKey } = await storeSecrets(rig, folder, signal);
  const forms = [
    ...secretForms("share", share),
    ...secretForms("derived key", passphrase),
    ...secretForms("volume key", volumeKey),
  ];
  assert.deepEqual(await searchFile(rig.disk, forms), []);
  const { offsetBytes, sizeBytes } = await findPartition(rig.disk, /^nsm$/);
  const disk = await open(rig.disk, "r+");
  try {
    const at = offsetBytes + sizeBytes - 4096;
    const kept = Buffer.alloc(512);
    await disk.read(kept, 0, kept.length, at);
    await disk.write(Buffer.from(Buffer.from(volumeKey).toString("base64")), 0, undefined, at);
    assert.deepEqual(
      (await searchFile(rig.disk, forms)).map((finding) => finding.name),
      ["volume key base64+0"],
    );
    await disk.write(kept, 0, kept.length, at);
  } finally {
    await disk.close();
  }
});

step("a store whose header is damaged is not formatted", async () => {
  const { offsetBytes } = await findPartition(rig.disk, /^nsm$/);
  const damage = Buffer.alloc(64 * 1024, 0x5a);
  const whole = Buffer.alloc(damage.length);
  const disk = await open(rig.disk, "r+");
  await disk.read(whole, 0, whole.length, offsetBytes);
  await disk.write(damage, 0, damage.length, offsetBytes); // the first header whole, and the second's start
  await disk.close();
  const from = base.stages.length;
  sensor = await rig.boot(signal);
  await waitForStage("linkUp", BOOT_TIMEOUT_MS, from);
  const { health } = await waitForView(
    "the vault says that the header is damaged",
    STEP_TIMEOUT_MS,
    ({ health: seen }) => seen?.vault?.state === "damagedHeader" && seen.uptimeMs < BOOT_TIMEOUT_MS,
  );
  assert.notEqual(health?.capture?.state, "capturing");
  await sensor.vm.powerDown(STEP_TIMEOUT_MS);
  const after = Buffer.alloc(damage.length);
  const again = await open(rig.disk, "r+");
  await again.read(after, 0, after.length, offsetBytes);
  assert.ok(after.equals(damage));
  await again.write(whole, 0, whole.length, offsetBytes);
  await again.close();
  identityForms = await readIdentityForms(rig.disk, signal);
  assert.ok((await searchFile(rig.disk, identityForms)).length > 0);
});

step("booted again with its header, it opens the same store and still has what it captured", async () => {
  const from = base.stages.length;
  sensor = await rig.boot(signal);
  const released = await waitForStage("keyReleased", BOOT_TIMEOUT_MS, from);
  assert.equal(released.stage === "keyReleased" && released.format, false);
  await waitForView(
    "capture runs in the new boot",
    STEP_TIMEOUT_MS,
    ({ health }) =>
      health?.capture?.state === "capturing" && health.uptimeMs < BOOT_TIMEOUT_MS && health.capture.frames === 0,
  );
  const rows = await rig.provider.cepa(["query", NAME, "select count(*) as n from sessions", "--json"], signal);
  assert.ok((JSON.parse(rows) as { n: number }).n > 60, rows);
  const releases = (await auditEntries()).filter((entry) => entry.action === "keyReleased");
  assert.equal(releases.filter((entry) => entry.detail.format === true).length, 1);
});

step(
  "wiped over the link: base has no key any more, the box says so and erases its store and its identity",
  async () => {
    const [from, state] = [base.stages.length, await findPartition(rig.disk, /^state$/)];
    await rig.provider.cepa(["sensor", "wipe", NAME, "--yes"], signal);
    const { wipe } = await waitForView(
      "its store is erased",
      STEP_TIMEOUT_MS,
      ({ wipe: seen }) => seen?.erasedAtMs != null,
    );
    assert.equal(wipe?.cause, "order");
    await waitForStage("crlPublished", STEP_TIMEOUT_MS, from);
    await sensor.vm.waitForConsole(/EVERYTHING on this box is being erased/, STEP_TIMEOUT_MS, signal);
    await sensor.vm.waitForConsole(
      /status follows[\s\S]*status follows[\s\S]*without an identity/,
      BOOT_TIMEOUT_MS,
      signal,
    );
    await sensor.vm.powerDown(STEP_TIMEOUT_MS);
    const { offsetBytes } = await findPartition(rig.disk, /^nsm$/);
    const start = Buffer.alloc(HEADER_AND_SLOTS_BYTES);
    const disk = await open(rig.disk, "r");
    await disk.read(start, 0, start.length, offsetBytes);
    await disk.close();
    assert.ok(start.every((octet) => octet === 0));
    assert.deepEqual(await searchFile(rig.disk, identityForms), []);
    const listed = await nodeExec(
      "debugfs",
      ["-R", "ls -p /identity", `${rig.disk}?offset=${state.offsetBytes}`],
      signal,
    );
    assert.doesNotMatch(listed.stdout, /sensor\./);
    const provider = await openProvider(rig.provider.stateFolder);
    const row = sensorByName(provider.database, NAME);
    provider.database.close();
    assert.deepEqual([row.wrappedShare, row.wrappedWrappingKey, row.pendingCommand], [null, null, null]);
  },
);
