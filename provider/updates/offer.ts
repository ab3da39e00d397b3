import { createHash } from "node:crypto";
import type { OfferAnswer, OfferRequest } from "../../core/contract/update-offer.ts";
import { FINAL_REASONS } from "../../core/contract/update-refusal.ts";
import { compareVersions } from "../../core/version.ts";

export type UpdateState = "offered" | "stopped" | "withdrawn";

/** What decides who gets a published version. */
export interface Offerable {
  readonly profile: string;
  readonly version: string;
  readonly channel: string;
  /** Of the channel's sensors, 0..100. */
  readonly percent: number;
  readonly state: UpdateState;
}

export interface Asker {
  readonly sensorId: string;
  readonly channel: string;
  readonly pin: string | null;
}

/**
 * What a sensor is offered: of its profile, the newest version that is newer than its own, of its channel, that has reached it by
 * percentage, and that it does not refuse for good. A pin is the one version that may be offered, whatever its channel and percentage; a
 * pin to what runs, or to what is not here, keeps the sensor where it is.
 */
export function offerFor(asker: Asker, request: OfferRequest, published: readonly Offerable[]): OfferAnswer {
  const ofProfile = published.filter(({ profile }) => profile === request.profile);
  const refused = new Set(
    request.refused.filter(({ reason }) => FINAL_REASONS.includes(reason)).map(({ version }) => version),
  );
  const mayHave = ({ version, channel, percent, state }: Offerable) =>
    state === "offered" &&
    compareVersions(version, request.version) > 0 &&
    !refused.has(version) &&
    (asker.pin === null
      ? channel === asker.channel && isReached(asker.sensorId, version, percent)
      : asker.pin === version);
  const versions = ofProfile.filter(mayHave).map(({ version }) => version);
  const newest = versions.sort(compareVersions).at(-1);
  const withdrawn = ofProfile
    .filter(({ state, version }) => state === "withdrawn" && compareVersions(version, request.version) > 0)
    .map(({ version }) => version);
  return { version: newest ?? null, withdrawn };
}

/** Why a pin offers nothing for now; undefined: it does, or keeps the sensor at `running`. */
export function pinDoubt(
  pin: string,
  running: string | undefined,
  published: readonly Offerable[],
): string | undefined {
  const states = published.filter(({ version }) => version === pin).map(({ state }) => state);
  if (pin === running || states.includes("offered")) return undefined;
  if (states.includes("stopped")) return `${pin} is stopped: it gets no update until ${pin} is offered again`;
  if (states.includes("withdrawn")) return `${pin} was withdrawn, which is for good: it gets no update`;
  return `there is no update ${pin} here: it gets none until ${pin} is published`;
}

/** Why a channel offers nothing for now; undefined: it does. */
export function channelDoubt(channel: string, published: readonly Offerable[]): string | undefined {
  if (published.some((update) => update.channel === channel && update.state === "offered")) return undefined;
  return `nothing is offered on channel ${channel} for now`;
}

/**
 * Whether a sensor is among the first `percent` of a version. Each version has an order of its own, so that it is not always the same
 * sensors that try first; a greater percentage only adds sensors.
 */
export function isReached(sensorId: string, version: string, percent: number): boolean {
  const hash = createHash("sha256").update(`cepa-update-1\0${sensorId}\0${version}`).digest();
  return hash.readUInt32BE(0) < (percent / 100) * 2 ** 32;
}
