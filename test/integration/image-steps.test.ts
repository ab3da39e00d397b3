import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, readlink, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import type { Step } from "../../image/step.ts";
import { contentHash, ImageError, runSteps } from "../../image/step-runner.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-steps-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const signal = AbortSignal.timeout(60_000);

async function run(steps: readonly Step[], places: readonly string[] = []): Promise<readonly string[]> {
  const ran: string[] = [];
  const paths = { inToolsScript: "/nowhere", tools: `${folder}/tools`, work: `${folder}/work`, places };
  await runSteps(
    steps,
    paths,
    new Map(),
    0,
    {
      exec: nodeExec,
      monotonicMs: () => 0,
      report: (event) => {
        if (event.name === "done") ran.push(event.step.name);
      },
    },
    signal,
  );
  return ran;
}

function copyStep(name: string, from: string, after: readonly string[] = []): Step {
  const to = `${folder}/${name}.out`;
  return { name, does: `copy ${name}`, after, inputs: [from], outputs: [to], actions: [{ kind: "lay", from, to }] };
}

test("runSteps: only what changed, and what follows it, runs again", async () => {
  await writeFile(`${folder}/a`, "one");
  await writeFile(`${folder}/c`, "other");
  const steps = [
    copyStep("first", `${folder}/a`),
    copyStep("second", `${folder}/c`, ["first"]),
    copyStep("third", `${folder}/c`),
  ];
  assert.deepEqual(await run(steps), ["first", "second", "third"]);
  assert.deepEqual(await run(steps), []);
  await writeFile(`${folder}/a`, "two");
  assert.deepEqual(await run(steps), ["first", "second"]);
  assert.equal(await readFile(`${folder}/first.out`, "utf8"), "two");
  await rm(`${folder}/third.out`);
  assert.deepEqual(await run(steps), ["third"]);
  await chmod(`${folder}/c`, 0o755);
  assert.deepEqual(await run(steps), ["second", "third"]);
});

test("runSteps: a checkout that was moved runs nothing again", async () => {
  const step = (place: string): Step => ({
    ...copyStep("first", `${place}/a`),
    outputs: [`${place}/out`],
    actions: [{ kind: "lay", from: `${place}/a`, to: `${place}/out` }],
  });
  await mkdir(`${folder}/here`);
  await writeFile(`${folder}/here/a`, "one");
  assert.deepEqual(await run([step(`${folder}/here`)], [`${folder}/here`]), ["first"]);
  await rename(`${folder}/here`, `${folder}/there`);
  assert.deepEqual(await run([step(`${folder}/there`)], [`${folder}/there`]), []);
  assert.deepEqual(await run([step(`${folder}/there`)]), ["first"], "a path that is no place counts");
});

test("runSteps: what is ignored decides nothing", async () => {
  const step = (mirror: string): Step => ({
    name: "fetch",
    does: "fetch",
    after: [],
    inputs: [],
    outputs: [`${folder}/out`],
    actions: [{ kind: "run", where: "host", program: "touch", args: [`${folder}/out`, `${folder}/${mirror}`] }],
    ignored: [`${folder}/${mirror}`],
  });
  assert.deepEqual(await run([step("one")]), ["fetch"]);
  assert.deepEqual(await run([step("two")]), []);
});

test("runSteps: a step that failed runs again", async () => {
  const step = (program: string): Step => ({
    name: "make",
    does: "make it",
    after: [],
    inputs: [],
    outputs: [`${folder}/out`],
    actions: [
      { kind: "write", path: `${folder}/out`, text: "half" },
      { kind: "run", where: "host", program, args: [] },
    ],
  });
  await assert.rejects(
    run([step("false")]),
    (error) =>
      error instanceof ImageError && error.code === "stepFailed" && error.message.startsWith("make it: false:"),
  );
  assert.deepEqual(await run([step("true")]), ["make"]);
});

test("runSteps: a missing input, an output that was not made, content that does not fit", async () => {
  const code = (expected: ImageError["code"]) => (error: unknown) =>
    error instanceof ImageError && error.code === expected;
  await assert.rejects(run([copyStep("lost", `${folder}/nowhere`)]), code("missingInput"));
  const base = { name: "x", does: "x", after: [], inputs: [] } as const;
  await assert.rejects(run([{ ...base, outputs: [`${folder}/never`], actions: [] }]), code("noOutput"));
  await writeFile(`${folder}/big`, new Uint8Array(3 * 1024 * 1024));
  await assert.rejects(
    run([
      {
        ...base,
        outputs: [],
        actions: [{ kind: "checkFits", path: `${folder}/big`, sizeBytes: 2 * 1024 * 1024, place: "a root partition" }],
      },
    ]),
    (error) =>
      error instanceof ImageError &&
      error.code === "tooLarge" &&
      error.message === `${folder}/big has 3 MiB and does not fit into a root partition of 2 MiB`,
  );
});

test("lay: modes are made plain, links stay links, what was there goes; prune removes what matches", async () => {
  await mkdir(`${folder}/from/sub`, { recursive: true });
  await writeFile(`${folder}/from/sub/program`, "p", { mode: 0o770 });
  await writeFile(`${folder}/from/text`, "t", { mode: 0o600 });
  await symlink("/nowhere", `${folder}/from/link`);
  await mkdir(`${folder}/to/old/deep`, { recursive: true });
  await writeFile(`${folder}/to/link`, "a file");
  await run([
    {
      name: "lay",
      does: "lay",
      after: [],
      inputs: [],
      outputs: [],
      actions: [
        { kind: "lay", from: `${folder}/from`, to: `${folder}/to` },
        { kind: "prune", folder: `${folder}/to`, globs: ["ol*", "absent/*"] },
      ],
    },
  ]);
  assert.equal((await stat(`${folder}/to/sub/program`)).mode & 0o7777, 0o755);
  assert.equal((await stat(`${folder}/to/text`)).mode & 0o7777, 0o644);
  assert.equal(await readlink(`${folder}/to/link`), "/nowhere");
  await assert.rejects(stat(`${folder}/to/old`));
});

test("contentHash: names, links, content and what is executable count; times do not", async () => {
  await mkdir(`${folder}/t`);
  await writeFile(`${folder}/t/a`, "x");
  const before = await contentHash(`${folder}/t`);
  await writeFile(`${folder}/t/a`, "x");
  assert.equal(await contentHash(`${folder}/t`), before);
  await chmod(`${folder}/t/a`, 0o755);
  const executable = await contentHash(`${folder}/t`);
  assert.notEqual(executable, before);
  await symlink("a", `${folder}/t/b`);
  assert.notEqual(await contentHash(`${folder}/t`), executable);
});
