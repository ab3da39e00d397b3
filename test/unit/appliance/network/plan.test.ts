import assert from "node:assert/strict";
import { test } from "node:test";
import { type NetworkPort, planNetwork, planPortRoles } from "../../../../appliance/network/plan.ts";
import type { NetworkConfig } from "../../../../core/contract/network.ts";

const LOW: NetworkPort = { name: "enp1s0", macAddress: "02:00:00:00:00:01", pciAddress: "0000:01:00.0" };
const MIDDLE: NetworkPort = { name: "enp2s0", macAddress: "02:00:00:00:00:02", pciAddress: "0000:02:00.0" };
const HIGH: NetworkPort = { name: "enp3s0", macAddress: "02:00:00:00:00:03", pciAddress: "0000:03:00.0" };
const NO_BUS: NetworkPort = { name: "end0", macAddress: "02:00:00:00:00:04", pciAddress: undefined };

interface RolesCase {
  readonly name: string;
  readonly ports: readonly NetworkPort[];
  readonly config: NetworkConfig;
  readonly uplink: string | undefined;
  readonly span: readonly string[];
  readonly problems: readonly string[];
}

const ROLES_CASES: readonly RolesCase[] = [
  {
    name: "by default the lowest PCI address is the uplink, all others are SPAN ports",
    ports: [HIGH, LOW, NO_BUS, MIDDLE],
    config: {},
    uplink: "enp1s0",
    span: ["enp2s0", "enp3s0", "end0"],
    problems: [],
  },
  {
    name: "named by PCI address and by MAC address; what is not named is neither",
    ports: [LOW, MIDDLE, HIGH],
    config: { uplink: "0000:03:00.0", span: ["02:00:00:00:00:01"] },
    uplink: "enp3s0",
    span: ["enp1s0"],
    problems: [],
  },
  {
    name: "SPAN ports are named, the uplink is the lowest of the rest",
    ports: [LOW, MIDDLE, HIGH],
    config: { span: ["0000:01:00.0"] },
    uplink: "enp2s0",
    span: ["enp1s0"],
    problems: [],
  },
  {
    name: "a missing SPAN port leaves the uplink and the others",
    ports: [LOW, MIDDLE],
    config: { span: ["0000:09:00.0", "0000:02:00.0"] },
    uplink: "enp1s0",
    span: ["enp2s0"],
    problems: [
      "the SPAN port 0000:09:00.0 is not there; ports here: enp1s0 (0000:01:00.0, 02:00:00:00:00:01), enp2s0 (0000:02:00.0, 02:00:00:00:00:02)",
    ],
  },
  {
    name: "no other port takes the place of a missing uplink: all stay silent",
    ports: [LOW],
    config: { uplink: "0000:09:00.0" },
    uplink: undefined,
    span: ["enp1s0"],
    problems: ["the uplink port 0000:09:00.0 is not there; ports here: enp1s0 (0000:01:00.0, 02:00:00:00:00:01)"],
  },
  {
    name: "one port for both is the uplink",
    ports: [LOW, MIDDLE],
    config: { uplink: "0000:01:00.0", span: ["0000:01:00.0", "0000:02:00.0", "0000:02:00.0"] },
    uplink: "enp1s0",
    span: ["enp2s0"],
    problems: ["enp1s0 is named both as uplink and as SPAN port: it is the uplink"],
  },
  {
    name: "one port only",
    ports: [LOW],
    config: {},
    uplink: "enp1s0",
    span: [],
    problems: ["there is no SPAN port"],
  },
  {
    name: "no port at all",
    ports: [],
    config: {},
    uplink: undefined,
    span: [],
    problems: ["there is no port for the uplink", "there is no SPAN port"],
  },
];

for (const { name, ports, config, uplink, span, problems } of ROLES_CASES)
  test(`planPortRoles: ${name}`, () => {
    const roles = planPortRoles(ports, config);
    assert.deepEqual(
      { uplink: roles.uplink?.name, span: roles.span.map((port) => port.name), problems: roles.problems },
      { uplink, span, problems },
    );
  });

const SILENT = `LinkLocalAddressing=no
IPv6AcceptRA=no
IPv6SendRA=no
LLDP=no
EmitLLDP=no
LLMNR=no
MulticastDNS=no
`;

test("planNetwork: DHCP on the uplink, silence on the SPAN port", () => {
  assert.deepEqual(planNetwork({ uplink: LOW, span: [MIDDLE], problems: [] }, {}), {
    ports: { uplink: "enp1s0", span: ["enp2s0"] },
    files: {
      "10-cepa-uplink.network": `[Match]
Name=enp1s0

[Link]
RequiredForOnline=yes

[Network]
DHCP=ipv4
${SILENT}
[DHCPv4]
ClientIdentifier=mac
SendHostname=no
UseHostname=no
UseDomains=no
UseNTP=no
UseTimezone=no
`,
      "20-cepa-span-0.network": `[Match]
Name=enp2s0

[Link]
ARP=no
Multicast=no
ActivationPolicy=always-up
RequiredForOnline=no

[Network]
DHCP=no
${SILENT}ConfigureWithoutCarrier=yes
IgnoreCarrierLoss=yes
`,
    },
  });
});

test("planNetwork: a static address in a VLAN, with an MTU", () => {
  const config: NetworkConfig = {
    static: { address: "192.0.2.10/24", gateway: "192.0.2.1", dns: ["192.0.2.53", "198.51.100.53"] },
    vlan: 42,
    mtuBytes: 1400,
  };
  assert.deepEqual(planNetwork({ uplink: LOW, span: [], problems: [] }, config), {
    ports: { uplink: "uplink", span: [] },
    files: {
      "10-cepa-uplink.netdev": `[NetDev]
Name=uplink
Kind=vlan

[VLAN]
Id=42
`,
      "10-cepa-uplink-port.network": `[Match]
Name=enp1s0

[Link]
MTUBytes=1400
RequiredForOnline=no

[Network]
VLAN=uplink
${SILENT}`,
      "10-cepa-uplink.network": `[Match]
Name=uplink

[Link]
MTUBytes=1400
RequiredForOnline=yes

[Network]
Address=192.0.2.10/24
Gateway=192.0.2.1
DNS=192.0.2.53
DNS=198.51.100.53
${SILENT}`,
    },
  });
});

test("planNetwork: without an uplink the SPAN ports still capture", () => {
  const { ports, files } = planNetwork({ uplink: undefined, span: [LOW], problems: [] }, {});
  assert.deepEqual(
    { ports, files: Object.keys(files) },
    { ports: { uplink: null, span: ["enp1s0"] }, files: ["20-cepa-span-0.network"] },
  );
});
