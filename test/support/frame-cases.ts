/** Name, LINKTYPE_ value, octets in hexadecimal, and the whole record. */
export type FrameCase = readonly [name: string, linkType: number, hex: string, expected: object];

// 10.1.2.3:4660 > 10.4.5.6:53, UDP, payload "cepa!"
const UDP_HEADER = "1234 0035 000d 0000";
const PAYLOAD = "6365706121";
export const IPV4 = `4500 0021 0001 0000 40 11 0000 0a010203 0a040506 ${UDP_HEADER} ${PAYLOAD}`;
// the same ports and payload over IPv6, 2001:db8::1 > 2001:db8::2
const V6_1 = "20010db8000000000000000000000001";
const V6_2 = "20010db8000000000000000000000002";
const IPV6 = `6000 0000 000d 11 40 ${V6_1} ${V6_2} ${UDP_HEADER} ${PAYLOAD}`;
export const MACS = "020000000001 020000000002";

export const V4 = {
  ip: "0a010203 0a040506",
  ipBytes: 33,
  protocol: 17,
  ports: "4660 53",
  payload: "cepa!",
  vlan: -1,
  truncated: false,
  malformed: false,
};
const V6 = { ...V4, ip: `${V6_1} ${V6_2}`, ipBytes: 53 };

/** An IPv4 header from 192.0.2.1 to 192.0.2.2 around what has `length` octets. */
const outer4 = (protocol: string, length: number) =>
  `4500 ${(20 + length).toString(16).padStart(4, "0")} 0000 0000 40 ${protocol} 0000 c0000201 c0000202`;
const outerUdp = (port: string, length: number) =>
  `${outer4("11", 8 + length)} c000 ${port} ${(8 + length).toString(16).padStart(4, "0")} 0000`;
const outer6 = (next: string, length: number) =>
  `6000 0000 ${length.toString(16).padStart(4, "0")} ${next} 40 ${V6_2} ${V6_1}`;

const ETHERNET = 1;
const RAW = 101;

