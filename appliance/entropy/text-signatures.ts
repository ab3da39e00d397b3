import { hasText, hasTextAnyCase, isDigit, isText } from "./octets.ts";
import type { ProtocolName } from "./protocol.ts";
import { range, type Signature, signature, type Transport } from "./signature.ts";

const LETTERS = range(0x41, 0x5a);

/** How the first message of a protocol starts, letter by letter. */
const OPENINGS: readonly (readonly [ProtocolName, Transport, readonly string[]])[] = [
  [
    "SIP",
    "both",
    ["SIP/2.0 ", "REGISTER sip", "INVITE sip", "INVITE tel:", "OPTIONS sip", "ACK sip", "BYE sip", "CANCEL sip"],
  ],
  ["SIP", "both", ["SUBSCRIBE sip", "NOTIFY sip", "MESSAGE sip", "PUBLISH sip", "INFO sip", "UPDATE sip", "PRACK sip"]],
  [
    "RTSP",
    "tcp",
    ["RTSP/1.0 ", "RTSP/2.0 ", "OPTIONS rtsp:", "DESCRIBE rtsp:", "SETUP rtsp:", "PLAY rtsp:", "ANNOUNCE rtsp:"],
  ],
  ["SSDP", "udp", ["M-SEARCH * HTTP/1.1", "NOTIFY * HTTP/1.1", "HTTP/1.1 200 OK"]],
  ["HTTP/2", "tcp", ["PRI * HTTP/2.0\r\n"]],
  [
    "HTTP",
    "tcp",
    ["HTTP/1.", "GET /", "POST /", "HEAD /", "PUT /", "DELETE /", "OPTIONS /", "OPTIONS *", "PROPFIND /", "PATCH /"],
  ],
  ["HTTP", "tcp", ["CONNECT ", "GET http", "POST http", "HEAD http", "TRACE /", "REPORT /", "MKCOL /"]],
  ["SMTP", "tcp", ["EHLO ", "HELO ", "LHLO ", "MAIL FROM:", "ehlo ", "helo "]],
  ["POP3", "tcp", ["+OK", "APOP "]],
  ["IMAP", "tcp", ["* OK", "* PREAUTH"]],
  [
    "XMPP",
    "tcp",
    [
      "<stream:",
      "<?xml version='1.0'",
      '<?xml version="1.0"?><stream',
      "</stream:stream",
      "<presence",
      "<iq ",
      "<message ",
    ],
  ],
  ["IRC", "tcp", ["NICK ", "PASS ", "NOTICE AUTH ", "JOIN #", "PRIVMSG ", "CAP LS", "CAP REQ"]],
  ["BitTorrent", "tcp", ["\x13BitTorrent protocol"]],
  ["DHT", "udp", ["d1:ad2:id20:", "d1:rd2:id20:", "d1:eli20", "d1:el"]],
  ["Gnutella", "both", ["GNUTELLA", "GND\x01", "GND\x02"]],
  ["VNC", "tcp", ["RFB 003.", "RFB 004.", "RFB 005."]],
  ["rsync", "tcp", ["@RSYNCD:"]],
  ["FIX", "tcp", ["8=FIX", "8=O\x019="]],
  ["HL7", "tcp", ["\x0bMSH|"]],
  ["Kismet", "tcp", ["*KISMET:", "!0 ENABLE ", "KISMET"]],
  ["Elasticsearch", "tcp", ["ES\0\0"]],
  ["Zabbix", "tcp", ["ZBXD"]],
  ["STOMP", "tcp", ["CONNECTED\n", "CONNECT\n", "STOMP\n", "CONNECTED\r\n", "STOMP\r\n", "CONNECT\r\n"]],
  ["AMQP", "tcp", ["AMQP"]],
  ["NATS", "tcp", ["INFO {", "CONNECT {"]],
  ["JSON-RPC", "both", ['{"id":', '{"jsonrpc"', '{"method"', '{"params"', '{"result"', '{"host_int"']],
  ["Memcached", "both", ["stats\r\n", "STAT ", "VALUE ", "version\r\n"]],
  ["Redis", "tcp", ["+OK\r\n", "+PONG\r\n", "-ERR ", "-NOAUTH", "PING\r\n"]],
  ["RDP", "tcp", []],
  ["ATG", "tcp", ["\x01I20", "\nI20"]],
  ["Munin", "tcp", ["# munin node"]],
  ["Check_MK", "tcp", ["<<<check_mk>>>", "<<<"]],
  ["Java RMI", "tcp", ["JRMI\0"]],
  ["CORBA", "tcp", ["GIOP\x01"]],
  ["WS-Discovery", "udp", ["<?xml", "<soap:Envelope", "<SOAP-ENV"]],
  ["MGCP", "udp", ["AUEP ", "RQNT ", "CRCX ", "DLCX ", "MDCX ", "NTFY ", "RSIP ", "AUCX ", "EPCF "]],
  ["TeamSpeak", "udp", ["TS3INIT1"]],
  ["RMCP", "udp", ["\x06\0\xff\x06", "\x06\0\xff\x07"]],
  ["Source Engine", "udp", ["\xff\xff\xff\xff"]],
  ["Bitcoin", "tcp", ["\xf9\xbe\xb4\xd9", "\x0b\x11\x09\x07", "\xfa\xbf\xb5\xda"]],
  ["Monero", "tcp", ["\x01\x21\x01\x01\x01\x01\x01\x01"]],
  ["FINS", "tcp", ["FINS\0\0"]],
  ["NTLM", "tcp", ["NTLMSSP\0"]],
  ["BJNP", "udp", ["BJNP", "BJNB", "MFNP"]],
  ["Git", "tcp", ["git-upload-pack", "git-receive-pack"]],
  ["ZeroMQ", "tcp", ["\xff\0\0\0\0\0\0\0\x01\x7f"]],
  ["Ookla", "tcp", ["HI\n", "HELLO 2."]],
  ["iSCSI", "tcp", []],
];

