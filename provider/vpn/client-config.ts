import { STATE_FILES } from "../../core/contract/identity.ts";

/** Rules that both ends of the tunnel keep: AEAD ciphers only (openvpn(8), DATA CHANNEL CIPHER NEGOTIATION), TLS 1.3. */
export const COMMON_OPTIONS = [
  "tls-version-min 1.3",
  "data-ciphers AES-256-GCM:CHACHA20-POLY1305",
  "auth SHA256",
  "allow-compression no",
] as const;

export interface ClientConfig {
  readonly remoteHost: string;
  readonly udpPort: number;
  readonly tcpPort: number;
  /** CN of the servers' certificate. */
  readonly serverName: string;
  /** Where the state partition is on the box. */
  readonly stateFolder: string;
}

/**
 * `openvpn.conf` of a sensor: UDP first, then TCP, and so on for ever. It runs unprivileged (the box's unit gives it
 * CAP_NET_ADMIN), so it drops nothing itself.
 */
export function renderClientConfig(config: ClientConfig): string {
  const { remoteHost, udpPort, tcpPort, stateFolder } = config;
  const file = (name: string) => `${stateFolder}/${name}`;
  return `${[
    "client",
    "dev tun0",
    "dev-type tun",
    "nobind",
    "persist-tun",
    "persist-key",
    `tls-crypt-v2 ${file(STATE_FILES.tlsCryptV2)}`, // a <connection> takes what stands before it
    "<connection>",
    `remote ${remoteHost} ${udpPort} udp4`,
    "connect-timeout 10",
    "connect-retry 2 60",
    "explicit-exit-notify 1",
    "</connection>",
    "<connection>",
    `remote ${remoteHost} ${tcpPort} tcp4-client`,
    "connect-timeout 10",
    "connect-retry 2 60",
    "</connection>",
    "remote-cert-tls server",
    `verify-x509-name ${config.serverName} name`,
    ...COMMON_OPTIONS,
    "auth-nocache",
    "disable-dco",
    `ca ${file(STATE_FILES.authority)}`,
    `cert ${file(STATE_FILES.certificate)}`,
    `key ${file(STATE_FILES.privateKey)}`,
    "verb 3",
  ].join("\n")}\n`;
}
