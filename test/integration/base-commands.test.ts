import assert from "node:assert/strict";
import { generateKeyPairSync, verify } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { readSensorIdentity, STATE_FILES } from "../../core/contract/identity.ts";
import { configSignatureInput, readSensorConfig, readSignedConfig } from "../../core/contract/sensor-config.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { ExecError } from "../../core/ports.ts";
import { Secret } from "../../core/secret.ts";
import type { SensorView } from "../../provider/base/status.ts";
import { type EnrolmentError, enrolSensor, readEnrollableSensor } from "../../provider/enrol.ts";
import { sensorByName } from "../../provider/fleet/sensors.ts";
import { recordHeartbeat } from "../../provider/link/sensor-records.ts";
import { withProvider } from "../../provider/state/provider.ts";

const CEPA = join(dirname(dirname(import.meta.dirname)), "scripts/cepa.ts");
const PASSPHRASE = "a passphrase for tests";

let folder: string;
let state: string;
let passphraseFile: string;
let wrongPassphrase: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-commands-"));
  state = join(folder, "state");
  passphraseFile = join(folder, "passphrase");
  wrongPassphrase = join(folder, "wrong-passphrase");
  await writeFile(passphraseFile, `${PASSPHRASE}\n`);
});
after(() => rm(folder, { recursive: true, force: true }));

async function cepa(args: readonly string[], env: Record<string, string> = {}) {
  const all = { CEPA_STATE: state, CEPA_PASSPHRASE_FILE: passphraseFile, ...env };
  try {
    const done = await nodeExec(process.execPath, [CEPA, ...args], AbortSignal.timeout(60_000), { env: all });
    return { status: 0, ...done };
  } catch (error) {
    if (!(error instanceof ExecError)) throw error;
    return { status: error.status, stdout: error.stdout, stderr: error.stderr };
  }
}

test("--help everywhere, exit status 2 for what is not understood, and what to do for a missing provider", async () => {
  const commands = [
    [],
    ["init"],
    ["sensor"],
    ["base"],
    ["query"],
    ["pcap"],
    ["alerts"],
    ["audit"],
    ["image"],
    ["flash"],
  ];
  for (const command of commands) {
    const { status, stdout } = await cepa([...command, "--help"]);
    assert.equal(status, 0, command.join(" "));
    assert.match(stdout, /cepa/, command.join(" "));
  }
  const { version } = JSON.parse(await readFile(join(dirname(dirname(CEPA)), "package.json"), "utf8")) as {
    version: string;
  };
  assert.deepEqual(await cepa(["--version"]), { status: 0, stdout: `cepa ${version}\n`, stderr: "" });
  for (const args of [
    [],
    ["nonsense"],
    ["init"],
    ["init", "--remote", "a b"],
    ["init", "--remote", "host", "--unknown"],
    ["init", "--remote", "host", "--ca-dir", ""],
    ["image"],
    ["image", "keys", ""],
    ["image", "keys", "keys", "--owner", "o".repeat(51)],
    ["image", "keys", "keys", "--owner", "a\nb"],
    ["image", "keys", "keys", "--dry-run"],
    ["image", "build", "--keys", ""],
    ["flash", "--sensor", "box", "image.raw", ""],
    ["sensor"],
    ["sensor", "add"],
    ["sensor", "destroy", "x"],
    ["sensor", "list", "--dry-run"],
    ["base"],
    ["base", "run", "--webhook", "here"],
    ["base", "run", "--listen", "0.0.0.0\nup /bin/sh"],
    ["query", "box"],
    ["pcap", "box"],
    ["pcap", "box", "--session", "1", "--filter", "tcp", "-w", "x"],
    ["audit"],
    ["audit", "verify", "--yes"],
  ])
    assert.equal((await cepa(args)).status, 2, args.join(" "));
  for (const args of [["sensor", "list"], ["base", "run"], ["query", "a", "b"], ["alerts"], ["audit", "verify"]]) {
    const { status, stderr } = await cepa(args);
    assert.equal(status, 1, args.join(" "));
    assert.match(stderr, /there is no provider here; make one with cepa init --state /, args.join(" "));
  }
});

