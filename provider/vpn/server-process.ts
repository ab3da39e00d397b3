import { spawn } from "node:child_process";
import { backoffMs } from "../../core/backoff.ts";
import { readLines } from "../../core/node/json-lines.ts";
import type { Clock, Log } from "../../core/ports.ts";
import { type ConnectedClient, type Management, openManagement, parseStatus } from "./management.ts";
import type { Transport } from "./server-config.ts";

const POLL_MS = 1000;
const START_TIMEOUT_MS = 60_000;
const RESTART = { firstMs: 1000, mostMs: 30_000 };
/** One that ran this long starts counting its failures anew. */
const STEADY_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const LAST_LINES = 12;
const LINE_LIMIT_BYTES = 64 * 1024;

/**
 * OpenVPN as root's user with two capabilities (network set-up for its routes, low ports) and no new privileges; files of
 * root's are still its own. It ends when base does, however that ends; not by SIGTERM: the UDP server would wait to tell its
 * clients, and never end once the next base has taken its device away.
 */
const JAIL = [
  ["--pdeathsig", "KILL"],
  ["--no-new-privs", "--inh-caps", "-all"],
  ["--bounding-set", "-all,+net_admin,+net_bind_service"],
].flat();

export interface ServerEvents {
  ready(transport: Transport): void;
  clients(transport: Transport, clients: readonly ConnectedClient[]): void;
  ended(transport: Transport, why: string, restartInMs: number): void;
}

export interface ServerProcess {
  readonly transport: Transport;
  readonly configPath: string;
  readonly managementSocket: string;
}

/** Keeps one OpenVPN server running until `signal` aborts, and says who is connected. */
export async function runServerProcess(
  server: ServerProcess,
  events: ServerEvents,
  ports: { readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (true) {
    const startedAtMs = ports.clock.monotonicMs();
    const why = await runOnce(server, events, ports, signal);
    events.clients(server.transport, []);
    signal.throwIfAborted();
    failures = ports.clock.monotonicMs() - startedAtMs > STEADY_MS ? 1 : failures + 1;
    const restartInMs = backoffMs(RESTART, failures, Math.random());
    events.ended(server.transport, why, restartInMs);
    await ports.clock.sleep(restartInMs, signal);
  }
}

/** Why it ended. */
async function runOnce(
  server: ServerProcess,
  events: ServerEvents,
  ports: { readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<string> {
  const args = [...JAIL, "--", "openvpn", "--suppress-timestamps", "--config", server.configPath];
  const child = spawn("setpriv", args, { stdio: ["ignore", "pipe", "pipe"] });
  const last: string[] = [];
  const read = async (stream: NodeJS.ReadableStream) => {
    for await (const line of readLines(stream as never, LINE_LIMIT_BYTES)) {
      if (line.startsWith("MANAGEMENT: CMD ")) continue; // ours, each second
      ports.log("debug", `openvpn ${server.transport}: ${line}`);
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
    }
  };
  const outputs = [child.stdout, child.stderr].map((stream) => read(stream).catch(() => {}));
  const ended = new AbortController();
  const exit = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("exit", (status, by) => resolve(status === null ? `ended by ${by}` : `exit status ${status}`));
  });
  const kill = () => {
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS).unref();
  };
  signal.addEventListener("abort", kill, { once: true });
  const watching = watch(server, events, ports, AbortSignal.any([signal, ended.signal])).catch((error: unknown) => {
    if (signal.aborted || ended.signal.aborted) return;
    last.push(error instanceof Error ? error.message : String(error));
    kill();
  });
  const why = await exit;
  signal.removeEventListener("abort", kill);
  ended.abort();
  await Promise.all([watching, ...outputs]);
  return `${why}: ${last.slice(-3).join(" | ")}`;
}

async function watch(
  server: ServerProcess,
  events: ServerEvents,
  ports: { readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const management = await reach(server, ports, signal);
  const close = () => management.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    const untilMs = ports.clock.monotonicMs() + START_TIMEOUT_MS;
    while (!(await management.command("state")).some((line) => line.includes(",CONNECTED,"))) {
      if (ports.clock.monotonicMs() > untilMs) throw new Error("OpenVPN did not come up in time");
      await ports.clock.sleep(100, signal);
    }
    events.ready(server.transport);
    while (true) {
      events.clients(server.transport, parseStatus(await management.command("status 3"), server.transport));
      await ports.clock.sleep(POLL_MS, signal);
    }
  } finally {
    signal.removeEventListener("abort", close);
    management.close();
  }
}

async function reach(
  server: ServerProcess,
  ports: { readonly clock: Clock },
  signal: AbortSignal,
): Promise<Management> {
  const untilMs = ports.clock.monotonicMs() + START_TIMEOUT_MS;
  while (true) {
    try {
      return await openManagement(server.managementSocket);
    } catch (error) {
      if (ports.clock.monotonicMs() > untilMs) throw error;
    }
    await ports.clock.sleep(100, signal);
  }
}
