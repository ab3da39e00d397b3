import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Capturer, sensorCapturer, tcpdumpCapturer, withEmptyFolder } from "./live-capturers.ts";
import { renderLiveFrames } from "./live-frames.ts";
import type { Heat, Pace } from "./live-result.ts";
import { peerTree, THIS_MACHINE } from "./peer-tree.ts";
import { sendAtRate } from "./sender.ts";

/** What the far side is asked for, as JSON in its argument. */
export interface LiveOrder {
  /** In memory. */
  readonly folder: string;
  /** Where the tree of the peers is; undefined: the peers of this machine. */
  readonly treeCache: string | undefined;
  readonly ringBytes: number;
  readonly paces: readonly Pace[];
}

/** The pair of the namespace that this runs in. */
const PORT = "span0";
const FAR_PORT = "span0-far";
const FRAMES = "frames.cfg";

/** Within a namespace with that pair: each capturer at each rate in turn; prints the heats as JSON. */
async function runHeats(order: LiveOrder, signal: AbortSignal): Promise<readonly Heat[]> {
  const place = order.treeCache === undefined ? THIS_MACHINE : peerTree(order.treeCache);
  writeFileSync(join(order.folder, FRAMES), renderLiveFrames());
  const capturers: readonly Capturer[] = [tcpdumpCapturer(place, PORT), sensorCapturer(PORT)];
  const heats: Heat[] = [];
  for (const { framesPerSecond, durationMs } of order.paces)
    for (const { name, start } of capturers) {
      const folder = join(order.folder, "caught");
      const heat = await withEmptyFolder(folder, async () => {
        const finish = await start(folder, order.ringBytes, signal);
        const ends = { from: FAR_PORT, to: PORT };
        const rate = framesPerSecond ?? Number.POSITIVE_INFINITY;
        const sent = await sendAtRate(place, order.folder, FRAMES, ends, rate, durationMs, signal);
        const caught = await finish(sent.frames);
        return { name, framesPerSecond, durationMs: sent.durationMs, sent: sent.frames, ...caught };
      });
      process.stderr.write(`${JSON.stringify(heat)}\n`);
      heats.push(heat);
    }
  return heats;
}

const abort = new AbortController();
const heats = await runHeats(JSON.parse(process.argv[2] ?? "") as LiveOrder, abort.signal);
process.stdout.write(JSON.stringify(heats));