test("image build: what can't come to anything is refused before anything is done", async () => {
  const build = (...args: readonly string[]) => cepa(["image", "build", "--dry-run", ...args]);
  const above = ["--keys", "keys", "--image-version", "1.0.0", "--minimum-version", "9.9.9"];
  const refused = await build(...above);
  assert.deepEqual([refused.status, refused.stdout], [2, ""]);
  assert.match(refused.stderr, /--minimum-version 9\.9\.9 is above the image's own version, 1\.0\.0/);
  const unsigned = await build("--minimum-version", "0.0.1");
  assert.equal(unsigned.status, 2);
  assert.match(unsigned.stderr, /--minimum-version is of the update's set, which only a build with --keys makes/);
});

test("init: makes a provider once; a bad one leaves nothing behind", async () => {
  const noPassphrase = await cepa(["init", "--remote", "192.0.2.1"], { CEPA_PASSPHRASE_FILE: join(folder, "none") });
  assert.equal(noPassphrase.status, 1);
  await writeFile(join(folder, "short"), "short\n");
  const short = await cepa(["init", "--remote", "192.0.2.1", "--passphrase-file", join(folder, "short")]);
  assert.match(short.stderr, /a passphrase has at least 8 octets/);
  const badSubnet = await cepa(["init", "--remote", "192.0.2.1", "--vpn-subnet", "8.8.0.0/16"]);
  assert.match(badSubnet.stderr, /^--vpn-subnet: expected a private subnet from \/8 to \/22/);
  const options = [
    ["--sms-number", "0441632", /expected a number like \+441632960961, found "0441632"/],
    ["--vpn-subnet", "ten", /expected a subnet like 10\.213\.0\.0\/16, found "ten"/],
    ["--listen-ports", "1194", /expected UDP,TCP like 1194,443, found "1194"/],
    ["--listen-ports", "1194,70000", /expected an integer, 1\.\.65535, found 70000/],
  ] as const;
  for (const [option, value, why] of options) {
    const { status, stderr } = await cepa(["init", "--remote", "192.0.2.1", option, value]);
    assert.equal(status, 2, stderr);
    assert.ok(stderr.startsWith(`${option}: `), stderr);
    assert.match(stderr, why);
  }
  const noOpenvpn = await cepa(["init", "--remote", "192.0.2.1"], { PATH: "/nonexistent" });
  assert.match(noOpenvpn.stderr, /apt-get install openvpn/);
  assert.deepEqual(await readdir(state).catch(() => []), []);

  const made = await cepa(["init", "--remote", "192.0.2.1:1195,8443", "--sms-number", "+441632960961", "--json"]);
  assert.equal(made.status, 0, made.stderr);
  assert.equal((JSON.parse(made.stdout) as { baseAddress: string }).baseAddress, "10.213.0.1");
  assert.equal((await stat(state)).mode & 0o777, 0o700);
  const entries = await readdir(state, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((one) => one.isFile()))
    assert.doesNotMatch(
      await readFile(join(entry.parentPath, entry.name), "latin1"),
      /PRIVATE KEY|tls-crypt-v2/,
      `${entry.name}: no key in clear`,
    );
  const before = await readFile(join(state, "keys/master.sealed"), "utf8");
  const again = await cepa(["init", "--remote", "192.0.2.2"]);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /there is a provider here already; nothing was changed/);
  assert.equal(await readFile(join(state, "keys/master.sealed"), "utf8"), before);
});

const CSR = async (subject: string) => {
  const key = join(folder, "box.key");
  const signal = AbortSignal.timeout(20_000);
  await nodeExec(
    "openssl",
    ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key],
    signal,
  );
  return (await nodeExec("openssl", ["req", "-new", "-key", key, "-subj", subject], signal)).stdout;
};
const emergency = generateKeyPairSync("ed25519").publicKey.export({ format: "pem", type: "spki" }) as string;
const enrol = async (change: object = {}, passphrase = PASSPHRASE) => {
  const { sensorId } = await readEnrollableSensor(state, "box");
  const request = { name: "box", csrPem: await CSR(`/CN=${sensorId}`), emergencyPublicKeyPem: emergency };
  return await enrolSensor(
    state,
    new Secret(Buffer.from(passphrase)),
    { ...request, flashedAtMs: 1_790_000_000_000, settings: '{"link":{"heartbeatMs":2000}}', ...change },
    AbortSignal.timeout(60_000),
  );
};
const code = (expected: EnrolmentError["code"]) => (error: unknown) => (error as EnrolmentError).code === expected;

