const KEYS_MAX = 10_000;

/** At most `most` in any `windowMs`, for each key. Keys beyond a bound push out the one that was longest silent. */
export class RateLimit {
  readonly #most: number;
  readonly #windowMs: number;
  readonly #times = new Map<string, number[]>();

  constructor(most: number, windowMs: number) {
    this.#most = most;
    this.#windowMs = windowMs;
  }

  /** Whether one more is within the limit; it counts only then. */
  allow(key: string, nowMs: number): boolean {
    const recent = (this.#times.get(key) ?? []).filter((atMs) => nowMs - atMs < this.#windowMs);
    const allowed = recent.length < this.#most;
    if (allowed) recent.push(nowMs);
    this.#times.delete(key);
    this.#times.set(key, recent);
    if (this.#times.size > KEYS_MAX) this.#times.delete(this.#times.keys().next().value as string);
    return allowed;
  }
}
