import type { EngineSink } from "../session/engine-sink.ts";
import type { AlarmRecord, HandshakeRecord, HttpRecord, SessionRecord } from "../session/record.ts";

export type AnalysisRecord = SessionRecord | HttpRecord | HandshakeRecord | AlarmRecord;

/** Records from one thread to another, in order. */
export interface RecordBatch {
  readonly records: readonly AnalysisRecord[];
  /** Of each: what the engine said of a session; true of other records. */
  readonly finals: readonly boolean[];
}

export const BATCH_RECORDS = 512;
/** Records on their way that have not been acknowledged; what is beyond is lost, and counted. */
export const ON_THE_WAY_MAX = 32_768;

/** Gathers records into batches; bounded, as frames can't wait for whoever takes the records. */
export class RecordBatches implements EngineSink {
  /** Records that were lost. */
  dropped = 0;
  readonly #send: (batch: RecordBatch) => void;
  #records: AnalysisRecord[] = [];
  #finals: boolean[] = [];
  #onTheWay = 0;
  #isEnding = false;

  constructor(send: (batch: RecordBatch) => void) {
    this.#send = send;
  }

  session(record: SessionRecord, final: boolean): void {
    this.#add(record, final);
  }

  http(record: HttpRecord): void {
    this.#add(record, true);
  }

  handshake(record: HandshakeRecord): void {
    this.#add(record, true);
  }

  alarm(record: AlarmRecord): void {
    this.#add(record, true);
  }

  /** So many records have arrived. */
  acknowledge(count: number): void {
    this.#onTheWay -= count;
  }

  /** No frames come any more: from here on nothing is lost, as many records come as there are sessions. */
  end(): void {
    this.#isEnding = true;
  }

  /** Sends what is there; to be called about once a second. */
  flush(): void {
    if (this.#records.length === 0) return;
    this.#onTheWay += this.#records.length;
    this.#send({ records: this.#records, finals: this.#finals });
    this.#records = [];
    this.#finals = [];
  }

  #add(record: AnalysisRecord, final: boolean): void {
    if (!this.#isEnding && this.#onTheWay + this.#records.length >= ON_THE_WAY_MAX) {
      this.dropped++;
      return;
    }
    this.#records.push(record);
    this.#finals.push(final);
    if (this.#records.length >= BATCH_RECORDS) this.flush();
  }
}

/** Gives the records of a batch to a sink. */
export function deliverRecords({ records, finals }: RecordBatch, sink: EngineSink): void {
  records.forEach((record, i) => {
    switch (record.type) {
      case "session":
        sink.session(record, finals[i] === true);
        break;
      case "http":
        sink.http(record);
        break;
      case "handshake":
        sink.handshake(record);
        break;
      case "alarm":
        sink.alarm(record);
        break;
    }
  });
}
