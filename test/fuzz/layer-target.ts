import { EngineRun } from "./engine-run.ts";
import { LAYERS, type LayerHeader, stackLayers } from "./layers.ts";
import type { Target } from "./target.ts";

const LINK_TYPES = [
  0, 1, 6, 9, 10, 12, 50, 51, 100, 101, 104, 105, 106, 107, 108, 113, 119, 127, 129, 163, 192, 228, 229, 239, 276,
];
/** In place of a link type: that of the outermost header. */
const LINK_TYPE_FITS = 0xff;
const HEADERS_MAX = 40;
const PATCH_BYTES = 3;
const START = 1_700_000_000;

/**
 * An input says how a frame is made: an octet for the link type, one for the number of headers, one a header, one for the number of
 * patches, three a patch (offset, octet), one by how much the capture is cut; the rest is payload.
 */
function frameOf(input: Uint8Array): { readonly frame: Uint8Array; readonly captured: number; readonly link: number } {
  const octet = (at: number) => input[at] ?? 0;
  const headers = octet(1) % HEADERS_MAX;
  const layers = Array.from({ length: headers }, (_, i) => LAYERS[octet(2 + i) % LAYERS.length] as LayerHeader);
  const patches = octet(2 + headers) % 8;
  const patchesAt = 3 + headers;
  const payloadAt = patchesAt + patches * PATCH_BYTES + 1;
  const frame = stackLayers(layers, input.slice(payloadAt));
  for (let at = patchesAt; at < payloadAt - 1; at += PATCH_BYTES) {
    const target = (octet(at) << 8) | octet(at + 1);
    if (frame.length > 0) frame[target % frame.length] = octet(at + 2);
  }
  const cut = octet(payloadAt - 1);
  return {
    frame,
    captured: Math.max(0, frame.length - (cut > 200 ? cut - 200 : 0)),
    link: linkTypeOf(octet(0), layers[0]),
  };
}

function linkTypeOf(octet: number, outermost: LayerHeader | undefined): number {
  if (octet === LINK_TYPE_FITS) return outermost?.called.linkType ?? 1;
  return LINK_TYPES[octet % LINK_TYPES.length] as number;
}

/** Names of headers, outermost first. */
function seed(names: readonly string[]): Uint8Array {
  const headers = names.map((name) => {
    const at = LAYERS.findIndex((layer) => layer.name === name);
    if (at < 0) throw new Error(`no header "${name}"`);
    return at;
  });
  return Uint8Array.of(LINK_TYPE_FITS, headers.length, ...headers, 0, 0, ...Buffer.from("GET / HTTP/1.0\n\n"));
}

/** Each header once in a place where it is looked for, outermost first. */
const STACKS: readonly (readonly string[])[] = [
  ["Ethernet", "802.1Q", "IPv4", "TCP"],
  ["Ethernet", "802.1Q", "IPv6", "TCP"],
  ["Ethernet", "IPv4", "UDP", "VXLAN", "Ethernet", "IPv6", "TCP"],
  ["Ethernet", "IPv4", "UDP", "GENEVE", "Ethernet", "IPv6", "TCP"],
  ["Ethernet", "IPv6", "hop by hop", "routing", "fragment", "destination", "authentication", "GRE", "IPv4", "UDP"],
  ["Ethernet", "MPLS", "IPv4", "GRE with all fields", "ERSPAN II", "Ethernet", "PPPoE and PPP", "IPv4", "TCP"],
  ["Ethernet", "IPv4", "GRE", "ERSPAN III", "Ethernet", "IPv4", "TCP"],
  ["Ethernet", "IPv4, first fragment", "UDP"],
  ["Ethernet", "IPv4, later fragment", "UDP"],
  ["Ethernet", "I-TAG", "Ethernet", "VN-Tag", "E-TAG", "IPv4", "ICMP, unreachable"],
  ["Ethernet", "MACsec", "IPv4", "EtherIP", "Ethernet", "LLC and SNAP", "IPv4", "UDP"],
  ["Ethernet", "NSH", "NSH", "MPLS", "IPv4", "ESP", "IPv4", "TCP"],
  ["Ethernet", "IPv4", "UDP", "VXLAN-GPE", "NSH", "Ethernet", "IPv4", "UDP-Lite"],
  ["IPv4", "SCTP", "SACK of SCTP", "DATA of SCTP"],
  ["IPv6", "DCCP"],
  ["IPv4", "UDP", "GTP-U", "IPv4", "TCP"],
  ["IPv4", "UDP", "GTP-U with an extension", "IPv6", "TCP"],
  ["IPv4", "UDP", "L2TP", "IPv4", "TCP"],
  ["IPv4", "UDP", "L2TP, with all fields", "IPv4", "TCP"],
  ["IPv4", "UDP", "L2TP, version 3", "IPv4", "TCP"],
  ["IPv4", "L2TP over IP", "Ethernet", "IPv4", "TCP"],
  ["IPv4", "UDP", "IPv6", "TCP"],
  ["IPv4", "UDP", "Teredo's fields", "IPv6", "TCP"],
  ["IPv4", "UDP", "CAPWAP", "Ethernet", "IPv4", "TCP"],
  ["IPv4", "UDP", "CAPWAP, 802.11", "802.11, data", "LLC and SNAP", "IPv4", "TCP"],
  ["PPP", "bridging in PPP", "Ethernet", "IPv4", "TCP"],
  ["PPP, short", "IPv4", "TCP"],
  ["LLC and SNAP", "IPv4", "TCP"],
  ["radiotap", "802.11, data", "LLC and SNAP", "IPv4", "TCP"],
  ["radiotap, with clock", "802.11, four addresses, mesh", "LLC and SNAP", "IPv4", "TCP"],
  ["PPI", "802.11, QoS, A-MSDU", "subframe of an A-MSDU", "LLC and SNAP", "IPv4", "TCP"],
  ["Prism", "802.11, data", "LLC and SNAP", "IPv4", "TCP"],
  ["AVS", "802.11, data", "LLC and SNAP", "IPv6", "UDP"],
  ["FDDI", "LLC and SNAP", "IPv4", "TCP"],
  ["Token Ring", "LLC and SNAP", "IPv4", "TCP"],
  ["Token Ring, routed", "LLC and SNAP", "IPv4", "TCP"],
  ["Frame Relay", "IPv4", "TCP"],
  ["Frame Relay", "SNAP", "IPv4", "TCP"],
  ["Cisco HDLC", "IPv4", "TCP"],
  ["Linux, cooked", "IPv4", "TCP"],
  ["Linux, cooked again", "IPv4", "TCP"],
  ["loopback", "IPv4", "TCP"],
  ["ARCNET", "IPv4", "TCP"],
  ["NFLOG", "IPv4", "TCP"],
];

export const layerTarget: Target = {
  name: "layers",
  seeds: () => STACKS.map(seed),
  start: () => {
    const run = new EngineRun();
    let second = START;
    return (input) => {
      const { frame, captured, link } = frameOf(input);
      run.engine.frame(frame, 0, captured, frame.length, second++, 0, link);
    };
  },
};
