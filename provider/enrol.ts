import { createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { parseJson } from "../core/checked-json.ts";
import { type SensorIdentity, STATE_FILES } from "../core/contract/identity.ts";
import { BASE_SHARE_BYTES } from "../core/contract/key-release.ts";
import { configSignatureInput, readSensorConfig, type SignedConfig } from "../core/contract/sensor-config.ts";
import { writeFileAtomically } from "../core/node/atomic-file.ts";
import { nodeExec } from "../core/node/exec.ts";
import { ExecError } from "../core/ports.ts";
import { Secret } from "../core/secret.ts";
import { issueSensorCertificate, openAuthority, readRequest } from "./ca/authority.ts";
import { publishCrl, recordCertificate, revokeCertificates } from "./fleet/certificates.ts";
import { type Sensor, SensorError, type SensorState, sensorById, sensorByName } from "./fleet/sensors.ts";
import { VPN_SERVER_NAME } from "./init.ts";
import { sealShare } from "./keys/share.ts";
import {
  openCommandKey,
  openSealed,
  type Provider,
  TLS_CRYPT_V2_LABEL,
  unlockMasterKey,
  withProvider,
} from "./state/provider.ts";
import { baseAddress, StateError } from "./state/settings.ts";
import { renderCcd } from "./vpn/ccd.ts";
import { renderClientConfig } from "./vpn/client-config.ts";
import { parseSubnet, subnetMask } from "./vpn/subnet.ts";
import { makeClientKey } from "./vpn/tls-crypt-v2.ts";

/** What a bench has made for one box: keys that it keeps to itself, and the public halves of them. */
export interface EnrolmentRequest {
  /** As given to `cepa sensor add`. */
  readonly name: string;
  /** That of EnrollableSensor, when a person knew what would be given up; undefined: whatever is there now. */
  readonly enrolment?: number;
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
  | "changed"
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
  readonly state: SensorState;
  /** How often it was flashed. */
  readonly enrolment: number;
}

/** The sensor that `cepa sensor add NAME` made. Throws an EnrolmentError. Needs no passphrase. */
export async function readEnrollableSensor(stateFolder: string, name: string): Promise<EnrollableSensor> {
  return atBase(stateFolder, async ({ database }) => {
    const sensor = sensorByName(database, name);
    const { id, address, state, enrolment } = sensor;
    return { sensorId: id, name, vpnAddress: address, state, enrolment };
  });
}

/** Throws an EnrolmentError when enrolSensor would not get at the CA or the master key: to be known before a disk is written. */
export async function checkPassphrase(stateFolder: string, passphrase: Secret): Promise<void> {
  await atBase(stateFolder, async ({ paths, settings }) => {
    await openAuthority(settings.authorityFolder, passphrase);
    (await unlockMasterKey(paths, passphrase)).wipe();
  });
}

/**
 * Certifies a box: checks the request, signs it, makes its tls-crypt-v2 key, its CCD file, its configuration and a fresh
 * share of its /nsm key. A certificate that this sensor had before is revoked. Throws an EnrolmentError.
 */
export async function enrolSensor(
  stateFolder: string,
  passphrase: Secret,
  request: EnrolmentRequest,
  signal: AbortSignal,
): Promise<Enrolment> {
  return atBase(stateFolder, async (provider) => {
    const { database, paths, settings } = provider;
    const sensor = sensorByName(database, request.name);
    if (sensor.state === "revoked")
      throw new EnrolmentError("revokedSensor", `${request.name} is revoked; add a sensor of another name`);
    const { publicKey } = await checkRequest(request, sensor);
    const emergencyKeyPem = checkEmergencyKey(request.emergencyPublicKeyPem);
    checkSettings(request.settings);

    const authority = await openAuthority(settings.authorityFolder, passphrase);
    const masterKey = await unlockMasterKey(paths, passphrase);
    try {
      const nowMs = Date.now();
      const commandKey = await openCommandKey(paths, masterKey);
      const serverKey = await openSealed(paths.tlsCryptV2, masterKey, TLS_CRYPT_V2_LABEL);
      const tlsCryptV2 = await makeClientKey(serverKey, sensor.id, nodeExec, signal).finally(() => serverKey.wipe());
      const certificate = await issueSensorCertificate(authority, sensor.id, publicKey, nowMs);
      const share = new Secret(randomBytes(BASE_SHARE_BYTES));
      const sealed = sealShare(masterKey, sensor.id, share);
      share.wipe();
      const emergencyKeyId = sensor.emergencyKeyId === 255 ? 1 : sensor.emergencyKeyId + 1;
      const configNumber = sensor.configNumber + 1;
      provider.audit.appendWith(
        () => {
          checkUnchanged(database, sensor, request.enrolment);
          const count = revokeCertificates(database, sensor.id, nowMs);
          recordCertificate(database, sensor.id, certificate, nowMs);
          recordEmergencyKey(provider, sensor.id, emergencyKeyId, emergencyKeyPem, nowMs);
          database
            .prepare(
              `update sensors set state = 'active', enrolled_at_ms = ?, enrolment = enrolment + 1, certificate_serial = ?,
               wrapped_share = ?, wrapped_wrapping_key = ?, luks_uuid = null, pending_command = null, wipe_ordered_at_ms = null,
               wipe_begun_at_ms = null, wipe_erased_at_ms = null, wipe_cause = null, emergency_key_id = ?, config_number = ?
               where id = ?`,
            )
            .run(
              nowMs,
              certificate.serial,
              sealed.wrappedShare,
              sealed.wrappedWrappingKey,
              emergencyKeyId,
              configNumber,
              sensor.id,
            );
          return count;
        },
        (revoked) => ({
          atMs: nowMs,
          who: "base",
          action: "enrol",
          sensorId: sensor.id,
          detail: { name: sensor.name, serial: certificate.serial, certificatesRevoked: revoked },
        }),
      );
      await publishCrl(database, authority, paths.vpnCrl, nowMs);
      await mkdir(paths.ccdFolder, { recursive: true, mode: 0o700 });
      const mask = subnetMask(parseSubnet(settings.vpnSubnet));
      await writeFileAtomically(join(paths.ccdFolder, sensor.id), renderCcd(sensor.address, mask), 0o644);

      const identity: SensorIdentity = {
        sensorId: sensor.id,
        name: sensor.name,
        vpnAddress: sensor.address,
        baseAddress: baseAddress(settings),
        basePort: settings.basePort,
        emergencyKeyId,
        emergencySmsNumber: settings.smsNumber,
        flashedAtMs: request.flashedAtMs,
      };
      const config = signConfig(commandKey, sensor.id, configNumber, request.settings);
      const openvpn = renderClientConfig({
        remoteHost: settings.remoteHost,
        udpPort: settings.remoteUdpPort,
        tcpPort: settings.remoteTcpPort,
        serverName: VPN_SERVER_NAME,
        stateFolder: "/state",
      });
      return {
        sensorId: sensor.id,
        files: {
          [STATE_FILES.identity]: `${JSON.stringify(identity, undefined, 2)}\n`,
          [STATE_FILES.certificate]: certificate.pem,
          [STATE_FILES.authority]: await readFile(paths.vpnAuthority, "utf8"),
          [STATE_FILES.tlsCryptV2]: tlsCryptV2,
          [STATE_FILES.openvpn]: openvpn,
          [STATE_FILES.commandPublicKey]: await readFile(paths.commandPublicKey, "utf8"),
          [STATE_FILES.config]: `${JSON.stringify(config, undefined, 2)}\n`,
        },
      };
    } finally {
      masterKey.wipe();
    }
  });
}

async function atBase<T>(stateFolder: string, body: (provider: Provider) => Promise<T>): Promise<T> {
  return await withProvider(stateFolder, body).catch((error: unknown) => {
    throw enrolmentError(error);
  });
}

function enrolmentError(error: unknown): unknown {
  if (error instanceof StateError) {
    const code = error.code === "wrongPassphrase" ? "wrongPassphrase" : "noState";
    return new EnrolmentError(code, error.message, { cause: error });
  }
  if (error instanceof SensorError) return new EnrolmentError("unknownSensor", error.message, { cause: error });
  if (error instanceof ExecError && error.program === "openvpn")
    return new EnrolmentError("noOpenvpn", `openvpn made no tls-crypt-v2 key: ${error.message}`, { cause: error });
  return error;
}

function checkUnchanged(database: DatabaseSync, { id, name, enrolment }: Sensor, expected = enrolment): void {
  if (sensorById(database, id)?.enrolment !== expected)
    throw new EnrolmentError(
      "changed",
      `${name} was flashed, or removed, by somebody else meanwhile: its certificate and its key are as they made them`,
    );
}

async function checkRequest(request: EnrolmentRequest, sensor: Sensor) {
  const read = await readRequest(request.csrPem);
  if (read === undefined)
    throw new EnrolmentError("badRequest", "the certificate request is no PKCS #10 of EC P-256, signed by its own key");
  if (read.commonName !== sensor.id)
    throw new EnrolmentError("badRequest", `the request's CN is ${JSON.stringify(read.commonName)}, not ${sensor.id}`);
  return read;
}

function checkEmergencyKey(pem: string): string {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === "ed25519") return String(key.export({ format: "pem", type: "spki" }));
  } catch {
    // said below
  }
  throw new EnrolmentError("badRequest", "the emergency key is no Ed25519 public key in PEM");
}

function checkSettings(settings: string): void {
  try {
    readSensorConfig(parseJson(settings, "settings"));
  } catch (cause) {
    throw new EnrolmentError("badSettings", (cause as Error).message, { cause });
  }
}

function recordEmergencyKey(provider: Provider, sensorId: string, keyId: number, pem: string, nowMs: number): void {
  const { database } = provider;
  database
    .prepare("update emergency_keys set retired_at_ms = ? where sensor_id = ? and retired_at_ms is null")
    .run(nowMs, sensorId);
  database
    .prepare(
      "insert or replace into emergency_keys (sensor_id, key_id, public_key_pem, added_at_ms) values (?, ?, ?, ?)",
    )
    .run(sensorId, keyId, pem, nowMs);
}

function signConfig(key: KeyObject, sensorId: string, number: number, settings: string): SignedConfig {
  const signature = sign(null, configSignatureInput(sensorId, number, settings), key).toString("base64");
  return { number, settings, signature };
}
