import { readFileSync } from "node:fs";
import { createSession } from "pcap";
import { Ring, waitForBlock } from "../../appliance/capture/ring.ts";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";

/**
 * Within a namespace with the pair `span0`: opens the ring on span0, sends the frames of a file into span0-far, and prints
 * as JSON what the ring gave. Arguments: file, filter, snaplen.
 */
const [file = "", filter = "", snaplen = "65535"] = process.argv.slice(2);
const ring = new Ring("span0", { ringSizeBytes: 4 * 1024 * 1024, snaplenBytes: Number(snaplen), filter });
const far = createSession("span0-far", { buffer_timeout: 0 });
const sent = framesOfPcap(readFileSync(file));
const received: { hex: string; originalBytes: number; timeMs: number }[] = [];
const startedAtMs = Date.now();
for (const frame of sent) far.inject(Buffer.from(frame.bytes));
for (let idle = 0; idle < 10; ) {
  const block = ring.nextBlock();
  if (block === undefined) {
    waitForBlock([ring], 50);
    idle++;
    continue;
  }
  while (block.next())
    received.push({
      hex: Buffer.from(block.bytes.subarray(block.offsetBytes, block.offsetBytes + block.capturedBytes)).toString(
        "hex",
      ),
      originalBytes: block.originalBytes,
      timeMs: block.timeSeconds * 1000 + block.timeNanoseconds / 1e6 - startedAtMs,
    });
  ring.release();
}
const { frames, drops } = ring.stats();
const transmitted = readFileSync("/sys/class/net/span0/statistics/tx_packets", "utf8").trim();
ring.close();
far.close();
const result = JSON.stringify({ received, frames, drops, transmitted: Number(transmitted) });
process.stdout.write(result, () => process.exit(0)); // npm pcap's poll handle keeps a process alive
