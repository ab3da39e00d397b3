import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BYTE_VALUES, clearCounts, countBytes } from "../appliance/entropy/histogram.ts";
import { randomness } from "../appliance/entropy/randomness.ts";
import { paninski } from "../appliance/entropy/shannon.ts";
import { replaceMarked } from "./bench/replace-marked.ts";
import { RandomStream } from "./traffic/random-stream.ts";

// The share of random samples whose randomness is below 1, a million samples of each size (`make long-randomness`), into
// docs/RANDOMNESS.md. Fails where it isn't 99 % ± 0.5, or where the mean of H − E[H_N] is further from 0 than chance has it.
const PAGE = join(import.meta.dirname, "../docs/RANDOMNESS.md");
const SIZES_BYTES = [64, 256, 1024, 4096, 16_384];
const SAMPLES = 1_000_000;
const EXPECTED_PERCENT = 99;
const TOLERANCE_PERCENT = 0.5;
/** Once in 15,000 by chance. */
const STANDARD_ERRORS = 4;

const counts = new Uint16Array(BYTE_VALUES);
const rows = [
  "| octets | randomness < 1 | mean of H − E[H_N], bits | its standard error |",
  "| --: | --: | --: | --: |",
];
for (const sizeBytes of SIZES_BYTES) {
  const { percent, mean, standardError } = measure(sizeBytes);
  rows.push(
    `| ${sizeBytes} | ${percent.toFixed(2)} % | ${mean.toExponential(1)} | ${standardError.toExponential(1)} |`,
  );
  const isWrong =
    Math.abs(percent - EXPECTED_PERCENT) > TOLERANCE_PERCENT || Math.abs(mean) > STANDARD_ERRORS * standardError;
  if (isWrong) process.exitCode = 1;
  process.stdout.write(`${rows.at(-1)}${isWrong ? " wrong" : ""}\n`);
}
writeFileSync(PAGE, replaceMarked(readFileSync(PAGE, "utf8"), "randomness", rows.join("\n")));

function measure(sizeBytes: number): { percent: number; mean: number; standardError: number } {
  const random = new RandomStream(sizeBytes);
  let below = 0;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < SAMPLES; i++) {
    clearCounts(counts, 0);
    countBytes(counts, 0, random.bytes(sizeBytes), 0, sizeBytes);
    if ((randomness(counts, 0, sizeBytes) as number) < 1) below++;
    const value = paninski(counts, 0, sizeBytes);
    sum += value;
    squares += value * value;
  }
  const mean = sum / SAMPLES;
  return {
    percent: (100 * below) / SAMPLES,
    mean,
    standardError: Math.sqrt((squares / SAMPLES - mean * mean) / SAMPLES),
  };
}
