import { mkdir, readFile, statfs } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, parseJson, readObject, readTexts } from "../../core/checked-json.ts";
import { type CaptureStatus, type RoleRequest, roleSocketPath } from "../../core/contract/role.ts";
import type { SensorConfig } from "../../core/contract/sensor-config.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { journalLog } from "../../core/node/log.ts";
import { type RoleReply, runRoleSocket } from "../../core/node/role-socket.ts";
import type { Log } from "../../core/ports.ts";
import { runTogether } from "../../core/run-together.ts";
import { readCarrier, readLinkLayer } from "../capture/interface-state.ts";
import { type Batch, runLibpcapPort } from "../capture/libpcap-port.ts";
import { defaultBudgetBytes } from "../capture/retention.ts";
import type { WriterReport, WriterStart } from "../capture/service.ts";
import { loadConfig } from "../config.ts";
import { loadIdentity, loadSocketGroupId } from "../identity-files.ts";
import { tryLoadProfiles } from "../profile-files.ts";
import { runQuery, SESSIONS_FOLDER } from "../session/query.ts";
import { failWhenSilent } from "../silent-thread.ts";
import { prepareWorker, runUntilStopped } from "../worker.ts";
import type { AnalyserStart } from "./capture-analyser.ts";
import { type AnalyserReport, type CaptureProgress, renderCaptureStatus } from "./capture-progress.ts";
import { checkCaptureFilter, openSelection } from "./capture-retrieval.ts";
import type { RoleFolders } from "./role-folders.ts";
import { planSessionsBudgetBytes } from "./session-retention.ts";

const WAIT_MS = 200;
const PORT_NAME = /^[A-Za-z0-9_.-]{1,15}$/;

/** What the role knows, for those that ask. */
interface Board {
  ports: readonly string[];
  progress: CaptureProgress;
}

/**
 * Frames of the SPAN ports into pcap files and sessions, a thread and rings for each; answers for status, queries and
 * frames meanwhile. Ends with an AbortError when `signal` aborts.
 */
export async function runCaptureRole(folders: RoleFolders, signal: AbortSignal): Promise<void> {
  const { stateFolder, runFolder, nsmFolder } = folders;
  const log = journalLog("capture");
  const identity = await loadIdentity(stateFolder);
  const config = withUsableFilter(await loadConfig(stateFolder, identity, log, "capture"), log);
  const board: Board = { ports: [], progress: { state: "waitingForPorts" } };
  const groupId = await loadSocketGroupId();
  await runTogether(signal, [
    (jobSignal) =>
      runRoleSocket(
        roleSocketPath("capture", runFolder),
        (request, requestSignal) => answer(request, board, nsmFolder, requestSignal),
        jobSignal,
        groupId,
      ),
    (jobSignal) => runCapture(folders, config, identity.name, board, log, jobSignal),
  ]);
}

async function answer(request: RoleRequest, board: Board, nsmFolder: string, signal: AbortSignal): Promise<RoleReply> {
  if ((request.type === "query" || request.type === "pcap") && board.progress.state !== "capturing")
    return { type: "error", message: "the store is not open yet" };
  switch (request.type) {
    case "status":
      return { type: "status", status: renderCaptureStatus(board.progress, await describePorts(board.ports)) };
    case "query":
      return runQuery(nsmFolder, request, signal);
    case "pcap":
      return { answer: { type: "pcap" }, body: await openSelection(nsmFolder, request, signal) };
    default:
      return { type: "error", message: `capture does not answer ${request.type}` };
  }
}

async function describePorts(names: readonly string[]): Promise<CaptureStatus["ports"]> {
  return Promise.all(names.map(async (name) => ({ name, carrier: await readCarrier(name) })));
}

