import type { CumulativeEntropy, ProfileDirection } from "../entropy/entropy-profile.ts";
import type { AlarmRecord, HandshakeRecord, HttpRecord, SessionRecord } from "./record.ts";

/** Where records go. Called from within `frame`, `advance` and `finish`; what throws here stops the engine's caller. */
export interface EngineSink {
  /** `final` is false for a session that goes on (every `activeMs`): the same id comes again. */
  session(record: SessionRecord, final: boolean): void;
  http(record: HttpRecord): void;
  handshake(record: HandshakeRecord): void;
  alarm(record: AlarmRecord): void;
  /** For who wants to know how the entropy of each direction of a session that is over has developed. */
  cumulative?(protocol: string, direction: ProfileDirection, points: readonly CumulativeEntropy[]): void;
}
