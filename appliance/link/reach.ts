import type { LinkStatus } from "../../core/contract/role.ts";

/** What the box sees of its way to base, as far as it goes. */
export interface Reach {
  /** undefined: the uplink port is not known or not there. */
  readonly uplink: string | undefined;
  readonly carrier: boolean;
  /** IPv4 addresses of the uplink. */
  readonly addresses: readonly string[];
  /** A name of base's VPN server that can't be resolved; undefined: none, or the tunnel is up. */
  readonly unresolvedName: string | undefined;
  /** The tunnel has the sensor's address. */
  readonly tunnelUp: boolean;
}

/** Nothing from base for so long, not even a pong: it is not reached, whatever the tunnel's device says. */
export const BASE_SILENCE_MS = 30_000;
const TRY_MS = 10_000;

export function describeReach(
  reach: Reach,
  vpnAddress: string,
  baseAddress: string,
  baseHeard: boolean,
): Pick<LinkStatus, "state" | "detail"> {
  if (reach.tunnelUp) {
    if (baseHeard) return { state: "up", detail: `base answers at ${baseAddress}` };
    return { state: "baseSilent", detail: `the VPN has ${vpnAddress}, but base does not answer at ${baseAddress}` };
  }
  const { uplink } = reach;
  if (uplink === undefined) return { state: "noUplink", detail: "there is no uplink port" };
  if (!reach.carrier) return { state: "noUplink", detail: `no link on the uplink port ${uplink}: is the cable in?` };
  const [address] = reach.addresses;
  if (address === undefined) return { state: "noAddress", detail: `the uplink port ${uplink} has no address yet` };
  const { unresolvedName } = reach;
  if (unresolvedName !== undefined)
    return { state: "vpnDown", detail: `${uplink} has ${address}, but the name ${unresolvedName} is not found` };
  return { state: "vpnDown", detail: `${uplink} has ${address}; the VPN does not come up` };
}

/** Host names in the `remote` lines of an OpenVPN configuration; IPv4 addresses need no look-up. */
export function readRemoteNames(configuration: string): string[] {
  const hosts = [...configuration.matchAll(/^remote\s+([A-Za-z0-9.-]{1,253})(?:\s|$)/gm)].map(
    (match) => match[1] ?? "",
  );
  return [...new Set(hosts)].filter((host) => !/^[\d.]+$/.test(host)).slice(0, 8);
}

/** Whether base is reached, as phone-home counts it: `upAt`, or down since then. */
export interface Contact {
  readonly up: boolean;
  readonly sinceMs: number;
}

export function nextContact(contact: Contact, up: boolean, nowMs: number): Contact {
  return contact.up === up ? contact : { up, sinceMs: nowMs };
}

/** Tries to reach base since it was lost: OpenVPN and the link each try at least this often. */
export function triesOf(contact: Contact, nowMs: number): number {
  return contact.up ? 0 : Math.floor(Math.max(0, nowMs - contact.sinceMs) / TRY_MS);
}
