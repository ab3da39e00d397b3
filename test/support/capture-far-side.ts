import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createSession } from "pcap";
import { CaptureRole } from "../../scripts/rig/capture-role.ts";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";

/**
 * Within a namespace with the pair `span0`: runs `cepa-sensor run capture` on span0 with folders of its own, sends the frames
 * of a file into span0-far, asks the role, and prints as JSON what it gave. Arguments: file, folder, threads of the analysis.
 */
const [file = "", folder = "", workers = "1"] = process.argv.slice(2);
const signal = AbortSignal.timeout(100_000);

async function memoryOf(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss_Anon: +(\d+) kB/m.exec(rollup)?.[1]) * 1024;
}

/** Rows of a query once there are as many as `least`. */
async function rowsWhen(sql: string, least: number): Promise<readonly (readonly unknown[])[]> {
  for (;;) {
    const { answer } = await role.ask({ type: "query", sql, maxRows: 10_000, timeoutMs: 20_000 });
    if (answer.type === "rows" && answer.rows.length >= least) return answer.rows;
    signal.throwIfAborted();
    await delay(100);
  }
}

const startedAtMs = performance.now();
const role = await CaptureRole.start(
  folder,
  { session: { activeMs: 1000, workers: Number(workers) }, capture: { ringSizeBytes: 8 * 1024 * 1024 } },
  signal,
);
const waitingForPorts = await role.statusWhen(() => true);
await role.givePorts(["span0", "absent0"]);
const waitingForStore = await role.statusWhen(({ state }) => state === "waitingForStore");
await role.giveStore();
await role.statusWhen(({ state }) => state === "capturing");
const capturingAfterMs = performance.now() - startedAtMs;
// The rings are open once the kernel counts promiscuous users on the port: one each of writer and analyser.
while (Number(readFileSync("/sys/class/net/span0/flags", "utf8")) % 0x200 < 0x100) await delay(20);
await delay(500);

const frames = framesOfPcap(readFileSync(file));
const far = createSession("span0-far", { buffer_timeout: 0 });
for (const { bytes } of frames) far.inject(Buffer.from(bytes));
const caught = await role.statusWhen((status) => status.frames >= frames.length && status.pcapBytes > 0);
const filtered = await role.ask({ type: "pcap", filter: "udp port 53", maxBytes: 10_000_000 });
const everything = await role.ask({ type: "pcap", filter: "", maxBytes: 10_000_000 });
const limited = await role.ask({ type: "pcap", filter: "", maxBytes: 5_000 });
const refusedFilter = await role.ask({ type: "pcap", filter: "host and", maxBytes: 10_000_000 });
const refusedSession = await role.ask({ type: "pcap", sessionId: 999_999_999, maxBytes: 10_000_000 });
const whileCapturing = await rowsWhen("select id from sessions", 50);
const biggest = await rowsWhen(
  "select id, src_pkts + dst_pkts from sessions where proto = 6 order by 2 desc limit 1",
  1,
);
const session = await role.ask({ type: "pcap", sessionId: Number(biggest[0]?.[0]), maxBytes: 10_000_000 });
const refusedQuery = await role.ask({ type: "query", sql: "delete from sessions", maxRows: 1, timeoutMs: 20_000 });
const memoryBytes = await memoryOf(role.processId);

const exitStatus = await role.stop();
const files = await readdir(join(role.nsmFolder, "pcap"));
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
