export type Row = Readonly<Record<string, unknown>>;

/** What of a session does not depend on when its frames came. */
const SAME_COLUMNS = [
  "proto",
  "src_ip",
  "src_port",
  "dst_ip",
  "dst_port",
  "src_pkts",
  "src_bytes",
  "dst_pkts",
  "dst_bytes",
  "src_flags",
  "dst_flags",
  "src_randomness",
  "dst_randomness",
  "protocol",
];

/** By which two records of one session, captured at different times, are the same. */
export function sessionKeyOf(record: Row): string {
  return SAME_COLUMNS.map((column) => String(record[column])).join(" ");
}