test("enrolment: the files of a box, each as its reader on the sensor wants it", async () => {
  const added = await cepa(["sensor", "add", "box", "--json"]);
  const { sensorId, state: sensorState } = JSON.parse(added.stdout) as { sensorId: string; state: string };
  assert.equal(sensorState, "pending");
  const { files, sensorId: enrolled } = await enrol();
  assert.equal(enrolled, sensorId);
  const { privateKey, emergencyKey, network, store, ...given } = STATE_FILES;
  assert.deepEqual(Object.keys(files).sort(), Object.values(given).sort(), "all but what is the box's own");
  for (const path of [privateKey, emergencyKey, network, store]) assert.equal(path in files, false);
  assert.deepEqual(readSensorIdentity(JSON.parse(files[STATE_FILES.identity] ?? "")), {
    sensorId,
    name: "box",
    vpnAddress: "10.213.1.1",
    baseAddress: "10.213.0.1",
    basePort: 8443,
    emergencyKeyId: 1,
    emergencySmsNumber: "+441632960961",
    flashedAtMs: 1_790_000_000_000,
  });
  const config = readSignedConfig(JSON.parse(files[STATE_FILES.config] ?? ""));
  assert.equal(readSensorConfig(JSON.parse(config.settings)).link.heartbeatMs, 2000);
  const input = configSignatureInput(sensorId, config.number, config.settings);
  const signature = Buffer.from(config.signature, "base64");
  assert.ok(verify(null, input, files[STATE_FILES.commandPublicKey] ?? "", signature));
  assert.match(files[STATE_FILES.openvpn] ?? "", /^remote 192\.0\.2\.1 1195 udp4$/m);
  assert.match(files[STATE_FILES.openvpn] ?? "", /^remote 192\.0\.2\.1 8443 tcp4-client$/m);
  assert.equal(await readFile(join(state, "vpn/ccd", sensorId), "utf8"), "ifconfig-push 10.213.1.1 255.255.0.0\n");
  assert.equal(
    (await readdir(join(state, "vpn"))).some((name) => name.startsWith("new-")),
    false,
  );
  const again = await enrol();
  assert.equal(readSensorIdentity(JSON.parse(again.files[STATE_FILES.identity] ?? "")).emergencyKeyId, 2);
  assert.equal(readSignedConfig(JSON.parse(again.files[STATE_FILES.config] ?? "")).number, config.number + 1);
});

test("enrolment: what is refused changes nothing", async () => {
  const crl = await readFile(join(state, "vpn/crl.pem"), "utf8");
  await assert.rejects(enrol({}, "another passphrase"), code("wrongPassphrase"));
  await assert.rejects(enrol({ name: "nobody" }), code("unknownSensor"));
  await assert.rejects(enrol({ csrPem: "no request" }), code("badRequest"));
  await assert.rejects(enrol({ csrPem: await CSR("/CN=0000000000000000") }), code("badRequest"));
  await assert.rejects(enrol({ emergencyPublicKeyPem: "no key" }), code("badRequest"));
  await assert.rejects(enrol({ settings: '{"link":{"heartbeatMs":1}}' }), code("badSettings"));
  await assert.rejects(enrol({ settings: "{" }), code("badSettings"));
  const { enrolment } = await readEnrollableSensor(state, "box");
  await assert.rejects(enrol({ enrolment: enrolment - 1 }), code("changed")); // flashed once more since it was looked at
  await assert.rejects(readEnrollableSensor(join(folder, "nowhere"), "box"), code("noState"));
  assert.equal(await readFile(join(state, "vpn/crl.pem"), "utf8"), crl);
  assert.equal((await cepa(["audit", "verify"])).status, 0);
});

