import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { WINDOW_FEATURES } from "../appliance/entropy/window-features.ts";
import { ENCODERS } from "./classifier/compressors.ts";
import { applyNetwork, layoutOf, type Network, trainNetwork } from "./classifier/network-training.ts";
import { standardise, standardOf } from "./classifier/standard.ts";
import { ENCRYPTED, LONGEST_BYTES, makeWindowSet, type WindowSet } from "./classifier/window-set.ts";
import { RandomStream } from "./traffic/random-stream.ts";

// Makes appliance/entropy/encryption-model.json (`make classifier`), and prints how well it tells windows that it wasn't trained with.
// The same octets on each machine with the same versions of what compresses, which the file names: everything is drawn from fixed seeds,
// and the material is made or from packages that package-lock.json pins.
const MODEL = join(import.meta.dirname, "../appliance/entropy/encryption-model.json");
const TRAINING_SEED = 1;
const HELD_OUT_SEED = 2;
const NETWORK_SEED = 3;
const TRAINING_PIECES = 200;
const HELD_OUT_PIECES = 40;
const SETTINGS = { units: 8, passes: 10, rate: 0.002, decay: 0.01 };
const DECIMALS = 4;

const training = makeWindowSet(TRAINING_SEED, TRAINING_PIECES);
const standard = standardOf(training.features, WINDOW_FEATURES);
const rows = standardise(training.features, standard);
const network = trainNetwork(rows, training.labels, WINDOW_FEATURES, SETTINGS, new RandomStream(NETWORK_SEED));
const heldOut = makeWindowSet(HELD_OUT_SEED, HELD_OUT_PIECES);
writeFileSync(MODEL, renderModel(network));
printAnswers(heldOut, standardise(heldOut.features, standard));

function renderModel({ inputs, units, parameters }: Network): string {
  const { biasAt, hiddenAt, hiddenBiasAt, outputAt, size } = layoutOf(inputs, units);
  const part = (from: number, to: number) => Array.from(parameters.subarray(from, to), rounded);
  const model = {
    madeBy: "make classifier",
    encoders: Object.fromEntries([
      ...(["node", "zlib", "zstd", "brotli"] as const).map((name) => [name, process.versions[name] ?? ""]),
      ...[...ENCODERS].map(([program, args]) => [program, versionOf(program, args)]),
    ]),
    windows: training.labels.length,
    longestBytes: LONGEST_BYTES,
    units,
    means: Array.from(standard.means, rounded),
    scales: Array.from(standard.scales, rounded),
    bias: rounded(parameters[biasAt] as number),
    direct: part(0, biasAt),
    hidden: Array.from({ length: units }, (_, unit) => part(hiddenAt + unit * inputs, hiddenAt + (unit + 1) * inputs)),
    hiddenBiases: part(hiddenBiasAt, outputAt),
    output: part(outputAt, size),
  };
  // each list of numbers on a line of its own
  return `${JSON.stringify(model, undefined, 2).replace(/\[\s+([-\d.e,\s]+?)\s+\]/g, (_, numbers) => `[${numbers.replace(/\s+/g, " ")}]`)}\n`;
}

function rounded(value: number): number {
  return Number(value.toFixed(DECIMALS));
}

/** The first number with a point in what a program says of itself. */
function versionOf(program: string, args: readonly string[]): string {
  const run = spawnSync(program, args, { encoding: "utf8" });
  if (run.error !== undefined) throw run.error;
  return /\d+\.[\d.]*\d/.exec(`${run.stdout}${run.stderr}`)?.[0] ?? "";
}

function printAnswers(set: WindowSet, rows: Float32Array): void {
  const odds = Array.from(set.labels, (_, row) => applyNetwork(network, rows, row));
  const formats = [...new Set(set.formats)].filter((format) => format !== ENCRYPTED);
  process.stdout.write(`octets\tright\t${formats.join("\t")}\t(area under the curve, against encrypted)\n`);
  for (const length of [256, 1024, LONGEST_BYTES]) {
    const chosen = odds.map((_, row) => row).filter((row) => set.lengths[row] === length);
    const right = chosen.filter((row) => (odds[row] as number) > 0.5 === (set.labels[row] === 1)).length;
    const of = (format: string) =>
      chosen.filter((row) => set.formats[row] === format).map((row) => odds[row] as number);
    const areas = formats.map((format) => areaUnderCurve(of(ENCRYPTED), of(format)).toFixed(3));
    process.stdout.write(`${length}\t${((100 * right) / chosen.length).toFixed(1)} %\t${areas.join("\t")}\n`);
  }
}

/** Share of twos, one of each, of which the one that should is the larger; half where they are equal. */
function areaUnderCurve(larger: readonly number[], smaller: readonly number[]): number {
  let sum = 0;
  for (const a of larger) for (const b of smaller) sum += a > b ? 1 : a === b ? 0.5 : 0;
  return sum / (larger.length * smaller.length);
}
