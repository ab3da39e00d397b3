import { mkdtemp, readFile, rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Stage } from "../provider/base/stage.ts";
import type { SensorView } from "../provider/base/status.ts";
import { ago } from "./command-line.ts";
import { framesOfPcap } from "./rig/pcap-frames.ts";
import { makeRig, postToWebhook, type Rig, type RunningSensor } from "./rig/rig.ts";
import type { SpanSocket } from "./rig/span-socket.ts";

const USAGE = `usage: make demo   (scripts/private-network.sh node scripts/demo.ts [--seconds N])

Everything on this machine, in a network of its own: a provider, a sensor in an emulator, a capture played into its SPAN port,
a GPS receiver and a modem on its serial lines. Ctrl-C ends it and removes what it made.

  --seconds N   end by itself N seconds after every stage is reached; exit status 1 when one is not
`;

const PROJECT = dirname(import.meta.dirname);
const PROGRAM = join(PROJECT, "dist/cepa");
const IMAGE = join(PROJECT, "dist/cepa-qemu.raw");
const CAPTURE = join(PROJECT, "test/captures/office-minute/input.pcap");
const NAME = "demo-1";
/** Kept short: sockets are made in it, and a socket's path has 107 octets. */
const FOLDER = "/var/tmp/cepa-demo-";
const STAGE_TIMEOUT_MS = 300_000;
const TABLE_MS = 2000;
const QUIET_TABLE_MS = 15_000;
const REPLAY_PAUSE_MS = 5000;
const SETTINGS = { link: { heartbeatMs: 2000 }, phoneHome: { vpnLostMs: 30_000, vpnLostTries: 2 } };

