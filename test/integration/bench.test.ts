import assert from "node:assert/strict";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import type { BenchResult } from "../../scripts/bench/bench-result.ts";
import { renderBench } from "../../scripts/bench/bench-table.ts";

const PROJECT = join(import.meta.dirname, "../..");
let folder = "";
let result: BenchResult;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-bench-"));
  await copyFile(join(PROJECT, "docs/BENCHMARKS.md"), join(folder, "BENCHMARKS.md"));
  const { stdout } = await nodeExec(
    process.execPath,
    [
      ...[join(PROJECT, "scripts/bench.ts"), "--installed", "--peers", "tcpdump,tshark", "--json", "--docs", folder],
      ...["--rounds", "1", "--size", "2", "--sessions", "200", "--folder", folder],
    ],
    AbortSignal.timeout(120_000),
  );
  result = JSON.parse(stdout) as BenchResult;
});
after(() => rm(folder, { recursive: true }));

test("each contestant's run is timed, and finds what the capture holds", () => {
  const { capture, standings } = result;
  const ours = {
    frames: capture.frames,
    sessions: capture.sessions,
    requests: capture.httpRequests,
    handshakes: capture.tlsHandshakes,
    alarms: 0,
  };
  assert.deepEqual(
    standings.map(({ name, rounds, found }) => ({ name, rounds, found })),
    [
      { name: "cepa-sensor, 1 worker", rounds: 1, found: ours },
      { name: "cepa-sensor, 2 workers", rounds: 1, found: ours },
      { name: "tcpdump", rounds: 1, found: { octets: capture.fileBytes } },
      { name: "tshark", rounds: 1, found: { requests: capture.httpRequests } },
    ],
  );
  for (const { name, wallMs, cpuMs, anonBytes, residentBytes } of standings) {
    assert.ok(wallMs > 0 && cpuMs > 0, `${name}: ${wallMs} ms, ${cpuMs} ms`);
    assert.ok(anonBytes <= residentBytes, `${name}: ${anonBytes} of ${residentBytes} octets are anonymous`);
  }
  const [sensor] = standings;
  assert.ok((sensor?.anonBytes ?? 0) > 10 * 1024 * 1024, "the memory of what is measured, not of what starts it");
});

test("the page holds the table, and a picture with a row for each", async () => {
  const page = await readFile(join(folder, "BENCHMARKS.md"), "utf8");
  assert.ok(page.includes(renderBench(result).trim()), page);
  const picture = await readFile(join(folder, "benchmarks.svg"), "utf8");
  for (const { name } of result.standings) assert.ok(picture.includes(`>${name}</text>`), name);
});

test("what ran leaves no mount behind", async () => {
  assert.ok(!(await readFile("/proc/self/mounts", "utf8")).includes(folder));
});
