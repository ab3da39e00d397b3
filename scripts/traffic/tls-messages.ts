import { makeCertificateChain } from "./certificate.ts";
import type { Message } from "./conversation.ts";
import type { RandomStream } from "./random-stream.ts";

const APPLICATION_BYTES = 1 << 22;
const RECORD_MAX_BYTES = 16_384 + 17;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const CHANGE_CIPHER_SPEC = Buffer.from("140303000101", "hex");
const CIPHERS = "130113021303c02bc02fc02cc030cca9cca8c013c014009c009d002f0035";
const GROUPS = "001d00170018";
const SIGNATURES = "0403080404010503080505010806060108070201";

/** Connections of TLS 1.2 and 1.3 (RFC 5246, 8446): true handshakes, then records of random octets. */
export class TlsMessages {
  handshakes = 0;
  readonly #random: RandomStream;
  readonly #chains = new Map<string, Buffer>();
  /** Records of application data one behind the other, and where each begins. */
  readonly #application: Buffer;
  readonly #records: readonly number[];

  constructor(random: RandomStream) {
    this.#random = random;
    this.#application = random.bytes(APPLICATION_BYTES);
    const records: number[] = [];
    for (let at = 0; at + 5 + RECORD_MAX_BYTES < APPLICATION_BYTES; ) {
      const length = random.isOnceIn(3) ? random.between(40, 400) : random.between(1000, 5000);
      records.push(at);
      this.#application.set([APPLICATION_DATA, 3, 3, length >> 8, length & 0xff], at);
      at += 5 + length;
    }
    this.#records = records;
  }

  *connection(hostName: string): Generator<Message> {
    this.handshakes++;
    const random = this.#random;
    const sessionId = random.bytes(32);
    yield { fromServer: false, bytes: this.#clientHello(hostName, sessionId) };
    yield* random.below(5) < 3 ? this.#handshake13(sessionId) : this.#handshake12(hostName, sessionId);
    for (let left = random.between(1, 3); left > 0; left--) {
      yield { fromServer: false, bytes: this.#applicationData(1) };
      yield { fromServer: true, bytes: this.#applicationData(random.between(2, 8)) };
    }
  }

  *#handshake13(sessionId: Buffer): Generator<Message> {
    const keyShare = extension(0x33, hex("001d"), sized16(this.#random.bytes(32)));
    const hello = serverHello(this.#random, sessionId, "1301", [extension(0x2b, hex("0304")), keyShare]);
    const rest = sealed(this.#random.bytes(this.#random.between(2200, 3600)));
    yield { fromServer: true, bytes: Buffer.concat([record(HANDSHAKE, hello), CHANGE_CIPHER_SPEC, rest]) };
    yield { fromServer: false, bytes: Buffer.concat([CHANGE_CIPHER_SPEC, sealed(this.#random.bytes(53))]) };
  }

  *#handshake12(hostName: string, sessionId: Buffer): Generator<Message> {
    const random = this.#random;
    const extensions = [extension(0xff01, hex("00")), extension(0x17), extension(0x10, hex("0003026832"))];
    const hello = serverHello(random, sessionId, "c02b", extensions);
    const keyExchange = handshake(12, hex("03001d20"), random.bytes(32), hex("0403"), sized16(random.bytes(71)));
    const flight = [hello, this.#certificates(hostName), keyExchange, handshake(14)];
    yield { fromServer: true, bytes: Buffer.concat(flight.map((message) => record(HANDSHAKE, message))) };
    const clientKey = record(HANDSHAKE, handshake(16, hex("20"), random.bytes(32)));
    yield {
      fromServer: false,
      bytes: Buffer.concat([clientKey, CHANGE_CIPHER_SPEC, record(HANDSHAKE, random.bytes(40))]),
    };
    yield { fromServer: true, bytes: Buffer.concat([CHANGE_CIPHER_SPEC, record(HANDSHAKE, random.bytes(40))]) };
  }

  #certificates(hostName: string): Buffer {
    const kept = this.#chains.get(hostName);
    if (kept !== undefined) return kept;
    const chain = makeCertificateChain(this.#random, "Bench Authority", hostName);
    const message = handshake(11, sized24(Buffer.concat(chain.map((certificate) => sized24(certificate)))));
    this.#chains.set(hostName, message);
    return message;
  }

  #clientHello(hostName: string, sessionId: Buffer): Buffer {
    const random = this.#random;
    const extensions = [
      extension(0, sized16(hex("00"), sized16(Buffer.from(hostName)))),
      extension(0x17),
      extension(0xff01, hex("00")),
      extension(10, sized16(hex(GROUPS))),
      extension(11, hex("0100")),
      extension(0x23),
      extension(0x10, sized16(hex("02"), Buffer.from("h2"), hex("08"), Buffer.from("http/1.1"))),
      extension(5, hex("0100000000")),
      extension(13, sized16(hex(SIGNATURES))),
      extension(0x33, sized16(hex("001d"), sized16(random.bytes(32)))),
      extension(0x2d, hex("0101")),
      extension(0x2b, hex("0403040303")),
    ];
    const hello = handshake(
      1,
      hex("0303"),
      random.bytes(32),
      Buffer.of(sessionId.length),
      sessionId,
      sized16(hex(CIPHERS)),
      hex("0100"),
      sized16(...extensions),
    );
    const bytes = record(HANDSHAKE, hello);
    bytes[2] = 1; // of the first record, RFC 8446, section 5.1
    return bytes;
  }

  #applicationData(records: number): Uint8Array {
    const first = this.#random.below(this.#records.length - records);
    return this.#application.subarray(this.#records[first], this.#records[first + records]);
  }
}

const hex = (text: string) => Buffer.from(text, "hex");

function sized16(...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(content.length >> 8, content.length & 0xff), content]);
}

function sized24(...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(content.length >> 16, (content.length >> 8) & 0xff, content.length & 0xff), content]);
}

function extension(type: number, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.of(type >> 8, type & 0xff), sized16(...parts)]);
}

function handshake(type: number, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.of(type), sized24(...parts)]);
}

function record(type: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(type, 3, 3), sized16(content)]);
}

function sealed(content: Uint8Array): Buffer {
  return record(APPLICATION_DATA, content);
}

function serverHello(
  random: RandomStream,
  sessionId: Buffer,
  cipher: string,
  extensions: readonly Uint8Array[],
): Buffer {
  const head = [hex("0303"), random.bytes(32), Buffer.of(sessionId.length), sessionId, hex(cipher), hex("00")];
  return handshake(2, ...head, sized16(...extensions));
}
