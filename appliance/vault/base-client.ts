import { Agent, request } from "node:https";
import type { BaseEndpoint } from "../../core/contract/base-endpoint.ts";
import {
  CHALLENGE_PATH,
  type KeyRefusal,
  readChallenge,
  readVolumeKeyAnswer,
  VOLUME_KEY_PATH,
  type VolumeKeyRequest,
} from "../../core/contract/key-release.ts";
import type { Secret } from "../../core/secret.ts";
import { beginKeyExchange } from "./key-exchange.ts";

const REQUEST_TIMEOUT_MS = 20_000;
const ANSWER_LIMIT_BYTES = 64 * 1024;

export class KeyReleaseError extends Error {
  override readonly name = "KeyReleaseError";
  readonly code: "unreachable" | "denied" | "badReply";
  /** Why base refused, when it was `denied`. */
  readonly refusal: KeyRefusal | undefined;
  constructor(code: KeyReleaseError["code"], sensorId: string, options?: ErrorOptions & { refusal?: KeyRefusal }) {
    super(`key release for sensor ${sensorId}: ${code}`, options);
    this.code = code;
    this.refusal = options?.refusal;
  }
}

export interface ReleasedShare {
  readonly share: Secret;
  readonly format: boolean;
}

export type KeyQuestion = Omit<VolumeKeyRequest, "nonce" | "ephemeralPublicKey">;

/** Asks base for its share once: challenge, then request. Throws a KeyReleaseError, or AbortError. */
export async function fetchBaseShare(
  base: BaseEndpoint,
  question: KeyQuestion,
  signal: AbortSignal,
): Promise<ReleasedShare> {
  const fail = (code: KeyReleaseError["code"], cause: unknown) => {
    signal.throwIfAborted();
    return new KeyReleaseError(code, question.sensorId, { cause });
  };
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    ca: base.authority,
    cert: base.certificate,
    key: base.privateKey,
    minVersion: "TLSv1.3",
  });
  try {
    const post = (path: string, body: string) =>
      postJson(base, agent, path, body, signal).catch((cause) => {
        throw cause instanceof SyntaxError ? fail("badReply", cause) : fail("unreachable", cause);
      });
    const challenge = await post(CHALLENGE_PATH, "");
    try {
      const { nonce } = readChallenge(challenge);
      const exchange = beginKeyExchange();
      const asked: VolumeKeyRequest = { ...question, nonce, ephemeralPublicKey: exchange.publicKey };
      const answer = readVolumeKeyAnswer(await post(VOLUME_KEY_PATH, JSON.stringify(asked)));
      if (answer.state === "refused") throw new KeyReleaseError("denied", question.sensorId, { refusal: answer.why });
      return { share: exchange.openShare(answer, nonce, question.sensorId), format: answer.format };
    } catch (error) {
      throw error instanceof KeyReleaseError ? error : fail("badReply", error);
    }
  } finally {
    agent.destroy();
  }
}

/** Throws a SyntaxError for an answer that is no JSON or too long, whatever node:https throws for the rest. */
function postJson(base: BaseEndpoint, agent: Agent, path: string, body: string, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const { host, port, localAddress } = base;
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const timed = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    const options = { host, port, localAddress, path, agent, headers, method: "POST", signal: timed };
    const outgoing = request(options, (incoming) => {
      const chunks: Buffer[] = [];
      let lengthBytes = 0;
      incoming.on("error", reject);
      incoming.on("data", (chunk: Buffer) => {
        lengthBytes += chunk.length;
        if (lengthBytes <= ANSWER_LIMIT_BYTES) chunks.push(chunk);
        else incoming.destroy(new SyntaxError(`an answer over ${ANSWER_LIMIT_BYTES} octets`));
      });
      incoming.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        try {
          if (incoming.statusCode !== 200) throw new SyntaxError(`status ${incoming.statusCode}`);
          resolve(JSON.parse(text));
        } catch (error) {
          reject(error);
        }
      });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
