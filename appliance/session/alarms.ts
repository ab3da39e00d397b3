import type { ProfileBreach } from "../entropy/entropy-profile.ts";
import type { AlarmRecord, SessionRecord } from "./record.ts";

export type Direction = AlarmRecord["direction"];

/** A direction is encrypted and nothing explains it. */
export function alarmOfUnexplained(session: SessionRecord, direction: Direction): AlarmRecord | undefined {
  if (session.unexplained === 0 || session[`${direction}_kind`] !== "encrypted") return undefined;
  return {
    ...commonOf(session, "unexplainedEncryption", direction),
    entropy: session[`${direction}_entropy`],
    octets: null,
    lower: null,
    upper: null,
  };
}

/** The cumulative entropy of a direction has left the profile of its protocol. */
export function alarmOfBreach(session: SessionRecord, direction: Direction, breach: ProfileBreach): AlarmRecord {
  const { alarm, octets, bitsPerByte, lower, upper } = breach;
  return {
    ...commonOf(session, alarm, direction),
    entropy: Math.round(bitsPerByte * 1e4) / 1e4,
    octets,
    lower,
    upper,
  };
}

type Common = Omit<AlarmRecord, "entropy" | "octets" | "lower" | "upper">;

function commonOf(session: SessionRecord, alarm: AlarmRecord["alarm"], direction: Direction): Common {
  const { end, id, proto, src_ip, src_port, dst_ip, dst_port, protocol } = session;
  return {
    type: "alarm",
    ts: end,
    session_id: id,
    proto,
    src_ip,
    src_port,
    dst_ip,
    dst_port,
    alarm,
    direction,
    protocol,
    randomness: session[`${direction}_randomness`],
    p_encrypted: session[`${direction}_p_encrypted`],
  };
}
