import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../../scripts/command-line.ts";
import { type NetworkFlags, readNetworkFlags } from "../../../scripts/network-flags.ts";

const STATIC = { address: "192.0.2.10/24", gateway: "192.0.2.1", dns: ["198.51.100.53"] };

test("readNetworkFlags: all of them; a network of two addresses; none", () => {
  const ports = { uplink: "02:00:00:00:00:0A", span: ["0000:02:00.0"] };
  assert.deepEqual(readNetworkFlags({ ...ports, ...STATIC, vlan: "7", mtu: "9000" }), {
    uplink: "02:00:00:00:00:0a",
    span: ["0000:02:00.0"],
    static: STATIC,
    vlan: 7,
    mtuBytes: 9000,
  });
  const two = { ...STATIC, address: "192.0.2.0/31" };
  assert.deepEqual(readNetworkFlags(two), { static: two });
  assert.deepEqual(readNetworkFlags({}), {});
});

const REFUSED: readonly (readonly [name: string, flags: NetworkFlags, message: RegExp])[] = [
  ...[
    "999.999.999.999/24",
    "......../24",
    "192.0.2.010/24",
    "192.0.2.10",
    "192.0.2.10/",
    "192.0.2.10/24/24",
    "192.0.2.10/0",
    "192.0.2.10/032",
    "192.0.2.10/32",
    "192.0.2.10/33",
    "192.0.2.0/24",
    "192.0.2.255/24",
    "0.0.0.1/8",
    "127.0.0.2/24",
    "224.0.0.10/24",
    "",
  ].map((address) => [`address ${address}`, { ...STATIC, address }, /--address: expected .*found/] as const),
  ...["198.51.100.1", "192.0.2.0", "192.0.2.255", "192.0.2.10", "192.0.2", "192.0.2.01"].map(
    (gateway) => [`gateway ${gateway}`, { ...STATIC, gateway }, /--gateway: expected .*found/] as const,
  ),
  ...["0.0.0.0", "255.255.255.255", "localhost"].map(
    (dns) => [`dns ${dns}`, { ...STATIC, dns: ["192.0.2.53", dns] }, /--dns: expected .*found/] as const,
  ),
  ["no dns", { ...STATIC, dns: undefined }, /go together; missing: --dns/],
  ["no gateway", { ...STATIC, gateway: undefined }, /go together; missing: --gateway/],
  ["dns alone", { dns: STATIC.dns }, /go together; missing: --address, --gateway/],
  ["gateway alone", { gateway: STATIC.gateway }, /go together; missing: --address, --dns/],
  ["one port twice", { uplink: "02:00:00:00:00:0a", span: ["02:00:00:00:00:0A"] }, /--span 02:.*: that port is the up/],
  ["a port by name", { span: ["0000:02:00.0", "eth0"] }, /--span: expected a PCI address .*found "eth0"/],
  ["VLAN 4095", { vlan: "4095" }, /--vlan: expected an integer, 1\.\.4094, found 4095/],
  ["VLAN in words", { vlan: "0x7" }, /--vlan: .*found "0x7"/],
  ["MTU", { mtu: "1e3" }, /--mtu: .*found "1e3"/],
];
for (const [name, flags, message] of REFUSED)
  test(`readNetworkFlags: refused: ${name}`, () =>
    assert.throws(
      () => readNetworkFlags(flags),
      (error: Error) => error instanceof UsageError && message.test(error.message),
    ));
