import type { HealthRecord } from "./health.ts";
import type { LinkStatus, PcapSelection, SensorEvent } from "./role.ts";

/**
 * The link: one WebSocket (RFC 6455) from sensor to base, `wss://BASE:PORT/v1/link`, mutual TLS, over the tunnel. Text
 * messages are JSON, of the types below. A binary message is a piece of the pcap that base asked for: the request's id
 * (u32, big-endian), then octets of the file.
 */
export const LINK_PATH = "/v1/link";
export const LINK_VERSION = 1;
export const LINK_MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024;
export const PCAP_CHUNK_BYTES = 64 * 1024;
export const QUERY_MAX_ROWS = 100_000;
export const QUERY_TIMEOUT_MS = 30_000;
export const PCAP_MAX_BYTES = 4 * 1024 ** 3;

/** From the sensor. */
export type SensorMessage =
  | { readonly type: "hello"; readonly version: number; readonly sensorId: string; readonly bootId: string }
  | { readonly type: "heartbeat"; readonly sentAtMs: number; readonly health: HealthRecord; readonly link: LinkStatus }
  /** `id` counts up over the life of the spool; base acknowledges and drops repeats. */
  | { readonly type: "event"; readonly id: number; readonly event: SensorEvent }
  | {
      readonly type: "rows";
      readonly id: number;
      readonly columns: readonly string[];
      readonly rows: readonly (readonly (string | number | null)[])[];
      readonly cut: boolean;
    }
  | { readonly type: "pcapEnd"; readonly id: number; readonly bytes: number }
  | { readonly type: "failed"; readonly id: number; readonly message: string };

/** From base. `id` is a u32 that the answer repeats. */
export type BaseMessage =
  | { readonly type: "acknowledge"; readonly id: number }
  | {
      readonly type: "query";
      readonly id: number;
      readonly sql: string;
      readonly maxRows: number;
      readonly timeoutMs: number;
    }
  | ({ readonly type: "pcap"; readonly id: number } & PcapSelection)
  /** The one who asked has gone: stop sending. */
  | { readonly type: "cancel"; readonly id: number }
  /** 87 octets of `command.ts`, base64; said again with each heartbeat until an event answers it. */
  | { readonly type: "command"; readonly id: number; readonly command: string };

/** The message in one text frame, or undefined when it is none that this version knows. */
export function parseSensorMessage(text: string): SensorMessage | undefined {
  return parseMessage<SensorMessage>(text, ["hello", "heartbeat", "event", "rows", "pcapEnd", "failed"]);
}

export function parseBaseMessage(text: string): BaseMessage | undefined {
  return parseMessage<BaseMessage>(text, ["acknowledge", "query", "pcap", "cancel", "command"]);
}

function parseMessage<T extends { readonly type: string }>(text: string, types: readonly string[]): T | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null || !("type" in json) || typeof json.type !== "string") return undefined;
  if (!types.includes(json.type)) return undefined;
  if (json.type !== "hello" && json.type !== "heartbeat" && !("id" in json && Number.isInteger(json.id)))
    return undefined;
  return json as T;
}
