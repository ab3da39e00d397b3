import { type Profiler, Session } from "node:inspector";

/** The sensor's code, of which what runs counts. */
export function isUnderTest(url: string): boolean {
  return /\/(?:appliance|core)\/.*\.ts$/.test(url);
}

/** Blocks of the code under test that ran, by V8's precise block coverage of this thread. */
export class Coverage {
  readonly #session = new Session();
  readonly #isUnderTest: (url: string) => boolean;
  readonly #seen = new Set<string>();

  constructor(isUnderTest: (url: string) => boolean) {
    this.#isUnderTest = isUnderTest;
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true }, check);
  }

  /** Blocks that ran at least once. */
  get size(): number {
    return this.#seen.size;
  }

  /** Forgets what ran since the last look. */
  reset(): void {
    this.#take();
  }

  /** What ran since the last look and never before. */
  takeNew(): string[] {
    const fresh: string[] = [];
    for (const script of this.#take())
      for (const { ranges } of script.functions)
        for (const { startOffset, endOffset, count } of ranges) {
          if (count === 0) continue;
          const key = `${script.scriptId} ${startOffset} ${endOffset}`;
          if (!this.#seen.has(key)) fresh.push(key);
        }
    return fresh;
  }

  remember(keys: readonly string[]): void {
    for (const key of keys) this.#seen.add(key);
  }

  close(): void {
    this.#session.disconnect();
  }

  #take(): Profiler.ScriptCoverage[] {
    let result: Profiler.ScriptCoverage[] = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, answer) => {
      check(error);
      result = answer.result.filter(({ url }) => this.#isUnderTest(url));
    });
    return result;
  }

  #post(method: string): void {
    this.#session.post(method, check);
  }
}

function check(error: Error | null): void {
  if (error !== null) throw error;
}
