import { type EntropyProfile, findBreach } from "../entropy/entropy-profile.ts";
import { PROTOCOLS } from "../entropy/recognise-protocol.ts";
import { alarmOfBreach, alarmOfUnexplained, type Direction } from "./alarms.ts";
import type { EngineCounters } from "./engine-counters.ts";
import type { EngineSink } from "./engine-sink.ts";
import type { AlarmRecord, SessionRecord } from "./record.ts";
import { renderSession } from "./render.ts";
import type { Sampler } from "./sampler.ts";
import {
  FLAGS,
  PROTOCOL,
  ROW_WORDS,
  type SessionTable,
  STATE,
  STATE_OPENER,
  STATE_PROFILE_LEFT,
  STATE_UNEXPLAINED,
} from "./session-table.ts";
import { FLAG_SYN } from "./tcp-flags.ts";

const IP_TCP = 6;

/** Where what a session's row says goes, and what its records call it. */
export interface ReportTarget {
  readonly sink: EngineSink;
  readonly counters: EngineCounters;
  readonly sensor: string;
}

/** Gives the records of sessions out, and once in a session's life the alarms that it gives rise to. */
export class SessionReports {
  readonly #table: SessionTable;
  readonly #sampler: Sampler;
  readonly #target: ReportTarget;
  /** By the code of a protocol. */
  readonly #profiles: readonly (EntropyProfile | undefined)[];

  constructor(table: SessionTable, sampler: Sampler, profiles: readonly EntropyProfile[], target: ReportTarget) {
    this.#table = table;
    this.#sampler = sampler;
    this.#target = target;
    this.#profiles = PROTOCOLS.map((known) => profiles.find(({ protocol }) => protocol === known?.name));
  }

  /** `final` is false for a session that goes on. */
  report(row: number, final: boolean): void {
    const { sink, counters, sensor } = this.#target;
    const record = renderSession(this.#table, this.#sampler, row, sensor);
    counters.samplesSkipped = this.#sampler.skipped;
    counters.rawWindowsSkipped = this.#sampler.rawWindowsSkipped;
    sink.session(record, final);
    const opener = (this.#table.words[row * ROW_WORDS + STATE] as number) & STATE_OPENER;
    for (let side = 0; side < 2; side++) {
      const direction = side === opener ? "src" : "dst";
      if (record.unexplained === 1)
        this.#raise(row, STATE_UNEXPLAINED << side, () => alarmOfUnexplained(record, direction));
      this.#checkProfile(row, side, record, direction, final);
    }
    if (!final) return;
    counters.sessions++;
    if ((record.src_randomness ?? 1) < 1 || (record.dst_randomness ?? 1) < 1) counters.sessionsFlat++;
  }

  /** Whether the entropy of a side, which was seen from its start, has developed as it does in its protocol. */
  #checkProfile(row: number, side: number, record: SessionRecord, direction: Direction, final: boolean): void {
    const { words } = this.#table;
    const { sink } = this.#target;
    const base = row * ROW_WORDS;
    const profile = this.#profiles[words[base + PROTOCOL] as number];
    if (profile === undefined && sink.cumulative === undefined) return;
    if (record.proto === IP_TCP && (((words[base + FLAGS] as number) >> (8 * side)) & FLAG_SYN) === 0) return;
    const points = this.#sampler.cumulative(2 * row + side);
    if (points.length === 0) return;
    const who = direction === "src" ? "client" : "server";
    if (final && record.protocol !== null) sink.cumulative?.(record.protocol, who, points);
    const breach = profile && findBreach(profile[who], points);
    if (breach !== undefined)
      this.#raise(row, STATE_PROFILE_LEFT << side, () => alarmOfBreach(record, direction, breach));
  }

  /** An alarm, if there is one and none was raised before that `bit` of the row's state stands for. */
  #raise(row: number, bit: number, alarmOf: () => AlarmRecord | undefined): void {
    const { words } = this.#table;
    const state = row * ROW_WORDS + STATE;
    if (((words[state] as number) & bit) !== 0) return;
    const alarm = alarmOf();
    if (alarm === undefined) return;
    words[state] = (words[state] as number) | bit;
    this.#target.counters.alarms++;
    this.#target.sink.alarm(alarm);
  }
}
