import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openSavefile } from "../../appliance/capture/savefile.ts";
import { dayFileName, dayOfSeconds } from "../../appliance/session/day-files.ts";
import { Engine } from "../../appliance/session/engine.ts";
import { runQuery } from "../../appliance/session/query.ts";
import { QUERY_DAYS_MAX } from "../../appliance/session/query-store.ts";
import { SESSION_COLUMNS, type SessionRecord } from "../../appliance/session/record.ts";
import { SessionStore } from "../../appliance/session/store.ts";
import { DEFAULT_SENSOR_CONFIG } from "../../core/contract/sensor-config.ts";
import { listCaptures, parseRecords, runSensor, sessionsOf } from "../support/read-captures.ts";

const nsm = mkdtempSync(join(tmpdir(), "cepa-store-"));
after(() => rmSync(nsm, { recursive: true }));
const sessionsFolder = join(nsm, "sessions");
const LIMITS = { maxRows: 1000, timeoutMs: 30_000 };
const never = new AbortController().signal;

const OFFICE = listCaptures().find(({ name }) => name === "office-minute")?.path ?? "";

function readInto(store: SessionStore, paths: readonly string[]): void {
  const options = { seed: randomBytes(16), sensor: "0123456789abcdef", firstId: store.nextId };
  const engine = new Engine(DEFAULT_SENSOR_CONFIG, store, options);
  for (const path of paths) {
    const opened = openSavefile(path);
    if (opened.name !== "open") throw new Error(path);
    while (opened.records.next(engine).name === "more");
    opened.close();
  }
  engine.finish();
}

test("the store gives back what read prints, while its writer is at work", () => {
  const store = new SessionStore(sessionsFolder);
  try {
    readInto(store, [OFFICE]);
    store.flush();
    const query = runSensor(["query", "--json", "--store", sessionsFolder, "select * from sessions order by id"]);
    assert.equal(query.status, 0, query.stderr);
    const rows = query.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const expected = sessionsOf(parseRecords(runSensor(["read", "--json", OFFICE]).stdout))
      .map(({ type: _, ...columns }) => ({ ...columns, sensor: "0123456789abcdef" }))
      .sort((a, b) => a.id - b.id);
    assert.ok(expected.length > 60);
    assert.deepEqual(rows, expected);
    const flat = "select id from sessions where src_randomness < 1 or dst_randomness < 1 order by id";
    assert.deepEqual(
      runSensor(["query", "--json", "--store", sessionsFolder, flat]).stdout.trim().split("\n"),
      expected
        .filter((s) => (s.src_randomness ?? 1) < 1 || (s.dst_randomness ?? 1) < 1)
        .map(({ id }) => JSON.stringify({ id })),
    );
  } finally {
    store.close();
  }
});

test("ids go on over a restart; a session that comes again replaces its row", async () => {
  const store = new SessionStore(sessionsFolder);
  assert.ok(store.nextId > 60);
  readInto(
    store,
    listCaptures().map(({ path }) => path),
  );
  const answer = await rowsOf("select count(*), count(distinct id) from sessions");
  store.close();
  assert.equal(answer[0]?.[0], answer[0]?.[1]);
  const again = new SessionStore(sessionsFolder);
  const [row] = await rowsOf(`select * from sessions where id = ${again.nextId - 1}`);
  const record = Object.fromEntries(SESSION_COLUMNS.map((column, i) => [column, row?.[i] ?? null]));
  again.session({ ...record, type: "session", src_pkts: 12_345 } as unknown as SessionRecord);
  again.close();
  assert.deepEqual(await rowsOf(`select src_pkts from sessions where id = ${again.nextId - 1}`), [[12_345]]);
});

test("a session of each day is in that day's file, and days can be removed", () => {
  const folder = join(nsm, "days");
  const store = new SessionStore(folder);
  readInto(
    store,
    listCaptures().map(({ path }) => path),
  );
  const days = () => readdirSync(folder).filter((name) => name.endsWith(".db"));
  const [oldest, ...others] = days().sort();
  assert.ok(others.length > 2);
  store.flush();
  const newest = new Set(days().sort().slice(-QUERY_DAYS_MAX));
  const expected = new Map(["session", "http", "handshake", "alarm"].map((type) => [type, 0]));
  for (const record of parseRecords(runSensor(["read", "--json", ...listCaptures().map(({ path }) => path)]).stdout)) {
    if (record.type === "stats") continue;
    const day = dayOfSeconds(record.type === "session" ? record.start : record.ts);
    if (newest.has(dayFileName(day))) expected.set(record.type, (expected.get(record.type) ?? 0) + 1);
  }
  const count = (view: string) => `(select count(*) from ${view})`;
  const sql = `select ${count("sessions")} as session, ${count("http")} as http, ${count("handshakes")} as handshake, ${count("alarms")} as alarm`;
  assert.deepEqual(
    JSON.parse(runSensor(["query", "--json", "--store", folder, sql]).stdout),
    Object.fromEntries(expected),
  );
  store.removeBefore(Date.parse(`${oldest?.slice(0, 10)}T12:00:00Z`) / 1000 + 86_400);
  assert.deepEqual(days().sort(), others);
  store.close();
});

