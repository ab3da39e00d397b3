import type { NetworkConfig } from "../../core/contract/network.ts";

/** One Ethernet port of the box. */
export interface NetworkPort {
  /** The kernel's name, as `enp1s0`. */
  readonly name: string;
  /** Lower case. */
  readonly macAddress: string;
  /** Of the card, or of the controller that it hangs on; undefined: on no PCI bus. */
  readonly pciAddress: string | undefined;
}

export interface PortRoles {
  readonly uplink: NetworkPort | undefined;
  readonly span: readonly NetworkPort[];
  /** For people: what of the configuration is not as it says. The rest holds. */
  readonly problems: readonly string[];
}

/** `/run/cepa/ports.json`: names of network devices; with a VLAN the uplink is the VLAN's device. */
export interface PortsFile {
  readonly uplink: string | null;
  readonly span: readonly string[];
}

export interface NetworkPlan {
  readonly ports: PortsFile;
  /** Files of systemd-networkd, by name. */
  readonly files: Readonly<Record<string, string>>;
}

const UPLINK_VLAN_DEVICE = "uplink";

/**
 * Which port is what. Without a word in `config` the lowest PCI address is the uplink and all others are SPAN ports. A port
 * that is named and not there is a problem and takes nothing from the others; no other port becomes the uplink in its place,
 * as that could be one on which nothing may be sent.
 */
export function planPortRoles(ports: readonly NetworkPort[], config: NetworkConfig): PortRoles {
  const problems: string[] = [];
  const sorted = [...ports].sort(compareByBus);
  const find = (wanted: string, as: string): NetworkPort | undefined => {
    const port = sorted.find(({ pciAddress, macAddress }) => wanted === pciAddress || wanted === macAddress);
    if (port === undefined) problems.push(`${as} ${wanted} is not there; ports here: ${describePorts(sorted)}`);
    return port;
  };
  const spanNamed = config.span?.map((wanted) => find(wanted, "the SPAN port"));
  const uplink =
    config.uplink === undefined
      ? sorted.find((port) => !spanNamed?.includes(port))
      : find(config.uplink, "the uplink port");
  if (uplink === undefined && config.uplink === undefined) problems.push("there is no port for the uplink");
  const span: NetworkPort[] = [];
  for (const port of spanNamed ?? sorted) {
    if (port === undefined || span.includes(port)) continue;
    if (port !== uplink) span.push(port);
    else if (spanNamed !== undefined)
      problems.push(`${port.name} is named both as uplink and as SPAN port: it is the uplink`);
  }
  if (span.length === 0) problems.push("there is no SPAN port");
  return { uplink, span, problems };
}

/** What systemd-networkd is told: the uplink gets an address, a SPAN port comes up and stays silent. */
export function planNetwork(roles: PortRoles, config: NetworkConfig): NetworkPlan {
  const files: Record<string, string> = {};
  roles.span.forEach(({ name }, index) => {
    files[`20-cepa-span-${index}.network`] = spanNetwork(name);
  });
  const { uplink } = roles;
  const span = roles.span.map(({ name }) => name);
  if (uplink === undefined) return { ports: { uplink: null, span }, files };
  if (config.vlan === undefined) {
    files["10-cepa-uplink.network"] = uplinkNetwork(uplink.name, config);
    return { ports: { uplink: uplink.name, span }, files };
  }
  files["10-cepa-uplink.netdev"] = section("NetDev", [`Name=${UPLINK_VLAN_DEVICE}`, "Kind=vlan"]).concat(
    "\n",
    section("VLAN", [`Id=${config.vlan}`]),
  );
  files["10-cepa-uplink-port.network"] = [
    section("Match", [`Name=${uplink.name}`]),
    section("Link", [...mtuLines(config), "RequiredForOnline=no"]),
    section("Network", [`VLAN=${UPLINK_VLAN_DEVICE}`, ...SILENT]),
  ].join("\n");
  files["10-cepa-uplink.network"] = uplinkNetwork(UPLINK_VLAN_DEVICE, config);
  return { ports: { uplink: UPLINK_VLAN_DEVICE, span }, files };
}

/** Nothing that networkd sends or answers by itself. */
const SILENT = [
  "LinkLocalAddressing=no",
  "IPv6AcceptRA=no",
  "IPv6SendRA=no",
  "LLDP=no",
  "EmitLLDP=no",
  "LLMNR=no",
  "MulticastDNS=no",
];

function uplinkNetwork(name: string, config: NetworkConfig): string {
  const address = config.static;
  const network =
    address === undefined
      ? ["DHCP=ipv4"]
      : [`Address=${address.address}`, `Gateway=${address.gateway}`, ...address.dns.map((dns) => `DNS=${dns}`)];
  const sections = [
    section("Match", [`Name=${name}`]),
    section("Link", [...mtuLines(config), "RequiredForOnline=yes"]),
    section("Network", [...network, ...SILENT]),
  ];
  // The client identifier is the address of the card: the customer's reservation holds over reboots and updates.
  if (address === undefined)
    sections.push(
      section("DHCPv4", [
        "ClientIdentifier=mac",
        "SendHostname=no",
        "UseHostname=no",
        "UseDomains=no",
        "UseNTP=no",
        "UseTimezone=no",
      ]),
    );
  return sections.join("\n");
}

function spanNetwork(name: string): string {
  return [
    section("Match", [`Name=${name}`]),
    section("Link", ["ARP=no", "Multicast=no", "ActivationPolicy=always-up", "RequiredForOnline=no"]),
    section("Network", ["DHCP=no", ...SILENT, "ConfigureWithoutCarrier=yes", "IgnoreCarrierLoss=yes"]),
  ].join("\n");
}

function section(name: string, lines: readonly string[]): string {
  return `[${name}]\n${lines.join("\n")}\n`;
}

function mtuLines({ mtuBytes }: NetworkConfig): readonly string[] {
  return mtuBytes === undefined ? [] : [`MTUBytes=${mtuBytes}`];
}

/** By PCI address; ports on no PCI bus come last; ports of one controller by name. */
function compareByBus(a: NetworkPort, b: NetworkPort): number {
  const [busA, busB] = [a.pciAddress ?? "~", b.pciAddress ?? "~"];
  if (busA !== busB) return busA < busB ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function describePorts(ports: readonly NetworkPort[]): string {
  if (ports.length === 0) return "none";
  return ports
    .map(({ name, pciAddress, macAddress }) => `${name} (${pciAddress ?? "no PCI"}, ${macAddress})`)
    .join(", ");
}
