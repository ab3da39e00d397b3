import { PROTOCOLS } from "../entropy/recognise-protocol.ts";
import { judge } from "../entropy/verdict.ts";
import type { HandshakeFacts } from "../handshake/handshake-facts.ts";
import type { HttpTransaction } from "../http/http-transaction.ts";
import { keyAddress, keyPort, keyProtocol } from "./five-tuple.ts";
import type { HandshakeRecord, HttpRecord, SessionRecord } from "./record.ts";
import type { Sampler } from "./sampler.ts";
import {
  BYTES,
  END,
  FLAGS,
  ID,
  PACKETS,
  PROTOCOL,
  ROW_NUMBERS,
  ROW_WORDS,
  type SessionTable,
  START,
  STATE,
  STATE_OPENER,
  VLAN,
} from "./session-table.ts";

const MICROSECONDS = 1_000_000;

type Ends = Pick<HttpRecord, "session_id" | "src_ip" | "src_port" | "dst_ip" | "dst_port">;

/** The record of a row as it is now. */
export function renderSession(table: SessionTable, sampler: Sampler, row: number, sensor: string): SessionRecord {
  const { words, numbers } = table;
  const base = row * ROW_WORDS;
  const number = row * ROW_NUMBERS;
  const sourceSide = (words[base + STATE] as number) & STATE_OPENER;
  const destinationSide = 1 - sourceSide;
  const source = 2 * row + sourceSide;
  const destination = source ^ 1;
  const flags = words[base + FLAGS] as number;
  const vlan = words[base + VLAN] as number;
  const protocol = PROTOCOLS[words[base + PROTOCOL] as number];
  const sourceEvidence = sampler.evidence(source, protocol !== undefined);
  const destinationEvidence = sampler.evidence(destination, protocol !== undefined);
  const sourceVerdict = sourceEvidence && judge(sourceEvidence, protocol);
  const destinationVerdict = destinationEvidence && judge(destinationEvidence, protocol);
  const encrypted = sourceVerdict?.kind === "encrypted" || destinationVerdict?.kind === "encrypted";
  return {
    type: "session",
    id: numbers[number + ID] as number,
    sensor,
    start: (numbers[number + START] as number) / MICROSECONDS,
    end: (numbers[number + END] as number) / MICROSECONDS,
    proto: keyProtocol(words, base),
    src_ip: keyAddress(words, base, sourceSide),
    src_port: keyPort(words, base, sourceSide),
    dst_ip: keyAddress(words, base, destinationSide),
    dst_port: keyPort(words, base, destinationSide),
    src_pkts: numbers[number + PACKETS + sourceSide] as number,
    src_bytes: numbers[number + BYTES + sourceSide] as number,
    dst_pkts: numbers[number + PACKETS + destinationSide] as number,
    dst_bytes: numbers[number + BYTES + destinationSide] as number,
    src_flags: (flags >> (8 * sourceSide)) & 0xff,
    dst_flags: (flags >> (8 * destinationSide)) & 0xff,
    src_randomness: floor4(sourceEvidence?.randomness ?? null),
    dst_randomness: floor4(destinationEvidence?.randomness ?? null),
    src_entropy: round4(sourceEvidence?.entropyBitsPerByte ?? null),
    dst_entropy: round4(destinationEvidence?.entropyBitsPerByte ?? null),
    src_p_encrypted: round4(sourceVerdict?.pEncrypted ?? null),
    dst_p_encrypted: round4(destinationVerdict?.pEncrypted ?? null),
    src_kind: sourceVerdict?.kind ?? "unknown",
    dst_kind: destinationVerdict?.kind ?? "unknown",
    protocol: protocol?.name ?? null,
    unexplained: encrypted && protocol?.encrypts !== true ? 1 : 0,
    vlan: vlan < 0 ? null : vlan,
  };
}

/** A request of a row, with the status of its response. */
export function renderHttp(table: SessionTable, row: number, transaction: HttpTransaction): HttpRecord {
  return {
    type: "http",
    ts: transaction.timeUs / MICROSECONDS,
    ...endsOf(table, row, transaction.side),
    method: transaction.method,
    uri: transaction.uri,
    host: transaction.host,
    version: transaction.version,
    user_agent: transaction.userAgent,
    referer: transaction.referer,
    status: transaction.status,
  };
}

/** A handshake of a row. */
export function renderHandshake(table: SessionTable, row: number, facts: HandshakeFacts): HandshakeRecord {
  return {
    type: "handshake",
    ts: facts.timeUs / MICROSECONDS,
    proto: keyProtocol(table.words, row * ROW_WORDS),
    ...endsOf(table, row, facts.clientSide),
    protocol: facts.protocol,
    sni: facts.sni,
    alpn: facts.alpn,
    ja4: facts.ja4,
    version: facts.version,
    cipher: facts.cipher,
    cert_subject: facts.certSubject,
    cert_issuer: facts.certIssuer,
    cert_serial: facts.certSerial,
    cert_sha256: facts.certSha256,
    cert_not_after: facts.certNotAfter,
    client_cert_serial: facts.clientCertSerial,
    client_banner: facts.clientBanner,
    server_banner: facts.serverBanner,
    hassh: facts.hassh,
    hassh_server: facts.hasshServer,
  };
}

/** The session that a record is of, and its endpoints, seen from `side`. */
function endsOf({ words, numbers }: SessionTable, row: number, side: number): Ends {
  const base = row * ROW_WORDS;
  return {
    session_id: numbers[row * ROW_NUMBERS + ID] as number,
    src_ip: keyAddress(words, base, side),
    src_port: keyPort(words, base, side),
    dst_ip: keyAddress(words, base, 1 - side),
    dst_port: keyPort(words, base, 1 - side),
  };
}

function round4(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1e4) / 1e4;
}

/** Down, so that nothing below 1 becomes 1. */
function floor4(value: number | null): number | null {
  return value === null ? null : Math.floor(value * 1e4) / 1e4;
}
