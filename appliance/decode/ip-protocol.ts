import {
  AUTHENTICATION_HEADER,
  DCCP,
  ESP,
  ETHER_IP,
  ETHERNET,
  GRE,
  ICMP,
  IPV4,
  IPV6,
  L2TP_OVER_IP,
  type Layer,
  MPLS,
  OTHER_TRANSPORT,
  SCTP,
  TCP,
  UDP,
} from "./layer.ts";

/** IANA protocol numbers: what a packet with this one carries. */
export function layerOfProtocol(protocol: number): Layer {
  switch (protocol) {
    case 6:
      return TCP;
    case 17:
    case 136: // UDP-Lite has its ports at the same place (RFC 3828)
      return UDP;
    case 1:
    case 58:
      return ICMP;
    case 4: // RFC 2003; inside IPv6: RFC 2473
      return IPV4;
    case 41: // RFC 4213
      return IPV6;
    case 47:
      return GRE;
    case 132:
      return SCTP;
    case 33:
      return DCCP;
    case 97: // RFC 3378
      return ETHER_IP;
    case 115: // RFC 3931
      return L2TP_OVER_IP;
    case 143: // RFC 8986, Ethernet
      return ETHERNET;
    case 50:
      return ESP;
    case 51:
      return AUTHENTICATION_HEADER;
    case 137: // RFC 4023
      return MPLS;
    default:
      return OTHER_TRANSPORT;
  }
}
