import { readInteger, readObject, readText, readTexts } from "../checked-json.ts";
import { IPV4_PATTERN } from "./identity.ts";

/** A network port by PCI address (`0000:01:00.0`) or MAC address (`02:00:00:00:00:01`), lower case. */
export const PORT_PATTERN = /^(?:[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|(?:[0-9a-f]{2}:){5}[0-9a-f]{2})$/;
const PORT_EXPECTED = "a PCI address like 0000:01:00.0 or a MAC address like 02:00:00:00:00:01";

export interface StaticAddress {
  /** IPv4 address and prefix length, as `192.0.2.10/24`. */
  readonly address: string;
  readonly gateway: string;
  readonly dns: readonly string[];
}

/** `network.json` of the state partition: which port is what. */
export interface NetworkConfig {
  /** Without it, the port with the lowest PCI address is the uplink. */
  readonly uplink?: string;
  /** Without it, every other port is a SPAN port. */
  readonly span?: readonly string[];
  /** Without it, DHCP. */
  readonly static?: StaticAddress;
  /** IEEE 802.1Q VLAN of the uplink. */
  readonly vlan?: number;
  readonly mtuBytes?: number;
}

export function readNetworkConfig(json: unknown): NetworkConfig {
  const object = readObject(json, "network", ["uplink", "span", "static", "vlan", "mtuBytes"]);
  return {
    ...(object.uplink !== undefined && {
      uplink: readText(object, "uplink", "network", PORT_EXPECTED, PORT_PATTERN),
    }),
    ...(object.span !== undefined && { span: readTexts(object, "span", "network", PORT_EXPECTED, PORT_PATTERN) }),
    ...(object.static !== undefined && { static: readStaticAddress(object.static) }),
    ...(object.vlan !== undefined && { vlan: readInteger(object, "vlan", "network", 1, 4094) }),
    ...(object.mtuBytes !== undefined && { mtuBytes: readInteger(object, "mtuBytes", "network", 1280, 9216) }),
  };
}

function readStaticAddress(json: unknown): StaticAddress {
  const path = "network.static";
  const object = readObject(json, path, ["address", "gateway", "dns"]);
  return {
    address: readText(object, "address", path, "an address like 192.0.2.10/24", /^[\d.]{7,15}\/(?:[12]?\d|3[0-2])$/),
    gateway: readText(object, "gateway", path, "an IPv4 address", IPV4_PATTERN),
    dns: readTexts(object, "dns", path, "an IPv4 address", IPV4_PATTERN),
  };
}
