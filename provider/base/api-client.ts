import { type IncomingMessage, request } from "node:http";
import type { PcapSelection } from "../../core/contract/role.ts";
import type { Rows } from "../link/sensor-words.ts";
import type { SensorView } from "./status.ts";

const ANSWER_LIMIT_BYTES = 64 * 1024 * 1024;

/** Base could not be asked, or said no. */
export class BaseError extends Error {
  override readonly name = "BaseError";
  readonly code: "notRunning" | "refused";
  constructor(code: BaseError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Sensors with their live state. Throws a BaseError. */
export async function askSensors(
  socketPath: string,
  signal: AbortSignal,
): Promise<{ readonly sensors: readonly SensorView[]; readonly counters: Readonly<Record<string, number>> }> {
  const answer = await ask(socketPath, "GET", "/v1/sensors", undefined, signal);
  return JSON.parse(await readAll(answer)) as {
    readonly sensors: readonly SensorView[];
    readonly counters: Readonly<Record<string, number>>;
  };
}

export async function askQuery(
  socketPath: string,
  query: { who: string; name: string; sql: string; maxRows: number; timeoutMs: number },
  signal: AbortSignal,
): Promise<Rows> {
  return JSON.parse(await readAll(await ask(socketPath, "POST", "/v1/query", query, signal))) as Rows;
}

/** Has the command that waits for a sensor sent at once. */
export async function askCommand(socketPath: string, name: string, signal: AbortSignal): Promise<void> {
  await readAll(await ask(socketPath, "POST", "/v1/command", { name }, signal));
}

/** The octets of a pcap file. Reading throws when the sensor broke off. */
export function askPcap(
  socketPath: string,
  wanted: { who: string; name: string } & PcapSelection,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  return ask(socketPath, "POST", "/v1/pcap", wanted, signal);
}

async function ask(
  socketPath: string,
  method: string,
  path: string,
  json: object | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, signal, agent: false }, resolve);
    outgoing.on("error", (cause: NodeJS.ErrnoException) => {
      const isAway = cause.code === "ENOENT" || cause.code === "ECONNREFUSED";
      const message = isAway ? `base does not run here (${socketPath}); start it: cepa base run` : cause.message;
      reject(new BaseError(isAway ? "notRunning" : "refused", message, { cause }));
    });
    outgoing.end(json === undefined ? undefined : JSON.stringify(json));
  });
  if (answer.statusCode === 200) return answer;
  const { error } = JSON.parse(await readAll(answer)) as { error: string };
  throw new BaseError("refused", error);
}

async function readAll(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    lengthBytes += chunk.length;
    if (lengthBytes > ANSWER_LIMIT_BYTES) throw new BaseError("refused", `an answer over ${ANSWER_LIMIT_BYTES} octets`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
