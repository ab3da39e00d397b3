import { ConfigError, readInteger, readObject, readText, readTexts } from "../checked-json.ts";
import { addressNumber } from "../ipv4.ts";
import { IPV4_PATTERN } from "./identity.ts";

/** A network port by PCI address (`0000:01:00.0`) or MAC address (`02:00:00:00:00:01`), lower case. */
export const PORT_PATTERN = /^(?:[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|(?:[0-9a-f]{2}:){5}[0-9a-f]{2})$/;
const PORT_EXPECTED = "a PCI address like 0000:01:00.0 or a MAC address like 02:00:00:00:00:01";

/** A prefix of 32 leaves no room for a gateway, and no network is as wide as /7. */
const PREFIX_PATTERN = /^(?:[89]|[12]\d|3[01])$/;
const ADDRESS_EXPECTED = "an address that a host can have, and its prefix length (8..31), like 192.0.2.10/24";

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

/** What a configuration with a fault says all the same of which port is what: by a guess a mirror port could become the uplink. */
export function readPortChoice(json: unknown): Pick<NetworkConfig, "uplink" | "span"> {
  const { uplink, span } = (json ?? {}) as Readonly<Record<string, unknown>>;
  const ofOne = (choice: object) => {
    try {
      return readNetworkConfig(choice);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return {};
    }
  };
  return { ...(uplink !== undefined && ofOne({ uplink })), ...(span !== undefined && ofOne({ span })) };
}

function readStaticAddress(json: unknown): StaticAddress {
  const path = "network.static";
  const object = readObject(json, path, ["address", "gateway", "dns"]);
  const address = readText(object, "address", path, ADDRESS_EXPECTED, /^[^/]+\/[^/]+$/);
  const [own = "", length = ""] = address.split("/");
  const prefixLength = Number(length);
  if (!IPV4_PATTERN.test(own) || !PREFIX_PATTERN.test(length) || !isOfHost(own, prefixLength))
    throw new ConfigError(`${path}.address`, ADDRESS_EXPECTED, address);
  const gateway = readText(object, "gateway", path, "an IPv4 address", IPV4_PATTERN);
  if (gateway === own || !isOfHost(gateway, prefixLength) || !isSameNetwork(own, gateway, prefixLength))
    throw new ConfigError(`${path}.gateway`, `the address of another host in the network of ${address}`, gateway);
  const dns = readTexts(object, "dns", path, "an IPv4 address", IPV4_PATTERN);
  for (const [index, server] of dns.entries())
    if (!isUnicast(server)) throw new ConfigError(`${path}.dns[${index}]`, "the address of a host", server);
  return { address, gateway, dns };
}

/** Neither "this network", loopback, multicast nor reserved. Source: RFC 1122, section 3.2.1.3. */
function isUnicast(address: string): boolean {
  const first = Math.floor(addressNumber(address) / 2 ** 24);
  return first > 0 && first !== 127 && first < 224;
}

/** Nor the network itself or its broadcast address, which networks of two addresses don't have. Source: RFC 3021. */
function isOfHost(address: string, prefixLength: number): boolean {
  const size = 2 ** (32 - prefixLength);
  const host = addressNumber(address) % size;
  return isUnicast(address) && (size === 2 || (host > 0 && host < size - 1));
}

function isSameNetwork(one: string, other: string, prefixLength: number): boolean {
  const size = 2 ** (32 - prefixLength);
  return Math.floor(addressNumber(one) / size) === Math.floor(addressNumber(other) / size);
}
