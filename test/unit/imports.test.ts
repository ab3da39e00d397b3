import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

const PROJECT = join(import.meta.dirname, "../..");
const TREES = ["core", "appliance", "image", "provider", "scripts", "test"];

/** Folders of appliance/ and the others of it that each may import; `core` and `appliance/worker.ts` all may. */
const APPLIANCE_EDGES: Readonly<Record<string, readonly string[]>> = {
  decode: [],
  http: ["decode"],
  handshake: ["decode"],
  entropy: ["decode"],
  session: ["decode", "http", "handshake", "entropy"],
  export: ["decode", "http", "handshake", "entropy", "session"],
  sguil: ["decode", "http", "handshake", "entropy", "session"],
  health: ["decode", "http", "handshake", "entropy", "session"],
  capture: [],
  firmware: [],
  network: [],
  update: [],
  usb: [],
  link: [],
  reset: [],
  vault: [],
  "phone-home": [],
};

/** Folders of appliance/ that compose the others into what runs, and touch the world. */
const COMPOSERS = ["commands", "roles"];

/** Modules of a folder of appliance/ that touch the world, beside its service.ts, and with what. */
const ADAPTERS: Readonly<Record<string, string>> = {
  "appliance/capture/block-reader.ts": "reads savefiles",
  "appliance/capture/interface-state.ts": "type and carrier of an interface",
  "appliance/capture/libpcap-port.ts": "npm pcap, live",
  "appliance/capture/pcap-store.ts": "writes the pcap files",
  "appliance/capture/retrieval.ts": "reads the pcap files",
  "appliance/capture/ring.ts": "the native addon",
  "appliance/capture/savefile-libpcap.ts": "npm pcap, savefiles",
  "appliance/capture/span-ports.ts": "looks for interfaces in /sys",
  "appliance/firmware/admission-files.ts": "attempts and result, on disk",
  "appliance/firmware/efi-variables.ts": "efivarfs",
  "appliance/firmware/esp-files.ts": "boot loaders on the ESP",
  "appliance/firmware/loader-files.ts": "boot loaders that wait, and what came of them, on disk",
  "appliance/firmware/renew-loader.ts": "Node.js's SHA-256",
  "appliance/firmware/signed-program.ts": "Node.js's SHA-256",
  "appliance/handshake/quic-cipher.ts": "Node.js's AES and HKDF",
  "appliance/handshake/ssh-digest.ts": "Node.js's MD5",
  "appliance/handshake/tls-digest.ts": "Node.js's SHA-256",
  "appliance/health/hardware.ts": "/proc and /sys",
  "appliance/health/root-check.ts": "the file with the last result",
  "appliance/health/temperature.ts": "systeminformation",
  "appliance/link/connection.ts": "the WebSocket",
  "appliance/link/spool-file.ts": "the spool on disk",
  "appliance/link/uplink.ts": "addresses and carrier of the uplink",
  "appliance/network/interfaces.ts": "/sys, /proc/sys and systemd-networkd's files",
  "appliance/phone-home/gpio-line.ts": "a GPIO line in /sys",
  "appliance/phone-home/outbox-file.ts": "the outbox on disk",
  "appliance/phone-home/sign.ts": "Node.js's Ed25519",
  "appliance/reset/reset-files.ts": "the reset, its requests and the state partition on disk",
  "appliance/session/day-files.ts": "names of the store's files",
  "appliance/session/query-store.ts": "reads the store",
  "appliance/session/query.ts": "a process for each query",
  "appliance/session/store.ts": "writes the store",
  "appliance/update/base-files.ts": "HTTPS to base",
  "appliance/update/download.ts": "writes what it downloads",
  "appliance/update/update-folder.ts": "the updates on disk",
  "appliance/update/verify-set.ts": "Node.js's Ed25519, and the key in the image",
  "appliance/update/trial-files.ts": "what is on trial, and what failed, on disk",
  "appliance/usb/usb-reports.ts": "what was plugged in, on disk",
  "appliance/vault/base-client.ts": "HTTPS to base",
  "appliance/vault/disks.ts": "disks in /sys, and what is on them",
  "appliance/vault/erase-store.ts": "the store's block device",
  "appliance/vault/key-exchange.ts": "Node.js's X25519, HKDF and AES-GCM",
  "appliance/vault/store-device.ts": "the store's block device",
};

