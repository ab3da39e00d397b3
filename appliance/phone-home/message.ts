import type { Cell, Emergency, EmergencyReason } from "../../core/contract/emergency.ts";
import type { Fix } from "../../core/contract/role.ts";

/** What the box knows of itself at the moment it calls for help. */
export interface Situation {
  readonly nowMs: number;
  readonly fix: Fix | undefined;
  readonly fixAgeMs: number | undefined;
  readonly network: Cell | null;
  readonly cellId: number | null;
  readonly storeLocked: boolean;
  readonly vpnUp: boolean;
  readonly captureRunning: boolean;
}

export interface MessageIdentity {
  readonly keyId: number;
  readonly sensorId: string;
  readonly bootCounter: number;
  readonly sequence: number;
}

/** A receiver's error is about its HDOP times this: the usual user-equivalent range error of GPS L1, two sigma. */
const RANGE_ERROR_M = 5;

/** Without a fix the message goes all the same, and says so. A box without a battery runs on mains power. */
export function composeEmergency(
  identity: MessageIdentity,
  reasons: readonly EmergencyReason[],
  situation: Situation,
): Emergency {
  const { fix, fixAgeMs } = situation;
  const hdop = fix?.hdop ?? null;
  return {
    ...identity,
    timeS: Math.min(Math.max(0, Math.floor(situation.nowMs / 1000)), 0xffffffff),
    reasons,
    position: fix === undefined ? null : { latitudeDeg: fix.latitudeDeg, longitudeDeg: fix.longitudeDeg },
    accuracyM: fix === undefined || hdop === null ? null : Math.max(1, Math.round(hdop * RANGE_ERROR_M)),
    fixAgeS: fix === undefined || fixAgeMs === undefined ? null : Math.floor(fixAgeMs / 1000),
    network: situation.network,
    cellId: situation.cellId,
    flags: {
      storeLocked: situation.storeLocked,
      vpnUp: situation.vpnUp,
      mainsPower: true,
      caseOpenLatched: false,
      captureRunning: situation.captureRunning,
      timeFromGps: false,
    },
    batteryPercent: null,
  };
}
