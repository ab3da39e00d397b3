/**
 * Of each day's file. The partial index makes "what is as flat as encryption" quick; on other queries a scan was faster
 * than any index.
 */
export const SCHEMA = `
pragma journal_mode = wal;
pragma synchronous = normal;
create table if not exists sessions (
  id integer primary key,
  sensor text not null,
  start real not null,
  "end" real not null,
  proto integer not null,
  src_ip text not null,
  src_port integer not null,
  dst_ip text not null,
  dst_port integer not null,
  src_pkts integer not null,
  src_bytes integer not null,
  dst_pkts integer not null,
  dst_bytes integer not null,
  src_flags integer not null,
  dst_flags integer not null,
  src_randomness real,
  dst_randomness real,
  src_entropy real,
  dst_entropy real,
  src_p_encrypted real,
  dst_p_encrypted real,
  src_kind text not null,
  dst_kind text not null,
  protocol text,
  unexplained integer not null,
  vlan integer
) strict;
create index if not exists flat on sessions (id) where src_randomness < 1 or dst_randomness < 1;
create table if not exists http (
  ts real not null,
  session_id integer not null,
  src_ip text not null,
  src_port integer not null,
  dst_ip text not null,
  dst_port integer not null,
  method text not null,
  uri text not null,
  host text,
  version text,
  user_agent text,
  referer text,
  status integer
) strict;
create table if not exists handshakes (
  ts real not null,
  session_id integer not null,
  proto integer not null,
  src_ip text not null,
  src_port integer not null,
  dst_ip text not null,
  dst_port integer not null,
  protocol text not null,
  sni text,
  alpn text,
  ja4 text,
  version text,
  cipher text,
  cert_subject text,
  cert_issuer text,
  cert_serial text,
  cert_sha256 text,
  cert_not_after real,
  client_cert_serial text,
  client_banner text,
  server_banner text,
  hassh text,
  hassh_server text
) strict;
create table if not exists alarms (
  ts real not null,
  session_id integer not null,
  proto integer not null,
  src_ip text not null,
  src_port integer not null,
  dst_ip text not null,
  dst_port integer not null,
  alarm text not null,
  direction text not null,
  protocol text,
  randomness real,
  entropy real,
  p_encrypted real,
  octets integer,
  lower real,
  upper real
) strict;
`;
