import { Engine } from "../../appliance/session/engine.ts";
import type { AlarmRecord, HttpRecord, SessionRecord } from "../../appliance/session/record.ts";
import { DEFAULT_SENSOR_CONFIG } from "../../core/contract/sensor-config.ts";
import { LINKTYPE_RAW } from "./ip-packets.ts";

/** Unix second. */
export const START = 1_700_000_000;
const CONFIG = {
  session: { ...DEFAULT_SENSOR_CONFIG.session, maxSessions: 1000 },
  entropy: DEFAULT_SENSOR_CONFIG.entropy,
};

/** An engine of at most 1000 sessions, and what it has given out. */
export interface Harness {
  readonly engine: Engine;
  readonly sessions: { readonly record: SessionRecord; readonly final: boolean }[];
  readonly requests: HttpRecord[];
  readonly alarms: AlarmRecord[];
  /** `atSeconds` after the start. */
  feed(packet: Uint8Array, atSeconds?: number, vlan?: number): void;
}

export function harness(session: Partial<(typeof CONFIG)["session"]> = {}): Harness {
  const sessions: Harness["sessions"] = [];
  const requests: HttpRecord[] = [];
  const alarms: AlarmRecord[] = [];
  const engine = new Engine(
    { ...CONFIG, session: { ...CONFIG.session, ...session } },
    {
      session: (record, final) => sessions.push({ record, final }),
      http: (record) => requests.push(record),
      handshake: () => {},
      alarm: (record) => alarms.push(record),
    },
    { seed: new Uint8Array(16), sensor: "0011223344556677", firstId: 41 },
  );
  return {
    engine,
    sessions,
    requests,
    alarms,
    feed: (packet, atSeconds = 0, vlan = -1) => {
      const seconds = Math.floor(START + atSeconds);
      const nanoseconds = Math.round((START + atSeconds - seconds) * 1e9);
      engine.frame(packet, 0, packet.length, packet.length, seconds, nanoseconds, LINKTYPE_RAW, vlan);
    },
  };
}

export const CLIENT = { from: "10.0.0.9", fromPort: 40_000, to: "10.0.0.1", toPort: 8080 };
export const SERVER = { from: "10.0.0.1", fromPort: 8080, to: "10.0.0.9", toPort: 40_000 };
export const REQUEST = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
export const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/** Ends all sessions; their last records. */
export function finalsOf({ engine, sessions }: Harness): SessionRecord[] {
  engine.finish();
  return sessions.filter(({ final }) => final).map(({ record }) => record);
}