test("a store that isn't there is said to be absent", () => {
  const absent = join(nsm, "absent");
  const { status, stderr } = runSensor(["query", "--store", absent, "select 1"]);
  assert.deepEqual({ status, stderr }, { status: 1, stderr: `cepa-sensor: query: --store: there is no ${absent}\n` });
  const empty = mkdtempSync(join(nsm, "empty-"));
  const without = runSensor(["query", "--store", empty, "select 1"]);
  assert.deepEqual([without.status, without.stdout], [1, ""]);
  assert.equal(without.stderr, `cepa-sensor: query: --store: ${empty} has no file of a day\n`);
  const output = join(nsm, "before.pcap");
  writeFileSync(output, "before");
  const retrieval = runSensor(["pcap", "--nsm", empty, "--filter", "", "-w", output]);
  assert.deepEqual([retrieval.status, readFileSync(output, "utf8")], [1, "before"]);
  assert.equal(retrieval.stderr, `cepa-sensor pcap: --nsm: there is no store in ${empty}\n`);
});

test("a damaged file is put aside", () => {
  const folder = join(nsm, "damaged");
  const store = new SessionStore(folder);
  readInto(store, [OFFICE]);
  store.close();
  const [file = ""] = readdirSync(folder);
  writeFileSync(
    join(folder, file),
    "this is no database, and long enough to be looked at as if it were one ".repeat(100),
  );
  const again = new SessionStore(folder);
  assert.equal(again.damagedFiles, 1);
  readInto(again, [OFFICE]);
  again.close();
  assert.ok(readdirSync(folder).includes(`${file}.damaged`));
});

test("a full disk, or a store that is told it is full, drops rows and counts them; room is used again", () => {
  const source = join(import.meta.dirname, "../../appliance/session/store.ts");
  const script = `
    import { SessionStore } from ${JSON.stringify(source)};
    import { rmSync, writeFileSync } from "node:fs";
    const [folder] = process.argv.slice(1);
    writeFileSync(folder + "/ballast", new Uint8Array(3000000));
    const store = new SessionStore(folder + "/sessions");
    const put = (count) => {
      for (let i = 0; i < count; i++) {
        store.http({ ts: 1e9, session_id: 1, src_ip: "a", src_port: 1, dst_ip: "b", dst_port: 2, method: "GET",
          uri: "/".repeat(100), host: null, version: null, user_agent: null, referer: null, status: null });
        if (i % 500 === 499) store.flush();
      }
      store.flush();
    };
    const dropped = [];
    put(500);
    dropped.push(store.rowsDropped);
    store.isFull = true;
    put(500);
    dropped.push(store.rowsDropped);
    store.isFull = false;
    put(50000);
    dropped.push(store.rowsDropped > 20000);
    rmSync(folder + "/ballast");
    const before = store.rowsDropped;
    put(500);
    dropped.push(store.rowsDropped - before);
    store.close();
    console.log(JSON.stringify(dropped));
  `;
  const folder = join(nsm, "small");
  mkdirSync(folder);
  spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]);
  const node = ["--input-type=module-typescript", "-e", script, folder];
  const { stdout, stderr } = spawnSync(process.execPath, node, { encoding: "utf8", timeout: 60_000 });
  spawnSync("umount", [folder]);
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), [0, 500, true, 0]);
});

for (const sql of [
  "delete from sessions",
  "update main.sessions set proto = 1",
  "attach '/etc/passwd' as x",
  "pragma user_version = 3",
  "create table x (a)",
  "create temp table x (a)",
  "drop view sessions",
  "select load_extension('x')",
  "select hex(zeroblob(1000000000))",
  "vacuum into '/tmp/cepa-never'",
  "",
  "selec 1",
])
  test(`refused: ${sql || "nothing"}`, async () => {
    const answer = await runQuery(nsm, { sql, ...LIMITS }, never);
    assert.equal(answer.type, "error");
  });

test("rows beyond the limit are cut, and it says so", async () => {
  const sql = "select row_number() over (order by id) as id from sessions";
  assert.deepEqual(await runQuery(nsm, { sql, ...LIMITS, maxRows: 2 }, never), {
    type: "rows",
    columns: ["id"],
    rows: [[1], [2]],
    cut: true,
  });
});

const ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";

test("a query that takes too long is ended", async () => {
  assert.deepEqual(await runQuery(nsm, { sql: ENDLESS, maxRows: 1, timeoutMs: 2000 }, never), {
    type: "error",
    message: "the query took longer than 2 s",
  });
});

test("a query ends with its asker", async () => {
  const signal = AbortSignal.timeout(1500);
  await assert.rejects(runQuery(nsm, { sql: ENDLESS, ...LIMITS }, signal), { name: "TimeoutError" });
});

async function rowsOf(sql: string): Promise<readonly (readonly unknown[])[]> {
  const answer = await runQuery(nsm, { sql, ...LIMITS }, never);
  if (answer.type === "error") throw new Error(answer.message);
  return answer.rows;
}
