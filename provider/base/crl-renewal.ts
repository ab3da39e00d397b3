import { readFile } from "node:fs/promises";
import type { Clock } from "../../core/ports.ts";
import { type Authority, readCrl } from "../ca/authority.ts";
import { publishCrl, revokedCertificates } from "../fleet/certificates.ts";
import type { Provider } from "../state/provider.ts";
import type { Report } from "./stage.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CHECK_MS = 10_000;
/** Seven days to live, renewed each day: published when it has less than six. */
const RENEW_BELOW_MS = 6 * DAY_MS;
const WARN_BELOW_MS = 4 * DAY_MS;

/**
 * Keeps the CRL alive and complete, and tells `onChange` of each new one, also when `cepa flash` published it. Without the CA's key it
 * can only warn.
 */
export async function runCrlRenewal(
  provider: Provider,
  authority: Authority | undefined,
  ports: { readonly clock: Clock; readonly report: Report },
  onChange: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, report } = ports;
  const path = provider.paths.vpnCrl;
  const read = () => readFile(path, "utf8").catch(() => "");
  let known = await read();
  let crl = readCrl(known);
  // without the CA's key at once: who put its stick in to start base may take it out again
  let warnedAtMs = Number.NEGATIVE_INFINITY;
  while (true) {
    const nowMs = clock.nowMs();
    const lacks = revokedCertificates(provider.database, nowMs).length > crl.revoked;
    if (authority !== undefined && (lacks || crl.expiresAtMs - nowMs < RENEW_BELOW_MS))
      await publishCrl(provider.database, authority, path, nowMs);
    const current = await read();
    if (current !== known) {
      known = current;
      crl = readCrl(current);
      await onChange();
      report({ stage: "crlPublished", atMs: nowMs, expiresAtMs: crl.expiresAtMs });
    }
    const isShort = crl.expiresAtMs - nowMs < WARN_BELOW_MS && nowMs - warnedAtMs > HOUR_MS;
    if (isShort || (authority === undefined && warnedAtMs === Number.NEGATIVE_INFINITY)) {
      warnedAtMs = nowMs;
      const why = authority === undefined ? "the CA's key is not at hand" : "it could not be renewed";
      report({ stage: "crlWarning", atMs: nowMs, why, expiresAtMs: crl.expiresAtMs });
    }
    await clock.sleep(CHECK_MS, signal);
  }
}
