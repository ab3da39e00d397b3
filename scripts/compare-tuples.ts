import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Packet } from "../appliance/decode/packet.ts";
import { keyAddress } from "../appliance/session/five-tuple.ts";
import { nodeExec } from "../core/node/exec.ts";
import { visitPackets } from "./capture-packets.ts";

/**
 * `node scripts/compare-tuples.ts [--show N] FILE|FOLDER…`: the innermost five-tuple of every packet beside tshark's. Prints
 * where they differ, and the share that is equal.
 */
const TIMEOUT_MS = 120_000;
const SAVEFILE = /\.(pcap|pcapng|cap)$/;
const PORTS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, dccp: 33, sctp: 132, udplite: 136 };
const FIELDS = [
  "frame.protocols",
  ...["ip.src", "ip.dst", "ipv6.src", "ipv6.dst"],
  ...["tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"],
  ...["dccp.srcport", "dccp.dstport", "sctp.srcport", "sctp.dstport"],
];

/** `PROTOCOL ADDRESS PORT > ADDRESS PORT`; without a transport `- ADDRESS > ADDRESS`; empty when there is no IP packet. */
export type InnermostTuple = string;

/** Of every frame, in their order; undefined where the link type isn't decoded here. Nothing is put together. */
export function readTuples(file: string): (InnermostTuple | undefined)[] {
  const tuples: (InnermostTuple | undefined)[] = [];
  visitPackets(file, (packet) => tuples.push(packet && renderTuple(packet)));
  return tuples;
}

export function renderTuple(packet: Packet): InnermostTuple {
  if (packet.ipVersion === 0) return "";
  const key = new Int32Array(10);
  key[0] = packet.ipVersion;
  const words = packet.ipVersion === 4 ? 1 : 4;
  const view = new DataView(packet.bytes.buffer, packet.bytes.byteOffset);
  for (let i = 0; i < words; i++) {
    key[2 + i] = view.getInt32(packet.sourceAddressAt + 4 * i);
    key[2 + words + i] = view.getInt32(packet.destinationAddressAt + 4 * i);
  }
  const [source, destination] = [keyAddress(key, 0, 0), keyAddress(key, 0, 1)];
  const hasPorts = Object.values(PORTS).includes(packet.protocol) && !packet.laterFragment;
  if (!hasPorts) return `- ${source} > ${destination}`;
  return `${packet.protocol} ${source} ${packet.sourcePort} > ${destination} ${packet.destinationPort}`;
}

/** The same as tshark sees it; what ICMP quotes doesn't count. Rejects when tshark can't read the file at all. */
export async function readTuplesByTshark(file: string): Promise<InnermostTuple[]> {
  const options = ["ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE"];
  const args = ["-n", "-r", file, ...options.flatMap((option) => ["-o", option]), "-T", "fields"];
  const { stdout } = await nodeExec(
    "tshark",
    [...args, ...FIELDS.flatMap((field) => ["-e", field])],
    AbortSignal.timeout(TIMEOUT_MS),
  );
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => tupleOfFields(line.split("\t")));
}

function tupleOfFields([names = "", ...values]: string[]): InnermostTuple {
  const columns = values.map((value) => (value === "" ? [] : value.split(",")));
  const all = withIpAfterMpls(names.split(":"), columns);
  const quoted = all.findIndex((name) => name === "icmp" || name === "icmpv6");
  const protocols = quoted < 0 ? all : all.slice(0, quoted);
  const count = (name: string, to: number) => protocols.slice(0, to).filter((other) => other === name).length;
  const nth = (column: number, index: number) => columns[column]?.[index] ?? "?";
  const isIp = (name: string, at: number) =>
    (name === "ip" || name === "ipv6") && nth(name === "ip" ? 0 : 2, count(name, at)) !== "?"; // not one that is malformed
  const ipAt = protocols.findLastIndex(isIp);
  if (ipAt < 0) return "";
  const isV6 = protocols[ipAt] === "ipv6";
  const index = count(isV6 ? "ipv6" : "ip", ipAt);
  const source = nth(isV6 ? 2 : 0, index);
  const destination = nth(isV6 ? 3 : 1, index);
  const transportAt = protocols.findIndex((name, at) => at > ipAt && name in PORTS);
  const transport = protocols[transportAt];
  if (transport === undefined) return `- ${source} > ${destination}`;
  const field = transport === "udplite" ? "udp" : transport;
  const portColumn = FIELDS.indexOf(`${field}.srcport`) - 1;
  const portIndex =
    count("udp", field === "udp" ? transportAt : 0) + count(transport, transport === "udp" ? 0 : transportAt);
  const ports = [nth(portColumn, portIndex), nth(portColumn + 1, portIndex)];
  if (ports[0] === "?") return `- ${source} > ${destination}`;
  return `${PORTS[transport]} ${source} ${ports[0]} > ${destination} ${ports[1]}`;
}

/** tshark 4.4 does not name the IP that comes right after MPLS. */
function withIpAfterMpls(names: readonly string[], columns: readonly (readonly string[])[]): readonly string[] {
  const next = names.lastIndexOf("mpls") + 1;
  if (next === 0 || names[next] === "ip" || names[next] === "ipv6") return names;
  for (const [name, column] of [
    ["ip", 0],
    ["ipv6", 2],
  ] as const)
    if ((columns[column]?.length ?? 0) > names.filter((other) => other === name).length)
      return names.toSpliced(next, 0, name);
  return names;
}

export interface TupleDifference {
  /** From 1. */
  readonly frame: number;
  readonly ours: InnermostTuple | undefined;
  readonly tsharks: InnermostTuple;
}

export async function compareTuples(file: string): Promise<{ frames: number; differences: TupleDifference[] }> {
  const ours = readTuples(file);
  const theirs = await readTuplesByTshark(file);
  const differences = ours.flatMap((tuple, i) =>
    tuple === theirs[i] ? [] : [{ frame: i + 1, ours: tuple, tsharks: theirs[i] ?? "(not read)" }],
  );
  return { frames: ours.length, differences };
}

function listFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => SAVEFILE.test(name))
    .sort()
    .map((name) => join(path, name));
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { show: { type: "string", default: "3" } },
    allowPositionals: true,
  });
  let frames = 0;
  let different = 0;
  for (const file of positionals.flatMap(listFiles)) {
    try {
      const compared = await compareTuples(file);
      frames += compared.frames;
      different += compared.differences.length;
      if (compared.differences.length === 0) continue;
      process.stdout.write(`${file}: ${compared.differences.length} of ${compared.frames}\n`);
      for (const { frame, ours, tsharks } of compared.differences.slice(0, Number(values.show)))
        process.stdout.write(`  ${frame}: ${ours ?? "(link type)"} | tshark: ${tsharks}\n`);
    } catch (error) {
      process.stdout.write(`${file}: ${(error as Error).message.split("\n")[0]}\n`);
    }
  }
  process.stdout.write(`${frames - different} of ${frames} equal\n`);
}

if (import.meta.main) await main();
