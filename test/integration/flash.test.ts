import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { mkdtemp, open, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readSensorIdentity, STATE_FILES } from "../../core/contract/identity.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { Secret } from "../../core/secret.ts";
import { addSensor } from "../../provider/fleet/sensors.ts";
import { initProvider } from "../../provider/init.ts";
import { statePaths } from "../../provider/state/paths.ts";
import { openProvider } from "../../provider/state/provider.ts";
import { parseSubnet } from "../../provider/vpn/subnet.ts";
import { runFlashCommand } from "../../scripts/flash-command.ts";
import { GPT_HEAD, GPT_HEAD_DISK_BYTES } from "../support/gpt-head.ts";
import { type SecretForm, searchFile, secretForms } from "../support/key-search.ts";

/** The real e2fsprogs and openvpn; an image that is a real partition table with marks where partitions begin and end. */
const MIB = 1024 * 1024;
const STATE_AT = 1057 * MIB;
const STATE_END = 2081 * MIB;
const SUBNET = "10.213.0.0/16";
const PASSPHRASE = "correct horse battery";

let folder = "";
let provider = "";
let image = "";
const signal = AbortSignal.timeout(120_000);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-flash-test-"));
  provider = join(folder, "provider");
  image = join(folder, "image.raw");
  await writeFile(join(folder, "passphrase"), `${PASSPHRASE}\n`);
  await writeFile(join(folder, "wrong"), "incorrect horse\n");
  await initProvider(
    provider,
    new Secret(new TextEncoder().encode(PASSPHRASE)),
    {
      vpnSubnet: SUBNET,
      remoteHost: "192.0.2.1",
      remoteUdpPort: 1194,
      remoteTcpPort: 443,
      listenUdpPort: 1194,
      listenTcpPort: 443,
      basePort: 8443,
      smsNumber: "+441632960961",
      authorityFolder: statePaths(provider).defaultAuthorityFolder,
      createdAtMs: Date.now(),
    },
    nodeExec,
    signal,
  );
  const { database } = await openProvider(provider);
  addSensor(database, "box-1", parseSubnet(SUBNET), Date.now());
  database.close();
  await writeFile(image, GPT_HEAD);
  await truncate(image, GPT_HEAD_DISK_BYTES);
  const file = await open(image, "r+");
  for (const at of [257 * MIB, STATE_AT - 16, STATE_AT, STATE_END]) await file.write(`mark at ${at}`, at);
  await file.close();
});

after(() => rm(folder, { recursive: true, force: true }));

function flash(target: string, ...more: readonly string[]): Promise<number> {
  const passphrase = more.includes("--passphrase-file") ? [] : ["--passphrase-file", join(folder, "passphrase")];
  return runFlashCommand(["--sensor", "box-1", "--state", provider, ...passphrase, ...more, image, target], signal);
}

async function stateFile(target: string, name: string): Promise<string> {
  const { stdout } = await nodeExec("debugfs", ["-R", `cat /${name}`, `${target}?offset=${STATE_AT}`], signal);
  return stdout;
}

test("flash: image, identity and settings on a new file", async () => {
  const target = join(folder, "box.raw");
  const settings = join(folder, "settings.json");
  await writeFile(settings, JSON.stringify({ link: { heartbeatMs: 5000 } }));
  const ports = ["--uplink", "02:00:00:00:00:0A", "--span", "0000:02:00.0", "--span", "0000:02:00.1"];
  const store = ["--store-disk", "/dev/disk/by-path/pci-0000:00:1f.2-ata-2"];
  assert.equal(await flash(target, "--size", "2300M", "--config", settings, "--vlan", "7", ...ports, ...store), 0);

  const { size, mode } = await stat(target);
  assert.equal(size, 2300 * MIB);
  assert.equal(mode & 0o777, 0o600);
  const disk = await open(target, "r");
  const textAt = async (at: number) => (await disk.read(Buffer.alloc(19), 0, 19, at)).buffer.toString("latin1");
  assert.equal(await textAt(257 * MIB), `mark at ${257 * MIB}`.padEnd(19, "\0"));
  assert.equal(await textAt(STATE_END), `mark at ${STATE_END}`.padEnd(19, "\0"));
  assert.notEqual(await textAt(STATE_AT), `mark at ${STATE_AT}`.padEnd(19, "\0"));
  await disk.close();

  const identity = readSensorIdentity(JSON.parse(await stateFile(target, STATE_FILES.identity)));
  const certificate = new X509Certificate(await stateFile(target, STATE_FILES.certificate));
  const privateKey = createPrivateKey(await stateFile(target, STATE_FILES.privateKey));
  assert.equal(certificate.subject, `CN=${identity.sensorId}`);
  assert.ok(certificate.checkPrivateKey(privateKey));
  assert.ok(certificate.verify(new X509Certificate(await stateFile(target, STATE_FILES.authority)).publicKey));
  const emergencyKey = createPrivateKey(await stateFile(target, STATE_FILES.emergencyKey));
  assert.deepEqual(JSON.parse(await stateFile(target, STATE_FILES.network)), {
    uplink: "02:00:00:00:00:0a",
    span: ["0000:02:00.0", "0000:02:00.1"],
    vlan: 7,
  });
  assert.deepEqual(JSON.parse(await stateFile(target, STATE_FILES.store)), { disk: store[1], take: false });
  const config = JSON.parse(await stateFile(target, STATE_FILES.config)) as { settings: string };
  assert.deepEqual(JSON.parse(config.settings), { link: { heartbeatMs: 5000 } });

  const { database } = await openProvider(provider);
  const row = database.prepare("select public_key_pem as pem from emergency_keys where retired_at_ms is null").get();
  database.close();
  assert.equal(row?.pem, createPublicKey(emergencyKey).export({ format: "pem", type: "spki" }));
  for (const key of [privateKey, emergencyKey]) assert.deepEqual(await filesWith(provider, formsOf(key)), []);
  // The same search finds them where they are.
  assert.deepEqual(await filesWith(folder, formsOf(privateKey), /^box\.raw$/), ["box.raw"]);
});

