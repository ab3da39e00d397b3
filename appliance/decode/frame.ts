import { decodeArcnetLinux } from "./arcnet.ts";
import { decodeCapwap } from "./capwap.ts";
import { decodeEtherIp, decodeEthernet, decodeLlc, decodeSnap, decodeVlan } from "./ethernet.ts";
import { decodeETag, decodeServiceTag, decodeVnTag } from "./ethernet-tags.ts";
import { decodeFrameRelay } from "./frame-relay.ts";
import { decodeErspan, decodeGre } from "./gre.ts";
import { decodeGtpU } from "./gtp.ts";
import { decodeIcmp } from "./icmp.ts";
import {
  decodeAMsdu,
  decodeIeee80211,
  decodeIeee80211Padded,
  decodeIeee80211Swapped,
  decodePpi,
  decodePrism,
  decodeRadiotap,
} from "./ieee80211.ts";
import { layerOfProtocol } from "./ip-protocol.ts";
import { decodeAuthenticationHeader, decodeEsp } from "./ipsec.ts";
import { decodeIpv4 } from "./ipv4.ts";
import { decodeIpv6, decodeIpv6Extensions } from "./ipv6.ts";
import { decodeL2tp, decodeL2tpOverIp } from "./l2tp.ts";
import * as layers from "./layer.ts";
import { decodeLinuxCookedV1, decodeLinuxCookedV2 } from "./linux-cooked.ts";
import { decodeLoopback } from "./loopback.ts";
import { decodeMacsec } from "./macsec.ts";
import { decodeMpls } from "./mpls.ts";
import { decodeNflog } from "./nflog.ts";
import type { Packet } from "./packet.ts";
import { decodeCiscoHdlc, decodePpp, decodePppHdlc, decodePppoe } from "./ppp.ts";
import { decodeDccp, decodeSctp } from "./sctp.ts";
import { decodeTcp } from "./tcp.ts";
import { decodeTeredo } from "./teredo.ts";
import { decodeFddi, decodeTokenRing } from "./token-ring.ts";
import { decodeUdp } from "./udp.ts";
import { decodeGeneve, decodeNsh, decodeVxlan, decodeVxlanGpe } from "./vxlan.ts";

/** Headers in one frame, tunnels and tags included; a frame with more is malformed. */
const LAYERS_MAX = 32;

/** What a LINKTYPE_ value of tcpdump.org/linktypes.html stands for; undefined when it isn't decoded here. */
export function layerOfLinkType(linkType: number): layers.Layer | undefined {
  switch (linkType) {
    case 1:
      return layers.ETHERNET;
    case 0:
    case 108:
      return layers.LOOPBACK;
    case 6:
      return layers.TOKEN_RING;
    case 10:
      return layers.FDDI;
    case 100: // LLC over ATM, RFC 2684
    case 106:
      return layers.LLC;
    case 107:
      return layers.FRAME_RELAY;
    case 192:
      return layers.PPI;
    case 9:
      return layers.PPP;
    case 50:
      return layers.PPP_HDLC;
    case 51:
      return layers.PPPOE;
    case 12: // DLT_RAW, that differs between systems and is found in files
    case 14:
    case 101:
      return layers.IP;
    case 228:
      return layers.IPV4;
    case 229:
      return layers.IPV6;
    case 104:
      return layers.CISCO_HDLC;
    case 105:
      return layers.IEEE80211;
    case 113:
      return layers.LINUX_COOKED_V1;
    case 119:
    case 163:
      return layers.PRISM;
    case 127:
      return layers.RADIOTAP;
    case 129:
      return layers.ARCNET_LINUX;
    case 239:
      return layers.NFLOG;
    case 276:
      return layers.LINUX_COOKED_V2;
    default:
      return undefined;
  }
}

/**
 * Walks the headers of one frame. The packet then holds the innermost IP packet that was found, with `truncated` and
 * `malformed` saying how the walk ended; `ipVersion` is 0 when there was none.
 */
export function decodeFrame(packet: Packet, linkLayer: layers.Layer): void {
  let layer = linkLayer;
  for (let depth = 0; depth < LAYERS_MAX; depth++) {
    layer = decodeLayer(packet, layer);
    if (layer === layers.DONE || layer === layers.OTHER_TRANSPORT) return;
    if (layer === layers.TRUNCATED) {
      packet.truncated = true;
      return;
    }
    if (layer === layers.MALFORMED) {
      packet.malformed = true;
      return;
    }
  }
  packet.malformed = true;
  packet.tooDeepCount++;
}

/**
 * The next datagram of which not all fragments came, decoded as a packet that is cut behind its first fragment; false when
 * there is none. To be called after each frame, and when time has passed, until it is false.
 */
