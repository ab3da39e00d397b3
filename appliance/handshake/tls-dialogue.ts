import type { Allowance } from "../decode/reader-budget.ts";
import { knownCertificate } from "./certificate-memory.ts";
import { type ClientHello, parseClientHello } from "./client-hello.ts";
import { type HandshakeFacts, type HandshakeSink, UNSEEN } from "./handshake-facts.ts";
import { renderJa4 } from "./ja4.ts";
import { parseServerHello, type ServerHello } from "./tls-server-hello.ts";

/** Handshake types (RFC 8446, appendix B.3, and what it says of earlier versions). */
export const MESSAGE_CLIENT_HELLO = 1;
export const MESSAGE_SERVER_HELLO = 2;
export const MESSAGE_HELLO_VERIFY_REQUEST = 3;
const MESSAGE_NEW_SESSION_TICKET = 4;
const MESSAGE_CERTIFICATE = 11;
const MESSAGE_SERVER_KEY_EXCHANGE = 12;
const MESSAGE_CERTIFICATE_REQUEST = 13;
const MESSAGE_SERVER_HELLO_DONE = 14;
const MESSAGE_CLIENT_KEY_EXCHANGE = 16;
const MESSAGE_CERTIFICATE_STATUS = 22;

/** The others that come in clear, or might: 5 end_of_early_data, 8, 15 certificate_verify, 20 finished, 21, 23, 24, 25, and the drafts' 6. */
const OTHER_MESSAGES: ReadonlySet<number> = new Set([0, 5, 6, 8, 15, 20, 21, 23, 24, 25]);
const MESSAGES_OF_SERVER: ReadonlySet<number> = new Set([
  MESSAGE_SERVER_HELLO,
  MESSAGE_HELLO_VERIFY_REQUEST,
  MESSAGE_NEW_SESSION_TICKET,
  MESSAGE_SERVER_KEY_EXCHANGE,
  MESSAGE_CERTIFICATE_REQUEST,
  MESSAGE_SERVER_HELLO_DONE,
  MESSAGE_CERTIFICATE_STATUS,
]);
const MESSAGES_OF_CLIENT: ReadonlySet<number> = new Set([MESSAGE_CLIENT_HELLO, MESSAGE_CLIENT_KEY_EXCHANGE]);

/** Octets of a hello that are kept; the largest in use, with keys of post-quantum groups, have about 2 KiB. */
const HELLO_MAX_BYTES = 1 << 15;
/** Octets of a Certificate message that are kept: its leaf comes first. */
const CERTIFICATE_MAX_BYTES = 1 << 15;
/** Lengths of the list and of its first entry (RFC 5246, section 7.4.2). */
const LEAF_AT = 6;
/** A handshake in clear has about ten. */
const MESSAGES_MAX = 64;
const NO_SIDE = -1;
/** First letter of JA4. */
const TRANSPORTS = { TLS: "t", DTLS: "d", QUIC: "q" } as const;
const TLS_1_3 = 0x0304;

/** Octets of a message's body that `message` wants to see. */
export function keptBytes(type: number): number {
  if (type === MESSAGE_CLIENT_HELLO || type === MESSAGE_SERVER_HELLO) return HELLO_MAX_BYTES;
  return type === MESSAGE_CERTIFICATE ? CERTIFICATE_MAX_BYTES : 0;
}

/** What isn't, is ciphertext. */
export function isHandshakeType(type: number): boolean {
  return (
    type === MESSAGE_CERTIFICATE ||
    OTHER_MESSAGES.has(type) ||
    MESSAGES_OF_SERVER.has(type) ||
    MESSAGES_OF_CLIENT.has(type)
  );
}

/** Learns from the handshake messages of both sides, and gives what it knows to the sink once. */
export class TlsDialogue {
  readonly #protocol: "TLS" | "DTLS" | "QUIC";
  readonly #sink: HandshakeSink;
  readonly #allowance: Allowance;
  #clientSide = NO_SIDE;
  #timeUs = 0;
  #messages = 0;
  #sni: string | null = null;
  #offeredAlpn: string | null = null;
  #ja4: string | null = null;
  #clientHelloSeen = false;
  #serverHello: ServerHello | undefined;
  #clientAsked = false;
  readonly #leaf: [Uint8Array | undefined, Uint8Array | undefined] = [undefined, undefined];
  readonly #encrypted: [boolean, boolean] = [false, false];
  #done = false;

  constructor(protocol: "TLS" | "DTLS" | "QUIC", sink: HandshakeSink, allowance: Allowance) {
    this.#protocol = protocol;
    this.#sink = sink;
    this.#allowance = allowance;
  }

  /** Nothing more can be learned; the sink has what there was. */
  get done(): boolean {
    return this.#done;
  }

