import { join } from "node:path";

/** Files of a provider, all below one folder of mode 0700. */
export function statePaths(folder: string) {
  const at = (...names: string[]) => join(folder, ...names);
  return {
    folder,
    settings: at("settings.json"),
    database: at("base.db"),
    auditLog: at("audit.log"),
    socket: at("base.sock"),
    /** The master key under the passphrase; everything else secret is under the master key. */
    masterKey: at("keys", "master.sealed"),
    commandKey: at("keys", "command.sealed"),
    commandPublicKey: at("keys", "command.pub"),
    httpsKey: at("https", "server.key.sealed"),
    httpsCertificate: at("https", "server.crt"),
    vpnFolder: at("vpn"),
    vpnKey: at("vpn", "server.key.sealed"),
    vpnCertificate: at("vpn", "server.crt"),
    vpnAuthority: at("vpn", "ca.crt"),
    vpnCrl: at("vpn", "crl.pem"),
    tlsCryptV2: at("vpn", "tls-crypt-v2.key.sealed"),
    ccdFolder: at("vpn", "ccd"),
    /** PEM, Ed25519: who may sign updates. */
    updatePublicKey: at("update.pub"),
    /** PROFILE/VERSION/ of each published set. */
    updatesFolder: at("updates"),
    defaultAuthorityFolder: at("ca"),
  } as const;
}

export type StatePaths = ReturnType<typeof statePaths>;
