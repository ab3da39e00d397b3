import type { StatePaths } from "../state/paths.ts";
import { baseAddress, type ProviderSettings } from "../state/settings.ts";
import { COMMON_OPTIONS } from "./client-config.ts";
import { parseSubnet, subnetMask } from "./subnet.ts";

export type Transport = "udp" | "tcp";
export const TRANSPORTS: readonly Transport[] = ["udp", "tcp"];

export function tunnelDevice(transport: Transport): string {
  return `cepa-${transport}`;
}

/** Sensors in one server at most; the rest is refused by OpenVPN. */
const CLIENTS_MAX = 4000;

export interface ServerConfig {
  readonly transport: Transport;
  readonly settings: ProviderSettings;
  readonly paths: StatePaths;
  readonly listenAddress: string;
  readonly managementSocket: string;
  readonly routeScript: string;
  /** Files, in memory, of the certificate's key and of the tls-crypt-v2 key. */
  readonly keyPath: string;
  readonly tlsCryptV2Path: string;
}

/**
 * One of the two OpenVPN servers. The devices, base's address and the routes are not OpenVPN's: both servers are up with
 * the same subnet, and the learn-address script gives each sensor a /32 route to the one it is on.
 */
export function renderServerConfig(config: ServerConfig): string {
  const { transport, settings, paths } = config;
  const device = tunnelDevice(transport);
  const mask = subnetMask(parseSubnet(settings.vpnSubnet));
  const address = baseAddress(settings);
  return `${[
    "mode server",
    "tls-server",
    `proto ${transport === "udp" ? "udp4" : "tcp4-server"}`,
    `port ${transport === "udp" ? settings.listenUdpPort : settings.listenTcpPort}`,
    `local ${config.listenAddress}`,
    `dev ${device}`,
    "dev-type tun",
    "disable-dco",
    "topology subnet",
    `ifconfig ${address} ${mask}`,
    "ifconfig-noexec",
    "route-noexec",
    "persist-tun",
    "persist-key",
    `client-config-dir ${quote(paths.ccdFolder)}`,
    "ccd-exclusive",
    `max-clients ${CLIENTS_MAX}`,
    `push "topology subnet"`,
    `push "route-gateway ${address}"`,
    `push "ping 5"`,
    `push "ping-restart 20"`,
    "ping 5",
    "ping-restart 40",
    "remote-cert-tls client",
    ...COMMON_OPTIONS,
    "dh none",
    `ca ${quote(paths.vpnAuthority)}`,
    `cert ${quote(paths.vpnCertificate)}`,
    `key ${quote(config.keyPath)}`,
    `crl-verify ${quote(paths.vpnCrl)}`,
    `tls-crypt-v2 ${quote(config.tlsCryptV2Path)} force-cookie`,
    "reneg-sec 300",
    "tran-window 30",
    "script-security 2",
    `learn-address ${quote(`/bin/sh ${config.routeScript} ${device}`)}`,
    `management ${quote(config.managementSocket)} unix`,
    "verb 3",
    // A base that stops says so: its sensors come back in seconds, not when a ping is missed.
    transport === "tcp" ? "tcp-nodelay" : "explicit-exit-notify 1",
  ].join("\n")}\n`;
}

/**
 * Run by OpenVPN as `learn-address DEVICE OPERATION ADDRESS [CN]`. `replace` moves a sensor's route to the server that it
 * came to last; `delete` takes away only a route that still leads to the server that says so.
 */
export function renderRouteScript(baseAddressText: string): string {
  return `#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
case $3 in
  *[!0-9.]*) exit 0 ;;
esac
case $2 in
  add | update) exec ip route replace "$3/32" dev "$1" src ${baseAddressText} ;;
  delete) ip route del "$3/32" dev "$1" 2>/dev/null; exit 0 ;;
esac
`;
}

/** A word of an OpenVPN configuration file (openvpn(8), "double quotes … backslash-based shell escaping"). */
function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