  /** A message of `side`: its body, or as much of it as was kept and seen. The octets are valid only during the call. */
  message(side: number, type: number, body: Uint8Array, timeUs: number): void {
    if (this.#done) return;
    if (this.#messages === 0) this.#timeUs = timeUs;
    if (MESSAGES_OF_CLIENT.has(type)) this.clientIs(side, timeUs);
    else if (MESSAGES_OF_SERVER.has(type)) this.clientIs(1 - side, timeUs);
    this.#messages++;
    if (type === MESSAGE_CLIENT_HELLO) this.#learnClientHello(body);
    else if (type === MESSAGE_SERVER_HELLO) this.#serverHello ??= parseServerHello(body);
    else if (type === MESSAGE_CERTIFICATE) this.#keepLeaf(side, body);
    else if (type === MESSAGE_CERTIFICATE_REQUEST) this.#clientAsked = true;
    if (this.#messages >= MESSAGES_MAX || this.#isOver(type)) this.finish();
  }

  /** The first that says who is the client counts. */
  clientIs(side: number, timeUs: number): void {
    if (this.#clientSide !== NO_SIDE) return;
    this.#clientSide = side;
    if (this.#messages === 0) this.#timeUs = timeUs;
  }

  /** What `side` sends from here on is encrypted. */
  encrypted(side: number): void {
    this.#encrypted[side] = true;
    if (this.#encrypted[0] && this.#encrypted[1]) this.finish();
  }

  /** Gives what is known to the sink, if anything is. */
  finish(): void {
    if (this.#done) return;
    this.#done = true;
    const hasLeaf = this.#leaf[0] !== undefined || this.#leaf[1] !== undefined;
    if (this.#clientHelloSeen || this.#serverHello !== undefined || hasLeaf) this.#sink(this.#facts());
  }

  /** Where the rest is encrypted (TLS 1.3), or says nothing of what we want. */
  #isOver(type: number): boolean {
    if (!this.#clientHelloSeen) return false;
    if (type === MESSAGE_CLIENT_KEY_EXCHANGE) return true; // a certificate of the client came before
    if (type === MESSAGE_SERVER_HELLO_DONE) return !this.#clientAsked;
    return this.#serverHello !== undefined && hidesCertificates(this.#serverHello.version);
  }

  #learnClientHello(body: Uint8Array): void {
    const hello = parseClientHello(body, this.#protocol === "DTLS");
    if (hello === undefined) return;
    this.#clientHelloSeen = true;
    this.#sni ??= hello.sni;
    this.#offeredAlpn ??= hello.alpn;
    if (hello.complete) this.#ja4 ??= this.#fingerprint(hello);
  }

  #fingerprint(hello: ClientHello): string {
    return renderJa4(TRANSPORTS[this.#protocol], hello);
  }

  #keepLeaf(side: number, body: Uint8Array): void {
    if (body.length <= LEAF_AT || this.#leaf[side] !== undefined) return; // a client without one sends an empty list
    const end = LEAF_AT + (((body[3] as number) << 16) | ((body[4] as number) << 8) | (body[5] as number));
    if (end <= body.length && this.#allowance.take(end - LEAF_AT))
      this.#leaf[side] = new Uint8Array(body.subarray(LEAF_AT, end)); // a slice of a Buffer is no copy
  }

  #facts(): HandshakeFacts {
    const clientSide = this.#clientSide === NO_SIDE ? (this.#leaf[0] === undefined ? 0 : 1) : this.#clientSide;
    const leaf = this.#leaf[1 - clientSide];
    const clientLeaf = this.#leaf[clientSide];
    const certificate = leaf && knownCertificate(leaf);
    const server = this.#serverHello;
    const choiceHidden = server === undefined || hidesCertificates(server.version);
    return {
      ...UNSEEN,
      protocol: this.#protocol,
      clientSide,
      timeUs: this.#timeUs,
      sni: this.#sni,
      alpn: choiceHidden ? this.#offeredAlpn : server.alpn,
      ja4: this.#ja4,
      version: server === undefined ? null : renderNumber(server.version),
      cipher: server === undefined ? null : renderNumber(server.cipherSuite),
      certSubject: certificate?.facts?.subject ?? null,
      certIssuer: certificate?.facts?.issuer ?? null,
      certSerial: certificate?.facts?.serial ?? null,
      certSha256: certificate?.sha256 ?? null,
      certNotAfter: certificate?.facts?.notAfter ?? null,
      clientCertSerial: clientLeaf === undefined ? null : (knownCertificate(clientLeaf).facts?.serial ?? null),
    };
  }
}

/** TLS 1.3, its drafts (0x7f00 and their number, Facebook's 0xfb00) and DTLS 1.3. */
function hidesCertificates(version: number): boolean {
  if (version >>> 8 === 0xfe) return version <= 0xfefc;
  return version >= TLS_1_3;
}

function renderNumber(value: number): string {
  return `0x${value.toString(16).padStart(4, "0")}`;
}
