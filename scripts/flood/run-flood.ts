import { closeSync, fstatSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { measure, timed } from "../bench/measure.ts";
import { type Flood, writeFlood } from "./flood-frames.ts";

const TAIL_BYTES = 65_536;

export interface FloodRun {
  readonly name: string;
  readonly packets: number;
  readonly anonBytes: number;
  readonly cpuNsPerPacket: number;
  /** Of the sensor's last line. */
  readonly counters: Readonly<Record<string, number>>;
}

/** Reads a flood of so many packets with `sensor read`, of which the settings are these. Files go to `folder`, and are deleted. */
export async function runFlood(
  sensor: readonly string[],
  flood: Flood,
  packets: number,
  settings: object,
  folder: string,
  signal: AbortSignal,
): Promise<FloodRun> {
  const capture = join(folder, "flood.pcap");
  const config = join(folder, "flood.json");
  const files = { stdout: join(folder, "flood.out"), stderr: join(folder, "flood.err") };
  try {
    writeFlood(capture, flood, packets);
    writeFileSync(config, JSON.stringify(settings));
    const command = [...sensor, "read", "--json", "--workers", "1", "--config", config, capture];
    const usage = await measure(timed(command), files, signal);
    return {
      name: flood.name,
      packets,
      anonBytes: usage.anonBytes,
      cpuNsPerPacket: ((usage.userMs + usage.systemMs) * 1e6) / packets,
      counters: JSON.parse(lastLine(files.stdout)) as Record<string, number>,
    };
  } finally {
    for (const path of [capture, config, files.stdout, files.stderr]) rmSync(path, { force: true });
  }
}

function lastLine(path: string): string {
  const fd = openSync(path, "r");
  const from = Math.max(0, fstatSync(fd).size - TAIL_BYTES);
  const tail = Buffer.alloc(TAIL_BYTES);
  const read = readSync(fd, tail, 0, TAIL_BYTES, from);
  closeSync(fd);
  return tail.toString("utf8", 0, read).trimEnd().split("\n").at(-1) ?? "";
}
