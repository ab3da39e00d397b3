import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSavefile } from "../../appliance/capture/savefile.ts";
import type { FrameSink } from "../../appliance/capture/savefile-records.ts";
import { listCaptures } from "../support/read-captures.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { EngineRun } from "./engine-run.ts";
import { frameStarts, insertFrame, recordsOf, setFrame } from "./frames.ts";
import { INPUT_MAX_BYTES, mutateOctets, pick } from "./mutate.ts";
import type { Target } from "./target.ts";

const folder = mkdtempSync(join(tmpdir(), "cepa-fuzz-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
let files = 0;

/** Reads octets as a savefile, into a sink. */
function readOctets(input: Uint8Array, path: string, sink: FrameSink): void {
  writeFileSync(path, input);
  const opened = openSavefile(path);
  if (opened.name !== "open") return;
  try {
    while (opened.records.next(sink).name === "more");
  } finally {
    opened.close();
  }
}

function captures(): Uint8Array[] {
  return listCaptures().map(({ path }) => new Uint8Array(readFileSync(path)).subarray(0, INPUT_MAX_BYTES));
}

/** The octets of one frame, or which frames there are, in which order; the file's structure stays whole. */
function mutateFrames(input: Uint8Array, random: SeededRandom): Uint8Array {
  const starts = frameStarts(input);
  if (starts.length === 0 || random.below(20) === 0) return mutateOctets(input, random);
  const at = pick(starts, random);
  switch (random.below(8)) {
    case 0:
      return setFrame(input, at, undefined);
    case 1:
      return insertFrame(input, at, pick(starts, random));
    default:
      return setFrame(input, at, mutateOctets(framePart(input, at, random), random));
  }
}

/** A frame whole, or with its tail left out of what is changed: headers are in front. */
function framePart(input: Uint8Array, at: number, random: SeededRandom): Uint8Array {
  const length = new DataView(input.buffer, input.byteOffset).getUint32(at + 8, true);
  return input.slice(at + 16, at + 16 + (random.below(2) === 0 ? length : Math.min(length, 200)));
}

export const captureTargets: readonly Target[] = [
  {
    name: "savefile",
    seeds: captures,
    partsOf: recordsOf,
    start: () => {
      const path = join(folder, `${files++}`);
      const sink = { frame: () => {} };
      return (input) => readOctets(input, path, sink);
    },
  },
  {
    name: "engine",
    seeds: captures,
    mutate: mutateFrames,
    partsOf: recordsOf,
    start: () => {
      const path = join(folder, `${files++}`);
      const run = new EngineRun();
      return (input) => {
        readOctets(input, path, run.engine);
        run.finish();
      };
    },
  },
  {
    // as on the wire: sessions of earlier inputs are still there
    name: "engine-live",
    seeds: captures,
    mutate: mutateFrames,
    partsOf: recordsOf,
    start: () => {
      const path = join(folder, `${files++}`);
      const run = new EngineRun();
      return (input) => readOctets(input, path, run.engine);
    },
  },
];