async function runCapture(
  { runFolder, nsmFolder }: RoleFolders,
  config: SensorConfig,
  sensor: string,
  board: Board,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  board.ports = await waitFor(() => readSpanPorts(runFolder, log), signal);
  board.progress = { state: "waitingForStore" };
  // The box may wait long for its key: its threads are loaded by then.
  const [writerThread, analyserThread] = [prepareWorker("capture-writer"), prepareWorker("capture-analyser")];
  await waitFor(() => makeStoreFolders(nsmFolder), signal).catch((error: unknown) => {
    writerThread.drop();
    analyserThread.drop();
    throw error;
  });
  const withRing: string[] = [];
  const withoutRing: string[] = [];
  for (const port of board.ports) ((await readLinkLayer(port)) === "other" ? withoutRing : withRing).push(port);

  const { capture } = config;
  const ring = { ringSizeBytes: capture.ringSizeBytes, snaplenBytes: capture.snaplenBytes };
  const storeSizeBytes = await readSizeBytes(nsmFolder);
  const budgetBytes = capture.budgetBytes || defaultBudgetBytes(storeSizeBytes);
  const writerStart: WriterStart = {
    ports: withRing,
    ring: { ...ring, filter: capture.filter },
    store: {
      folder: join(nsmFolder, "pcap"),
      fileSizeBytes: capture.fileSizeBytes,
      budgetBytes,
      ageMs: capture.ageMs,
    },
  };
  const analyserStart: AnalyserStart = {
    ports: withRing,
    ring: { ...ring, filter: "" },
    config: {
      session: config.session,
      entropy: config.entropy,
      profiles: tryLoadProfiles(config.entropy.profilesFolder, log),
    },
    sensor,
    sessionsFolder: join(nsmFolder, SESSIONS_FOLDER),
    ageMs: capture.ageMs,
    budgetBytes: planSessionsBudgetBytes(storeSizeBytes, budgetBytes),
  };
  const writer = writerThread.start(writerStart);
  const analyser = analyserThread.start(analyserStart);
  board.progress = { state: "capturing" };
  writer.on("message", (report: WriterReport) => {
    board.progress = { ...board.progress, writer: report };
  });
  analyser.on("message", (report: AnalyserReport) => {
    board.progress = { ...board.progress, analyser: report };
  });
  log("info", "capturing", { ports: board.ports, budgetBytes });
  await runTogether(signal, [
    (jobSignal) => runUntilStopped(writer, jobSignal),
    (jobSignal) => failWhenSilent(writer, "capture-writer", nodeClock, jobSignal),
    (jobSignal) => runUntilStopped(analyser, jobSignal),
    (jobSignal) => failWhenSilent(analyser, "capture-analyser", nodeClock, jobSignal),
    ...withoutRing.flatMap((port) => [
      (jobSignal: AbortSignal) =>
        runLibpcapPort(
          port,
          capture.filter,
          capture.snaplenBytes,
          (batch: Batch) => writer.postMessage(batch),
          jobSignal,
        ),
      (jobSignal: AbortSignal) =>
        runLibpcapPort(port, "", capture.snaplenBytes, (batch: Batch) => analyser.postMessage(batch), jobSignal),
    ]),
  ]);
}

/** Asks again and again until there is an answer. */
async function waitFor<T>(look: () => Promise<T | undefined>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const found = await look();
    if (found !== undefined) return found;
    await nodeClock.sleep(WAIT_MS, signal);
  }
}

/** SPAN ports by /run/cepa/ports.json; undefined while there are none. */
async function readSpanPorts(runFolder: string, log: Log): Promise<readonly string[] | undefined> {
  const text = await readFile(join(runFolder, "ports.json"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const object = readObject(parseJson(text, "ports"), "ports", ["uplink", "span"]);
    const names = readTexts(object, "span", "ports", "the name of an interface", PORT_NAME);
    return names.length === 0 ? undefined : names;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    log("error", "ports.json can't be read", { why: error.message });
    return undefined;
  }
}

/** True once /nsm is there to write to. */
async function makeStoreFolders(nsmFolder: string): Promise<true | undefined> {
  try {
    for (const name of ["pcap", SESSIONS_FOLDER]) await mkdir(join(nsmFolder, name)).catch(ignoreExisting);
    return true;
  } catch {
    return undefined; // not mounted yet
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

async function readSizeBytes(folder: string): Promise<number> {
  const { blocks, bsize } = await statfs(folder);
  return blocks * bsize;
}

/** A filter that can't be applied leaves nothing out: rather too much is kept than nothing. */
function withUsableFilter(config: SensorConfig, log: Log): SensorConfig {
  try {
    checkCaptureFilter(config.capture.filter, config.capture.snaplenBytes);
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    log("error", "the filter is refused; everything is kept", { why: error.message });
    return { ...config, capture: { ...config.capture, filter: "" } };
  }
}
