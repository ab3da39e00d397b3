import type { SensorConfig } from "../../core/contract/sensor-config.ts";
import {
  END,
  FLAGS,
  NO_ROW,
  REPORT_DUE,
  REPORTED_AT,
  ROW_NUMBERS,
  ROW_WORDS,
  type SessionTable,
} from "./session-table.ts";
import { FLAG_ACK, isClosed } from "./tcp-flags.ts";
import { TimerWheel } from "./timer-wheel.ts";

/** Who is told of sessions whose time has come. */
export interface TimersTarget {
  /** The session goes on, and has gone on since it was last reported. */
  report(row: number): void;
  /** It is over; its timer is out. */
  forget(row: number): void;
}

const SECOND_MS = 1000;
const MICROSECONDS = 1_000_000;
/** A TCP session that was closed or reset is over after this: late acknowledgements still belong to it. */
const CLOSED_LINGER_MS = 10_000;
/** The clock was set back by more than this. */
const CLOCK_BACK_SECONDS = 60;

/** When each session is over, by how long it has been idle, and when one that goes on is reported. */
export class SessionTimers {
  readonly #table: SessionTable;
  readonly #config: SensorConfig["session"];
  readonly #target: TimersTarget;
  readonly #wheel: TimerWheel;
  readonly #look: (row: number) => void;
  readonly #idle: (row: number) => number;

  constructor(table: SessionTable, config: SensorConfig["session"], target: TimersTarget) {
    this.#table = table;
    this.#config = config;
    this.#target = target;
    this.#wheel = new TimerWheel(config.maxSessions + 1);
    this.#look = (row) => this.#lookAt(row);
    this.#idle = (row) => this.#idleSecond(row);
  }

  /** Time has come to this Unix second; it never goes back here. */
  advance(second: number): void {
    if (second > this.#wheel.nowSecond) this.#wheel.advance(second, this.#look);
  }

  /** As `advance`, by a clock that may have been set back. */
  follow(second: number): void {
    if (second < this.#wheel.nowSecond - CLOCK_BACK_SECONDS) this.#wheel.restart(second, this.#look);
    else this.advance(second);
  }

  /** Of a session that begins with the packet at hand. */
  begin(row: number, timeUs: number): void {
    const due = Math.floor((timeUs / MICROSECONDS) * SECOND_MS + this.#config.activeMs) / SECOND_MS;
    this.#table.numbers[row * ROW_NUMBERS + REPORT_DUE] = due;
    this.#wheel.put(row, this.#dueSecond(row));
  }

  /** The session may be over earlier than it would have been. */
  renew(row: number): void {
    this.#wheel.take(row);
    this.#wheel.put(row, this.#dueSecond(row));
  }

  end(row: number): void {
    this.#wheel.take(row);
  }

  /** Ends that of a session to give up, the one that was silent for longest or nearly so. */
  endOldest(): number {
    const row = this.#wheel.oldest(this.#idle);
    this.#wheel.take(row);
    return row;
  }

  /** Ends that of any session; NO_ROW when there is none. */
  endAny(): number {
    const row = this.#wheel.first();
    if (row !== NO_ROW) this.#wheel.take(row);
    return row;
  }

  /** Second at which the row is to be looked at: when it has been idle for long enough, or is to be reported. */
  #dueSecond(row: number): number {
    return Math.min(this.#idleSecond(row), Math.ceil(this.#table.numbers[row * ROW_NUMBERS + REPORT_DUE] as number));
  }

  #idleSecond(row: number): number {
    const flags = this.#table.words[row * ROW_WORDS + FLAGS] as number;
    let idleMs = this.#config.idleOtherMs;
    if (isClosed(flags)) idleMs = Math.min(idleMs, CLOSED_LINGER_MS);
    else if (((flags | (flags >> 8)) & FLAG_ACK) !== 0) idleMs = this.#config.idleTcpMs;
    return Math.ceil((this.#table.numbers[row * ROW_NUMBERS + END] as number) / MICROSECONDS + idleMs / SECOND_MS);
  }

  /** The timer of a row that is out of the wheel: it is over, or it is reported and goes on, or it was not due yet. */
  #lookAt(row: number): void {
    const { numbers } = this.#table;
    const base = row * ROW_NUMBERS;
    const second = this.#wheel.nowSecond;
    const end = numbers[base + END] as number;
    if (end > (second + CLOCK_BACK_SECONDS) * MICROSECONDS) numbers[base + END] = second * MICROSECONDS; // the clock was set back
    if (this.#idleSecond(row) <= second) {
      this.#target.forget(row);
      return;
    }
    if (Math.ceil(numbers[base + REPORT_DUE] as number) <= second) {
      if (end > (numbers[base + REPORTED_AT] as number)) {
        numbers[base + REPORTED_AT] = end;
        this.#target.report(row);
      }
      numbers[base + REPORT_DUE] = second + this.#config.activeMs / SECOND_MS;
    }
    this.#wheel.put(row, this.#dueSecond(row));
  }
}
