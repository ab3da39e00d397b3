import { randomBytes } from "node:crypto";
import { NONCE_BYTES, NONCE_LIFE_MS } from "../../core/contract/key-release.ts";

const NONCES_MAX = 4096;
const NONCES_PER_SENSOR_MAX = 4;

/** Challenges that are out: each is for one sensor, one use, NONCE_LIFE_MS, and there are never more than a bound. */
export class NonceBook {
  readonly #issued = new Map<string, { readonly sensorId: string; readonly atMs: number }>();
  /** Given up for room before they were used or ran out. */
  evicted = 0;

  issue(sensorId: string, nowMs: number): string {
    this.#expire(nowMs);
    const own = [...this.#issued].filter(([, entry]) => entry.sensorId === sensorId);
    if (own.length >= NONCES_PER_SENSOR_MAX) this.#evict(own[0]?.[0]);
    if (this.#issued.size >= NONCES_MAX) this.#evict(this.#issued.keys().next().value);
    const nonce = randomBytes(NONCE_BYTES).toString("base64");
    this.#issued.set(nonce, { sensorId, atMs: nowMs });
    return nonce;
  }

  /** Whether it was issued to that sensor, in time; it is used up by asking, whoever asks. */
  take(nonce: string, sensorId: string, nowMs: number): boolean {
    const entry = this.#issued.get(nonce);
    this.#issued.delete(nonce);
    return entry !== undefined && entry.sensorId === sensorId && nowMs - entry.atMs <= NONCE_LIFE_MS;
  }

  #expire(nowMs: number): void {
    for (const [nonce, entry] of this.#issued) {
      if (nowMs - entry.atMs <= NONCE_LIFE_MS) break; // in the order of issue
      this.#issued.delete(nonce);
    }
  }

  #evict(nonce: string | undefined): void {
    if (nonce !== undefined && this.#issued.delete(nonce)) this.evicted++;
  }
}
