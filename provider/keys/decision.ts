import type { KeyRefusal } from "../../core/contract/key-release.ts";
import type { Sensor } from "../fleet/sensors.ts";

export interface ReleaseQuestion {
  /** The owner of the client certificate: known, not revoked. */
  readonly sensor: Pick<Sensor, "id" | "address" | "state" | "luksUuid" | "wrappedShare">;
  readonly sourceAddress: string;
  readonly withinRate: boolean;
  /** undefined: what came is no VolumeKeyRequest. */
  readonly request: { readonly sensorId: string; readonly luksUuid: string | null } | undefined;
  readonly nonceFresh: boolean;
}

export type ReleaseDecision =
  | {
      readonly state: "release";
      readonly format: boolean;
      /** The store's UUID as base knows it and as the sensor found it are not the same: no format, whatever happened. */
      readonly storeDiffers: boolean;
      /** To be recorded as the sensor's. */
      readonly newLuksUuid: string | null;
    }
  | { readonly state: "refuse"; readonly why: KeyRefusal };

/** Whether a sensor gets its key. The first reason that stands against it is given. */
export function decideRelease(question: ReleaseQuestion): ReleaseDecision {
  const { sensor, request } = question;
  const refuse = (why: KeyRefusal): ReleaseDecision => ({ state: "refuse", why });
  if (question.sourceAddress !== sensor.address) return refuse("wrongSource");
  if (!question.withinRate) return refuse("tooMany");
  if (request === undefined || request.sensorId !== sensor.id) return refuse("badRequest");
  if (!question.nonceFresh) return refuse("badNonce");
  if (sensor.state === "hold") return refuse("hold");
  if (sensor.state !== "active" || sensor.wrappedShare === null) return refuse("notActive");
  const known = sensor.luksUuid;
  return {
    state: "release",
    format: known === null && request.luksUuid === null,
    storeDiffers: known !== null && request.luksUuid !== known,
    newLuksUuid: known === null ? request.luksUuid : null,
  };
}
