import { appendFile, cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { nodeExec } from "../core/node/exec.ts";

/**
 * How long an image takes: cold (nothing kept, not even packages), and when one line of the sensor has changed. Works in a copy of the
 * checkout. Prints each step with its seconds.
 */
const PROJECT = join(import.meta.dirname, "..");
const BUILD_TIMEOUT_MS = 1_800_000;
const COPIED = ["appliance", "core", "dist", "image", "overlay", "scripts", "package.json", "tsconfig.json"];

async function timed(name: string, checkout: string, commands: readonly (readonly string[])[]): Promise<string> {
  const startedMs = performance.now();
  const steps: string[] = [];
  for (const [program = "", ...args] of commands) {
    const { stderr, stdout } = await nodeExec(program, args, AbortSignal.timeout(BUILD_TIMEOUT_MS), { cwd: checkout });
    steps.push(...`${stdout}${stderr}`.split("\n").filter((line) => /\d s$|built/.test(line)));
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  return `${name}: ${seconds} s\n${steps.map((step) => `  ${step}\n`).join("")}`;
}

const folder = await mkdtemp(join(PROJECT, ".cache/bench-image-"));
try {
  const checkout = join(folder, "checkout");
  for (const name of COPIED)
    await cp(join(PROJECT, name), join(checkout, name), { recursive: true, verbatimSymlinks: true });
  for (const name of ["node", "native"])
    await cp(join(PROJECT, ".cache", name), join(checkout, ".cache", name), {
      recursive: true,
      preserveTimestamps: true,
    });
  await symlink(join(PROJECT, "node_modules"), join(checkout, "node_modules"));
  const sensor = [process.execPath, "scripts/build.ts", "sensor"];
  const image = ["dist/cepa", "image", "build"];
  process.stdout.write(await timed("cold", checkout, [sensor, image]));
  const changed = join(checkout, "appliance/main.ts");
  await appendFile(changed, '\nprocess.env.CEPA_BENCH_IMAGE ??= "1";\n');
  process.stdout.write(await timed("one line changed in appliance/", checkout, [sensor, image]));
} finally {
  await rm(folder, { recursive: true, force: true });
}
