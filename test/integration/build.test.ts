import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import packageJson from "../../package.json" with { type: "json" };

const PROJECT = join(import.meta.dirname, "../..");
const SENSOR = join(PROJECT, "dist/cepa-sensor");

function run(program: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", timeout: 120_000, cwd: "/" });
  return { status, stdout, stderr };
}

test("the executable runs alone and says its version", () => {
  assert.deepEqual(run(SENSOR, ["--version"]), {
    status: 0,
    stdout: `cepa-sensor ${packageJson.version}\n`,
    stderr: "",
  });
});

test("every command explains itself", () => {
  const { status, stdout } = run(SENSOR, ["--help"]);
  assert.equal(status, 0);
  const commands = new Set([...stdout.matchAll(/^ {2}cepa-sensor ([a-z-]+)/gm)].map((match) => match[1] ?? ""));
  commands.delete("--version");
  const expected = [
    "admit-key",
    "check-root",
    "import",
    "install",
    "network",
    "pcap",
    "profile",
    "query",
    "read",
    "renew-loader",
    "reset",
    "run",
    "status",
    "store-disk",
    "trial",
    "usb",
  ];
  assert.deepEqual([...commands].sort(), expected);
  for (const command of commands) {
    const help = run(SENSOR, [command, "--help"]);
    assert.deepEqual({ command, status: help.status, stderr: help.stderr }, { command, status: 0, stderr: "" });
    assert.ok(help.stdout.startsWith(`cepa-sensor ${command}`), help.stdout);
  }
});

for (const { name, args, message } of [
  { name: "no command", args: [], message: /what shall it do\?/ },
  { name: "an unknown command", args: ["reed"], message: /unknown command: reed/ },
  { name: "the name of what every object has", args: ["constructor"], message: /unknown command: constructor/ },
  { name: "an unknown role", args: ["run", "cook"], message: /which role\? One of capture, vault, link, phone-home/ },
  { name: "an unknown option", args: ["network", "--bad"], message: /Unknown option '--bad'/ },
])
  test(`${name}: exit status 2 and what to do`, () => {
    const { status, stdout, stderr } = run(SENSOR, args);
    assert.deepEqual({ status, stdout }, { status: 2, stdout: "" });
    assert.match(stderr, message);
    assert.match(stderr, /--help/);
  });

test("the native addons lie beside it and load", () => {
  const folder = join(PROJECT, "dist/native");
  const addons = readdirSync(folder).sort();
  assert.deepEqual(addons, ["epoll.node", "pcap_binding.node", "ring.node", "serialport.node"]);
  for (const addon of addons) {
    const { status, stderr } = run(process.execPath, ["-e", `require(${JSON.stringify(join(folder, addon))})`]);
    assert.deepEqual({ addon, status, stderr }, { addon, status: 0, stderr: "" });
  }
});

test("the same sources give the same executable", () => {
  const build = () => run(process.execPath, [join(PROJECT, "scripts/build.ts"), "sensor"]);
  const hash = () => createHash("sha256").update(readFileSync(SENSOR)).digest("hex");
  assert.equal(build().status, 0);
  const before = hash();
  rmSync(join(PROJECT, ".cache/sea-sensor/stamp"));
  assert.match(build().stdout, /^dist\/cepa-sensor built, /);
  assert.equal(hash(), before);
});

test("nothing is built again when nothing has changed", () => {
  const before = readFileSync(join(PROJECT, ".cache/sea-sensor/stamp"), "utf8");
  const { status, stdout } = run(process.execPath, [join(PROJECT, "scripts/build.ts"), "sensor"]);
  assert.deepEqual({ status, stdout }, { status: 0, stdout: "dist/cepa-sensor is up to date\n" });
  assert.equal(readFileSync(join(PROJECT, ".cache/sea-sensor/stamp"), "utf8"), before);
});
