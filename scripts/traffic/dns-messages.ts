import type { Message } from "./conversation.ts";
import type { RandomStream } from "./random-stream.ts";

const TYPE_A = 1;
const TYPE_AAAA = 28;

/** A query and its answer (RFC 1035, section 4), the query with EDNS (RFC 6891). */
export class DnsMessages {
  queries = 0;
  readonly #random: RandomStream;

  constructor(random: RandomStream) {
    this.#random = random;
  }

  *exchange(hostName: string): Generator<Message> {
    const random = this.#random;
    this.queries++;
    const identification = random.below(0x10000);
    const type = random.isOnceIn(3) ? TYPE_AAAA : TYPE_A;
    const question = Buffer.concat([encodeName(hostName), uint16s(type, 1)]);
    const option = Buffer.from("00002904d000000000" + "0000", "hex");
    yield {
      fromServer: false,
      bytes: Buffer.concat([uint16s(identification, 0x0100, 1, 0, 0, 1), question, option]),
    };
    const answers = Array.from({ length: random.between(1, 6) }, () =>
      Buffer.concat([
        uint16s(0xc00c, type, 1, 0, 300, type === TYPE_A ? 4 : 16),
        random.bytes(type === TYPE_A ? 4 : 16),
      ]),
    );
    yield {
      fromServer: true,
      bytes: Buffer.concat([uint16s(identification, 0x8180, 1, answers.length, 0, 1), question, ...answers, option]),
    };
  }
}

function encodeName(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.of(0)]);
}

function uint16s(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, i) => void bytes.writeUInt16BE(value, 2 * i));
  return bytes;
}