/** npm packages without side effects: bytes or text in, records out. */
const PURE_PACKAGES = ["gps"];

/** Build tools that look into the sensor's code; none of them is part of `cepa`. */
const SCRIPTS_OVER_APPLIANCE = [
  "scripts/beyond.ts",
  "scripts/capture-packets.ts",
  "scripts/classifier/window-set.ts",
  "scripts/compare-tuples.ts",
  "scripts/randomness-share.ts",
  "scripts/randomness-table.ts",
  "scripts/train-classifier.ts",
];

/** Who may look at the environment, and at what. */
const READS_ENVIRONMENT: Readonly<Record<string, string>> = {
  "appliance/commands/status.ts": "LISTEN_PID and LISTEN_FDS, by which systemd hands terminals over",
  "core/node/exec.ts": "hands it to children",
  "core/node/log.ts": "JOURNAL_STREAM, of systemd",
  "core/node/service-watchdog.ts": "WATCHDOG_USEC and LISTEN_FDS, of systemd",
};

interface Module {
  /** Relative to the project. */
  readonly path: string;
  readonly text: string;
  /** Of ours, relative to the project. */
  readonly imports: readonly string[];
  /** `node:…` and npm's. */
  readonly packages: readonly string[];
}

const SPECIFIER =
  /(?:^|[\n;])\s*(?:import|export)\b[^;"']*?\bfrom\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)|(?:^|\n)import\s*"([^"]+)"/g;

function readModules(): Module[] {
  return TREES.flatMap((tree) =>
    readdirSync(join(PROJECT, tree), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readModule(join(tree, name))),
  );
}

function readModule(path: string): Module {
  const text = readFileSync(join(PROJECT, path), "utf8");
  const specifiers = [...text.matchAll(SPECIFIER)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
  return {
    path,
    text,
    imports: specifiers
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => relative(PROJECT, join(PROJECT, dirname(path), specifier))),
    packages: specifiers.filter((specifier) => !specifier.startsWith(".")),
  };
}

/** `appliance/capture/ring.ts` → ["appliance", "capture"]; a file at the root of a tree has no folder. */
function placeOf(path: string): readonly [string, string | undefined] {
  const parts = path.split("/");
  return [parts[0] ?? "", parts.length > 2 ? parts[1] : undefined];
}

function isEdgeAllowed(from: string, to: string): boolean {
  const [fromTree, fromFolder] = placeOf(from);
  const [toTree, toFolder] = placeOf(to);
  if (fromTree === "test") return true;
  if (toTree === "core" || to === "package.json") return true;
  if (fromTree === "scripts")
    return ["scripts", "image", "provider"].includes(toTree) || SCRIPTS_OVER_APPLIANCE.includes(from);
  if (fromTree !== toTree || fromTree === "core") return false;
  if (fromTree !== "appliance" || fromFolder === undefined) return true;
  if (COMPOSERS.includes(fromFolder)) return fromFolder === "commands" || toFolder !== "commands";
  if (fromFolder === toFolder || to === "appliance/worker.ts") return true;
  return toFolder !== undefined && (APPLIANCE_EDGES[fromFolder] ?? []).includes(toFolder);
}

const modules = readModules();

for (const { from, to, allowed } of [
  { from: "core/ports.ts", to: "core/decoded.ts", allowed: true },
  { from: "core/ports.ts", to: "provider/init.ts", allowed: false },
  { from: "appliance/session/engine.ts", to: "appliance/decode/packet.ts", allowed: true },
  { from: "appliance/decode/packet.ts", to: "appliance/session/engine.ts", allowed: false },
  { from: "appliance/capture/retrieval.ts", to: "appliance/session/record.ts", allowed: false },
  { from: "appliance/vault/service.ts", to: "appliance/capture/ring.ts", allowed: false },
  { from: "appliance/roles/capture.ts", to: "appliance/session/engine.ts", allowed: true },
  { from: "appliance/session/engine.ts", to: "appliance/roles/capture.ts", allowed: false },
  { from: "appliance/commands/status.ts", to: "appliance/roles/ask.ts", allowed: true },
  { from: "appliance/roles/capture.ts", to: "appliance/commands/status.ts", allowed: false },
  { from: "appliance/session/engine.ts", to: "appliance/commands/query.ts", allowed: false },
  { from: "appliance/main.ts", to: "image/plan.ts", allowed: false },
  { from: "image/plan.ts", to: "provider/init.ts", allowed: false },
  { from: "scripts/cepa.ts", to: "provider/init.ts", allowed: true },
  { from: "scripts/cepa.ts", to: "appliance/main.ts", allowed: false },
  { from: "core/ports.ts", to: "test/support/fake-clock.ts", allowed: false },
])
  test(`the rule for an import of ${to} by ${from}`, () => assert.equal(isEdgeAllowed(from, to), allowed));

test("the modules are found, and their imports", () => {
  const engine = modules.find(({ path }) => path === "appliance/session/engine.ts");
  assert.ok(engine?.imports.includes("appliance/decode/packet.ts"));
  const main = modules.find(({ path }) => path === "appliance/main.ts");
  assert.ok(main?.imports.includes("appliance/commands/network.ts"), "an import() is one too");
});

test("no import goes where it may not", () => {
  const wrong = modules.flatMap(({ path, imports }) =>
    imports.filter((to) => !isEdgeAllowed(path, to)).map((to) => `${path} imports ${to}`),
  );
  assert.deepEqual(wrong, []);
});

test("cepa reaches nothing of the sensor's code", () => {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const reached = new Set(["scripts/cepa.ts"]);
  for (const path of reached) for (const to of byPath.get(path)?.imports ?? []) reached.add(to);
  assert.deepEqual(
    [...reached].filter((path) => path.startsWith("appliance/")),
    [],
  );
});

test("no imports go in a circle", () => {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const done = new Set<string>();
  const circles: string[] = [];
  const follow = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
    if (done.has(path) || trail.includes(path)) return;
    for (const to of byPath.get(path)?.imports ?? []) follow(to, [...trail, path]);
    done.add(path);
  };
  for (const { path } of modules) follow(path, []);
  assert.deepEqual(circles, []);
});

test("only adapters and services touch the world", () => {
  const wrong = modules
    .filter(({ path, packages }) => {
      const [tree, folder] = placeOf(path);
      if (packages.every((name) => PURE_PACKAGES.includes(name))) return false;
      if (tree === "core") return folder !== "node";
      if (tree !== "appliance" || folder === undefined || COMPOSERS.includes(folder)) return false;
      return !path.endsWith("/service.ts") && !(path in ADAPTERS);
    })
    .map(({ path, packages }) => `${path} imports ${packages.join(", ")}`);
  assert.deepEqual(wrong, []);
});

test("every adapter in the table is there and touches the world", () => {
  const needless = Object.keys(ADAPTERS).filter((path) => {
    const module = modules.find((candidate) => candidate.path === path);
    return module === undefined || (module.packages.length === 0 && !module.imports.some(isOfNode));
  });
  assert.deepEqual(needless, []);
});

function isOfNode(path: string): boolean {
  return path.startsWith("core/node/");
}

test("files are named after what they hold", () => {
  const wrong = modules
    .map(({ path }) => path)
    .filter((path) => {
      const name = path.split("/").at(-1) ?? "";
      const isKebab = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test)?\.ts$/.test(name);
      return !isKebab || /^index\.|\b(?:utils?|helpers?|common|managers?)\b/.test(name);
    });
  assert.deepEqual(wrong, []);
});

for (const { rule, found } of [
  { rule: "named exports only", found: /^export default\b/m },
  { rule: "no process.exit: a role ends when its jobs do", found: /\bprocess\.exit\(/ },
  { rule: "no any, no !", found: /: any\b|\bas any\b/ },
])
  test(`shipped code: ${rule}`, () => {
    const wrong = modules.filter(({ path, text }) => !path.startsWith("test/") && found.test(text));
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
  });

test("the environment is read at the edge only", () => {
  const wrong = modules.filter(({ path, text }) => {
    const [tree] = placeOf(path);
    if (tree === "test" || tree === "scripts" || tree === "image") return false;
    return /\bprocess\.env\b/.test(text) && !(path in READS_ENVIRONMENT);
  });
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});
