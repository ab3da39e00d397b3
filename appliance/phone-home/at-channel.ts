import type { Clock, SerialPort } from "../../core/ports.ts";
import { AT_LINE_LIMIT_BYTES, isAnswerTo, parseFinalResult } from "./at-line.ts";
import { LineSplitter } from "./line-splitter.ts";

const SILENCE_MS = 300;
const DRAIN_MOST_MS = 5_000;
/** Asks for the form of errors: 3GPP TS 27.007, section 9.1. */
const PROBE = "AT+CMEE?";
const PROBE_TIMEOUT_MS = 2_000;
const PROBES_MAX = 3;
const PROMPT_TIMEOUT_MS = 10_000;
const UNSOLICITED_MAX = 100;
const ESCAPE = "\x1b";
const END_OF_MESSAGE = "\x1a";

export class ModemError extends Error {
  override readonly name = "ModemError";
  /** `refused`: the modem answered with an error; `silent`: it did not answer in time; `gone`: the line hung up. */
  readonly code: "refused" | "silent" | "gone";
  constructor(code: ModemError["code"], what: string, options?: ErrorOptions) {
    super(`modem: ${what}`, options);
    this.code = code;
  }
}

/** Commands that were not answered in time, and answers that came after that. */
export interface AtCounters {
  timeouts: number;
  late: number;
}

type Heard = { readonly line: string } | { readonly prompt: true } | { readonly gone: true };

/**
 * Commands to a modem, one at a time (3GPP TS 27.007 and 27.005). Unsolicited lines may come in the middle of anything.
 * After a time-out the line is drained to silence and probed before the next command: a late answer would otherwise be
 * taken for that of the next, and every one after it would be off by one.
 */
export class AtChannel {
  readonly #line: SerialPort;
  readonly #clock: Clock;
  readonly #splitter = new LineSplitter(AT_LINE_LIMIT_BYTES);
  #queue: Heard[] = [];
  #wake: (() => void) | undefined;
  #lastOctetMs: number;
  #expectsPrompt = false;
  /** As at the start: what was said on this line before is not known. */
  #inDoubt = true;
  #mayBeAtPrompt = true;
  /** Lines that came by themselves, the newest UNSOLICITED_MAX. */
  unsolicited: string[] = [];
  readonly counters: AtCounters;

  /** `counters`, when given, go on counting from one line to the next. */
  constructor(line: SerialPort, clock: Clock, counters: AtCounters = { timeouts: 0, late: 0 }) {
    this.counters = counters;
    this.#line = line;
    this.#clock = clock;
    this.#lastOctetMs = clock.monotonicMs();
  }

  /** Reads the line until it hangs up; every command fails after that. */
  async run(): Promise<void> {
    try {
      for await (const chunk of this.#line.chunks) {
        this.#lastOctetMs = this.#clock.monotonicMs();
        for (const line of this.#splitter.push(chunk)) this.#put({ line });
        if (this.#expectsPrompt && this.#splitter.partial.startsWith(">")) {
          this.#splitter.clear();
          this.#put({ prompt: true });
        }
      }
    } finally {
      this.#put({ gone: true });
    }
  }

  /** The lines of the answer, without the final OK. Throws a ModemError, or AbortError. */
  async command(command: string, timeoutMs: number, signal: AbortSignal): Promise<string[]> {
    await this.#settle(signal);
    await this.#write(`${command}\r`, signal);
    return this.#readAnswer(command, timeoutMs, signal);
  }

  /** AT+CMGS in PDU mode: the command, its prompt, the PDU. Resolves with the answer's lines. */
  async submit(pdu: string, tpduLengthBytes: number, timeoutMs: number, signal: AbortSignal): Promise<string[]> {
    await this.#settle(signal);
    const command = `AT+CMGS=${tpduLengthBytes}`;
    this.#expectsPrompt = true;
    this.#mayBeAtPrompt = true;
    try {
      await this.#write(`${command}\r`, signal);
      for (const untilMs = this.#clock.monotonicMs() + PROMPT_TIMEOUT_MS; ; ) {
        const heard = await this.#next(untilMs, signal);
        if (heard === undefined) throw this.#timedOut(command);
        if ("prompt" in heard) break;
        this.#keep(heard, command);
      }
    } finally {
      this.#expectsPrompt = false;
    }
    await this.#write(`${pdu}${END_OF_MESSAGE}`, signal);
    return this.#readAnswer(command, timeoutMs, signal);
  }

  async #readAnswer(command: string, timeoutMs: number, signal: AbortSignal): Promise<string[]> {
    const lines: string[] = [];
    for (const untilMs = this.#clock.monotonicMs() + timeoutMs; ; ) {
      const heard = await this.#next(untilMs, signal);
      if (heard === undefined) throw this.#timedOut(command);
      if (!("line" in heard)) continue;
      const final = parseFinalResult(heard.line);
      if (final !== undefined) this.#mayBeAtPrompt = false;
      if (final?.ok) return lines;
      if (final !== undefined) throw new ModemError("refused", `${command}: ${final.message}`);
      if (isAnswerTo(command, heard.line)) lines.push(heard.line);
      else if (heard.line !== command) this.#note(heard.line);
    }
  }

