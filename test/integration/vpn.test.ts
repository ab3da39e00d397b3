import assert from "node:assert/strict";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import type { Stage } from "../../provider/base/stage.ts";
import { statePaths } from "../../provider/state/paths.ts";
import { BaseNetwork, type LineProcess, type TestBox, until } from "../support/base-network.ts";

type Connected = Extract<Stage, { stage: "vpnConnected" }>;

let network: BaseNetwork;
let base: LineProcess;
let first: TestBox;
let second: TestBox;

before(async () => {
  network = await BaseNetwork.create();
  first = await network.addBox("first", 1);
  second = await network.addBox("second", 2);
  base = await network.startBase();
  // What the forward chain must stop, whoever switches routing on.
  await network.runIn("base", "sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
});
after(() => network?.destroy());
afterEach(() => network.stopStarted());

const connected = (box: TestBox, from: number): Promise<Connected> =>
  base.waitFor(
    (line: Connected) => line.stage === "vpnConnected" && line.sensorId === box.sensorId,
    box.name,
    60_000,
    from,
  );

/** Ping statistics: how many of three came back. */
async function pings(from: TestBox, to: string): Promise<number> {
  const output = await network
    .runIn(from.name, "ping", ["-n", "-c", "3", "-i", "0.2", "-W", "1", to])
    .catch((error: { stdout?: string }) => error.stdout ?? "");
  return Number(/(\d+) received/.exec(output)?.[1]);
}

const route = (address: string) => network.runIn("base", "ip", ["-4", "route", "show", `${address}/32`]);

test("UDP: each sensor has the address of its CCD file and a route, and reaches base and nothing else", async () => {
  const vpns = [first, second].map((box) => network.startVpn(box));
  const stages = await Promise.all([connected(first, 0), connected(second, 0)]);
  await Promise.all(vpns.map((vpn) => network.vpnUp(vpn)));
  assert.deepEqual(
    stages.map(({ address, transport, sensor }) => ({ address, transport, sensor })),
    [
      { address: "10.213.1.1", transport: "udp", sensor: "first" },
      { address: "10.213.1.2", transport: "udp", sensor: "second" },
    ],
  );
  assert.match(await network.runIn("first", "ip", ["-4", "address", "show", "tun0"]), /inet 10\.213\.1\.1\/16/);
  assert.match(await route("10.213.1.1"), /dev cepa-udp/);
  assert.equal(await pings(first, "10.213.0.1"), 3);

  // A listener of the second box that its own namespace can reach, and the first can't.
  const listen = [
    "-e",
    `require("net").createServer((s) => s.end("seen")).listen(7777, () => console.log('"listening"'))`,
  ];
  const listener = network.startIn("second", process.execPath, listen);
  await listener.waitFor((line: string) => line === "listening", "listener");
  const dial = (from: TestBox, to: string) =>
    network.runIn(from.name, process.execPath, [
      "-e",
      `const s = require("net").connect({ host: "${to}", port: 7777, timeout: 3000 });
       s.on("data", (d) => { process.stdout.write(String(d)); s.end(); });
       s.on("timeout", () => { process.stdout.write("timeout"); s.destroy(); });
       s.on("error", (e) => process.stdout.write(e.code));`,
    ]);
  assert.equal(await dial(second, "10.213.1.2"), "seen");
  assert.equal(await dial(first, "10.213.1.2"), "timeout");
  assert.equal(await pings(first, "10.213.1.2"), 0);
  assert.equal(await pings(second, "10.213.1.1"), 0);

  // Of base, only the one port and ping: what listens beside is not reachable through the tunnel.
  const aside = network.startIn("base", process.execPath, listen);
  await aside.waitFor((line: string) => line === "listening", "listener on base");
  assert.equal(await dial(first, "10.213.0.1"), "timeout");
  assert.match(await dial(first, "192.0.2.1"), /seen/);

  // And base's tunnel address can't be reached from outside the tunnel.
  await network.runIn("second", "ip", ["route", "add", "10.213.0.1/32", "dev", "v2box"]);
  assert.equal(await pings(second, "10.213.0.1"), 0);
  await network.runIn("second", "ip", ["route", "delete", "10.213.0.1/32", "dev", "v2box"]);
  assert.equal(await pings(second, "10.213.0.1"), 3);
  for (const started of [...vpns, listener, aside]) await started.stop();
});

test("TCP: where UDP is blocked the sensor comes by TCP, and its route moves", async () => {
  await network.runIn(
    "first",
    "nft",
    ["-f", "-"],
    "table inet block { chain out { type filter hook output priority 0; udp dport 1194 drop; }; }",
  );
  const from = base.lines.length;
  const vpn = network.startVpn(first);
  const stage = await connected(first, from);
  await network.vpnUp(vpn);
  assert.deepEqual([stage.transport, stage.address], ["tcp", "10.213.1.1"]);
  assert.match(await route("10.213.1.1"), /dev cepa-tcp/);
  assert.equal(await pings(first, "10.213.0.1"), 3);

  // The TCP session is left to die unnoticed by its server, while the sensor comes back by UDP.
  await network.runIn("first", "nft", ["-f", "-"], "table inet block { chain out { tcp dport 443 drop; }; }");
  vpn.child.kill("SIGKILL");
  await vpn.stop();
  await network.runIn("first", "nft", ["flush", "chain", "inet", "block", "out"]);
  await network.runIn("first", "nft", ["-f", "-"], "table inet block { chain out { tcp dport 443 drop; }; }");
  const again = network.startVpn(first);
  await network.vpnUp(again);
  assert.match(await route("10.213.1.1"), /dev cepa-udp/);
  assert.equal(await pings(first, "10.213.0.1"), 3);
  await base.waitFor(
    (line: Stage) => line.stage === "vpnDisconnected" && line.transport === "tcp" && line.sensorId === first.sensorId,
    "the TCP session times out",
    120_000,
    from,
  );
  assert.match(await route("10.213.1.1"), /dev cepa-udp/, "the dead TCP session did not take the live route away");
  assert.equal(await pings(first, "10.213.0.1"), 3);
  await network.runIn("first", "nft", ["delete", "table", "inet", "block"]);
  await again.stop();
});

test("a sensor without its CCD file, with a disabled one, or with a revoked certificate is refused", async () => {
  const ccd = join(statePaths(network.state).ccdFolder, second.sensorId);
  const refused = async (box: TestBox, sign: RegExp) => {
    const mark = base.errorMark();
    const vpn = network.startVpn(box, ["--connect-retry", "1", "1"]);
    await until(async () => (sign.test(base.errors(mark)) ? true : undefined), String(sign));
    assert.equal(
      vpn.lines.some((line) => String(line).includes("Initialization Sequence Completed")),
      false,
    );
    await vpn.stop();
  };
  await rename(ccd, `${ccd}.away`);
  await refused(second, /client-config-dir authentication failed/);
  await rename(`${ccd}.away`, ccd);
  const enabled = "ifconfig-push 10.213.1.2 255.255.0.0\n";
  await writeFile(ccd, "disable\n");
  await refused(second, /AUTH: disabled by|client has been rejected due to 'disable'/);
  await writeFile(ccd, enabled);

  const renewed = await network.enrol("second");
  await refused(second, /VERIFY ERROR: depth=0, error=certificate revoked/);
  const from = base.lines.length;
  const vpn = network.startVpn(renewed);
  assert.equal((await connected(renewed, from)).address, "10.213.1.2");
  await network.vpnUp(vpn);
  assert.equal(await pings(renewed, "10.213.0.1"), 3);
  await vpn.stop();
});

/** Process ids of OpenVPN servers in base's namespace. */
async function serverPids(transport: string): Promise<readonly number[]> {
  const signal = AbortSignal.timeout(10_000);
  const { stdout } = await nodeExec("ip", ["netns", "pids", network.namespace("base")], signal);
  const pids: number[] = [];
  for (const pid of stdout.trim().split("\n").filter(Boolean)) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (commandLine.startsWith("openvpn\0") && commandLine.includes(`/${transport}.conf`)) pids.push(Number(pid));
  }
  return pids;
}

