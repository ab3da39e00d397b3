import { readInteger, readObject, readText } from "../checked-json.ts";

/** 8 random octets in lower-case hexadecimal: certificate CN, CCD file name and id in every message. */
export const SENSOR_ID_PATTERN = /^[0-9a-f]{16}$/;
/** A label for people; ops may change it. */
export const SENSOR_NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,30}$/;
export const IPV4_PATTERN = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** Where `cepa flash` writes what makes a box one certain sensor; all below the state partition's root. */
export const STATE_FILES = {
  identity: "identity/sensor.json",
  /** PEM PKCS #8, EC P-256; born on the device or at the bench, never at base. */
  privateKey: "identity/sensor.key",
  certificate: "identity/sensor.crt",
  /** Certificates of base's CA. */
  authority: "identity/ca.crt",
  tlsCryptV2: "identity/tls-crypt-v2.key",
  openvpn: "identity/openvpn.conf",
  /** PEM PKCS #8, Ed25519: signs emergency messages. */
  emergencyKey: "identity/emergency.key",
  /** PEM SPKI, Ed25519: verifies base's commands and configuration. */
  commandPublicKey: "identity/command.pub",
  network: "network.json",
  /** Only where the store has a disk of its own. */
  store: "store.json",
  config: "config.json",
} as const;

/** The certified identity that a box carries; `identity/sensor.json`. */
export interface SensorIdentity {
  readonly sensorId: string;
  readonly name: string;
  /** IPv4 address of the sensor in the tunnel, set by base's CCD. */
  readonly vpnAddress: string;
  /** IPv4 address of base in the tunnel; key release and link are there, on `basePort`, and its certificate names it. */
  readonly baseAddress: string;
  readonly basePort: number;
  /** Number of the Ed25519 key that signs emergency messages, 0..255. */
  readonly emergencyKeyId: number;
  /** Number, in international form, that takes emergency messages by SMS. */
  readonly emergencySmsNumber: string;
  /** When the box was flashed, Unix milliseconds: a floor for its clock. */
  readonly flashedAtMs: number;
}

export function readSensorIdentity(json: unknown): SensorIdentity {
  const object = readObject(json, "identity", [
    "sensorId",
    "name",
    "vpnAddress",
    "baseAddress",
    "basePort",
    "emergencyKeyId",
    "emergencySmsNumber",
    "flashedAtMs",
  ]);
  return {
    sensorId: readText(object, "sensorId", "identity", "16 hexadecimal digits", SENSOR_ID_PATTERN),
    name: readText(object, "name", "identity", "a-z, 0-9 and -, at most 31", SENSOR_NAME_PATTERN),
    vpnAddress: readText(object, "vpnAddress", "identity", "an IPv4 address", IPV4_PATTERN),
    baseAddress: readText(object, "baseAddress", "identity", "an IPv4 address", IPV4_PATTERN),
    basePort: readInteger(object, "basePort", "identity", 1, 65535),
    emergencyKeyId: readInteger(object, "emergencyKeyId", "identity", 0, 255),
    emergencySmsNumber: readText(
      object,
      "emergencySmsNumber",
      "identity",
      "a number like +441632960961",
      /^\+[1-9]\d{5,14}$/,
    ),
    flashedAtMs: readInteger(object, "flashedAtMs", "identity", 0, Number.MAX_SAFE_INTEGER),
  };
}
