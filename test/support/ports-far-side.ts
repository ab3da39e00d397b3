import { execFileSync } from "node:child_process";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createSession } from "pcap";
import { runLibpcapPort } from "../../appliance/capture/libpcap-port.ts";
import { PcapRecordCursor } from "../../appliance/capture/pcap-file.ts";
import { SpanPorts } from "../../appliance/capture/span-ports.ts";

/**
 * Within a namespace: two SPAN ports, of which one comes late, goes, and comes back under the same name, and one loses its
 * carrier; then npm pcap on the first. Prints as JSON the octet that fills each frame which arrived, step by step.
 */
const TIMEOUT_MS = 20_000;
const ip = (...args: string[]) => execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
const said: string[] = [];
const ports = new SpanPorts(
  ["late0", "span0"],
  { ringSizeBytes: 4 * 1024 * 1024, snaplenBytes: 65535, filter: "" },
  (_level, message, fields) => void said.push(`${fields?.port}: ${message}`),
);
const received: number[] = [];
const steps: Record<string, number[]> = {};

function addPair(name: string): void {
  ip("link", "add", name, "type", "veth", "peer", "name", `${name}-far`);
  for (const end of [name, `${name}-far`]) {
    execFileSync("sysctl", ["-q", "-w", `net.ipv6.conf.${end}.disable_ipv6=1`]);
    ip("link", "set", end, "arp", "off");
    ip("link", "set", end, "up");
  }
}

/** Sends frames full of `mark` until one is back; what was sent before the ring was bound is lost, as it should be. */
async function passes(step: string, name: string, mark: number): Promise<void> {
  const frame = Buffer.alloc(60, mark);
  const deadlineMs = performance.now() + TIMEOUT_MS;
  while (!received.includes(mark)) {
    if (performance.now() > deadlineMs) throw new Error(`${step}: no frame`);
    const far = createSession(`${name}-far`, { buffer_timeout: 0 });
    far.inject(frame);
    far.close();
    for (let i = 0; i < 10; i++) take();
    await nextTurn();
  }
  steps[step] = [...new Set(received.splice(0))];
}

function take(): void {
  ports.takeBlocks(performance.now(), (frames) => {
    while (frames.next()) received.push(frames.bytes[frames.offsetBytes] ?? -1);
  });
}

await passes("one port there", "span0", 1);
addPair("late0");
await passes("the other comes late", "late0", 2);
ip("link", "set", "span0-far", "down");
take();
ip("link", "set", "span0-far", "up");
await passes("carrier lost and back", "span0", 3);
ip("link", "set", "span0", "down");
take();
ip("link", "set", "span0", "up");
await passes("down and up", "span0", 4);
ip("link", "del", "late0");
addPair("late0");
await passes("gone and back", "late0", 5);
const { drops } = ports.stats();
ports.close();

const stop = new AbortController();
const viaLibpcap: string[] = [];
const job = runLibpcapPort(
  "span0",
  "ether[20] = 7",
  100,
  ({ linkType, records }) => {
    const cursor = new PcapRecordCursor(records);
    while (cursor.next())
      viaLibpcap.push(
        `${linkType} ${cursor.bytes[cursor.offsetBytes]} ${cursor.capturedBytes}/${cursor.originalBytes}`,
      );
    if (viaLibpcap.length >= 2) stop.abort();
  },
  AbortSignal.any([stop.signal, AbortSignal.timeout(TIMEOUT_MS)]),
);
const far = createSession("span0-far", { buffer_timeout: 0 });
const injecting = setInterval(() => {
  for (const mark of [6, 7]) far.inject(Buffer.alloc(200, mark));
}, 50);
await job.catch(() => {});
clearInterval(injecting);
far.close();
const result = JSON.stringify({ steps, drops, said, viaLibpcap: viaLibpcap.slice(0, 2) });
process.stdout.write(result, () => process.exit(0)); // npm pcap's poll handle keeps a process alive
