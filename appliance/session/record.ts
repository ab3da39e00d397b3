/**
 * Records as they leave the engine: one JSON object a line with `read --json`, one row in the store. The keys are the
 * columns. Times are Unix seconds with a fraction of microseconds; addresses are text.
 */

export type Kind = "plain" | "compressed" | "encrypted" | "unknown";

/** Both directions of one five-tuple. `src` is the side that opened the session. */
export interface SessionRecord {
  readonly type: "session";
  /** Unique in a store, over restarts too; a session that goes on is reported again under the same id. */
  readonly id: number;
  readonly sensor: string;
  readonly start: number;
  readonly end: number;
  /** IANA protocol number. */
  readonly proto: number;
  readonly src_ip: string;
  /** 0 where the protocol has no ports. */
  readonly src_port: number;
  readonly dst_ip: string;
  readonly dst_port: number;
  readonly src_pkts: number;
  /** Octets of IP packets, header included: padding and link layers don't count. */
  readonly src_bytes: number;
  readonly dst_pkts: number;
  readonly dst_bytes: number;
  /** TCP flags seen, or-ed together (RFC 9293, section 3.1): FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128. */
  readonly src_flags: number;
  readonly dst_flags: number;
  /** Below 1: as flat as random bytes. null: fewer than 64 bytes of payload. */
  readonly src_randomness: number | null;
  readonly dst_randomness: number | null;
  /** Bits a byte. */
  readonly src_entropy: number | null;
  readonly dst_entropy: number | null;
  /** 0..1 */
  readonly src_p_encrypted: number | null;
  readonly dst_p_encrypted: number | null;
  readonly src_kind: Kind;
  readonly dst_kind: Kind;
  /** Recognised application protocol, as "TLS". */
  readonly protocol: string | null;
  /** 1: a direction is encrypted and nothing recognised accounts for it. */
  readonly unexplained: 0 | 1;
  /** Innermost IEEE 802.1Q tag of the first packet. */
  readonly vlan: number | null;
}

/** One request of HTTP/1.x or HTTP/2. */
export interface HttpRecord {
  readonly type: "http";
  readonly ts: number;
  /** `id` of the session that carried it. */
  readonly session_id: number;
  readonly src_ip: string;
  readonly src_port: number;
  readonly dst_ip: string;
  readonly dst_port: number;
  readonly method: string;
  readonly uri: string;
  readonly host: string | null;
  /** As it stood in the request line, "HTTP/1.1"; or "HTTP/2". */
  readonly version: string | null;
  readonly user_agent: string | null;
  readonly referer: string | null;
  /** Of the response; null as long as none was matched. */
  readonly status: number | null;
}

/** What the set-up of an encrypted session said in clear. `src` is the client. null: not seen. */
export interface HandshakeRecord {
  readonly type: "handshake";
  readonly ts: number;
  readonly session_id: number;
  readonly proto: number;
  readonly src_ip: string;
  readonly src_port: number;
  readonly dst_ip: string;
  readonly dst_port: number;
  readonly protocol: string;
  readonly sni: string | null;
  readonly alpn: string | null;
  readonly ja4: string | null;
  readonly version: string | null;
  readonly cipher: string | null;
  readonly cert_subject: string | null;
  readonly cert_issuer: string | null;
  readonly cert_serial: string | null;
  readonly cert_sha256: string | null;
  /** Unix seconds. */
  readonly cert_not_after: number | null;
  readonly client_cert_serial: string | null;
  readonly client_banner: string | null;
  readonly server_banner: string | null;
  readonly hassh: string | null;
  readonly hassh_server: string | null;
}

/** Something that a person should look at. */
export interface AlarmRecord {
  readonly type: "alarm";
  readonly ts: number;
  readonly session_id: number;
  readonly proto: number;
  readonly src_ip: string;
  readonly src_port: number;
  readonly dst_ip: string;
  readonly dst_port: number;
  /**
   * `unexplainedEncryption`: a direction is encrypted and nothing recognised accounts for it. `entropyProfileFalling` and
   * `entropyProfileRising`: the entropy of all that a direction has sent so far has left the profile of its protocol, downwards
   * or upwards. Each once in a session and direction.
   */
  readonly alarm: "unexplainedEncryption" | "entropyProfileFalling" | "entropyProfileRising";
  /** Who sent what the alarm is about: the opener of the session, or the other. */
  readonly direction: "src" | "dst";
  /** As of the session's record, by then. */
  readonly protocol: string | null;
  readonly randomness: number | null;
  /** Bits a byte: of the sample, or where a profile was left, of all octets up to there. */
  readonly entropy: number | null;
  readonly p_encrypted: number | null;
  /** Of payload, after which the profile was left; null otherwise. */
  readonly octets: number | null;
  /** Bounds of the profile there. */
  readonly lower: number | null;
  readonly upper: number | null;
}

export const SESSION_COLUMNS = [
  "id",
  "sensor",
  "start",
  "end",
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
  "src_entropy",
  "dst_entropy",
  "src_p_encrypted",
  "dst_p_encrypted",
  "src_kind",
  "dst_kind",
  "protocol",
  "unexplained",
  "vlan",
] as const satisfies readonly (keyof SessionRecord)[];

export const HTTP_COLUMNS = [
  "ts",
  "session_id",
  "src_ip",
  "src_port",
  "dst_ip",
  "dst_port",
  "method",
  "uri",
  "host",
  "version",
  "user_agent",
  "referer",
  "status",
] as const satisfies readonly (keyof HttpRecord)[];

export const HANDSHAKE_COLUMNS = [
  "ts",
  "session_id",
  "proto",
  "src_ip",
  "src_port",
  "dst_ip",
  "dst_port",
  "protocol",
  "sni",
  "alpn",
  "ja4",
  "version",
  "cipher",
  "cert_subject",
  "cert_issuer",
  "cert_serial",
  "cert_sha256",
  "cert_not_after",
  "client_cert_serial",
  "client_banner",
  "server_banner",
  "hassh",
  "hassh_server",
] as const satisfies readonly (keyof HandshakeRecord)[];

export const ALARM_COLUMNS = [
  "ts",
  "session_id",
  "proto",
  "src_ip",
  "src_port",
  "dst_ip",
  "dst_port",
  "alarm",
  "direction",
  "protocol",
  "randomness",
  "entropy",
  "p_encrypted",
  "octets",
  "lower",
  "upper",
] as const satisfies readonly (keyof AlarmRecord)[];
