/** An IPv4 address of IPV4_PATTERN as a number, 0..2^32-1. */
export function addressNumber(address: string): number {
  return address.split(".").reduce((number, octet) => number * 256 + Number(octet), 0);
}
