import assert from "node:assert/strict";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import type { LiveResult } from "../../scripts/bench/live-result.ts";
import { renderLive } from "../../scripts/bench/live-table.ts";

const PROJECT = join(import.meta.dirname, "../..");
let folder = "";
let result: LiveResult;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-bench-live-"));
  await copyFile(join(PROJECT, "docs/BENCHMARKS.md"), join(folder, "BENCHMARKS.md"));
  const script = join(PROJECT, "scripts/bench-live.ts");
  const { stdout } = await nodeExec(
    process.execPath,
    [script, "--installed", "--rates", "10:1", "--ring", "16", "--json", "--docs", folder, "--folder", folder],
    AbortSignal.timeout(120_000),
  );
  result = JSON.parse(stdout) as LiveResult;
});
after(() => rm(folder, { recursive: true }));

test("at a rate that any machine bears both write every frame that was sent, and ours analyses it", () => {
  const caught = result.heats.map(({ name, framesPerSecond, sent, written, analysed }) => {
    assert.ok(sent > 1000, `${name}: ${sent} frames`);
    return { name, framesPerSecond, missing: sent - written, notAnalysed: analysed && sent - analysed };
  });
  assert.deepEqual(caught, [
    { name: "tcpdump -w", framesPerSecond: 10_000, missing: 0, notAnalysed: undefined },
    { name: "cepa-sensor", framesPerSecond: 10_000, missing: 0, notAnalysed: 0 },
  ]);
});

test("the page holds the table", async () => {
  const page = await readFile(join(folder, "BENCHMARKS.md"), "utf8");
  assert.ok(page.includes(renderLive(result).trim()), page);
});