test("OpenVPN that dies is started again, and has two capabilities only", async () => {
  const from = base.lines.length;
  const [pid = 0, ...more] = await serverPids("udp");
  assert.deepEqual(more, []);
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  assert.match(status, /^CapBnd:\t0000000000001400$/m, "CAP_NET_BIND_SERVICE and CAP_NET_ADMIN");
  assert.match(status, /^NoNewPrivs:\t1$/m);
  process.kill(pid, "SIGKILL");
  await base.waitFor(
    (line: Stage) => line.stage === "vpnServerEnded" && line.transport === "udp",
    "ended",
    60_000,
    from,
  );
  const vpn = network.startVpn(first);
  assert.equal((await connected(first, from)).address, "10.213.1.1");
  await network.vpnUp(vpn);
  assert.equal(await pings(first, "10.213.0.1"), 3);
});

test("rules that something else flushed are put back", async () => {
  const from = base.lines.length;
  await network.runIn("base", "nft", ["flush", "ruleset"]);
  await base.waitFor((line: Stage) => line.stage === "firewallRestored", "restored", 60_000, from);
  assert.match(await network.runIn("base", "nft", ["list", "ruleset"]), /table inet cepa_base/);
});

test("a second base, of another provider, leaves the first one's devices alone", async () => {
  const state = join(network.folder, "other");
  await network.cepa(["init", "--remote", "192.0.2.1", "--state", state]);
  const passphrase = ["--passphrase-file", join(network.folder, "passphrase")];
  const script = join(import.meta.dirname, "../../scripts/cepa.ts");
  await assert.rejects(
    network.runIn("base", process.execPath, [script, "base", "run", "--state", state, ...passphrase]),
    /base runs already on this machine, for another provider/,
  );
  assert.match(await network.runIn("base", "ip", ["-br", "link"]), /cepa-udp/);
});

test("base that is killed takes OpenVPN with it, and starts again over what it left", async () => {
  base.child.kill("SIGKILL");
  await base.stop();
  const gone = async () =>
    (await serverPids("udp")).length + (await serverPids("tcp")).length === 0 ? true : undefined;
  await until(gone, "OpenVPN ends with base");
  base = await network.startBase();
  const vpn = network.startVpn(first);
  await network.vpnUp(vpn);
  assert.equal(await pings(first, "10.213.0.1"), 3);
});

test("base that is stopped takes everything away", async () => {
  assert.equal(await base.stop(), 0);
  assert.equal((base.lines.at(-1) as Stage).stage, "stopped");
  assert.equal(await network.runIn("base", "nft", ["list", "ruleset"]), "");
  assert.doesNotMatch(await network.runIn("base", "ip", ["link"]), /cepa-/);
  const { stdout } = await nodeExec("ip", ["netns", "pids", network.namespace("base")], AbortSignal.timeout(10_000));
  assert.equal(stdout, "", "nothing runs on in base's namespace");
});