  /** Before the prompt: an error ends the command, the rest is unsolicited or an echo. */
  #keep(heard: Heard, command: string): void {
    if (!("line" in heard)) return;
    const final = parseFinalResult(heard.line);
    if (final !== undefined && !final.ok) throw new ModemError("refused", `${command}: ${final.message}`);
    if (heard.line !== command) this.#note(heard.line);
  }

  #note(line: string): void {
    this.unsolicited = [...this.unsolicited, line].slice(-UNSOLICITED_MAX);
  }

  #timedOut(command: string): ModemError {
    this.counters.timeouts++;
    this.#inDoubt = true;
    return new ModemError("silent", `${command}: no answer in time`);
  }

  /**
   * After a time-out: silence, then a probe whose answer looks like no other. A modem works on one command after the
   * other, so that a late answer comes before that of the probe.
   */
  async #settle(signal: AbortSignal): Promise<void> {
    if (!this.#inDoubt) {
      for (const heard of this.#queue) if ("line" in heard) this.#note(heard.line);
      this.#queue = this.#queue.filter((heard) => "gone" in heard);
      return;
    }
    for (let probe = 1; probe <= PROBES_MAX; probe++) {
      await this.#drain(signal);
      if (this.#mayBeAtPrompt) await this.#write(ESCAPE, signal); // else the probe would be sent as a message
      await this.#write(`${PROBE}\r`, signal);
      if ((await this.#isProbeAnswered(probe === PROBES_MAX, signal)) && (await this.#drain(signal)) === 0) {
        this.#inDoubt = false;
        this.#mayBeAtPrompt = false;
        return;
      }
    }
    throw new ModemError("silent", "no clean answer to a probe");
  }

  /** A modem that does not know the probe may refuse the last one. */
  async #isProbeAnswered(isLast: boolean, signal: AbortSignal): Promise<boolean> {
    let known = false;
    for (const untilMs = this.#clock.monotonicMs() + PROBE_TIMEOUT_MS; ; ) {
      const heard = await this.#next(untilMs, signal);
      if (heard === undefined) return false;
      if (!("line" in heard)) continue;
      if (isAnswerTo(PROBE, heard.line)) known = true;
      else if (parseFinalResult(heard.line) !== undefined) {
        if (known || isLast) return true;
        this.counters.late++;
      }
    }
  }

  /** Waits for silence; the number of final results that came meanwhile. */
  async #drain(signal: AbortSignal): Promise<number> {
    const startMs = this.#clock.monotonicMs();
    for (let leftMs = SILENCE_MS; leftMs > 0 && this.#clock.monotonicMs() - startMs < DRAIN_MOST_MS; ) {
      await this.#clock.sleep(leftMs, signal);
      leftMs = SILENCE_MS - (this.#clock.monotonicMs() - Math.max(startMs, this.#lastOctetMs));
    }
    const heard = this.#queue;
    this.#queue = heard.filter((one) => "gone" in one);
    this.#splitter.clear();
    const finals = heard.filter((one) => "line" in one && parseFinalResult(one.line) !== undefined).length;
    this.counters.late += finals;
    return finals;
  }

  async #write(text: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#line.write(text, signal);
    } catch (cause) {
      signal.throwIfAborted();
      throw new ModemError("gone", "the line can't be written", { cause });
    }
  }

  #put(heard: Heard): void {
    this.#queue.push(heard);
    if (this.#queue.length > UNSOLICITED_MAX * 10) this.#queue.shift();
    this.#wake?.();
  }

  /** The next thing heard, or undefined once it is `untilMs`. */
  async #next(untilMs: number, signal: AbortSignal): Promise<Heard | undefined> {
    for (;;) {
      signal.throwIfAborted();
      const heard = this.#queue[0];
      if (heard !== undefined) {
        if ("gone" in heard) throw new ModemError("gone", "the line hung up");
        return this.#queue.shift();
      }
      const leftMs = untilMs - this.#clock.monotonicMs();
      if (leftMs <= 0) return undefined;
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await this.#clock.sleep(leftMs, AbortSignal.any([woken.signal, signal])).catch(() => {});
      this.#wake = undefined;
    }
  }
}
