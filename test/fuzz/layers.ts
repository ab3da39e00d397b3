/** What a header calls the one that follows it: EtherType, IP protocol number, UDP port, or nothing. */
export type Naming = "etherType" | "ipProtocol" | "udpPort";

export interface LayerHeader {
  readonly name: string;
  /** In hexadecimal. */
  readonly header: string;
  /** Where the next is named, in 1 or 2 octets. */
  readonly next?: { readonly by: Naming; readonly at: number; readonly octets: 1 | 2 };
  /** Where the length of what follows stands (2 octets), and what is added to it. */
  readonly length?: { readonly at: number; readonly added: number };
  /** What others call it. */
  readonly called: Partial<Readonly<Record<Naming, number>>>;
}

const ADDRESSES_4 = "0a0000090a000001";
const ADDRESSES_6 = `${"20010db8".padEnd(32, "0")}${"20010db8".padEnd(31, "0")}1`;

export const LAYERS: readonly LayerHeader[] = [
  {
    name: "Ethernet",
    header: "0200000000010200000000020000",
    next: { by: "etherType", at: 12, octets: 2 },
    called: { etherType: 0x6558, ipProtocol: 143 },
  },
  { name: "802.1Q", header: "00070000", next: { by: "etherType", at: 2, octets: 2 }, called: { etherType: 0x8100 } },
  {
    name: "IPv4",
    header: `45000000000000004000${"0000"}${ADDRESSES_4}`,
    next: { by: "ipProtocol", at: 9, octets: 1 },
    length: { at: 2, added: 20 },
    called: { etherType: 0x0800, ipProtocol: 4 },
  },
  {
    // identification 7, offset 0, more fragments follow
    name: "IPv4, first fragment",
    header: `45000000000720004000${"0000"}${ADDRESSES_4}`,
    next: { by: "ipProtocol", at: 9, octets: 1 },
    length: { at: 2, added: 20 },
    called: { etherType: 0x0800, ipProtocol: 4 },
  },
  {
    name: "IPv4, later fragment",
    header: `45000000000700034000${"0000"}${ADDRESSES_4}`,
    next: { by: "ipProtocol", at: 9, octets: 1 },
    length: { at: 2, added: 20 },
    called: { etherType: 0x0800, ipProtocol: 4 },
  },
  {
    name: "IPv6",
    header: `6000000000000040${ADDRESSES_6}`,
    next: { by: "ipProtocol", at: 6, octets: 1 },
    length: { at: 4, added: 0 },
    called: { etherType: 0x86dd, ipProtocol: 41, udpPort: 3544 },
  },
  {
    name: "hop by hop",
    header: "0000010400000000",
    next: { by: "ipProtocol", at: 0, octets: 1 },
    called: { ipProtocol: 0 },
  },
  {
    name: "destination",
    header: "0000010400000000",
    next: { by: "ipProtocol", at: 0, octets: 1 },
    called: { ipProtocol: 60 },
  },
  {
    name: "fragment",
    header: "0000000100000007",
    next: { by: "ipProtocol", at: 0, octets: 1 },
    called: { ipProtocol: 44 },
  },
  {
    name: "authentication",
    header: "000400000000000100000001000000000000000000000000",
    next: { by: "ipProtocol", at: 0, octets: 1 },
    called: { ipProtocol: 51 },
  },
  { name: "GRE", header: "00000000", next: { by: "etherType", at: 2, octets: 2 }, called: { ipProtocol: 47 } },
  {
    name: "GRE with all fields",
    header: "b00000000000000000000001000000020000",
    next: { by: "etherType", at: 2, octets: 2 },
    called: { ipProtocol: 47 },
  },
  { name: "ERSPAN II", header: "1007000100000000", called: { etherType: 0x88be } },
  { name: "ERSPAN III", header: "200700010000000000000000", called: { etherType: 0x22eb } },
  { name: "MPLS", header: "0001013f", called: { etherType: 0x8847, ipProtocol: 137 } },
  { name: "PPPoE and PPP", header: "1100000100000021", length: { at: 4, added: 2 }, called: { etherType: 0x8864 } },
  { name: "PPP", header: "ff030021", called: { etherType: 0x880b } },
  {
    name: "UDP",
    header: "9c400000" + "00000000",
    next: { by: "udpPort", at: 2, octets: 2 },
    length: { at: 4, added: 8 },
    called: { ipProtocol: 17 },
  },
  { name: "VXLAN", header: "0800000000000700", called: { udpPort: 4789 } },
  { name: "VXLAN-GPE", header: "0c00000300000700", called: { udpPort: 4790 } },
  {
    name: "GENEVE",
    header: "0000655800000700",
    next: { by: "etherType", at: 2, octets: 2 },
    called: { udpPort: 6081 },
  },
  { name: "GTP-U", header: "30ff000000000001", length: { at: 2, added: 0 }, called: { udpPort: 2152 } },
  { name: "CAPWAP", header: "0010000000000000", called: { udpPort: 5247 } },
  { name: "L2TP", header: "000200010001ff030021", called: { udpPort: 1701 } },
  { name: "L2TP over IP", header: "0000000100000000", called: { ipProtocol: 115 } },
  { name: "ESP", header: "0000000100000001", called: { ipProtocol: 50 } },
  { name: "TCP", header: "9c4001bb000003e80000000050180000" + "00000000", called: { ipProtocol: 6 } },
  { name: "SCTP", header: "9c400b590000000100000000", called: { ipProtocol: 132 } },
  { name: "ICMP, unreachable", header: "0301000000000000", called: { ipProtocol: 1 } },
];

/** The headers one after the other, each with the name of the next and the length of all that follows. */
export function stackLayers(layers: readonly LayerHeader[], payload: Uint8Array): Uint8Array {
  let frame = payload;
  let following: LayerHeader | undefined;
  for (const layer of layers.toReversed()) {
    const header = Uint8Array.fromHex(layer.header);
    const view = new DataView(header.buffer);
    const { next, length } = layer;
    const name = next === undefined ? undefined : following?.called[next.by];
    if (next !== undefined && name !== undefined) {
      if (next.octets === 1) view.setUint8(next.at, name);
      else view.setUint16(next.at, name);
    }
    if (length !== undefined) view.setUint16(length.at, frame.length + length.added);
    const whole = new Uint8Array(header.length + frame.length);
    whole.set(header);
    whole.set(frame, header.length);
    frame = whole;
    following = layer;
  }
  return frame;
}