/** A frame of each kind, and what it decodes to. */
export const FRAME_CASES: readonly FrameCase[] = [
  ["Ethernet, IPv4, UDP", ETHERNET, `${MACS} 0800 ${IPV4}`, V4],
  ["Ethernet padding is no payload", ETHERNET, `${MACS} 0800 ${IPV4} 000000000000000000000000`, V4],
  ["Ethernet, IPv6, UDP", ETHERNET, `${MACS} 86dd ${IPV6}`, V6],
  ["802.1Q", ETHERNET, `${MACS} 8100 2064 0800 ${IPV4}`, { ...V4, vlan: 100 }],
  ["802.1ad: the inner tag", ETHERNET, `${MACS} 88a8 0064 8100 00c8 0800 ${IPV4}`, { ...V4, vlan: 200 }],
  ["802.3 with LLC and SNAP", ETHERNET, `${MACS} 0029 aaaa03 000000 0800 ${IPV4}`, V4],
  ["802.3 with LLC's IP SAP", ETHERNET, `${MACS} 0024 060603 ${IPV4}`, V4],
  ["raw IPv4", RAW, IPV4, V4],
  ["raw IPv6", RAW, IPV6, V6],
  ["LINKTYPE_IPV6", 229, IPV6, V6],
  ["loopback, little-endian AF_INET", 0, `02000000 ${IPV4}`, V4],
  ["loopback, big-endian AF_INET6 of FreeBSD", 108, `0000001c ${IPV6}`, V6],
  ["Linux cooked v1", 113, `0000 0001 0006 0200000000010000 0800 ${IPV4}`, V4],
  ["Linux cooked v2", 276, `86dd 0000 00000002 0001 00 06 0200000000010000 ${IPV6}`, V6],
  ["PPP", 9, `0021 ${IPV4}`, V4],
  ["PPP, compressed protocol, with address and control", 9, `ff03 57 ${IPV6}`, V6],
  ["PPP in HDLC-like framing", 50, `ff03 0021 ${IPV4}`, V4],
  ["Cisco HDLC", 104, `0f00 0800 ${IPV4}`, V4],
  ["PPPoE", ETHERNET, `${MACS} 8864 11 00 0001 0023 0021 ${IPV4} 0000`, V4],
  ["802.11 data with QoS, from the DS", 105, `8802 0000 ${MACS} 020000000003 0000 0000 aaaa03 000000 0800 ${IPV4}`, V4],
  ["radiotap", 127, `0000 0a00 00000000 ffff 0802 0000 ${MACS} 020000000003 0000 aaaa03 000000 0800 ${IPV4}`, V4],
  ["802.11, encrypted", 105, `0842 0000 ${MACS} 020000000003 0000 aaaa03 000000 0800 ${IPV4}`, { ...nothing() }],
  ["NFLOG", 239, `02 00 0000 0800 0a00 00000001 2500 0900 ${IPV4} 000000`, V4],
  ["ARCNET of Linux", 129, `0102 0000 d4 00 0001 ${IPV4}`, V4],
  ["MPLS, two labels", ETHERNET, `${MACS} 8847 00010040 00020140 ${IPV4}`, V4],
  ["MPLS pseudowire with control word", ETHERNET, `${MACS} 8847 00010140 00000000 ${MACS} 86dd ${IPV6}`, V6],
  ["GRE", RAW, `${outer4("2f", 37)} 0000 0800 ${IPV4}`, V4],
  ["GRE with checksum, key and sequence", RAW, `${outer4("2f", 69)} b000 86dd 00000000 00000001 00000002 ${IPV6}`, V6],
  ["GRE of PPTP", RAW, `${outer4("2f", 53)} 3081 880b 0025 0001 00000001 00000000 ff03 0021 ${IPV4}`, V4],
  ["GRE, Ethernet bridging", RAW, `${outer4("2f", 51)} 0000 6558 ${MACS} 0800 ${IPV4}`, V4],
  ["ERSPAN II", RAW, `${outer4("2f", 63)} 1000 88be 00000001 10640000 00000000 ${MACS} 0800 ${IPV4}`, V4],
  [
    "ERSPAN III with subheader",
    RAW,
    `${outer4("2f", 75)} 1000 22eb 00000001 20640000 00000000 00000001 0000000000000000 ${MACS} 0800 ${IPV4}`,
    V4,
  ],
  ["VXLAN", RAW, `${outerUdp("12b5", 55)} 08000000 00000100 ${MACS} 0800 ${IPV4}`, V4],
  ["GENEVE with an option", RAW, `${outerUdp("17c1", 59)} 0100 6558 00000100 01020304 ${MACS} 0800 ${IPV4}`, V4],
  ["GTP-U", RAW, `${outerUdp("0868", 41)} 30ff 0021 00000001 ${IPV4}`, V4],
  ["GTP-U with sequence number, another port", RAW, `${outerUdp("2222", 45)} 32ff 0025 00000001 00010000 ${IPV4}`, V4],
  ["Teredo with an origin indication", RAW, `${outerUdp("0dd8", 61)} 0000 1234 01020304 ${IPV6}`, V6],
  ["4in6", RAW, `${outer6("04", 33)} ${IPV4}`, V4],
  ["6in4", RAW, `${outer4("29", 53)} ${IPV6}`, V6],
  ["IPIP", RAW, `${outer4("04", 33)} ${IPV4}`, V4],
  [
    "authentication header",
    RAW,
    `${outer4("33", 29)} 1102 0000 00000001 00000001 00000000 ${UDP_HEADER} ${PAYLOAD}`,
    { ...V4, ip: "c0000201 c0000202", ipBytes: 49 },
  ],
  [
    "ESP: behind SPI and sequence number",
    RAW,
    `${outer4("32", 13)} 00000001 00000002 ${PAYLOAD}`,
    { ...V4, ip: "c0000201 c0000202", protocol: 50, ports: "0 0" },
  ],
  [
    "IPv6 extension headers",
    RAW,
    `6000 0000 001d 00 40 ${V6_1} ${V6_2} 3c00 0104 00000000 1100 0104 00000000 ${UDP_HEADER} ${PAYLOAD}`,
    { ...V6, ipBytes: 69 },
  ],
  [
    "ICMP: behind its eight octets",
    RAW,
    `${outer4("01", 13)} 0800 0000 00010001 ${PAYLOAD}`,
    { ...V4, ip: "c0000201 c0000202", protocol: 1, ports: "0 0" },
  ],
  [
    "a protocol without ports",
    RAW,
    `${outer4("59", 5)} ${PAYLOAD}`,
    { ...V4, ip: "c0000201 c0000202", ipBytes: 25, protocol: 0x59, ports: "0 0" },
  ],
  [
    "TCP, header with options",
    RAW,
    `${outer4("06", 29)} 1234 0050 00000001 00000002 6018 ffff 0000 0000 020405b4 ${PAYLOAD}`,
    { ...V4, ip: "c0000201 c0000202", ipBytes: 49, protocol: 6, ports: "4660 80" },
  ],
  [
    "a later fragment has no ports",
    RAW,
    `4500 0021 0001 0010 40 11 0000 0a010203 0a040506 ${UDP_HEADER} ${PAYLOAD}`,
    { ...V4, ports: "0 0", payload: "\x124\x005\x00\r\x00\x00cepa!" },
  ],
  [
    "a later fragment of IPv6",
    RAW,
    `6000 0000 0015 2c 40 ${V6_1} ${V6_2} 1100 0008 00000001 ${UDP_HEADER} ${PAYLOAD}`,
    { ...V6, ipBytes: 61, ports: "0 0", payload: "\x124\x005\x00\r\x00\x00cepa!" },
  ],
  [
    "total length 0, of segmentation offload",
    RAW,
    `4500 0000 0001 0000 40 11 0000 0a010203 0a040506 ${UDP_HEADER} ${PAYLOAD}`,
    V4,
  ],

  [
    "VXLAN's port without its flag: UDP",
    RAW,
    `${outerUdp("12b5", 8)} 00000000 00000100`,
    { ...V4, ip: "c0000201 c0000202", ipBytes: 36, ports: "49152 4789", payload: "\0\0\0\0\0\0\x01\0" },
  ],
  ["ARP", ETHERNET, `${MACS} 0806 0001080006040001`, { ...nothing() }],
  ["Ethernet, cut in its header", ETHERNET, "020000000001 0200", { ...nothing(), truncated: true }],
  ["IPv4, cut in its header", RAW, "4500 0021 0001", { ...nothing(), truncated: true }],
  [
    "UDP, cut behind its ports",
    RAW,
    `${outer4("11", 13)} 1234 0035`,
    { ...V4, ip: "c0000201 c0000202", payload: "", truncated: true },
  ],
  [
    "TCP, cut behind its ports",
    RAW,
    `${outer4("06", 25)} 1234 0035 0000`,
    { ...V4, ip: "c0000201 c0000202", ipBytes: 45, protocol: 6, payload: "", truncated: true },
  ],
  [
    "payload cut",
    RAW,
    `4500 0021 0001 0000 40 11 0000 0a010203 0a040506 ${UDP_HEADER} 6365`,
    { ...V4, payload: "ce", truncated: true },
  ],
  [
    "an inner header cut off: the outer packet counts",
    RAW,
    `${outer4("2f", 37)} 0000 0800 4500`,
    {
      ...V4,
      ip: "c0000201 c0000202",
      ipBytes: 57,
      protocol: 47,
      ports: "0 0",
      payload: "\0\0\x08\0E\0",
      truncated: true,
    },
  ],
  [
    "IPv4 header length under 20",
    RAW,
    `4400 0021 0001 0000 40 11 0000 0a010203 0a040506 ${UDP_HEADER}`,
    { ...nothing(), malformed: true },
  ],
  [
    "total length under the header's",
    RAW,
    `4500 0013 0001 0000 40 11 0000 0a010203 0a040506 ${UDP_HEADER}`,
    { ...nothing(), malformed: true },
  ],
  [
    "TCP data offset under 20",
    RAW,
    `${outer4("06", 20)} 1234 0035 00000001 00000002 4018 ffff 0000 0000`,
    { ...V4, ip: "c0000201 c0000202", ipBytes: 40, protocol: 6, payload: "", malformed: true },
  ],
  [
    "tags without end",
    ETHERNET,
    `${MACS} ${"8100 0001 ".repeat(40)} 0800 ${IPV4}`,
    { ...nothing(), vlan: 1, malformed: true },
  ],
  ["FDDI", 10, `50 ${MACS} aaaa03 000000 0800 ${IPV4}`, V4],
  ["Token Ring with a route", 6, `1040 020000000001 820000000002 0630 0011 0020 aaaa03 000000 0800 ${IPV4}`, V4],
  ["Token Ring without", 6, `1040 020000000001 020000000002 aaaa03 000000 0800 ${IPV4}`, V4],
  ["Frame Relay", 107, `1841 03 cc ${IPV4}`, V4],
  ["Frame Relay, SNAP", 107, `1841 03 00 80 000000 86dd ${IPV6}`, V6],
  ["LLC over ATM", 100, `aaaa03 000000 0800 ${IPV4}`, V4],
  ["PPI around 802.11", 192, `0000 0800 69000000 0802 0000 ${MACS} 020000000003 0000 aaaa03 000000 0800 ${IPV4}`, V4],
  [
    "AVS around 802.11",
    163,
    `80211001 00000040 ${"00".repeat(56)} 0802 0000 ${MACS} 020000000003 0000 aaaa03 000000 0800 ${IPV4}`,
    V4,
  ],
  [
    "Prism around 802.11",
    119,
    `44000000 90000000 ${"00".repeat(136)} 0802 0000 ${MACS} 020000000003 0000 aaaa03 000000 0800 ${IPV4}`,
    V4,
  ],
  [
    "radiotap that says the MAC header is padded",
    127,
    `0000 1900 03000080 00000000 ${"00".repeat(4)} 0000000000000001 20 8802 0000 ${MACS} 020000000003 0000 0000 0000 aaaa03 000000 0800 ${IPV4}`,
    V4,
  ],
  [
    "802.11 with four addresses, QoS and HT control",
    105,
    `8883 0000 ${MACS} 020000000003 0000 020000000004 0000 00000000 aaaa03 000000 0800 ${IPV4}`,
    V4,
  ],
  [
    "802.11 mesh with two more addresses",
    105,
    `8803 0000 ${MACS} 020000000003 0000 020000000004 0001 02 1f 00000001 020000000005 020000000006 aaaa03 000000 0800 ${IPV4}`,
    V4,
  ],
  ["802.11, a later fragment", 105, `0802 0000 ${MACS} 020000000003 0100 aaaa03 000000 0800 ${IPV4}`, { ...nothing() }],
  ["802.11 A-MSDU of one", 105, `8802 0000 ${MACS} 020000000003 0000 8000 ${MACS} 0029 aaaa03 000000 0800 ${IPV4}`, V4],
  ["802.1ah", ETHERNET, `${MACS} 88e7 00000001 ${MACS} 8100 0064 0800 ${IPV4}`, { ...V4, vlan: 100 }],
  ["VN-Tag", ETHERNET, `${MACS} 8926 00010002 0800 ${IPV4}`, V4],
  ["E-TAG", ETHERNET, `${MACS} 893f e0000000 0001 0800 ${IPV4}`, V4],
  [
    "MACsec, not encrypted",
    ETHERNET,
    `${MACS} 88e5 20 00 00000001 0200000000010001 0800 ${IPV4} ${"cc".repeat(16)}`,
    V4,
  ],
  ["MACsec, encrypted", ETHERNET, `${MACS} 88e5 2c 00 00000001 0200000000010001 ${"cc".repeat(40)}`, { ...nothing() }],
  ["NSH", ETHERNET, `${MACS} 894f 0fc2 0201 00000101 ${IPV4}`, V4],
  ["NVGRE", RAW, `${outer4("2f", 55)} 2000 6558 00000100 ${MACS} 0800 ${IPV4}`, V4],
  ["GRE of WCCP 2", RAW, `${outer4("2f", 41)} 0000 883e 00000000 ${IPV4}`, V4],
  ["GRE with routing", RAW, `${outer4("2f", 53)} 4000 0800 00000000 0002 0004 01020304 00000000 ${IPV4}`, V4],
  ["ERSPAN I", RAW, `${outer4("2f", 51)} 0000 88be ${MACS} 0800 ${IPV4}`, V4],
  ["PPP, bridged Ethernet", 9, `0031 00 01 ${MACS} 0800 ${IPV4}`, V4],
  ["EtherIP", RAW, `${outer4("61", 49)} 3000 ${MACS} 0800 ${IPV4}`, V4],
  ["L2TP version 2", RAW, `${outerUdp("06a5", 43)} 0002 0001 0001 ff03 0021 ${IPV4}`, V4],
  [
    "L2TP version 2 with length, sequence numbers and offset",
    RAW,
    `${outerUdp("06a5", 53)} 4a02 0035 0001 0001 0001 0000 0002 eeee ff03 0021 ${IPV4}`,
    V4,
  ],
  ["L2TP version 3 over UDP", RAW, `${outerUdp("06a5", 59)} 0003 0000 00000001 cafecafe ${MACS} 0800 ${IPV4}`, V4],
  ["L2TP version 3 over IP", RAW, `${outer4("73", 63)} 00000001 cafecafecafecafe 40000001 ${MACS} 0800 ${IPV4}`, V4],
  ["L2TP version 3 over IP, HDLC without cookie", RAW, `${outer4("73", 41)} 00000001 0f00 0800 ${IPV4}`, V4],
  [
    "L2TP control: UDP",
    RAW,
    `${outerUdp("06a5", 12)} c802 000c 0001 0000 0000 0000`,
    { ...V4, ip: "c0000201 c0000202", ipBytes: 40, ports: "49152 1701", payload: "\xc8\x02\0\x0c\0\x01\0\0\0\0\0\0" },
  ],
  ["CAPWAP, Ethernet", RAW, `${outerUdp("147f", 55)} 00 104000 00000000 ${MACS} 0800 ${IPV4}`, V4],
  [
    "CAPWAP, 802.11 with frame control exchanged",
    RAW,
    `${outerUdp("147f", 73)} 00 104300 00000000 0108 0000 ${MACS} 020000000003 0000 aaaa03 000000 0800 ${IPV4}`,
    V4,
  ],
  [
    "CAPWAP, a later fragment: UDP",
    RAW,
    `${outerUdp("147f", 12)} 00 104180 00010010 01020304`,
    {
      ...V4,
      ip: "c0000201 c0000202",
      ipBytes: 40,
      ports: "49152 5247",
      payload: "\0\x10A\x80\0\x01\0\x10\x01\x02\x03\x04",
    },
  ],
  ["VXLAN-GPE, IPv6", RAW, `${outerUdp("12b6", 61)} 0c000002 00000100 ${IPV6}`, V6],
  [
    "VXLAN-GPE, NSH, Ethernet",
    RAW,
    `${outerUdp("12b6", 63)} 0c000004 00000100 0fc2 0203 00000101 ${MACS} 0800 ${IPV4}`,
    V4,
  ],
  [
    "GTP-U with extension headers",
    RAW,
    `${outerUdp("0868", 53)} 34ff 002d 00000001 000000c0 01123485 01100000 ${IPV4}`,
    V4,
  ],
  [
    "Teredo with authentication and origin",
    RAW,
    `${outerUdp("0dd8", 78)} 0001 0202 aabb ccdd 0102030405060708 00 0000 1234 01020304 ${IPV6}`,
    V6,
  ],
  [
    "IPv6 with hop-by-hop, routing, authentication, mobility, HIP, shim6",
    RAW,
    `6000 0000 0045 00 40 ${V6_1} ${V6_2} 2b00 0104 00000000 3300 0400 00000000 8702 0000 00000001 00000001 00000000 8b00 000000000000 8c00 000000000000 1100 000000000000 ${UDP_HEADER} ${PAYLOAD}`,
    { ...V6, ipBytes: 109 },
  ],
  [
    "SCTP: the first chunk of data",
    RAW,
    `${outer4("84", 52)} 1234 0035 00000001 00000000 0300 0010 00000001 00010000 00000000 0003 0015 00000001 0001 0001 00000000 ${PAYLOAD} 000000`,
    { ...V4, ip: "c0000201 c0000202", ipBytes: 72, protocol: 132 },
  ],
  [
    "SCTP without data",
    RAW,
    `${outer4("84", 16)} 1234 0035 00000001 00000000 0b00 0004`,
    { ...V4, ip: "c0000201 c0000202", ipBytes: 36, protocol: 132, payload: "" },
  ],
  [
    "SCTP, a chunk shorter than its header",
    RAW,
    `${outer4("84", 16)} 1234 0035 00000001 00000000 0b00 0003`,
    { ...V4, ip: "c0000201 c0000202", ipBytes: 36, protocol: 132, payload: "", malformed: true },
  ],
  [
    "DCCP",
    RAW,
    `${outer4("21", 21)} 1234 0035 04 00 0000 05 00 0000 00000001 ${PAYLOAD}`,
    { ...V4, ip: "c0000201 c0000202", ipBytes: 41, protocol: 33 },
  ],
  [
    "UDP-Lite: the third word is the checksum's reach",
    RAW,
    `${outer4("88", 13)} 1234 0035 0008 0000 ${PAYLOAD}`,
    { ...V4, ip: "c0000201 c0000202", ipBytes: 33, protocol: 136 },
  ],
];

function nothing() {
  return { ...V4, ip: "", ipBytes: 0, protocol: 0, ports: "0 0", payload: "" };
}
