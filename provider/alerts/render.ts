import type { Emergency, EmergencyReason } from "../../core/contract/emergency.ts";

const WORDS: Readonly<Record<string, string>> = {
  test: "test message",
  vpnLost: "VPN to base lost",
  moved: "the box was moved",
  newCell: "the box is in another radio cell",
  caseOpen: "the case was opened",
  powerLost: "power was lost",
  keyRefused: "base refused the store's key",
  keyHeld: "base holds the store's key back",
  spanWithoutCarrier: "a SPAN port has no carrier",
  gnssAntenna: "the GPS antenna is cut or missing",
  jamming: "GPS or radio is jammed",
  diskOrVerityFault: "disk fault, or the system's octets were changed",
  closedOwnStore: "the box closed its own store",
  updateFailed: "an update failed",
  clockDoubtful: "the box's clock is doubtful",
  tamperChipGone: "the tamper chip is gone",
};

export function reasonWords(reason: EmergencyReason): string {
  return WORDS[reason] ?? `reason ${reason}, of a later version`;
}

/** RFC 5870, section 3.3: a map opens at it; null without a position. */
export function geoUri(emergency: Emergency): string | null {
  const { position, accuracyM } = emergency;
  if (position === null) return null;
  const uncertainty = accuracyM === null ? "" : `;u=${accuracyM}`;
  return `geo:${position.latitudeDeg.toFixed(6)},${position.longitudeDeg.toFixed(6)}${uncertainty}`;
}

export function positionWords(emergency: Emergency): string {
  const uri = geoUri(emergency);
  if (uri === null) return "no position known";
  const age = emergency.fixAgeS === null ? "an old fix" : `fix ${ageWords(emergency.fixAgeS)} old`;
  const accuracy = emergency.accuracyM === null ? "accuracy unknown" : `within ${emergency.accuracyM} m`;
  return `${uri} (${accuracy}, ${age})`;
}

function ageWords(ageS: number): string {
  return ageS < 120 ? `${ageS} s` : ageS < 7200 ? `${Math.round(ageS / 60)} min` : `${Math.round(ageS / 3600)} h`;
}

const FLAG_WORDS: Readonly<Record<keyof Emergency["flags"], readonly [string, string]>> = {
  storeLocked: ["store locked", "store open"],
  vpnUp: ["VPN up", "VPN down"],
  mainsPower: ["on mains", "not on mains"],
  caseOpenLatched: ["case was opened", ""],
  captureRunning: ["capturing", "not capturing"],
  timeFromGps: ["time by GPS", ""],
};

export function flagWords(emergency: Emergency): string {
  const words = Object.entries(FLAG_WORDS).map(([name, [yes, no]]) =>
    emergency.flags[name as keyof Emergency["flags"]] ? yes : no,
  );
  if (emergency.batteryPercent !== null) words.push(`battery ${emergency.batteryPercent} %`);
  return words.filter((word) => word !== "").join(", ");
}
