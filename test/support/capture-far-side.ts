import { spawn } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createSession } from "pcap";
import { STATE_FILES } from "../../core/contract/identity.ts";
import { type CaptureStatus, type RoleAnswer, type RoleRequest, roleSocketPath } from "../../core/contract/role.ts";
import { configSignatureInput } from "../../core/contract/sensor-config.ts";
import { openRole } from "../../core/node/role-socket.ts";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";
import { writeSensorState } from "./sensor-state.ts";

/**
 * Within a namespace with the pair `span0`: runs `cepa-sensor run capture` on span0 with folders of its own, sends the frames
 * of a file into span0-far, asks the role, and prints as JSON what it gave. Arguments: file, folder, threads of the analysis.
 */
const [file = "", folder = "", workers = "1"] = process.argv.slice(2);
const SENSOR = join(import.meta.dirname, "../../dist/cepa-sensor");
const signal = AbortSignal.timeout(100_000);
const [stateFolder, runFolder, nsmFolder] = ["state", "run", "nsm"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const socketPath = roleSocketPath("capture", runFolder);

async function ask(request: RoleRequest): Promise<{ answer: RoleAnswer; body: Buffer }> {
  const { answer, body } = await openRole(socketPath, request, signal);
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return { answer, body: Buffer.concat(chunks) };
}

async function statusWhen(isReached: (status: CaptureStatus) => boolean): Promise<CaptureStatus> {
  for (;;) {
    const answer = await ask({ type: "status" }).catch(() => undefined);
    const status = answer?.answer.type === "status" ? answer.answer.status : undefined;
    if (status?.role === "capture" && isReached(status)) return status;
    signal.throwIfAborted();
    await delay(50);
  }
}

async function memoryOf(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss_Anon: +(\d+) kB/m.exec(rollup)?.[1]) * 1024;
}

async function writeConfig(sensorId: string, settings: unknown): Promise<void> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const text = JSON.stringify(settings);
  const signature = sign(null, configSignatureInput(sensorId, 1, text), privateKey).toString("base64");
  await writeFile(join(stateFolder, STATE_FILES.config), JSON.stringify({ number: 1, settings: text, signature }));
  const pem = publicKey.export({ type: "spki", format: "pem" });
  await writeFile(join(stateFolder, STATE_FILES.commandPublicKey), pem);
}

/** Rows of a query once there are as many as `least`. */
async function rowsWhen(sql: string, least: number): Promise<readonly (readonly unknown[])[]> {
  for (;;) {
    const { answer } = await ask({ type: "query", sql, maxRows: 10_000, timeoutMs: 20_000 });
    if (answer.type === "rows" && answer.rows.length >= least) return answer.rows;
    signal.throwIfAborted();
    await delay(100);
  }
}

await Promise.all([stateFolder, runFolder].map((path) => mkdir(path, { recursive: true })));
const identity = await writeSensorState(stateFolder, { privateKey: "", certificate: "", authority: "" }, {});
await writeConfig(identity.sensorId, {
  session: { activeMs: 1000, workers: Number(workers) },
  capture: { ringSizeBytes: 8 * 1024 * 1024 },
});
const startedAtMs = performance.now();
const args = ["run", "capture", "--state", stateFolder, "--run", runFolder, "--nsm", nsmFolder];
const role = spawn(SENSOR, args, { stdio: ["ignore", "inherit", "inherit"] });
const ended = once(role, "exit");
const waitingForPorts = await statusWhen(() => true);
await writeFile(join(runFolder, "ports.json"), JSON.stringify({ uplink: null, span: ["span0", "absent0"] }));
const waitingForStore = await statusWhen(({ state }) => state === "waitingForStore");
await mkdir(nsmFolder);
await statusWhen(({ state }) => state === "capturing");
const capturingAfterMs = performance.now() - startedAtMs;
// The rings are open once the kernel counts promiscuous users on the port: one each of writer and analyser.
while (Number(readFileSync("/sys/class/net/span0/flags", "utf8")) % 0x200 < 0x100) await delay(20);
await delay(500);

const frames = framesOfPcap(readFileSync(file));
const far = createSession("span0-far", { buffer_timeout: 0 });
for (const { bytes } of frames) far.inject(Buffer.from(bytes));
const caught = await statusWhen((status) => status.frames >= frames.length && status.pcapBytes > 0);
const filtered = await ask({ type: "pcap", filter: "udp port 53", maxBytes: 10_000_000 });
const everything = await ask({ type: "pcap", filter: "", maxBytes: 10_000_000 });
const limited = await ask({ type: "pcap", filter: "", maxBytes: 5_000 });
const refusedFilter = await ask({ type: "pcap", filter: "host and", maxBytes: 10_000_000 });
const refusedSession = await ask({ type: "pcap", sessionId: 999_999_999, maxBytes: 10_000_000 });
const whileCapturing = await rowsWhen("select id from sessions", 50);
const biggest = await rowsWhen(
  "select id, src_pkts + dst_pkts from sessions where proto = 6 order by 2 desc limit 1",
  1,
);
const session = await ask({ type: "pcap", sessionId: Number(biggest[0]?.[0]), maxBytes: 10_000_000 });
const refusedQuery = await ask({ type: "query", sql: "delete from sessions", maxRows: 1, timeoutMs: 20_000 });
const memoryBytes = await memoryOf(role.pid ?? 0);

role.kill("SIGTERM");
const [exitStatus] = await ended;
const files = await readdir(join(nsmFolder, "pcap"));
const transmitted = Number(readFileSync("/sys/class/net/span0/statistics/tx_packets", "utf8"));
far.close();
const result = JSON.stringify({
  waitingForPorts,
  waitingForStore,
  caught,
  filtered: filtered.body.toString("base64"),
  everything: everything.body.toString("base64"),
  limited: limited.body.toString("base64"),
  whileCapturing: whileCapturing.length,
  biggest: biggest[0],
  session: session.body.toString("base64"),
  refusedQuery: refusedQuery.answer,
  refusedFilter: refusedFilter.answer,
  refusedSession: refusedSession.answer,
  files,
  exitStatus,
  transmitted,
  memoryBytes,
  capturingAfterMs,
});
process.stdout.write(result, () => process.exit(0)); // npm pcap's poll handle keeps a process alive