test("flash: nothing is written when the passphrase is wrong, or the target is no good", async () => {
  const target = join(folder, "never.raw");
  const known = await enrolment();
  assert.equal(await flash(target, "--size", "2300M"), 2, "box-1 has a box already: that is asked first");
  await assert.rejects(flash(target, "--yes", "--size", "2300M", "--passphrase-file", join(folder, "wrong")), {
    code: "wrongPassphrase",
  });
  await assert.rejects(flash(join(folder, "none/box.raw"), "--yes", "--size", "2300M"), { code: "badTarget" });
  assert.deepEqual(await enrolment(), known, "the key of the box's store, its certificate");
  await assert.rejects(
    runFlashCommand(["--sensor", "box-1", "--state", provider, folder, target], signal),
    /cepa-flash-test-.* is not a file/,
  );
  await assert.rejects(flash(target, "--size", "2100M"), { code: "tooSmall" });
  await assert.rejects(flash(folder), { code: "badTarget" });
  await assert.rejects(flash("/dev/null"), { code: "badTarget" });
  await assert.rejects(flash("/dev/no-such-disk"), { code: "badTarget" });
  assert.equal(await flash(target, "--size", "2300M", "--dry-run"), 0);
  await assert.rejects(flash(join(folder, "none/box.raw"), "--size", "2300M", "--dry-run"), { code: "badTarget" });
  assert.equal(await flash(target, "--size", "2300M", "--json"), 2, "--json is of a dry run");
  assert.equal(await flash(target, "--size", "much"), 2);
  assert.equal(await flash(target, "--span", "eth0"), 2);
  assert.equal(await flash(target, "--address", "192.0.2.10/24", "--gateway", "192.0.2.1"), 2, "no --dns");
  assert.equal(await flash(target, "--store-disk", "/dev/sdb"), 2, "a name that changes");
  assert.equal(await flash(target, "--take-store-disk"), 2);
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name === "never.raw"),
    [],
  );
  const before = await digest(image);
  await assert.rejects(flash(image, "--yes"), { code: "badTarget" });
  assert.equal(await digest(image), before);
});

test("flash: a program that is missing is said before anything is done, and by a dry run", async () => {
  const { PATH } = process.env;
  process.env.PATH = folder;
  try {
    const message = new RegExp(`openvpn is not found in PATH \\(${folder}\\): it is in /usr/sbin`);
    for (const more of [["--dry-run"], []])
      await assert.rejects(flash(join(folder, "no-programs.raw"), ...more), { code: "toolFailed", message });
  } finally {
    process.env.PATH = PATH;
  }
});

test("flash --dry-run --json: all that would be written, and nothing is", async () => {
  const target = join(folder, "dry.raw");
  const cepa = join(import.meta.dirname, "../../scripts/cepa.ts");
  const choices = ["--vlan", "7", "--store-disk", "second", "--take-store-disk", "--size", "2300M"];
  const options = ["--sensor", "box-1", "--state", provider, ...choices, "--dry-run", "--json"];
  const { stdout } = await nodeExec(process.execPath, [cepa, "flash", ...options, image, target], signal);
  const { sensorId, plan, ...rest } = JSON.parse(stdout) as Record<string, unknown>;
  assert.match(String(sensorId), /^[0-9a-f]{16}$/);
  assert.deepEqual((plan as { state: unknown }).state, { offsetBytes: STATE_AT, sizeBytes: STATE_END - STATE_AT });
  assert.deepEqual(rest, {
    sensor: "box-1",
    vpnAddress: "10.213.1.1",
    flashedBefore: true,
    image,
    target: { path: target, kind: "file", sizeBytes: 2300 * MIB, exists: false, model: "" },
    network: { vlan: 7 },
    store: { disk: "second", take: true },
    settings: {},
  });
  await assert.rejects(stat(target), { code: "ENOENT" });
});

async function enrolment() {
  const { database } = await openProvider(provider);
  const row = database.prepare("select certificate_serial, wrapped_share, enrolment from sensors").get();
  database.close();
  return row;
}

async function digest(path: string): Promise<string> {
  const file = await open(path, "r");
  const hash = createHash("sha256");
  for await (const chunk of file.createReadStream({ end: 2 * MIB })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** The private scalar or seed in each of its forms, and a line of its PEM. */
function formsOf(key: KeyObject): readonly SecretForm[] {
  const { d } = key.export({ format: "jwk" });
  const pem = key.export({ format: "pem", type: "pkcs8" }).toString().split("\n");
  return [
    ...secretForms("key", Buffer.from(d ?? "", "base64url")),
    { name: "line of PEM", pattern: Buffer.from(pem[1] ?? "") },
  ];
}

async function filesWith(root: string, forms: readonly SecretForm[], only = /^/): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !only.test(entry.name)) continue;
    if ((await searchFile(join(entry.parentPath, entry.name), forms)).length > 0) found.push(entry.name);
  }
  return found;
}
