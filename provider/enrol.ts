import type { Secret } from "../core/secret.ts";

/** What a bench has made for one box: keys that it keeps to itself, and the public halves of them. */
export interface EnrolmentRequest {
  /** As given to `cepa sensor add`. */
  readonly name: string;
  /** PKCS #10 request, PEM: EC P-256, signed by its own key, CN = the sensor's id. */
  readonly csrPem: string;
  /** Ed25519, PEM SPKI. */
  readonly emergencyPublicKeyPem: string;
  /** Unix milliseconds. */
  readonly flashedAtMs: number;
  /** JSON text for readSensorConfig: what differs from the image's defaults; `{}` for nothing. */
  readonly settings: string;
}

/** What is written into the box's state partition. */
export interface Enrolment {
  readonly sensorId: string;
  /** Text of each file; the key is its path below `/state`, one of STATE_FILES. No private key of the box is among them. */
  readonly files: Readonly<Record<string, string>>;
}

export type EnrolmentErrorCode =
  | "noState"
  | "wrongPassphrase"
  | "unknownSensor"
  | "revokedSensor"
  | "badRequest"
  | "badSettings"
  | "noOpenvpn";

export class EnrolmentError extends Error {
  override readonly name = "EnrolmentError";
  readonly code: EnrolmentErrorCode;
  constructor(code: EnrolmentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What a flash must know before it makes the keys. */
export interface EnrollableSensor {
  /** The certificate request's CN. */
  readonly sensorId: string;
  readonly name: string;
  readonly vpnAddress: string;
  readonly state: "pending" | "active" | "hold" | "revoked";
}

/** The sensor that `cepa sensor add NAME` made. Throws an EnrolmentError. Needs no passphrase. */
export async function readEnrollableSensor(_stateFolder: string, name: string): Promise<EnrollableSensor> {
  throw new EnrolmentError("unknownSensor", `${name}: not yet`);
}

/**
 * Certifies a box: checks the request, signs it, makes its tls-crypt-v2 key, its CCD file, its configuration and a fresh
 * share of its /nsm key. A certificate that this sensor had before is revoked. Throws an EnrolmentError.
 */
export async function enrolSensor(
  _stateFolder: string,
  _passphrase: Secret,
  request: EnrolmentRequest,
  _signal: AbortSignal,
): Promise<Enrolment> {
  throw new EnrolmentError("unknownSensor", `${request.name}: not yet`);
}
