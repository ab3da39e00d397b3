import {
  type BaseMessage,
  LINK_MESSAGE_LIMIT_BYTES,
  PCAP_CHUNK_BYTES,
  PCAP_MAX_BYTES,
  QUERY_MAX_ROWS,
  QUERY_TIMEOUT_MS,
  type SensorMessage,
} from "../../core/contract/link.ts";
import type { PcapSelection, RoleAnswer, RoleRequest } from "../../core/contract/role.ts";

export const REQUESTS_MAX = 8;
const SQL_LIMIT_CHARACTERS = 100_000;
const FILTER_LIMIT_CHARACTERS = 10_000;

export type DataRequest = Extract<BaseMessage, { type: "query" | "pcap" }>;

export interface RequestPorts {
  /** Asks the capture role; `body` is what follows the answer. */
  ask(request: RoleRequest, signal: AbortSignal): Promise<{ answer: RoleAnswer; body: AsyncIterable<Uint8Array> }>;
  /** Both resolve when the octets have left, so that a slow tunnel slows the reading. */
  send(message: SensorMessage): Promise<void>;
  sendBinary(bytes: Uint8Array): Promise<void>;
}

/** What capture is asked for base's message, within the link's limits; a text says what is wrong with it. */
export function toRoleRequest(message: DataRequest): RoleRequest | string {
  if (!isCount(message.id, 0xffffffff)) return "the id is no u32";
  if (message.type === "query") {
    const { sql, maxRows, timeoutMs } = message;
    if (typeof sql !== "string" || sql.length > SQL_LIMIT_CHARACTERS) return "no SQL, or too long";
    if (!isCount(maxRows) || !isCount(timeoutMs)) return "maxRows and timeoutMs must be whole numbers";
    const limits = { maxRows: Math.min(maxRows, QUERY_MAX_ROWS), timeoutMs: Math.min(timeoutMs, QUERY_TIMEOUT_MS) };
    return { type: "query", sql, ...limits };
  }
  const { filter, maxBytes } = message;
  if (!isCount(maxBytes)) return "maxBytes must be a whole number";
  if (filter !== undefined && (typeof filter !== "string" || filter.length > FILTER_LIMIT_CHARACTERS))
    return "no filter, or too long";
  const selection: { -readonly [K in keyof PcapSelection]: PcapSelection[K] } = {
    maxBytes: Math.min(maxBytes, PCAP_MAX_BYTES),
  };
  if (filter !== undefined) selection.filter = filter;
  for (const key of ["sessionId", "fromMs", "toMs"] as const) {
    const value = message[key];
    if (value === undefined) continue;
    if (!isCount(value)) return `${key} must be a whole number`;
    selection[key] = value;
  }
  return { type: "pcap", ...selection };
}

/** Answers one request of base to its end, with `rows`, pieces and `pcapEnd`, or `failed`; nothing after an abort. */
export async function serveRequest(message: DataRequest, ports: RequestPorts, signal: AbortSignal): Promise<void> {
  const { id } = message;
  const fail = (text: string) => ports.send({ type: "failed", id, message: text });
  try {
    const request = toRoleRequest(message);
    if (typeof request === "string") return await fail(request);
    const { answer, body } = await ports.ask(request, signal);
    signal.throwIfAborted();
    if (answer.type === "error") return await fail(answer.message);
    if (answer.type === "rows" && message.type === "query") {
      const { columns, rows, cut } = answer;
      const reply: SensorMessage = { type: "rows", id, columns, rows, cut };
      if (new TextEncoder().encode(JSON.stringify(reply)).length > LINK_MESSAGE_LIMIT_BYTES)
        return await fail("the answer is too large: ask for fewer rows or columns");
      return await ports.send(reply);
    }
    if (answer.type !== "pcap" || request.type !== "pcap") return await fail("capture gave another answer");
    let bytes = 0;
    for await (const chunk of body) {
      signal.throwIfAborted();
      bytes += chunk.length;
      if (bytes > request.maxBytes) return await fail(`capture gave more than ${request.maxBytes} octets`);
      for (let at = 0; at < chunk.length; at += PCAP_CHUNK_BYTES)
        await ports.sendBinary(encodePiece(id, chunk.subarray(at, at + PCAP_CHUNK_BYTES)));
    }
    signal.throwIfAborted();
    await ports.send({ type: "pcapEnd", id, bytes });
  } catch (error) {
    if (signal.aborted) return;
    await fail(error instanceof Error ? error.message : String(error)).catch(() => {});
  }
}

/** A piece of pcap: the request's id (u32, big-endian), then the octets. */
export function encodePiece(id: number, octets: Uint8Array): Uint8Array {
  const piece = new Uint8Array(4 + octets.length);
  new DataView(piece.buffer).setUint32(0, id);
  piece.set(octets, 4);
  return piece;
}

function isCount(value: unknown, most = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most;
}
