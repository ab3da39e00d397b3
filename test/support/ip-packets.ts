/** Raw IP packets (LINKTYPE_RAW) for tests; checksums are 0. */
export const LINKTYPE_RAW = 101;

export interface Endpoints {
  readonly from: string;
  readonly to: string;
  readonly fromPort?: number;
  readonly toPort?: number;
}

export interface Segment extends Endpoints {
  readonly flags?: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly payload?: Uint8Array | string;
}

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

export function tcpPacket(segment: Segment): Uint8Array {
  const payload = octetsOf(segment.payload ?? "");
  const header = new Uint8Array(20);
  const view = new DataView(header.buffer);
  view.setUint16(0, segment.fromPort ?? 0);
  view.setUint16(2, segment.toPort ?? 0);
  view.setUint32(4, (segment.sequence ?? 0) >>> 0);
  view.setUint32(8, (segment.acknowledgment ?? 0) >>> 0);
  view.setUint16(12, 0x5000 | (segment.flags ?? ACK));
  return ipPacket(segment, 6, joined(header, payload));
}

export function udpPacket(datagram: Segment): Uint8Array {
  const payload = octetsOf(datagram.payload ?? "");
  const header = new Uint8Array(8);
  const view = new DataView(header.buffer);
  view.setUint16(0, datagram.fromPort ?? 0);
  view.setUint16(2, datagram.toPort ?? 0);
  view.setUint16(4, 8 + payload.length);
  return ipPacket(datagram, 17, joined(header, payload));
}

/** IPv4 for dotted addresses, IPv6 for others, which must be written in full or with one `::`. */
export function ipPacket({ from, to }: Endpoints, protocol: number, content: Uint8Array): Uint8Array {
  if (!from.includes(":")) {
    const header = Uint8Array.of(0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, ...ipv4(from), ...ipv4(to));
    new DataView(header.buffer).setUint16(2, 20 + content.length);
    return joined(header, content);
  }
  const header = Uint8Array.of(0x60, 0, 0, 0, 0, 0, protocol, 64, ...ipv6(from), ...ipv6(to));
  new DataView(header.buffer).setUint16(4, content.length);
  return joined(header, content);
}

function ipv4(text: string): number[] {
  return text.split(".").map(Number);
}

function ipv6(text: string): number[] {
  const [head = "", tail] = text.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const before = groups(head);
  const after = groups(tail ?? "");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 255]);
}

export function octetsOf(payload: Uint8Array | string): Uint8Array {
  return typeof payload === "string" ? Uint8Array.from(payload, (c) => c.charCodeAt(0)) : payload;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
