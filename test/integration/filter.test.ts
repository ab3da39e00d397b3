import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { BpfProgram } from "../../appliance/capture/bpf-program.ts";
import { compileFilter } from "../../appliance/capture/ring.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";

const CAPTURE = join(import.meta.dirname, "../captures/office-minute/input.pcap");
const FRAMES = framesOfPcap(await readFile(CAPTURE));

for (const expression of [
  "",
  "ip",
  "ip6",
  "arp",
  "tcp port 443",
  "udp and not port 53",
  "not esp",
  "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
  "tcp and ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) > 0",
  "len > 600 or len < 61",
  "ether[0] & 1 = 1",
  "ip[8] * 3 % 7 = 2 or ip[8] / 2 = 31 or (ip[4:2] ^ 0xff) & 1 = 0",
  "vlan",
  "ip6 protochain 17",
])
  test(`our BPF machine picks the frames that tcpdump picks: ${expression}`, async () => {
    const program = new BpfProgram(compileFilter(expression, 1, 262144));
    const ours = FRAMES.filter(
      ({ bytes, originalBytes }) => program.run(bytes, 0, bytes.length, originalBytes) > 0,
    ).map(({ timeSeconds, timeFraction }) => `${timeSeconds}.${String(timeFraction).padStart(6, "0")}`);
    const args = ["-r", CAPTURE, "-n", "-tt", "-q", ...(expression === "" ? [] : [expression])];
    const { stdout } = await nodeExec("tcpdump", args, AbortSignal.timeout(60_000));
    const theirs = stdout.split("\n").flatMap((line) => /^\d+\.\d{6}(?= )/.exec(line)?.[0] ?? []);
    assert.deepEqual(ours, theirs);
  });
