import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../core/node/atomic-file.ts";
import { makeFolder } from "../core/node/make-folder.ts";
import type { Exec } from "../core/ports.ts";
import { Secret } from "../core/secret.ts";
import { AUTHORITY_CERTIFICATE, createAuthority, issueServerCertificate } from "./ca/authority.ts";
import { publishCrl } from "./fleet/certificates.ts";
import { newKey, sealWithPassphrase, wrap } from "./keys/wrap.ts";
import { createDatabase } from "./state/database.ts";
import { statePaths } from "./state/paths.ts";
import {
  COMMAND_LABEL,
  HTTPS_KEY_LABEL,
  MASTER_LABEL,
  TLS_CRYPT_V2_LABEL,
  VPN_KEY_LABEL,
  withProvider,
} from "./state/provider.ts";
import { baseAddress, type ProviderSettings, readSettingsJson, StateError } from "./state/settings.ts";
import { makeServerKey } from "./vpn/tls-crypt-v2.ts";

/** CN of the OpenVPN servers' certificate: sensors verify it by name. */
export const VPN_SERVER_NAME = "cepa-base-vpn";
const HTTPS_SERVER_NAME = "cepa-base";

/** Makes a provider in `folder`, which must not exist or be empty. Throws a StateError, ConfigError or ExecError. */
export async function initProvider(
  folder: string,
  passphrase: Secret,
  given: ProviderSettings,
  exec: Exec,
  signal: AbortSignal,
): Promise<void> {
  const settings = readSettingsJson(given);
  const there = await readdir(folder).catch((): string[] => []);
  if (there.includes("settings.json"))
    throw new StateError("exists", `${folder}: there is a provider here already; nothing was changed`);
  if (there.length > 0) throw new StateError("exists", `${folder}: is not empty; give --state a new folder`);
  await makeFolder(folder, 0o700);
  try {
    await fillFolder(folder, passphrase, settings, exec, signal);
  } catch (error) {
    // Half a provider is none; a CA elsewhere that was made stays, and is refused next time rather than lost.
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
    throw error;
  }
}

async function fillFolder(
  folder: string,
  passphrase: Secret,
  settings: ProviderSettings,
  exec: Exec,
  signal: AbortSignal,
): Promise<void> {
  const paths = statePaths(folder);
  const nowMs = settings.createdAtMs;
  await chmod(folder, 0o700);
  for (const name of ["keys", "https", "vpn", "vpn/ccd"]) await mkdir(join(folder, name), { mode: 0o700 });

  const masterKey = newKey();
  await writeFileAtomically(paths.masterKey, await sealWithPassphrase(passphrase, masterKey, MASTER_LABEL));
  const seal = async (path: string, secret: Secret, label: string) => {
    await writeFileAtomically(path, wrap(masterKey, secret, label));
    secret.wipe();
  };
  await seal(paths.tlsCryptV2, await makeServerKey(exec, signal), TLS_CRYPT_V2_LABEL);
  const authority = await createAuthority(settings.authorityFolder, passphrase, nowMs);
  const authorityPem = `${authority.certificate.toString("pem")}\n`;
  await writeFileAtomically(paths.vpnAuthority, authorityPem, 0o644);
  const vpn = await issueServerCertificate(authority, VPN_SERVER_NAME, [], nowMs);
  await writeFileAtomically(paths.vpnCertificate, vpn.certificatePem, 0o644);
  await seal(paths.vpnKey, new Secret(Buffer.from(vpn.keyPem)), VPN_KEY_LABEL);
  const address = baseAddress(settings);
  const https = await issueServerCertificate(authority, HTTPS_SERVER_NAME, [{ type: "ip", value: address }], nowMs);
  await writeFileAtomically(paths.httpsCertificate, https.certificatePem, 0o644);
  await seal(paths.httpsKey, new Secret(Buffer.from(https.keyPem)), HTTPS_KEY_LABEL);
  const command = generateKeyPairSync("ed25519");
  const der = new Secret(command.privateKey.export({ format: "der", type: "pkcs8" }));
  await seal(paths.commandKey, der, COMMAND_LABEL);
  masterKey.wipe();
  const publicPem = command.publicKey.export({ format: "pem", type: "spki" });
  await writeFileAtomically(paths.commandPublicKey, publicPem, 0o644);

  createDatabase(paths.database).close();
  // Last: a folder without settings is not a provider.
  await writeFileAtomically(paths.settings, `${JSON.stringify(settings, undefined, 2)}\n`);
  await withProvider(folder, async ({ database, audit }) => {
    await publishCrl(database, authority, paths.vpnCrl, nowMs);
    audit.append({ atMs: nowMs, who: "base", action: "init", detail: { authority: AUTHORITY_CERTIFICATE } });
  });
}
