import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type ReadPlan, readShare } from "../../appliance/commands/read-share.ts";
import { LineMerge } from "../../appliance/session/line-merge.ts";
import { mergeCounters } from "../../appliance/session/merge-counters.ts";
import { DEFAULT_SENSOR_CONFIG } from "../../core/contract/sensor-config.ts";
import { listCaptures, parseRecords, runSensor, SENSOR } from "../support/read-captures.ts";

const PROJECT = join(import.meta.dirname, "../..");
/** Captures that are not in the repository, where they are there. */
const SHARED = join(PROJECT, "../shared/captures");
const OFFICE = join(PROJECT, "test/captures/office-minute/input.pcap");
/** Tables that are quickly made, and hold the sessions of any of them. */
const CONFIG: ReadPlan["config"] = {
  ...DEFAULT_SENSOR_CONFIG,
  session: { ...DEFAULT_SENSOR_CONFIG.session, maxSessions: 5000 },
};
const SAVEFILE = /\.(?:p?cap|pcapng|dmp|trace|tr)[0-9]*$/;

const folder = mkdtempSync(join(tmpdir(), "cepa-workers-"));
after(() => rmSync(folder, { recursive: true }));

function listShared(): string[] {
  if (!existsSync(SHARED)) return [];
  return readdirSync(SHARED, { recursive: true, encoding: "utf8" })
    .filter((name) => SAVEFILE.test(name))
    .map((name) => join(SHARED, name));
}

/** What `count` shares of the sessions of a file give, merged, and the counters in the last line. */
async function readInShares(path: string, count: number, json: boolean): Promise<string> {
  const plan: ReadPlan = {
    paths: [path],
    filter: "",
    json,
    config: CONFIG,
    seed: Uint8Array.from({ length: 16 }, (_, i) => 17 * i + count),
  };
  const written: Buffer[] = [];
  const merge = new LineMerge(
    count,
    (octets, from, to) => written.push(Buffer.from(octets.subarray(from, to))),
    () => {},
  );
  const outcomes = [];
  for (let index = 0; index < count; index++) {
    outcomes.push(
      await readShare(
        plan,
        { index, count },
        {
          take: (lines, frame, id) => {
            merge.push(index, lines.copy(frame, id));
            lines.clear();
          },
          turn: async () => merge.drain(),
        },
      ),
    );
    merge.end(index);
  }
  merge.drain();
  return `${Buffer.concat(written)}${JSON.stringify(mergeCounters(outcomes.map(({ counters }) => counters)))}`;
}

test("every capture: 2 and 3 shares of the sessions give what 1 gives, octet for octet", async () => {
  const paths = [...listCaptures().map(({ path }) => path), ...listShared()];
  for (const path of paths)
    for (const json of [true, false]) {
      const expected = await readInShares(path, 1, json);
      for (const count of [2, 3]) {
        const found = await readInShares(path, count, json);
        assert.ok(found === expected, `${path} in ${count} shares, ${json ? "JSON" : "for people"}`);
      }
    }
});

for (const { name, path } of listCaptures())
  test(`the program: 2 and 3 threads print what 1 prints: ${name}`, () => {
    for (const format of [["--json"], []]) {
      const expected = runSensor(["read", ...format, "--workers", "1", path]);
      assert.equal(expected.status, 0);
      for (const count of ["2", "3"])
        assert.deepEqual(runSensor(["read", ...format, "--workers", count, path]), expected);
    }
  });

/** The office's minute again and again: enough for threads to run apart. */
function writeLong(times: number): string {
  const path = join(folder, `long-${times}.pcap`);
  const office = readFileSync(OFFICE);
  writeFileSync(path, Buffer.concat([office, ...new Array<Buffer>(times - 1).fill(office.subarray(24))]));
  return path;
}

test("a long file, damaged at its end: the same lines, complaint and status", () => {
  const path = writeLong(60);
  writeFileSync(path, "cut", { flag: "a" });
  const expected = runSensor(["read", "--json", "--workers", "1", path]);
  assert.equal(expected.status, 1);
  assert.match(expected.stderr, /^cepa-sensor: .*long-60\.pcap: damaged: octet \d+: the file ends within a record\n$/);
  for (const count of ["2", "4"]) assert.deepEqual(runSensor(["read", "--json", "--workers", count, path]), expected);
});

