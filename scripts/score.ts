import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

/**
 * `node scripts/score.ts [--sensor PROGRAM]`: runs the measuring programs of ../shared/score on a build of the sensor, each with
 * the least that passes. Fails when one is short, or isn't there.
 */
const PROJECT = join(import.meta.dirname, "..");
const SCORES = join(PROJECT, "../shared/score");

const CAPTURES = join(PROJECT, "../shared/captures");
const MEASURES: readonly (readonly string[])[] = [
  ["http.mjs", "--min-recall", "0.995"],
  [
    "entropy.mjs",
    ...["--min-flat-auc", "0.92", "--min-auc", "0.997", "--min-tpr", "0.96"],
    ...["--min-own-auc", "0.985", "--min-labels", "0.95", "--min-made-tpr", "0.99", "--min-mid-auc", "0.92"],
  ],
  ["handshake.mjs", "--captures", join(CAPTURES, "http-dev"), "--min-recall", "0.99"],
  ["handshake.mjs", "--captures", join(CAPTURES, "enc-dev"), "--min-recall", "0.99"],
];

const { values } = parseArgs({ options: { sensor: { type: "string", default: join(PROJECT, "dist/cepa-sensor") } } });
process.exitCode = measure(resolve(values.sensor));

function measure(sensor: string): number {
  if (!existsSync(SCORES)) return complain(`there is nothing to measure with: ${SCORES} is not there`);
  if (!existsSync(sensor)) return complain(`${sensor} is not there: \`make sensor\` builds it`);
  let status = 0;
  for (const [program = "", ...least] of MEASURES) {
    process.stdout.write(`${program} ${least.join(" ")}\n`);
    const run = spawnSync(process.execPath, [join(SCORES, program), "--sensor", sensor, ...least], {
      stdio: "inherit",
    });
    if (run.status === 0) continue;
    status = complain(`${program} is short of ${least.join(" ")}`);
  }
  return status;
}

function complain(message: string): number {
  process.stderr.write(`score: ${message}\n`);
  return 1;
}
