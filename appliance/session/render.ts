import { PROTOCOLS } from "../entropy/recognise-protocol.ts";
import { judge, type Verdict } from "../entropy/verdict.ts";
import type { HttpRequest } from "../http/request.ts";
import { KEY_WORDS, keyAddress, keyPort, keyProtocol } from "./five-tuple.ts";
import type { HttpRecord, SessionRecord } from "./record.ts";
import type { Sampler } from "./sampler.ts";
import type { SessionTable } from "./session-table.ts";

const MICROSECONDS = 1_000_000;

/** The record of a row as it is now. */
export function renderSession(table: SessionTable, sampler: Sampler, row: number, sensor: string): SessionRecord {
  const base = row * KEY_WORDS;
  const sourceSide = table.opener[row] as number;
  const source = 2 * row + sourceSide;
  const destination = source ^ 1;
  const vlan = table.vlan[row] as number;
  const protocol = PROTOCOLS[table.protocol[row] as number];
  const sourceVerdict = judgeSide(sampler, source, protocol);
  const destinationVerdict = judgeSide(sampler, destination, protocol);
  const encrypted = sourceVerdict?.kind === "encrypted" || destinationVerdict?.kind === "encrypted";
  return {
    type: "session",
    id: table.id[row] as number,
    sensor,
    start: (table.start[row] as number) / MICROSECONDS,
    end: (table.end[row] as number) / MICROSECONDS,
    proto: keyProtocol(table.keys, base),
    src_ip: keyAddress(table.keys, base, sourceSide),
    src_port: keyPort(table.keys, base, sourceSide),
    dst_ip: keyAddress(table.keys, base, 1 - sourceSide),
    dst_port: keyPort(table.keys, base, 1 - sourceSide),
    src_pkts: table.packets[source] as number,
    src_bytes: table.bytes[source] as number,
    dst_pkts: table.packets[destination] as number,
    dst_bytes: table.bytes[destination] as number,
    src_flags: table.flags[source] as number,
    dst_flags: table.flags[destination] as number,
    src_randomness: floor4(sampler.randomness(source)),
    dst_randomness: floor4(sampler.randomness(destination)),
    src_entropy: round4(sampler.entropy(source)),
    dst_entropy: round4(sampler.entropy(destination)),
    src_p_encrypted: round4(sourceVerdict?.pEncrypted ?? null),
    dst_p_encrypted: round4(destinationVerdict?.pEncrypted ?? null),
    src_kind: sourceVerdict?.kind ?? "unknown",
    dst_kind: destinationVerdict?.kind ?? "unknown",
    protocol: protocol?.name ?? null,
    unexplained: encrypted && protocol?.encrypts !== true ? 1 : 0,
    vlan: vlan < 0 ? null : vlan,
  };
}

/** A request that `side` of a row sent at `time` (Unix microseconds). */
export function renderHttp(
  table: SessionTable,
  row: number,
  side: number,
  time: number,
  request: HttpRequest,
): HttpRecord {
  const base = row * KEY_WORDS;
  return {
    type: "http",
    ts: time / MICROSECONDS,
    session_id: table.id[row] as number,
    src_ip: keyAddress(table.keys, base, side),
    src_port: keyPort(table.keys, base, side),
    dst_ip: keyAddress(table.keys, base, 1 - side),
    dst_port: keyPort(table.keys, base, 1 - side),
    method: request.method,
    uri: request.uri,
    host: request.host,
    version: request.version,
    user_agent: request.userAgent,
    referer: request.referer,
    status: null,
  };
}

function judgeSide(sampler: Sampler, at: number, protocol: (typeof PROTOCOLS)[number]): Verdict | undefined {
  const entropy = sampler.entropy(at);
  return entropy === null ? undefined : judge(sampler.randomness(at), entropy, sampler.format(at), protocol);
}

function round4(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1e4) / 1e4;
}

/** Down, so that nothing below 1 becomes 1. */
function floor4(value: number | null): number | null {
  return value === null ? null : Math.floor(value * 1e4) / 1e4;
}