test("with a filter, and several files of which one is absent", () => {
  const absent = join(folder, "absent.pcap");
  const args = ["read", "--json", "--filter", "tcp port 80", OFFICE, absent, OFFICE];
  const expected = runSensor([...args, "--workers", "1"]);
  assert.equal(expected.status, 1);
  assert.match(expected.stderr, /^cepa-sensor: .*no such file.*\n$/);
  assert.deepEqual(runSensor([...args, "--workers", "3"]), expected);
});

test("what can't be read is said once; a wrong filter too", () => {
  const absent = join(folder, "absent.pcap");
  for (const [args, message] of [
    [["--workers", "2", absent], /^cepa-sensor: .*no such file.*\n$/],
    [["--workers", "2", "--filter", "no such thing", OFFICE], /^cepa-sensor: read: --filter: .*\n$/],
    [["--workers", "0", OFFICE], /^cepa-sensor: read: --workers: expected 1\.\.16, found "0"\n$/],
    [["--workers", "two", OFFICE], /^cepa-sensor: read: --workers: expected 1\.\.16, found "two"\n$/],
    [["--workers", "1e1", OFFICE], /^cepa-sensor: read: --workers: expected 1\.\.16, found "1e1"\n$/],
  ] as const) {
    const { status, stdout, stderr } = runSensor(["read", "--json", ...args]);
    assert.deepEqual({ status, stdout }, { status: 2, stdout: "" });
    assert.match(stderr, message);
  }
});

test("standard input is read by one thread, whatever is asked for", () => {
  const expected = runSensor(["read", "--json", OFFICE]).stdout;
  assert.equal(runSensor(["read", "--json", "--workers", "3", "-"], readFileSync(OFFICE)).stdout, expected);
});

test("a reader that goes away ends it without a word", () => {
  const path = writeLong(300);
  const script = `"$0" read --json --workers 3 "$1" | head -n 3; echo "\${PIPESTATUS[0]}"`;
  const run = spawnSync("bash", ["-c", script, SENSOR, path], { encoding: "utf8", timeout: 60_000 });
  assert.equal(run.stderr, "");
  assert.equal(run.stdout.trim().split("\n").length, 4);
  assert.equal(run.stdout.trim().split("\n").at(-1), "0");
});

test("a signal ends it, though its output was stuck until then", async () => {
  const path = writeLong(300);
  const child = spawn(SENSOR, ["read", "--json", "--workers", "3", path], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "readable"); // and no more is taken
  child.kill("SIGINT");
  const ended = once(child, "exit");
  child.stdout.destroy();
  const [status, signal] = await ended;
  assert.ok(status === 0 && signal === null, `${status} ${signal}`);
});

test("settings of a file hold, and wrong ones are refused by name", () => {
  const path = join(folder, "settings.json");
  const run = (settings: string) => {
    writeFileSync(path, settings);
    return runSensor(["read", "--json", "--config", path, OFFICE]);
  };
  const byDefault = parseRecords(runSensor(["read", "--json", OFFICE]).stdout);
  const quick = parseRecords(run('{"session": {"idleOtherMs": 1000, "idleTcpMs": 1000}}').stdout);
  assert.ok(quick.length > byDefault.length);
  for (const [settings, message] of [
    ['{"session": {"maxSessions": 1}}', /session\.maxSessions: expected an integer, 1000\.\./],
    ['{"session": {"nothing": 1}}', /session\.nothing: expected one of /],
    [
      '{"entropy": {"profilesFolder": "/absent"}}',
      /entropy\.profilesFolder: expected a folder with profiles, found "\/absent"/,
    ],
    ["{", /settings\.json: expected JSON/],
  ] as const) {
    const { status, stdout, stderr } = run(settings);
    assert.deepEqual({ status, stdout }, { status: 2, stdout: "" });
    assert.match(stderr, message);
    assert.match(stderr, /^cepa-sensor: read: --config: /);
  }
  const { status, stderr } = runSensor(["read", "--config", join(folder, "absent"), OFFICE]);
  assert.equal(status, 2);
  assert.match(stderr, /^cepa-sensor: read: --config: ENOENT: /);
});
