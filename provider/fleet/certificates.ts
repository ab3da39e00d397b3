import type { DatabaseSync } from "node:sqlite";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { type Authority, type IssuedCertificate, issueCrl, type Revocation } from "../ca/authority.ts";

export function recordCertificate(
  database: DatabaseSync,
  sensorId: string,
  certificate: IssuedCertificate,
  nowMs: number,
): void {
  database
    .prepare("insert into certificates (serial, sensor_id, issued_at_ms, not_after_ms, pem) values (?, ?, ?, ?, ?)")
    .run(certificate.serial, sensorId, nowMs, certificate.notAfterMs, certificate.pem);
}

/** How many of the sensor's certificates were good until now. */
export function revokeCertificates(database: DatabaseSync, sensorId: string, nowMs: number): number {
  const update = database.prepare(
    "update certificates set revoked_at_ms = ? where sensor_id = ? and revoked_at_ms is null",
  );
  return Number(update.run(nowMs, sensorId).changes);
}

/** Whose certificate that is; undefined: not one of ours, revoked, or run out. `serial` in hexadecimal, any case. */
export function certificateOwner(database: DatabaseSync, serial: string, nowMs: number): string | undefined {
  const row = database
    .prepare("select sensor_id from certificates where serial = ? and revoked_at_ms is null and not_after_ms > ?")
    .get(serial.toLowerCase(), nowMs);
  return row === undefined ? undefined : String(row.sensor_id);
}

/** Revoked, and not yet run out: what a CRL must hold. */
export function revokedCertificates(database: DatabaseSync, nowMs: number): readonly Revocation[] {
  return database
    .prepare(
      `select serial as serialNumber, revoked_at_ms as revokedAtMs from certificates
       where revoked_at_ms is not null and not_after_ms > ?`,
    )
    .all(nowMs) as unknown as Revocation[];
}

/** Signs a CRL of every revoked certificate and puts it in place at `path`. */
export async function publishCrl(
  database: DatabaseSync,
  authority: Authority,
  path: string,
  nowMs: number,
): Promise<void> {
  const crl = await issueCrl(authority, revokedCertificates(database, nowMs), nowMs);
  await writeFileAtomically(path, crl, 0o644);
}