const startedAtMs = performance.now();

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { seconds: { type: "string" }, help: { type: "boolean" } } });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (seconds !== undefined && !(seconds > 0)) {
    process.stderr.write(`demo: --seconds: expected a number above 0, found ${values.seconds}\n${USAGE}`);
    return 2;
  }
  const stop = new AbortController();
  const { signal } = stop;
  const interrupt = () => stop.abort(new DOMException("interrupted", "AbortError"));
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  const folder = await mkdtemp(FOLDER);
  const ending: Promise<unknown>[] = [];
  try {
    await run(folder, seconds, signal, ending);
    return 0;
  } catch (error) {
    if (signal.aborted && seconds === undefined) return 0;
    process.stderr.write(`\ndemo: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    stop.abort();
    say("ending");
    await Promise.allSettled(ending);
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(
  folder: string,
  seconds: number | undefined,
  signal: AbortSignal,
  ending: Promise<unknown>[],
): Promise<void> {
  say("making a provider, and a disk for its first sensor");
  const rig = await makeRig(
    { program: PROGRAM, image: IMAGE, folder: join(folder, "d"), sensorName: NAME, settings: SETTINGS, diskSize: "8G" },
    signal,
  );
  say(`sensor ${NAME} is certified, and its disk is flashed`);
  const base = rig.startBase(signal, sayStage);
  ending.push(base.ended);
  await base.waitForStage(({ stage }) => stage === "listening", "base is listening", STAGE_TIMEOUT_MS, signal);
  const sensor = await rig.boot(signal);
  ending.push(sensor.vm.ended);
  say(`power on; its console: tail -f ${sensor.vm.consolePath}`);
  answerModem(sensor, signal);
  const [span] = sensor.vm.span;
  if (span === undefined) throw new Error("the emulator has no SPAN port");

  for (const stage of ["vpnConnected", "keyReleased", "linkUp"] as const)
    await base.waitForStage((candidate) => candidate.stage === stage, stage, STAGE_TIMEOUT_MS, signal);
  const reach = async (what: string, matches: (view: SensorView) => boolean) => {
    const deadlineMs = performance.now() + STAGE_TIMEOUT_MS;
    for (let view = await rig.view(signal); !matches(view); view = await rig.view(signal)) {
      if (performance.now() > deadlineMs) throw new Error(`not reached: ${what}`);
      await delay(1000, undefined, { signal });
    }
    say(what);
  };
  await reach("/nsm is open, capture runs", ({ health }) => health?.capture?.state === "capturing");
  const replaying = replay(span, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  ending.push(replaying);
  say(`playing ${relative(PROJECT, CAPTURE)} into the SPAN port, over and over`);
  await reach("the first sessions are there", ({ health }) => (health?.capture?.sessionsActive ?? 0) > 0);
  await reach("the GPS has a fix", ({ health }) => health?.phoneHome?.gps === "fix");
  process.stdout.write(hints(rig));
  toggleUplink(sensor, signal);
  const untilMs = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000;
  await showTable(rig, untilMs, signal);
}

function say(text: string): void {
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  process.stdout.write(`[${seconds.padStart(6)} s] ${text}\n`);
}

function sayStage(stage: Stage): void {
  const words = describe(stage);
  if (words !== undefined) say(words);
}

function describe(stage: Stage): string | undefined {
  switch (stage.stage) {
    case "listening":
      return `base is listening: OpenVPN on UDP ${stage.udpPort} and TCP ${stage.tcpPort}`;
    case "vpnConnected":
      return `VPN up by ${stage.transport.toUpperCase()}: ${stage.sensor} is ${stage.address}`;
    case "keyReleased":
      return `key released (software identity: weaker)${stage.format ? ", for a new store" : ""}`;
    case "linkUp":
      return "link up: heartbeats arrive";
    case "vpnDisconnected":
      return "VPN gone";
    case "alert":
      return `EMERGENCY MESSAGE of ${stage.sensor}: ${stage.reasons.join("; ")}; ${stage.position}`;
    default:
      return undefined;
  }
}

/** What the modem sends arrives at base's webhook, as by an SMS gateway. */
function answerModem({ modem }: RunningSensor, signal: AbortSignal): void {
  (async () => {
    for (let index = 0; ; index++)
      await postToWebhook(modem.deliver(await modem.message(index, signal)), signal).catch((error: unknown) => {
        if (!signal.aborted) say(`the gateway could not deliver a message: ${error}`);
      });
  })().catch(() => {});
}

async function replay(span: SpanSocket, signal: AbortSignal): Promise<void> {
  const frames = framesOfPcap(await readFile(CAPTURE));
  for (;;) {
    let previousMs: number | undefined;
    for (const frame of frames) {
      const atMs = frame.timeSeconds * 1000 + frame.timeFraction / 1000;
      const pauseMs = previousMs === undefined ? 0 : atMs - previousMs;
      if (pauseMs > 1) await delay(Math.min(pauseMs, 1000), undefined, { signal });
      previousMs = atMs;
      await span.send(frame.bytes);
    }
    await delay(REPLAY_PAUSE_MS, undefined, { signal });
  }
}

function hints(rig: Rig): string {
  const command = `sudo CEPA_STATE=${rig.provider.stateFolder} dist/cepa`;
  return `
Beside it, in another terminal:
  ${command} sensor show ${NAME}
  ${command} query ${NAME} "select * from sessions where src_randomness < 1 or dst_randomness < 1"
  ${command} query ${NAME} "select method, host, uri, status from http"
  ${command} pcap ${NAME} --filter "tcp port 443" -w /tmp/tls.pcap
  ${command} alerts
${process.stdin.isTTY ? "Enter takes the uplink's cable out, or puts it back: after 30 s without base the sensor calls for help. " : ""}Ctrl-C ends it all.

`;
}

function toggleUplink({ vm }: RunningSensor, signal: AbortSignal): void {
  if (!process.stdin.isTTY) return;
  let up = true;
  const lines = createInterface({ input: process.stdin });
  lines.on("line", () => {
    up = !up;
    vm.setUplink(up).then(
      () => say(up ? "the uplink's cable is back in" : "the uplink's cable is out"),
      (error: unknown) => say(`the cable is stuck: ${error}`),
    );
  });
  signal.addEventListener("abort", () => lines.close(), { once: true });
}

async function showTable(rig: Rig, untilMs: number, signal: AbortSignal): Promise<void> {
  const pauseMs = process.stdout.isTTY ? TABLE_MS : QUIET_TABLE_MS;
  let lines = 0;
  do {
    const table = renderTable(await rig.view(signal), Date.now());
    if (process.stdout.isTTY && lines > 0) process.stdout.write(`\x1b[${lines}A\x1b[J`);
    process.stdout.write(table);
    lines = table.split("\n").length - 1;
    await delay(Math.min(pauseMs, Math.max(0, untilMs - performance.now())), undefined, { signal });
  } while (performance.now() < untilMs);
}

function renderTable(view: SensorView, nowMs: number): string {
  const { health, live } = view;
  const capture = health?.capture;
  const fix = health?.phoneHome?.fix;
  const rows: readonly (readonly [string, string])[] = [
    ["VPN", live?.vpn.map((client) => `${client.transport.toUpperCase()}, ${view.address}`).join("; ") || "down"],
    ["key", health?.vault?.state === "open" ? "released" : (health?.vault?.state ?? "not known")],
    ["/nsm", health?.vault?.state === "open" ? `open, LUKS ${view.luksUuid}` : "locked"],
    ["packets", capture == null ? "-" : `${capture.frames}, ${capture.bytes} octets`],
    ["drops", capture == null ? "-" : `${capture.analyserDrops} analyser, ${capture.writerDrops} writer`],
    ["sessions", capture == null ? "-" : `${capture.sessions} ended, ${capture.sessionsActive} active`],
    ["encrypted", capture == null ? "-" : `${capture.sessionsFlat} with a randomness below 1`],
    [
      "last fix",
      fix == null ? "none" : `${fix.latitudeDeg.toFixed(6)}, ${fix.longitudeDeg.toFixed(6)}, ${ago(fix.atMs, nowMs)}`,
    ],
    ["heartbeat", ago(view.lastSeenAtMs, nowMs)],
  ];
  return `${rows.map(([name, value]) => `  ${name.padEnd(10)} ${value}\n`).join("")}\n`;
}

process.exitCode = await main();
