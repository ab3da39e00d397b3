import { type Profiler, Session } from "node:inspector";

/** Characters of a script, `from` to `to - 1`. */
export interface Span {
  readonly script: string;
  readonly from: number;
  readonly to: number;
}

/** The sensor's code, of which what runs counts. */
export function isUnderTest(url: string): boolean {
  return /\/(?:appliance|core)\/.*\.ts$/.test(url);
}

/** Of a script, a character each: 1 when it ran. */
class Marks {
  ever = new Uint8Array(0);
  now = new Uint8Array(0);

  reserve(length: number): void {
    if (length <= this.ever.length) return;
    const ever = new Uint8Array(length);
    ever.set(this.ever);
    this.ever = ever;
    this.now = new Uint8Array(length);
  }
}

/**
 * Which characters of the code under test ran, by V8's precise block coverage of this thread. Its ranges are no names for blocks: one
 * that ran as often as what is around it isn't told of. Painted one over the other, the outer first, they say what ran.
 */
export class Coverage {
  readonly #session = startedSession();
  readonly #isUnderTest: (url: string) => boolean;
  readonly #marks = new Map<string, Marks>();
  #size = 0;

  constructor(isUnderTest: (url: string) => boolean) {
    this.#isUnderTest = isUnderTest;
    this.reset();
  }

  /** Characters that are remembered. */
  get size(): number {
    return this.#size;
  }

  /** Forgets what ran since the last look. */
  reset(): void {
    this.#take();
  }

  /** What ran since the last look and isn't remembered, each span as long as it goes. */
  takeNew(): Span[] {
    return this.#take().flatMap((script) => this.#newOf(script));
  }

  remember(spans: readonly Span[]): void {
    for (const { script, from, to } of spans) {
      const ever = this.#marks.get(script)?.ever;
      for (let at = from; ever !== undefined && at < to; at++) {
        this.#size += 1 - (ever[at] as number);
        ever[at] = 1;
      }
    }
  }

  #newOf({ scriptId, functions }: Profiler.ScriptCoverage): Span[] {
    const ranges = functions.flatMap((one) => one.ranges);
    if (!ranges.some(({ count }) => count > 0)) return [];
    const marks = this.#marks.get(scriptId) ?? new Marks();
    this.#marks.set(scriptId, marks);
    marks.reserve(Math.max(...ranges.map(({ endOffset }) => endOffset)));
    const { ever, now } = marks;
    now.fill(0);
    for (const { startOffset, endOffset, count } of ranges) now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    const spans: Span[] = [];
    for (let at = 0; at < now.length; at++) {
      const from = at;
      while (now[at] === 1 && ever[at] === 0) at++;
      if (at > from) spans.push({ script: scriptId, from, to: at });
    }
    return spans;
  }

  #take(): Profiler.ScriptCoverage[] {
    let result: Profiler.ScriptCoverage[] = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, answer) => {
      check(error);
      result = answer.result.filter(({ url }) => this.#isUnderTest(url));
    });
    return result;
  }
}

let started: Session | undefined;

/** One for the thread, never stopped: V8 has counters of blocks only for functions that it compiled while it counted, and then for good. */
function startedSession(): Session {
  if (started !== undefined) return started;
  started = new Session();
  started.connect();
  started.post("Profiler.enable", check);
  started.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true }, check);
  return started;
}

/** Whether all of `wanted` is in `spans`, of which each is as long as it goes. */
export function covers(spans: readonly Span[], wanted: readonly Span[]): boolean {
  return wanted.every(({ script, from, to }) =>
    spans.some((span) => span.script === script && span.from <= from && to <= span.to),
  );
}

function check(error: Error | null): void {
  if (error !== null) throw error;
}