export function decodeExpired(packet: Packet): boolean {
  if (packet.defragmenter?.takeExpired(packet) !== true) return false;
  packet.markPayload();
  decodeFrame(packet, packet.ipVersion === 4 ? layerOfProtocol(packet.protocol) : layers.IPV6_EXTENSIONS);
  return true;
}

/**
 * The next packet of a frame that has several (an A-MSDU), in the same way; false when there is none. To be called after each
 * frame, until it is false.
 */
export function decodeRest(packet: Packet): boolean {
  const layer = packet.restLayer;
  if (layer === layers.DONE) return false;
  packet.enterRest();
  decodeFrame(packet, layer);
  return true;
}

/** One step of the walk. The packet's offset never goes back. */
export function decodeLayer(packet: Packet, layer: layers.Layer): layers.Layer {
  switch (layer) {
    case layers.ETHERNET:
      return decodeEthernet(packet);
    case layers.IPV4:
      return decodeIpv4(packet);
    case layers.TCP:
      return decodeTcp(packet);
    case layers.UDP:
      return decodeUdp(packet);
    case layers.IPV6:
      return decodeIpv6(packet);
    case layers.IPV6_EXTENSIONS:
      return decodeIpv6Extensions(packet);
    case layers.ICMP:
      return decodeIcmp(packet);
    case layers.IP:
      return packet.has(1) && packet.uint8At(0) >> 4 === 6 ? layers.IPV6 : layers.IPV4;
    case layers.VLAN:
      return decodeVlan(packet);
    case layers.LLC:
      return decodeLlc(packet);
    case layers.LINUX_COOKED_V1:
      return decodeLinuxCookedV1(packet);
    case layers.LINUX_COOKED_V2:
      return decodeLinuxCookedV2(packet);
    case layers.LOOPBACK:
      return decodeLoopback(packet);
    case layers.PPP:
      return decodePpp(packet);
    case layers.PPP_HDLC:
      return decodePppHdlc(packet);
    case layers.CISCO_HDLC:
      return decodeCiscoHdlc(packet);
    case layers.PPPOE:
      return decodePppoe(packet);
    case layers.MPLS:
      return decodeMpls(packet);
    case layers.GRE:
      return decodeGre(packet);
    case layers.ERSPAN:
      return decodeErspan(packet);
    case layers.ESP:
      return decodeEsp(packet);
    case layers.AUTHENTICATION_HEADER:
      return decodeAuthenticationHeader(packet);
    case layers.VXLAN:
      return decodeVxlan(packet);
    case layers.GENEVE:
      return decodeGeneve(packet);
    case layers.GTP_U:
      return decodeGtpU(packet);
    case layers.TEREDO:
      return decodeTeredo(packet);
    case layers.IEEE80211:
      return decodeIeee80211(packet);
    case layers.RADIOTAP:
      return decodeRadiotap(packet);
    case layers.PRISM:
      return decodePrism(packet);
    case layers.ARCNET_LINUX:
      return decodeArcnetLinux(packet);
    case layers.NFLOG:
      return decodeNflog(packet);
    case layers.LLC_SNAP:
      return decodeSnap(packet);
    case layers.PPI:
      return decodePpi(packet);
    case layers.FDDI:
      return decodeFddi(packet);
    case layers.TOKEN_RING:
      return decodeTokenRing(packet);
    case layers.FRAME_RELAY:
      return decodeFrameRelay(packet);
    case layers.SCTP:
      return decodeSctp(packet);
    case layers.DCCP:
      return decodeDccp(packet);
    case layers.L2TP:
      return decodeL2tp(packet);
    case layers.L2TP_OVER_IP:
      return decodeL2tpOverIp(packet);
    case layers.CAPWAP:
      return decodeCapwap(packet);
    case layers.VXLAN_GPE:
      return decodeVxlanGpe(packet);
    case layers.NSH:
      return decodeNsh(packet);
    case layers.ETHER_IP:
      return decodeEtherIp(packet);
    case layers.SERVICE_TAG:
      return decodeServiceTag(packet);
    case layers.VN_TAG:
      return decodeVnTag(packet);
    case layers.E_TAG:
      return decodeETag(packet);
    case layers.MACSEC:
      return decodeMacsec(packet);
    case layers.IEEE80211_PADDED:
      return decodeIeee80211Padded(packet);
    case layers.IEEE80211_SWAPPED:
      return decodeIeee80211Swapped(packet);
    case layers.A_MSDU:
      return decodeAMsdu(packet);
    default:
      return layers.DONE;
  }
}
