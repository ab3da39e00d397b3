import { gzipSync } from "node:zlib";
import type { Message } from "./conversation.ts";
import type { RandomStream } from "./random-stream.ts";

const AGENTS: readonly string[] = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15",
  "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
  "curl/8.9.1",
  "Debian APT-HTTP/1.3 (2.9.8)",
];
const PATHS: readonly string[] = ["index", "news/today", "assets/app", "img/gallery/photo", "api/v2/items", "search"];
const ENDINGS: readonly string[] = [".html", ".css", ".js", ".jpg", ".json", ""];
const WORDS: readonly string[] =
  "time person year way day thing world life hand part child eye woman place work week case point company number <p> </p> <div class='row'> </div> <a href='/page'> </a>".split(
    " ",
  );
const RESPONSES = 256;
const TEXT_BYTES = 1 << 17;

interface Response {
  readonly bytes: Buffer;
  readonly isToHead: boolean;
}

/** Requests and responses of HTTP/1.1 (RFC 9112) on one connection after another. */
export class WebMessages {
  requests = 0;
  readonly #random: RandomStream;
  readonly #responses: readonly Response[];
  readonly #small: Buffer;

  constructor(random: RandomStream) {
    this.#random = random;
    const words: string[] = [];
    for (let length = 0; length < TEXT_BYTES; ) {
      const word = random.pick(WORDS);
      words.push(word);
      length += word.length + 1;
    }
    const text = Buffer.from(words.join(" "));
    this.#responses = Array.from({ length: RESPONSES }, () => makeResponse(random, text));
    this.#small = respond("200 OK", "text/plain", "", Buffer.from("ok\n"));
  }

  /** A connection that is kept for one to six requests. */
  *connection(hostName: string): Generator<Message> {
    const { below, pick } = bindRandom(this.#random);
    const agent = pick(AGENTS);
    const cookie = below(2) === 0 ? `Cookie: session=${this.#random.bytes(16).toString("hex")}; theme=light\r\n` : "";
    let referer = "";
    for (let left = 1 + Math.min(below(4), below(6)); left > 0; left--) {
      const path = `/${pick(PATHS)}${below(100_000)}${pick(ENDINGS)}`;
      const response = pick(this.#responses);
      this.requests++;
      yield {
        fromServer: false,
        bytes: Buffer.from(requestText(response.isToHead, path, hostName, agent, referer, cookie, below(8) === 0)),
      };
      yield { fromServer: true, bytes: response.bytes };
      referer = `Referer: http://${hostName}${path}\r\n`;
    }
  }

  /** One short request and its short answer. */
  *smallConnection(hostName: string): Generator<Message> {
    this.requests++;
    const head = `GET /ping?${this.#random.below(1_000_000)} HTTP/1.1\r\nHost: ${hostName}\r\nUser-Agent: curl/8.9.1\r\n`;
    yield { fromServer: false, bytes: Buffer.from(`${head}Accept: */*\r\n\r\n`) };
    yield { fromServer: true, bytes: this.#small };
  }
}

function bindRandom(random: RandomStream) {
  return { below: (limit: number) => random.below(limit), pick: <T>(values: readonly T[]) => random.pick(values) };
}

function requestText(
  isHead: boolean,
  path: string,
  hostName: string,
  agent: string,
  referer: string,
  cookie: string,
  isPost: boolean,
): string {
  const form = isPost && !isHead ? `name=value&token=${path.length}&text=a+longer+text+that+somebody+wrote` : "";
  return (
    `${isHead ? "HEAD" : form === "" ? "GET" : "POST"} ${path} HTTP/1.1\r\nHost: ${hostName}\r\nConnection: keep-alive\r\n` +
    (form === "" ? "" : `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\n`) +
    `User-Agent: ${agent}\r\nAccept: text/html,application/xhtml+xml,image/avif,image/webp,*/*;q=0.8\r\n` +
    `${referer}Accept-Encoding: gzip, deflate\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.7\r\n${cookie}\r\n${form}`
  );
}

function makeResponse(random: RandomStream, text: Buffer): Response {
  const kind = random.below(20);
  if (kind === 0) {
    const head = respond("200 OK", "text/html", "", Buffer.alloc(0));
    return { bytes: head, isToHead: true };
  }
  return { bytes: makeBodied(random, text, kind), isToHead: false };
}

function makeBodied(random: RandomStream, text: Buffer, kind: number): Buffer {
  const from = random.below(TEXT_BYTES / 2);
  const piece = (length: number) => text.subarray(from, from + length);
  if (kind === 1) return Buffer.from('HTTP/1.1 304 Not Modified\r\nServer: nginx\r\nETag: "5f1e-62"\r\n\r\n');
  if (kind === 2) return respond("404 Not Found", "text/html", "", piece(random.between(200, 600)));
  if (kind < 6) return respond("200 OK", "application/json", "", piece(random.between(100, 6000)));
  if (kind < 9) return respond("200 OK", "text/html; charset=utf-8", "", piece(random.between(2000, 16_000)));
  if (kind < 14) {
    const body = gzipSync(piece(random.between(8000, 64_000)));
    return respond("200 OK", "text/html; charset=utf-8", "Content-Encoding: gzip\r\n", body);
  }
  return respond("200 OK", "image/jpeg", "", makeJpeg(random, random.between(5000, 36_000)));
}

/** SOI, APP0 (JFIF 1.1), DQT, SOF0 (grey, 640 × 480) and SOS. Source: ITU-T T.81, annex B. */
const JPEG_START = Buffer.from(
  `ffd8ffe000104a46494600010101004800480000ffdb004300${"10".repeat(64)}ffc0000b0801e0028001011100ffda0008010100003f00`,
  "hex",
);
const JPEG_END = Buffer.of(0xff, 0xd9);

/** The segments of a JPEG around what stands for its compressed data, where no octet 0xff begins a marker (B.1.1.5). */
function makeJpeg(random: RandomStream, scanBytes: number): Buffer {
  const scan = random.bytes(scanBytes);
  scan[scanBytes - 1] = 0;
  for (let at = scan.indexOf(0xff); at !== -1; at = scan.indexOf(0xff, at + 2)) scan[at + 1] = 0;
  return Buffer.concat([JPEG_START, scan, JPEG_END]);
}

function respond(status: string, type: string, encoding: string, body: Buffer): Buffer {
  const head =
    `HTTP/1.1 ${status}\r\nDate: Tue, 01 Oct 2024 10:00:00 GMT\r\nServer: nginx\r\nContent-Type: ${type}\r\n` +
    `Content-Length: ${body.length}\r\n${encoding}Cache-Control: max-age=600\r\nConnection: keep-alive\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}
