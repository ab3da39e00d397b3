import { ConfigError } from "../../core/checked-json.ts";
import { IPV4_PATTERN } from "../../core/contract/identity.ts";
import { addressNumber } from "../../core/ipv4.ts";

/** An IPv4 subnet: its first address as a number, and how long its prefix is. */
export interface Subnet {
  readonly network: number;
  readonly prefixLength: number;
}

/** Sensors begin here, counted from the subnet's first address: what is below is base's. */
const FIRST_SENSOR = 257;

/** `10.213.0.0/16`. Throws a ConfigError unless it is a private subnet (RFC 1918, RFC 6598) of /8 to /22 without host bits. */
export function parseSubnet(text: string): Subnet {
  const expected = "a private subnet from /8 to /22, like 10.213.0.0/16";
  const [address = "", length = ""] = text.split("/");
  const prefixLength = Number(length);
  if (!IPV4_PATTERN.test(address) || !/^\d{1,2}$/.test(length) || prefixLength < 8 || prefixLength > 22)
    throw new ConfigError("vpnSubnet", expected, text);
  const network = addressNumber(address);
  const isPrivate = [
    ["10.0.0.0", 8],
    ["172.16.0.0", 12],
    ["192.168.0.0", 16],
    ["100.64.0.0", 10],
  ].some(
    ([first, bits]) =>
      prefixLength >= Number(bits) &&
      network >>> (32 - Number(bits)) === addressNumber(String(first)) >>> (32 - Number(bits)),
  );
  if (!isPrivate || network % 2 ** (32 - prefixLength) !== 0) throw new ConfigError("vpnSubnet", expected, text);
  return { network, prefixLength };
}

/** The `index`th address of the subnet, 0 being its first. */
export function addressAt(subnet: Subnet, index: number): string {
  const number = subnet.network + index;
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}

export function subnetMask(subnet: Subnet): string {
  return addressAt({ network: 2 ** 32 - 2 ** (32 - subnet.prefixLength), prefixLength: 32 }, 0);
}

/** The lowest address that no sensor has, from .1.1 on, never one that ends in 0 or 255; undefined when none is left. */
export function nextFreeAddress(subnet: Subnet, taken: ReadonlySet<string>): string | undefined {
  const end = 2 ** (32 - subnet.prefixLength) - 1;
  for (let index = FIRST_SENSOR; index < end; index++) {
    if (index % 256 === 0 || index % 256 === 255) continue;
    const address = addressAt(subnet, index);
    if (!taken.has(address)) return address;
  }
  return undefined;
}
