import {
  DONE,
  E_TAG,
  ERSPAN,
  ETHERNET,
  IPV4,
  IPV6,
  type Layer,
  LLC,
  MACSEC,
  MPLS,
  NSH,
  PPP,
  PPPOE,
  SERVICE_TAG,
  VLAN,
  VN_TAG,
} from "./layer.ts";

/** IEEE 802 numbers of IANA: what an EtherType announces. */
export function layerOfEtherType(etherType: number): Layer {
  switch (etherType) {
    case 0x0800:
      return IPV4;
    case 0x86dd:
      return IPV6;
    case 0x8100: // IEEE 802.1Q
    case 0x88a8: // IEEE 802.1ad
    case 0x9100: // QinQ before 802.1ad
    case 0x9200:
      return VLAN;
    case 0x8847: // RFC 3032
    case 0x8848:
      return MPLS;
    case 0x8864: // RFC 2516, session stage
      return PPPOE;
    case 0x6558: // RFC 1701: transparent Ethernet bridging
      return ETHERNET;
    case 0x880b: // PPP in GRE, RFC 2637
      return PPP;
    case 0x88be: // ERSPAN I and II
    case 0x22eb: // ERSPAN III
      return ERSPAN;
    case 0x88e5: // IEEE 802.1AE
      return MACSEC;
    case 0x88e7: // IEEE 802.1ah
      return SERVICE_TAG;
    case 0x8926:
      return VN_TAG;
    case 0x893f: // IEEE 802.1BR
      return E_TAG;
    case 0x894f: // RFC 8300
      return NSH;
    default:
      // IEEE 802.3, section 3.2.6: up to 1500 it is a length, and LLC follows
      return etherType <= 1500 ? LLC : DONE;
  }
}
