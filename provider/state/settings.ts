import { readFile } from "node:fs/promises";
import { parseJson, readInteger, readObject, readText } from "../../core/checked-json.ts";
import { IPV4_PATTERN } from "../../core/contract/identity.ts";
import { addressAt, parseSubnet } from "../vpn/subnet.ts";
import { statePaths } from "./paths.ts";

/** What `cepa init` was told; `settings.json` of the state folder. */
export interface ProviderSettings {
  /** IPv4 subnet of the tunnel, `10.213.0.0/16`; base has its first address. */
  readonly vpnSubnet: string;
  /** Where sensors reach base: a name or an IPv4 address. */
  readonly remoteHost: string;
  /** Ports as sensors see them, and as OpenVPN listens unless the next two differ. */
  readonly remoteUdpPort: number;
  readonly remoteTcpPort: number;
  readonly listenUdpPort: number;
  readonly listenTcpPort: number;
  /** Key release and link, on base's tunnel address. */
  readonly basePort: number;
  /** Number that takes emergency messages by SMS. */
  readonly smsNumber: string;
  /** Folder of the CA's certificate and sealed key. */
  readonly authorityFolder: string;
  readonly createdAtMs: number;
}

/** A command that needs a provider was given a folder without one, or one that can't be used. */
export class StateError extends Error {
  override readonly name = "StateError";
  readonly code: "noState" | "exists" | "wrongPassphrase" | "damaged";
  constructor(code: StateError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export async function readSettings(folder: string): Promise<ProviderSettings> {
  const path = statePaths(folder).settings;
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT")
      throw new StateError(
        "noState",
        `${folder}: there is no provider here; make one with cepa init --state ${folder}`,
      );
    throw new StateError("damaged", `${path}: ${cause.message}`, { cause });
  });
  return readSettingsJson(parseJson(text, path));
}

const TEXT_KEYS = {
  vpnSubnet: ["a subnet like 10.213.0.0/16", /^[\d.]{7,15}\/\d{1,2}$/],
  remoteHost: ["a host name or an IPv4 address", /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/],
  smsNumber: ["a number like +441632960961", /^\+[1-9]\d{5,14}$/],
  authorityFolder: ["an absolute path", /^\//],
} as const;
const PORT_KEYS = ["remoteUdpPort", "remoteTcpPort", "listenUdpPort", "listenTcpPort", "basePort"] as const;

export function readSettingsJson(json: unknown): ProviderSettings {
  const path = "settings";
  const object = readObject(json, path, [...Object.keys(TEXT_KEYS), ...PORT_KEYS, "createdAtMs"]);
  const text = (key: keyof typeof TEXT_KEYS) => readText(object, key, path, TEXT_KEYS[key][0], TEXT_KEYS[key][1]);
  const port = (key: (typeof PORT_KEYS)[number]) => readInteger(object, key, path, 1, 65_535);
  const vpnSubnet = text("vpnSubnet");
  parseSubnet(vpnSubnet);
  return {
    vpnSubnet,
    remoteHost: text("remoteHost"),
    remoteUdpPort: port("remoteUdpPort"),
    remoteTcpPort: port("remoteTcpPort"),
    listenUdpPort: port("listenUdpPort"),
    listenTcpPort: port("listenTcpPort"),
    basePort: port("basePort"),
    smsNumber: text("smsNumber"),
    authorityFolder: text("authorityFolder"),
    createdAtMs: readInteger(object, "createdAtMs", path, 0, Number.MAX_SAFE_INTEGER),
  };
}

export function baseAddress(settings: ProviderSettings): string {
  return addressAt(parseSubnet(settings.vpnSubnet), 1);
}

/** `HOST[:UDPPORT[,TCPPORT]]` of `cepa init --remote`; undefined when it is not that. */
export function parseRemote(text: string): { host: string; udpPort: number; tcpPort: number } | undefined {
  const match = /^([^:,]+)(?::(\d{1,5})(?:,(\d{1,5}))?)?$/.exec(text);
  const host = match?.[1] ?? "";
  const udpPort = Number(match?.[2] ?? 1194);
  const tcpPort = Number(match?.[3] ?? 443);
  if (!TEXT_KEYS.remoteHost[1].test(host)) return undefined;
  if (/^[\d.]+$/.test(host) && !IPV4_PATTERN.test(host)) return undefined;
  if (![udpPort, tcpPort].every((port) => port >= 1 && port <= 65_535)) return undefined;
  return { host, udpPort, tcpPort };
}