test("wipe and reset: asked for twice, signed with the passphrase, in the audit log; a dry run does nothing", async () => {
  const view = async () => JSON.parse((await cepa(["sensor", "show", "box", "--json"])).stdout) as SensorView;
  const before = await view();
  assert.deepEqual([before.commandWaits, before.wipe], [false, null]);
  const refused = [
    { args: ["wipe", "box"], status: 2, stderr: /give --yes, or answer on a terminal/ },
    { args: ["wipe", "nobody", "--yes"], status: 1, stderr: /there is no sensor "nobody"/ },
    {
      args: ["reset", "box", "--yes", "--passphrase-file", wrongPassphrase],
      status: 1,
      stderr: /is not this provider's/,
    },
  ];
  await writeFile(wrongPassphrase, "another passphrase\n");
  for (const { args, status, stderr } of refused) {
    const done = await cepa(["sensor", ...args]);
    assert.equal(done.status, status);
    assert.match(done.stderr, stderr);
  }
  assert.match((await cepa(["sensor", "wipe", "box", "--dry-run"])).stdout, /^box would be ordered to erase itself/);
  const dry = JSON.parse((await cepa(["sensor", "wipe", "box", "--dry-run", "--json"])).stdout) as object;
  assert.deepEqual(dry, { dryRun: true, order: "wipe", name: "box", sensorId: before.sensorId });
  assert.deepEqual(await view(), before);
  assert.equal((await cepa(["sensor", "reset", "box", "--yes"])).status, 0);
  assert.deepEqual([(await view()).commandWaits, (await view()).state], [true, "active"]);
  assert.equal((await cepa(["sensor", "wipe", "box", "--yes"])).status, 0);
  const { wipe, state: after } = await view();
  assert.equal(after, "hold");
  assert.deepEqual({ ...wipe, orderedAtMs: 0 }, { orderedAtMs: 0, begunAtMs: null, erasedAtMs: null, cause: null });
  assert.match((await cepa(["sensor", "show", "box"])).stdout, /^WIPE +ordered .* the box has not heard of it yet$/m);
  assert.match((await cepa(["sensor", "release", "box"])).stderr, /box was wiped; make a box of it again/);
  const log = await readFile(join(state, "audit.log"), "utf8");
  for (const action of ["resetSettingsOrdered", "wipeOrdered"]) assert.match(log, new RegExp(`"action":"${action}"`));
  await enrol();
  assert.deepEqual([(await view()).commandWaits, (await view()).wipe, (await view()).state], [false, null, "active"]);
});

test("commands at the same time: each address once, and the audit log whole", async () => {
  const names = ["one", "two", "three", "four"];
  const added = await Promise.all(names.map((name) => cepa(["sensor", "add", name, "--json"])));
  const addresses = added.map(({ stdout }) => (JSON.parse(stdout) as { address: string }).address);
  assert.deepEqual(addresses.sort(), ["10.213.1.2", "10.213.1.3", "10.213.1.4", "10.213.1.5"]);
  assert.equal((await cepa(["sensor", "add", "one"])).status, 1);
  const { status, stdout } = await cepa(["audit", "verify", "--json"]);
  assert.equal(status, 0);
  const actions = (await readFile(join(state, "audit.log"), "utf8")).match(/"action":"sensorAdd"/g);
  assert.equal(actions?.length, 5);
  assert.equal((JSON.parse(stdout) as { whole: boolean }).whole, true);
});

test("without its database a provider does nothing, and makes none", async () => {
  const database = join(state, "base.db");
  await rename(database, `${database}.away`);
  for (const args of [
    ["sensor", "list"],
    ["sensor", "add", "five"],
    ["audit", "verify"],
    ["alerts"],
    ["update", "list"],
  ]) {
    const { status, stderr } = await cepa(args);
    assert.equal(status, 1, args.join(" "));
    assert.ok(stderr.endsWith(`${database} is missing: put it back from a backup\n`), stderr);
  }
  await assert.rejects(enrol(), code("noState"));
  await assert.rejects(stat(database), /ENOENT/);
  await rename(`${database}.away`, database);
  assert.equal((await cepa(["audit", "verify"])).status, 0);
});

