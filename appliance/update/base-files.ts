import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { ConfigError } from "../../core/checked-json.ts";
import type { BaseEndpoint } from "../../core/contract/base-endpoint.ts";
import {
  OFFER_PATH,
  type OfferAnswer,
  type OfferRequest,
  readOfferAnswer,
  SET_PATH,
} from "../../core/contract/update-offer.ts";
import { UpdateRefusedError } from "../../core/contract/update-refusal.ts";

/** Nothing comes for so long: given up, and gone on with later. */
const IDLE_MS = 60_000;
const ANSWER_LIMIT_BYTES = 16 * 1024;

export interface BaseFiles {
  /** Throws a BaseUnreachableError. */
  askOffer(question: OfferRequest, signal: AbortSignal): Promise<OfferAnswer>;
  /** A file of at most `limitBytes`; undefined: base has none of this name. Throws a BaseUnreachableError or an UpdateRefusedError. */
  fetchSmall(set: SetPath, name: string, limitBytes: number, signal: AbortSignal): Promise<Buffer | undefined>;
  /**
   * The octets of a file of `sizeBytes` and that SHA-256 from `fromBytes` on. Throws an UpdateRefusedError when base has another one, a
   * BaseUnreachableError when it breaks off.
   */
  fetchRest(set: SetPath, file: WantedFile, fromBytes: number, signal: AbortSignal): AsyncGenerator<Uint8Array>;
}

export interface SetPath {
  readonly profile: string;
  readonly version: string;
}

export interface WantedFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly hash: string;
}

/** Base does not answer, broke off, or says what makes no sense. */
export class BaseUnreachableError extends Error {
  override readonly name = "BaseUnreachableError";
}

export function baseFiles(endpoint: BaseEndpoint): BaseFiles {
  const { host, port, localAddress, authority: ca, certificate: cert, privateKey: key } = endpoint;
  const ask = async (
    method: "GET" | "POST",
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    signal: AbortSignal,
  ): Promise<IncomingMessage> => {
    // A connection for each: they are few, and none is kept open for hours.
    const agent = new Agent({ ca, cert, key, minVersion: "TLSv1.3", maxSockets: 1 });
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { host, port, localAddress, path, method, agent, headers, signal, timeout: IDLE_MS };
      const outgoing = request(options, resolve);
      outgoing.on("timeout", () => outgoing.destroy(new Error(`nothing for ${IDLE_MS / 1000} s`)));
      outgoing.on("error", reject);
      outgoing.end(body);
    }).catch((cause: Error) => {
      signal.throwIfAborted();
      throw new BaseUnreachableError(`base does not answer: ${cause.message}`, { cause });
    });
  };
  const readAll = async (
    answer: IncomingMessage,
    limitBytes: number,
    signal: AbortSignal,
  ): Promise<Buffer | undefined> => {
    const chunks: Uint8Array[] = [];
    let lengthBytes = 0;
    for await (const chunk of chunksOf(answer, signal)) {
      lengthBytes += chunk.length;
      if (lengthBytes > limitBytes) {
        answer.destroy();
        return undefined;
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  };
  const pathOf = ({ profile, version }: SetPath, name: string) => `${SET_PATH}${profile}/${version}/${name}`;
  const refuseStatus = (answer: IncomingMessage, what: string): never => {
    answer.destroy();
    if (answer.statusCode === 412) throw new UpdateRefusedError("changedAtBase", `base has another ${what} now`);
    const why = answer.statusCode === 410 ? "is not offered any more" : `is not given: status ${answer.statusCode}`;
    throw new BaseUnreachableError(`${what} ${why}`);
  };

  return {
    async askOffer(question, signal) {
      const body = JSON.stringify(question);
      const headers = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
      const answer = await ask("POST", OFFER_PATH, headers, body, signal);
      if (answer.statusCode !== 200) return refuseStatus(answer, "the offer");
      const text = await readAll(answer, ANSWER_LIMIT_BYTES, signal);
      try {
        return readOfferAnswer(JSON.parse(text?.toString("utf8") ?? ""));
      } catch (cause) {
        if (!(cause instanceof SyntaxError || cause instanceof ConfigError)) throw cause;
        throw new BaseUnreachableError(`base's offer makes no sense: ${cause.message}`, { cause });
      }
    },
    async fetchSmall(set, name, limitBytes, signal) {
      const answer = await ask("GET", pathOf(set, name), {}, "", signal);
      if (answer.statusCode === 404) {
        answer.destroy();
        return undefined;
      }
      if (answer.statusCode !== 200) return refuseStatus(answer, name);
      const octets = await readAll(answer, limitBytes, signal);
      if (octets === undefined) throw new UpdateRefusedError("wrongSize", `${name} has more than ${limitBytes} octets`);
      return octets;
    },
    async *fetchRest(set, { name, sizeBytes, hash }, fromBytes, signal) {
      const range: Record<string, string> = fromBytes === 0 ? {} : { range: `bytes=${fromBytes}-` };
      const answer = await ask("GET", pathOf(set, name), { ...range, "if-match": `"${hash}"` }, "", signal);
      if (answer.statusCode === 404) {
        answer.destroy();
        throw new UpdateRefusedError("missingFile", `base has no ${name}`);
      }
      if (answer.statusCode === 416) {
        answer.destroy();
        throw new UpdateRefusedError("wrongSize", `${name} is cut off at base: less than ${fromBytes} octets`);
      }
      if (answer.statusCode !== (fromBytes === 0 ? 200 : 206)) return refuseStatus(answer, name);
      const restBytes = Number(answer.headers["content-length"]);
      if (restBytes !== sizeBytes - fromBytes) {
        answer.destroy();
        const found = fromBytes + restBytes;
        throw new UpdateRefusedError("wrongSize", `${name} has ${found} octets at base, ${sizeBytes} were signed`);
      }
      let receivedBytes = 0;
      for await (const chunk of chunksOf(answer, signal)) {
        receivedBytes += chunk.length;
        if (receivedBytes > restBytes) throw new BaseUnreachableError(`${name}: more octets than base said`);
        yield chunk;
      }
      if (receivedBytes < restBytes) throw new BaseUnreachableError(`${name}: base broke off`);
    },
  };
}

async function* chunksOf(answer: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of answer) yield chunk as Uint8Array;
  } catch (cause) {
    signal.throwIfAborted();
    throw new BaseUnreachableError(`base broke off: ${(cause as Error).message}`, { cause });
  } finally {
    answer.destroy();
  }
}
