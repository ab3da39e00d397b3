import {
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
} from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { STATE_FILES } from "../../core/contract/identity.ts";
import {
  CHALLENGE_PATH,
  RELEASE_INFO,
  readChallenge,
  readVolumeKeyAnswer,
  VOLUME_KEY_PATH,
  type VolumeKeyAnswer,
} from "../../core/contract/key-release.ts";

/**
 * A sensor's side of key release, written from the contract alone. Run in a box's network namespace; the questions come
 * as JSON on standard input, the answers leave as JSON.
 */
export interface KeyQuestions {
  /** Whose certificate is shown. */
  readonly folder: string;
  readonly host: string;
  readonly port: number;
  readonly ask: readonly KeyAsk[];
}

export interface KeyAsk {
  readonly sensorId: string;
  readonly luksUuid: string | null;
  /** `fresh` (default): a challenge is fetched; `last`: the one before is used again; else that text. */
  readonly nonce?: string;
}

export type KeyResult =
  | { readonly answer: VolumeKeyAnswer; readonly shareSha256?: string }
  | { readonly error: string; readonly status?: number };

async function main(): Promise<void> {
  const questions = JSON.parse(await text(process.stdin)) as KeyQuestions;
  const results: KeyResult[] = [];
  let lastNonce = "";
  for (const ask of questions.ask) {
    try {
      if (ask.nonce === undefined || ask.nonce === "fresh")
        lastNonce = readChallenge(await post(questions, CHALLENGE_PATH, "")).nonce;
      const nonce = ask.nonce === undefined || ask.nonce === "fresh" || ask.nonce === "last" ? lastNonce : ask.nonce;
      results.push(await askKey(questions, ask, nonce));
    } catch (error) {
      const { message, status } = error as Error & { status?: number };
      results.push({ error: message, ...(status !== undefined && { status }) });
    }
  }
  process.stdout.write(JSON.stringify(results));
}

async function askKey(questions: KeyQuestions, ask: KeyAsk, nonce: string): Promise<KeyResult> {
  const { privateKey, publicKey } = generateKeyPairSync("x25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const body = JSON.stringify({
    sensorId: ask.sensorId,
    nonce,
    bootId: "0".repeat(32),
    ephemeralPublicKey: raw.toString("base64"),
    luksUuid: ask.luksUuid,
    health: null,
  });
  const answer = readVolumeKeyAnswer(await post(questions, VOLUME_KEY_PATH, body));
  if (answer.state === "refused") return { answer };
  const spki = Buffer.concat([
    Buffer.from("302a300506032b656e032100", "hex"), // RFC 8410: SubjectPublicKeyInfo of X25519
    Buffer.from(answer.ephemeralPublicKey, "base64"),
  ]);
  const theirs = createPublicKey({ key: spki, format: "der", type: "spki" });
  const salt = Buffer.from(nonce, "base64");
  const shared = diffieHellman({ privateKey, publicKey: theirs });
  const key = Buffer.from(hkdfSync("sha256", shared, salt, RELEASE_INFO + ask.sensorId, 32));
  const sealed = Buffer.from(answer.sealedShare, "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12));
  decipher.setAAD(salt);
  decipher.setAuthTag(sealed.subarray(44));
  const share = Buffer.concat([decipher.update(sealed.subarray(12, 44)), decipher.final()]);
  return { answer, shareSha256: createHash("sha256").update(share).digest("hex") };
}

function post(questions: KeyQuestions, path: string, body: string): Promise<unknown> {
  const file = (name: string) => readFileSync(join(questions.folder, name));
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const outgoing = request(
    {
      host: questions.host,
      port: questions.port,
      path,
      method: "POST",
      ca: file(STATE_FILES.authority),
      cert: file(STATE_FILES.certificate),
      key: file(STATE_FILES.privateKey),
      agent: false,
      timeout: 30_000,
    },
    (incoming) => {
      text(incoming).then((answer) => {
        if (incoming.statusCode === 200) resolve(JSON.parse(answer));
        else reject(Object.assign(new Error(answer), { status: incoming.statusCode }));
      }, reject);
    },
  );
  outgoing.on("timeout", () => outgoing.destroy(new Error("no answer")));
  outgoing.on("error", reject);
  outgoing.end(body);
  return promise;
}

if (import.meta.main) await main();
