import { nodeExec } from "../../core/node/exec.ts";

const TIMEOUT_MS = 60_000;

/** One direction of a conversation as tshark sees it. */
export interface TsharkFlow {
  packets: number;
  /** Of IP packets, header included. */
  ipBytes: number;
}

/** The value for the innermost packet, where a field stands more than once in a frame. */
const last = (text: string | undefined): string => text?.split(",").at(-1) ?? "";

/**
 * What tshark says of a file, by `PROTO SOURCE SPORT > DESTINATION DPORT` of the innermost TCP or UDP packet. Streams that
 * reuse ports are added up.
 */
export async function readFlowsByTshark(file: string): Promise<Map<string, TsharkFlow>> {
  const fields = ["ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "ip.len", "ipv6.plen", "ip.proto", "ipv6.nxt"];
  const ports = ["tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"];
  const args = [
    "-n",
    "-r",
    file,
    "-o",
    "ip.defragment:FALSE",
    "-Y",
    "(tcp or udp) and not icmp and not icmpv6",
    "-T",
    "fields",
  ];
  const { stdout } = await nodeExec(
    "tshark",
    [...args, ...[...fields, ...ports, "frame.protocols"].flatMap((field) => ["-e", field])],
    AbortSignal.timeout(TIMEOUT_MS),
  );
  const flows = new Map<string, TsharkFlow>();
  for (const line of stdout.split("\n").filter((text) => text !== "")) {
    const [ip4Src, ip6Src, ip4Dst, ip6Dst, ip4Len, ip6Len, , , tcpSrc, tcpDst, udpSrc, udpDst, protocols] =
      line.split("\t");
    const names = protocols?.split(":") ?? [];
    const inner6 = names.lastIndexOf("ipv6") > names.lastIndexOf("ip");
    const tcp = names.lastIndexOf("tcp") > names.lastIndexOf("udp");
    const source = `${last(inner6 ? ip6Src : ip4Src)} ${last(tcp ? tcpSrc : udpSrc)}`;
    const destination = `${last(inner6 ? ip6Dst : ip4Dst)} ${last(tcp ? tcpDst : udpDst)}`;
    const key = `${tcp ? 6 : 17} ${source} > ${destination}`;
    const flow = flows.get(key) ?? { packets: 0, ipBytes: 0 };
    flow.packets++;
    flow.ipBytes += inner6 ? 40 + Number(last(ip6Len)) : Number(last(ip4Len));
    flows.set(key, flow);
  }
  return flows;
}
