/**
 * What comes next in a frame: each decoder reads its header, moves the packet's offset behind it and returns one of
 * these. Plain small integers, so that nothing is allocated.
 */
export type Layer = number;

/** Nothing more to decode: what lies at the offset is payload. */
export const DONE: Layer = 0;
/** The header is cut off; what was read of it is kept. */
export const TRUNCATED: Layer = 1;
/** The header contradicts itself. */
export const MALFORMED: Layer = 2;

export const ETHERNET: Layer = 10;
export const VLAN: Layer = 11;
export const LINUX_COOKED_V1: Layer = 12;
export const LINUX_COOKED_V2: Layer = 13;
export const LOOPBACK: Layer = 14;
export const PPP: Layer = 15;
export const PPP_HDLC: Layer = 16;
export const LLC: Layer = 17;
export const IEEE80211: Layer = 18;
export const RADIOTAP: Layer = 19;
export const PRISM: Layer = 20;
export const ARCNET_LINUX: Layer = 21;
export const NFLOG: Layer = 22;
export const CISCO_HDLC: Layer = 23;
export const PPI: Layer = 24;
export const FDDI: Layer = 25;
export const TOKEN_RING: Layer = 26;
export const FRAME_RELAY: Layer = 27;
/** What follows the three octets of LLC, or the NLPID 0x80. */
export const LLC_SNAP: Layer = 28;

/** IPv4 or IPv6, by the first four bits. */
export const IP: Layer = 30;
export const IPV4: Layer = 31;
export const IPV6: Layer = 32;
/** What follows the fixed header of IPv6. */
export const IPV6_EXTENSIONS: Layer = 33;

export const TCP: Layer = 40;
export const UDP: Layer = 41;
export const ICMP: Layer = 42;
/** Any other protocol over IP; its number is in the packet. */
export const OTHER_TRANSPORT: Layer = 43;
export const ESP: Layer = 44;
export const AUTHENTICATION_HEADER: Layer = 45;
export const SCTP: Layer = 46;
export const DCCP: Layer = 47;

export const MPLS: Layer = 50;
export const PPPOE: Layer = 51;
export const GRE: Layer = 52;
export const VXLAN: Layer = 53;
export const GENEVE: Layer = 54;
export const GTP_U: Layer = 55;
export const TEREDO: Layer = 56;
export const ERSPAN: Layer = 57;
export const L2TP: Layer = 58;
export const L2TP_OVER_IP: Layer = 59;
export const CAPWAP: Layer = 60;
export const VXLAN_GPE: Layer = 61;
export const NSH: Layer = 62;
export const ETHER_IP: Layer = 63;
export const SERVICE_TAG: Layer = 64;
export const VN_TAG: Layer = 65;
export const E_TAG: Layer = 66;
export const MACSEC: Layer = 67;

/** Padded behind its header. */
export const IEEE80211_PADDED: Layer = 70;
/** With the octets of frame control exchanged. */
export const IEEE80211_SWAPPED: Layer = 71;
export const A_MSDU: Layer = 72;
