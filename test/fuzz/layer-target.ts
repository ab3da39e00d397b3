import { EngineRun } from "./engine-run.ts";
import { LAYERS, type LayerHeader, stackLayers } from "./layers.ts";
import type { Target } from "./target.ts";

const LINK_TYPES = [1, 1, 1, 101, 113, 276, 0, 9, 50, 51, 104, 105, 119, 127, 129, 239, 228, 229];
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
    link: LINK_TYPES[octet(0) % LINK_TYPES.length] as number,
  };
}

/** Names of headers, outermost first. */
function seed(names: readonly string[]): Uint8Array {
  const headers = names.map((name) => LAYERS.findIndex((layer) => layer.name === name));
  return Uint8Array.of(0, headers.length, ...headers, 0, 0, ...Buffer.from("GET / HTTP/1.0\r\n\r\n"));
}

export const layerTarget: Target = {
  name: "layers",
  seeds: () => [
    ...["IPv4", "IPv6"].map((ip) => seed(["Ethernet", "802.1Q", ip, "TCP"])),
    ...["VXLAN", "GENEVE"].map((tunnel) => seed(["Ethernet", "IPv4", "UDP", tunnel, "Ethernet", "IPv6", "TCP"])),
    seed(["Ethernet", "IPv6", "hop by hop", "fragment", "destination", "authentication", "GRE", "IPv4", "UDP"]),
    seed(["Ethernet", "MPLS", "IPv4", "GRE with all fields", "ERSPAN II", "Ethernet", "PPPoE and PPP", "IPv4", "TCP"]),
    seed(["Ethernet", "IPv4, first fragment", "UDP"]),
    seed(["Ethernet", "IPv4, later fragment", "UDP"]),
  ],
  start: () => {
    const run = new EngineRun();
    let second = START;
    return (input) => {
      const { frame, captured, link } = frameOf(input);
      run.engine.frame(frame, 0, captured, frame.length, second++, 0, link);
    };
  },
};
