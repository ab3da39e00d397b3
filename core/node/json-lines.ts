import type { Readable } from "node:stream";

/** Lines of a byte stream, without their line feed. A line over `limitBytes` ends the reading with an error. */
export async function* readLines(stream: Readable, limitBytes: number): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    let start = 0;
    for (let end = rest.indexOf(10, start); end >= 0; end = rest.indexOf(10, start)) {
      if (end - start > limitBytes) throw new RangeError(`a line is longer than ${limitBytes} octets`);
      yield rest.toString("utf8", start, end);
      start = end + 1;
    }
    rest = rest.subarray(start);
    if (rest.length > limitBytes) throw new RangeError(`a line is longer than ${limitBytes} octets`);
  }
  if (rest.length > 0) yield rest.toString("utf8");
}
