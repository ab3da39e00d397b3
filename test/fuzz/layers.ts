/**
 * What a header calls the one that follows it: EtherType, IP protocol number, UDP port, protocol of PPP (RFC 1661) or of NSH (RFC 8300),
 * NLPID (RFC 2427), or nothing; what a file calls the outermost.
 */
export type Naming = "etherType" | "ipProtocol" | "udpPort" | "pppProtocol" | "nshProtocol" | "nlpid" | "linkType";

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
    called: { etherType: 0x6558, ipProtocol: 143, nshProtocol: 3, linkType: 1 },
  },
  { name: "802.1Q", header: "00070000", next: { by: "etherType", at: 2, octets: 2 }, called: { etherType: 0x8100 } },
  {
    name: "IPv4",
    header: `45000000000000004000${"0000"}${ADDRESSES_4}`,
    next: { by: "ipProtocol", at: 9, octets: 1 },
    length: { at: 2, added: 20 },
    called: { etherType: 0x0800, ipProtocol: 4, pppProtocol: 0x21, nshProtocol: 1, nlpid: 0xcc, linkType: 101 },
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
    called: {
      etherType: 0x86dd,
      ipProtocol: 41,
      udpPort: 3544,
      pppProtocol: 0x57,
      nshProtocol: 2,
      nlpid: 0x8e,
      linkType: 229,
    },
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
  {
    name: "MPLS",
    header: "0001013f",
    called: { etherType: 0x8847, ipProtocol: 137, pppProtocol: 0x0281, nshProtocol: 5 },
  },
  {
    name: "PPPoE and PPP",
    header: "1100000100000021",
    next: { by: "pppProtocol", at: 6, octets: 2 },
    length: { at: 4, added: 2 },
    called: { etherType: 0x8864, linkType: 51 },
  },
  {
    name: "PPP",
    header: "ff030021",
    next: { by: "pppProtocol", at: 2, octets: 2 },
    called: { etherType: 0x880b, linkType: 9 },
  },
  { name: "PPP, short", header: "21", next: { by: "pppProtocol", at: 0, octets: 1 }, called: { linkType: 50 } },
  { name: "bridging in PPP", header: "0001", called: { pppProtocol: 0x0031 } },
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
  {
    name: "L2TP",
    header: "000200010001ff030021",
    next: { by: "pppProtocol", at: 8, octets: 2 },
    called: { udpPort: 1701 },
  },
  { name: "L2TP over IP", header: "0000000100000000", called: { ipProtocol: 115 } },
  { name: "ESP", header: "0000000100000001", called: { ipProtocol: 50 } },
  { name: "TCP", header: "9c4001bb000003e80000000050180000" + "00000000", called: { ipProtocol: 6 } },
  { name: "SCTP", header: "9c400b590000000100000000", called: { ipProtocol: 132 } },
  { name: "SACK of SCTP", header: "03000010000000010000ffff00000000", called: {} },
  { name: "DATA of SCTP", header: "00030000000000010001000100000000", length: { at: 2, added: 16 }, called: {} },
  { name: "DCCP", header: "9c40138904000000" + "0200000000000001", called: { ipProtocol: 33 } },
  { name: "UDP-Lite", header: "9c400035" + "00080000", called: { ipProtocol: 136 } },
  { name: "EtherIP", header: "0300", called: { ipProtocol: 97 } },
  {
    name: "routing",
    header: "0000040000000000",
    next: { by: "ipProtocol", at: 0, octets: 1 },
    called: { ipProtocol: 43 },
  },
  {
    name: "NSH",
    header: "0fc2010300000001",
    next: { by: "nshProtocol", at: 3, octets: 1 },
    called: { etherType: 0x894f, nshProtocol: 4 },
  },
  {
    name: "MACsec",
    header: "200000000001" + "0200000000010001" + "0800",
    next: { by: "etherType", at: 14, octets: 2 },
    called: { etherType: 0x88e5 },
  },
  { name: "I-TAG", header: "00000007", called: { etherType: 0x88e7 } },
  {
    name: "VN-Tag",
    header: "000100020800",
    next: { by: "etherType", at: 4, octets: 2 },
    called: { etherType: 0x8926 },
  },
  {
    name: "E-TAG",
    header: "0001000200030800",
    next: { by: "etherType", at: 6, octets: 2 },
    called: { etherType: 0x893f },
  },
  {
    name: "LLC and SNAP",
    header: "aaaa030000000800",
    next: { by: "etherType", at: 6, octets: 2 },
    called: { etherType: 0x0400, linkType: 106 },
  },
  { name: "SNAP", header: "0000000800", next: { by: "etherType", at: 3, octets: 2 }, called: { nlpid: 0x80 } },
  { name: "802.11, data", header: `08010000${"02".repeat(18)}0000`, called: { linkType: 105 } },
  { name: "802.11, QoS, A-MSDU", header: `88010000${"02".repeat(18)}00008000`, called: { linkType: 105 } },
  {
    name: "802.11, four addresses, mesh",
    header: `88030000${"02".repeat(18)}0000${"02".repeat(6)}0001${"00".repeat(6)}`,
    called: { linkType: 105 },
  },
  { name: "subframe of an A-MSDU", header: "0200000000010200000000020000", length: { at: 12, added: 0 }, called: {} },
  { name: "radiotap", header: "0000090002000000" + "20", called: { linkType: 127 } },
  {
    name: "radiotap, with clock",
    header: `0000190003000000${"00".repeat(8)}20${"00".repeat(8)}`,
    called: { linkType: 127 },
  },
  { name: "PPI", header: "0000080069000000", called: { linkType: 192 } },
  { name: "Prism", header: `00000044${"00".repeat(140)}`, called: { linkType: 119 } },
  { name: "AVS", header: `8021000100000010${"00".repeat(8)}`, called: { linkType: 163 } },
  { name: "FDDI", header: `50${"02".repeat(12)}`, called: { linkType: 10 } },
  { name: "Token Ring", header: `1040${"02".repeat(12)}`, called: { linkType: 6 } },
  {
    name: "Token Ring, routed",
    header: `1040${"02".repeat(6)}82${"02".repeat(5)}063000110012`,
    called: { linkType: 6 },
  },
  { name: "Frame Relay", header: "184103cc", next: { by: "nlpid", at: 3, octets: 1 }, called: { linkType: 107 } },
  { name: "Cisco HDLC", header: "0f000800", next: { by: "etherType", at: 2, octets: 2 }, called: { linkType: 104 } },
  {
    name: "Linux, cooked",
    header: `000000010006${"02".repeat(8)}0800`,
    next: { by: "etherType", at: 14, octets: 2 },
    called: { linkType: 113 },
  },
  {
    name: "Linux, cooked again",
    header: `080000000000000100010006${"02".repeat(8)}`,
    next: { by: "etherType", at: 0, octets: 2 },
    called: { linkType: 276 },
  },
  { name: "loopback", header: "02000000", called: { linkType: 0 } },
  { name: "ARCNET", header: "01020000d4000001", called: { linkType: 129 } },
  { name: "NFLOG", header: "02000000" + "0600010000000000" + "ffff0900", called: { linkType: 239 } },
  { name: "CAPWAP, 802.11", header: "0010030000000000", called: { udpPort: 5247 } },
  {
    name: "L2TP, with all fields",
    header: "4a02000000010001000000000002" + "0000" + "ff030021",
    next: { by: "pppProtocol", at: 18, octets: 2 },
    length: { at: 2, added: 20 },
    called: { udpPort: 1701 },
  },
  { name: "L2TP, version 3", header: "0003000000000001" + "00000000", called: { udpPort: 1701 } },
  {
    name: "GTP-U with an extension",
    header: "34ff000000000001" + "00000085" + "01000900",
    length: { at: 2, added: 8 },
    called: { udpPort: 2152 },
  },
  { name: "Teredo's fields", header: `0001${"00".repeat(11)}${"00".repeat(8)}`, called: { udpPort: 3544 } },
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
