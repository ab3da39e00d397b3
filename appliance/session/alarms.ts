import type { AlarmRecord, SessionRecord } from "./record.ts";

/** Alarms that a session's record gives rise to: one for each direction that is encrypted, when nothing explains it. */
export function alarmsOf(session: SessionRecord): AlarmRecord[] {
  if (session.unexplained === 0) return [];
  const { end, id, proto, src_ip, src_port, dst_ip, dst_port, protocol } = session;
  const common = { type: "alarm", ts: end, session_id: id, proto, src_ip, src_port, dst_ip, dst_port } as const;
  const alarms: AlarmRecord[] = [];
  for (const direction of ["src", "dst"] as const)
    if (session[`${direction}_kind`] === "encrypted")
      alarms.push({
        ...common,
        alarm: "unexplainedEncryption",
        direction,
        protocol,
        randomness: session[`${direction}_randomness`],
        entropy: session[`${direction}_entropy`],
        p_encrypted: session[`${direction}_p_encrypted`],
      });
  return alarms;
}