function opening(name: ProtocolName, over: Transport, text: string): Signature {
  return signature(name, over, [text.charCodeAt(0)], (b, from, to) => hasText(b, from, to, text));
}

/** RFC 5321, section 4.2, and RFC 959, section 4.2: what greets with 220; which of the two, its words or its port say. */
function isGreeting(b: Uint8Array, from: number, to: number): boolean {
  return hasText(b, from, to, "220 ") || hasText(b, from, to, "220-");
}

function hasWord(b: Uint8Array, from: number, to: number, word: string): boolean {
  const last = Math.min(to, from + 256) - word.length;
  for (let at = from; at <= last; at++) if (hasTextAnyCase(b, at, to, word)) return true;
  return false;
}

/** "USER", "PASS" and the like, in either of FTP and POP3: the port says which. */
function isUserCommand(b: Uint8Array, from: number, to: number): boolean {
  return (
    hasTextAnyCase(b, from, to, "user ") || hasTextAnyCase(b, from, to, "auth ") || hasTextAnyCase(b, from, to, "capa")
  );
}

/** RFC 3164, section 4.1.1, and RFC 5424: a priority of at most three digits in angle brackets. */
function isSyslog(b: Uint8Array, from: number, to: number): boolean {
  let at = from + 1;
  while (at < Math.min(to, from + 4) && isDigit(b[at] as number)) at++;
  return at > from + 1 && at < to - 1 && b[at] === 0x3e && isText(b, at, Math.min(to, at + 16));
}

/** RFC 3501, section 2.2.1: a tag and a command. */
function isImapCommand(b: Uint8Array, from: number, to: number): boolean {
  let at = from;
  while (at < Math.min(to, from + 8) && b[at] !== 0x20) at++;
  if (at === from || b[at] !== 0x20) return false;
  return ["capability", "login ", "starttls", "authenticate ", "select ", "noop\r\n", "id ("].some((word) =>
    hasTextAnyCase(b, at + 1, to, word),
  );
}

/** Redis serialisation protocol: "*" or "$", digits, CR LF. */
function isRedis(b: Uint8Array, from: number, to: number): boolean {
  let at = from + 1;
  if (b[at] === 0x2d) at++;
  while (at < Math.min(to, from + 8) && isDigit(b[at] as number)) at++;
  return at > from + 1 && hasText(b, at, to, "\r\n");
}

/** RFC 854: "interpret as command", an option's negotiation, a known option. */
function isTelnet(b: Uint8Array, from: number, to: number): boolean {
  const command = b[from + 1] as number;
  return (
    to - from >= 3 && command >= 0xfa && command <= 0xfe && ((b[from + 2] as number) <= 49 || b[from + 2] === 0xff)
  );
}

/** RFC 1459, section 2.3: a server's message, ":name NOTICE|nnn ". */
function isIrcMessage(b: Uint8Array, from: number, to: number): boolean {
  let at = from + 1;
  while (at < Math.min(to, from + 64) && (b[at] as number) > 0x20 && (b[at] as number) < 0x7f) at++;
  if (b[at] !== 0x20) return false;
  return (
    hasText(b, at + 1, to, "NOTICE ") ||
    hasText(b, at + 1, to, "MODE ") ||
    (isDigit(b[at + 1] as number) && isDigit(b[at + 3] as number) && b[at + 4] === 0x20)
  );
}

/** git's pkt-line in front of a request: four hexadecimal digits. */
function isGit(b: Uint8Array, from: number, to: number): boolean {
  return hasText(b, from + 4, to, "git-upload-pack ") || hasText(b, from + 4, to, "git-receive-pack ");
}

export const TEXT_SIGNATURES: readonly Signature[] = [
  ...OPENINGS.flatMap(([name, over, texts]) => texts.map((text) => opening(name, over, text))),
  signature(
    "SMTP",
    "tcp",
    [0x32],
    (b, from, to, source) =>
      isGreeting(b, from, to) && (hasWord(b, from, to, "smtp") || source === 25 || source === 587),
  ),
  signature(
    "FTP",
    "tcp",
    [0x32],
    (b, from, to, source) => isGreeting(b, from, to) && (hasWord(b, from, to, "ftp") || source === 21),
  ),
  signature(
    "NNTP",
    "tcp",
    [0x32],
    (b, from, to, source) => source === 119 && (hasText(b, from, to, "200 ") || hasText(b, from, to, "201 ")),
  ),
  signature(
    "FTP",
    "tcp",
    [...LETTERS, ...range(0x61, 0x7a)],
    (b, from, to, _source, destination) => destination === 21 && isUserCommand(b, from, to),
  ),
  signature(
    "POP3",
    "tcp",
    [...LETTERS, ...range(0x61, 0x7a)],
    (b, from, to, _source, destination) => destination === 110 && isUserCommand(b, from, to),
  ),
  signature("IRC", "tcp", [0x3a], isIrcMessage),
  signature("Syslog", "both", [0x3c], isSyslog),
  signature("Redis", "tcp", [0x2a, 0x24], isRedis),
  signature("IMAP", "tcp", [...range(0x30, 0x39), ...LETTERS, ...range(0x61, 0x7a)], isImapCommand),
  signature("Git", "tcp", range(0x30, 0x39), isGit),
  signature("Telnet", "tcp", [0xff], isTelnet),
];