test("where the audit log can't be written, nothing is changed", async () => {
  const log = join(state, "audit.log");
  const view = async () => (await cepa(["sensor", "list", "--json"])).stdout;
  await cepa(["sensor", "hold", "box"]);
  const onHold = await view();
  await rename(log, `${log}.away`);
  await mkdir(log);
  for (const args of [
    ["add", "five"],
    ["release", "box"],
    ["set", "box", "--update-channel", "beta"],
  ]) {
    const { status, stderr } = await cepa(["sensor", ...args]);
    assert.equal(status, 1, args.join(" "));
    assert.match(stderr, /the audit log can't be written, so nothing was changed here: EISDIR/, args.join(" "));
    assert.equal(await view(), onHold, args.join(" "));
  }
  await assert.rejects(enrol(), /the audit log can't be written/);
  assert.equal(await view(), onHold, "enrolment");
  await rmdir(log);
  await rename(`${log}.away`, log);
  assert.equal((await cepa(["sensor", "release", "box"])).status, 0);
  assert.equal((await cepa(["audit", "verify"])).status, 0);
});

test("an older database put back: the log does not fit, nothing is done without an entry, and a person may begin a new log", async () => {
  const database = join(state, "base.db");
  await copyFile(database, `${database}.backup`);
  for (const action of ["hold", "release"]) assert.equal((await cepa(["sensor", action, "box"])).status, 0);
  await rename(`${database}.backup`, database);
  const { status, stdout } = await cepa(["audit", "verify", "--json"]);
  const { whole, why } = JSON.parse(stdout) as { whole: boolean; why: string };
  assert.deepEqual([status, whole], [1, false]);
  assert.match(why, /^one too many: the database knows of \d+ entries$/);
  const hold = await cepa(["sensor", "hold", "box"]);
  assert.match(hold.stderr, /its last line does not fit .*cepa audit verify says where/);
  const unasked = await cepa(["audit", "renew"]);
  assert.deepEqual([unasked.status, /give --yes/.test(unasked.stderr)], [2, true]);
  const renewed = await cepa(["audit", "renew", "--yes", "--json"]);
  const { kept } = JSON.parse(renewed.stdout) as { kept: string };
  assert.match(await readFile(kept, "utf8"), /"action":"init"/);
  assert.equal((await cepa(["sensor", "hold", "box"])).status, 0);
  assert.equal((await cepa(["audit", "verify"])).status, 0);
  assert.match((await cepa(["audit", "renew", "--yes"])).stderr, /it is whole, and goes on; nothing was done/);
});

test("remove: a sensor that was never flashed, with an entry", async () => {
  const { address } = JSON.parse((await cepa(["sensor", "add", "mistake", "--json"])).stdout) as SensorView;
  const removed = await cepa(["sensor", "remove", "mistake"]);
  assert.deepEqual([removed.status, removed.stdout], [0, `mistake: removed; ${address} is free again\n`]);
  assert.match(await readFile(join(state, "audit.log"), "utf8"), /"action":"sensorRemove".*"name":"mistake"/);
  assert.equal((await cepa(["sensor", "show", "mistake"])).status, 1);
  const refused = await cepa(["sensor", "remove", "box"]);
  assert.deepEqual([refused.status, /box was flashed/.test(refused.stderr)], [1, true]);
});

test("show: what a sensor says is no command to the terminal, nor a line of another name", async () => {
  const version = "1\nstate           active\u001b[2J";
  const health = {
    ...{ atMs: 1, bootId: "b", uptimeMs: 7, imageVersion: "1", rootHash: "unknown", loadAverage1: 0.5 },
    ...{ memoryTotalBytes: 2, memoryAvailableBytes: 1, temperatureC: null, interfaces: [], units: [] },
    ...{ capture: null, vault: null, phoneHome: null, rootCheck: null },
    disks: [{ mount: version, sizeBytes: 2, usedBytes: 1 }],
    failedVersions: [{ version, why: "x" }],
    usb: [{ atMs: 1, port: version, id: "x", drivers: [], why: "x", refusals: 1 }],
  };
  assert.equal((await cepa(["sensor", "add", "liar"])).status, 0);
  await withProvider(state, async ({ database }) => {
    const { id } = sensorByName(database, "liar");
    const link = { vpnUp: true } as never;
    assert.ok(recordHeartbeat(database, id, { type: "heartbeat", sentAtMs: 1, health: health as never, link }, 9));
  });
  const { stdout } = await cepa(["sensor", "show", "liar"]);
  for (const key of ["failed", "disk", "USB"])
    assert.ok(stdout.includes(`${key} 1\\x0astate           active\\x1b[2J`), key);
  assert.deepEqual([stdout.match(/^state/gm)?.length, stdout.includes("\u001b")], [1, false]);
});
