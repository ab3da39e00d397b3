import type { AlarmRecord, HandshakeRecord, HttpRecord, SessionRecord } from "./record.ts";

/** Names of the protocols that are seen every day; others show their number. */
const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  1: "icmp",
  2: "igmp",
  6: "tcp",
  17: "udp",
  47: "gre",
  50: "esp",
  51: "ah",
  58: "icmp6",
  89: "ospf",
  132: "sctp",
};

const ENDPOINT_WIDTH = 24;

/** Records for people: one line each. A hostile text has no control characters left. */
export function renderSessionHeading(): string {
  return [
    "START (UTC)        ",
    "PROTO",
    "SOURCE".padEnd(ENDPOINT_WIDTH),
    "DESTINATION".padEnd(ENDPOINT_WIDTH),
    "PACKETS".padStart(13),
    "OCTETS".padStart(19),
    "RANDOMNESS".padStart(13),
    "KIND".padEnd(21),
    "PROTOCOL",
  ].join("  ");
}

export function renderSessionLine(record: SessionRecord): string {
  return [
    renderTime(record.start),
    (PROTOCOL_NAMES[record.proto] ?? String(record.proto)).padEnd(5),
    renderEndpoint(record.src_ip, record.src_port).padEnd(ENDPOINT_WIDTH),
    renderEndpoint(record.dst_ip, record.dst_port).padEnd(ENDPOINT_WIDTH),
    `${record.src_pkts}/${record.dst_pkts}`.padStart(13),
    `${record.src_bytes}/${record.dst_bytes}`.padStart(19),
    `${renderRatio(record.src_randomness)}/${renderRatio(record.dst_randomness)}`.padStart(13),
    `${record.src_kind}/${record.dst_kind}`.padEnd(21),
    `${record.protocol ?? "-"}${record.unexplained === 1 ? "  UNEXPLAINED" : ""}`,
  ].join("  ");
}

export function renderHttpLine(record: HttpRecord): string {
  const target = /^(?:[a-z]+:\/\/|\*)/i.test(record.uri) ? record.uri : `${record.host ?? record.dst_ip}${record.uri}`;
  return printable(
    `${renderTime(record.ts)}  http   ${renderEndpoint(record.src_ip, record.src_port).padEnd(ENDPOINT_WIDTH)}  ${record.method} ${target}`,
  );
}

/** What was asked for and what was agreed on; for SSH, what the two call themselves. */
export function renderHandshakeLine(record: HandshakeRecord): string {
  const { protocol, version, cipher, sni, cert_subject, client_banner, server_banner } = record;
  const facts = [version, cipher, sni, cert_subject, client_banner, server_banner].filter((fact) => fact !== null);
  return printable(`${renderEnds(record, "shake")}  ${[protocol, ...facts].join("  ")}`);
}

export function renderAlarmLine(record: AlarmRecord): string {
  const { alarm, direction, protocol, randomness, entropy, octets, lower, upper } = record;
  const why =
    octets === null
      ? `randomness ${renderRatio(randomness)}`
      : `${entropy} bits a byte after ${octets} octets, expected ${lower} to ${upper}`;
  return printable(`${renderEnds(record, "ALARM")}  ${alarm} by ${direction}: ${protocol ?? "-"}, ${why}`);
}

function renderEnds(record: HandshakeRecord | AlarmRecord, word: string): string {
  return [
    renderTime(record.ts),
    word,
    renderEndpoint(record.src_ip, record.src_port).padEnd(ENDPOINT_WIDTH),
    renderEndpoint(record.dst_ip, record.dst_port).padEnd(ENDPOINT_WIDTH),
  ].join("  ");
}

function renderTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().slice(0, 19).replace("T", " ");
}

function renderEndpoint(address: string, port: number): string {
  if (port === 0) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function renderRatio(value: number | null): string {
  return value === null ? "-" : value.toFixed(2);
}

export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
