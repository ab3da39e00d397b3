import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import {
  AuditError,
  type AuditLog,
  openAuditLog,
  renewAuditLog,
  verifyAuditLog,
} from "../../../provider/audit/audit-log.ts";
import { type AuditEntry, type ChainFault, EMPTY_HEAD, followChain, nextEntry } from "../../../provider/audit/chain.ts";
import { addSensor, listSensors, type Sensor } from "../../../provider/fleet/sensors.ts";
import { createDatabase } from "../../../provider/state/database.ts";
import { parseSubnet } from "../../../provider/vpn/subnet.ts";

const RECORD = {
  atMs: 1_790_000_000_000,
  who: "alice",
  action: "hold",
  sensorId: "0011223344556677",
  detail: { n: 1 },
};

test("nextEntry: the first entry, octet for octet", () => {
  // SHA-256 of the line without `hash`, by sha256sum.
  assert.deepEqual(nextEntry(EMPTY_HEAD, RECORD), {
    number: 1,
    previous: "0".repeat(64),
    ...RECORD,
    hash: "2d3dcb5de85cfe999dfecb742d3b33d726286f99919e92b39e74bb53655a60e7",
  });
});

test("followChain: each line that is not as it was written is found", () => {
  const first = nextEntry(EMPTY_HEAD, RECORD);
  const head = { entries: 1, hash: first.hash };
  const second = nextEntry(head, { ...RECORD, action: "release" });
  assert.deepEqual(followChain(EMPTY_HEAD, JSON.stringify(first)), head);
  assert.deepEqual(followChain(head, JSON.stringify(second)), { entries: 2, hash: second.hash });
  const cases = [
    ["no JSON", "{"],
    ["no entry", "null"],
    ["number 1 where 2 was expected", JSON.stringify(first)],
    ["it does not follow the entry before it", JSON.stringify({ ...second, previous: "1".repeat(64) })],
    ["its content was changed", JSON.stringify({ ...second, who: "mallory" })],
    ["its content was changed", JSON.stringify({ ...second, hash: "2".repeat(64) })],
    ["its content was changed", JSON.stringify({ ...second, more: true })],
  ] as const;
  for (const [why, line] of cases) assert.deepEqual(followChain(head, line), { line: 2, why }, line);
});

function withLog(body: (log: AuditLog, path: string, verify: () => unknown, database: DatabaseSync) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "cepa-audit-"));
  const database = createDatabase(join(folder, "base.db"));
  const path = join(folder, "audit.log");
  try {
    body(openAuditLog(path, database), path, () => verifyAuditLog(path, database), database);
  } finally {
    database.close();
    rmSync(folder, { recursive: true });
  }
}

test("the log: whole, then changed, shortened, replaced", () =>
  withLog((log, path, verify) => {
    assert.deepEqual(verify(), EMPTY_HEAD);
    for (let n = 1; n <= 3; n++) log.append({ ...RECORD, detail: { n } });
    const whole = readFileSync(path, "utf8");
    const lines = whole.split("\n");
    assert.equal((verify() as { entries: number }).entries, 3);
    writeFileSync(path, whole.replace('"n":2', '"n":7'));
    assert.deepEqual(verify(), { line: 2, why: "its content was changed" });
    writeFileSync(path, `${lines[0]}\n${lines[2]}\n`);
    assert.deepEqual(verify(), { line: 2, why: "number 3 where 2 was expected" });
    writeFileSync(path, `${lines[0]}\n${lines[1]}\n`);
    assert.deepEqual(verify(), { line: 3, why: "missing: the log ends here, the database knows of 3 entries" });
    assert.throws(() => log.append(RECORD), AuditError, "a shortened log is not written on");
    const head = { ...EMPTY_HEAD };
    let forged = "";
    for (let n = 1; n <= 3; n++) {
      const entry = nextEntry(head, { ...RECORD, who: "mallory" });
      Object.assign(head, { entries: entry.number, hash: entry.hash });
      forged += `${JSON.stringify(entry)}\n`;
    }
    writeFileSync(path, forged);
    assert.match((verify() as { why: string }).why, /the whole log was replaced/);
    assert.throws(() => log.append(RECORD), AuditError);
    writeFileSync(path, whole);
    log.append(RECORD);
    assert.equal((verify() as { entries: number }).entries, 4);
  }));

/** `count` entries chained behind the log's last. */
function forge(path: string, count: number): string {
  const last = JSON.parse(readFileSync(path, "utf8").trimEnd().split("\n").at(-1) ?? "") as AuditEntry;
  let head = { entries: last.number, hash: last.hash };
  let lines = "";
  for (let n = 0; n < count; n++) {
    const entry = nextEntry(head, { ...RECORD, who: "mallory" });
    head = { entries: entry.number, hash: entry.hash };
    lines += `${JSON.stringify(entry)}\n`;
  }
  return lines;
}

test("entries behind the one that the database knows: one may be of a crash, the second is named", () =>
  withLog((log, path, verify) => {
    log.append(RECORD);
    const whole = readFileSync(path, "utf8");
    appendFileSync(path, forge(path, 3));
    assert.deepEqual(verify(), { line: 3, why: "one too many: the database knows of 1 entries" });
    const other = nextEntry(EMPTY_HEAD, { ...RECORD, who: "mallory" });
    writeFileSync(path, `${JSON.stringify(other)}\n`);
    appendFileSync(path, forge(path, 1));
    assert.equal((verify() as ChainFault).line, 1, "the hash that the database knows is not there");
    writeFileSync(path, whole);
    appendFileSync(path, forge(path, 1));
    assert.equal((verify() as { entries: number }).entries, 2);
  }));

test("a log that does not fit is kept under another name; the new one says so and goes on", () =>
  withLog((log, path, verify, database) => {
    log.append(RECORD);
    assert.throws(() => renewAuditLog(path, database, "alice", 9), /it is whole, and goes on; nothing was done/);
    appendFileSync(path, forge(path, 2));
    const broken = readFileSync(path, "utf8");
    const known = { entries: 1, hash: (JSON.parse(broken.split("\n")[0] ?? "") as AuditEntry).hash };
    assert.throws(() => log.append(RECORD), AuditError);
    const kept = renewAuditLog(path, database, "alice", 1_790_000_000_000);
    assert.equal(kept, `${path}.2026-09-21T141320.000Z`);
    assert.equal(readFileSync(kept, "utf8"), broken);
    const { action, who, detail } = JSON.parse(readFileSync(path, "utf8")) as AuditEntry;
    const sha256 = createHash("sha256").update(broken).digest("hex");
    const why = "one too many: the database knows of 1 entries";
    assert.deepEqual(
      [action, who, detail],
      ["auditRenew", "alice", { line: 3, why, known, kept: { name: basename(kept), sha256 } }],
    );
    log.append(RECORD);
    assert.equal((verify() as { entries: number }).entries, 2);
    writeFileSync(path, broken);
    assert.throws(() => renewAuditLog(path, database, "alice", 1_790_000_000_000), /EEXIST/, "nothing is overwritten");
    assert.equal(readFileSync(kept, "utf8"), broken);
    rmSync(path);
    assert.equal(renewAuditLog(path, database, "alice", 9), undefined);
    assert.equal((verify() as { entries: number }).entries, 1);
  }));

test("a crash between file and database is made good, and so is one in the middle of a line", () =>
  withLog((log, path, verify) => {
    log.append(RECORD);
    const first = JSON.parse(readFileSync(path, "utf8")) as { hash: string };
    appendFileSync(path, `${JSON.stringify(nextEntry({ entries: 1, hash: first.hash }, RECORD))}\n`);
    assert.equal((verify() as { entries: number }).entries, 2);
    log.append(RECORD);
    assert.equal((verify() as { entries: number }).entries, 3);
    appendFileSync(path, '{"number":4');
    assert.equal((verify() as { entries: number }).entries, 3);
    log.append(RECORD);
    assert.equal((verify() as { entries: number }).entries, 4);
    assert.equal(readFileSync(path, "utf8").split("\n").length, 5);
  }));

test("check: says beforehand whether an entry could be written, and writes none", () =>
  withLog((log, path, verify) => {
    log.check();
    log.append(RECORD);
    log.check();
    assert.equal((verify() as { entries: number }).entries, 1);
    writeFileSync(path, "");
    assert.throws(() => log.check(), { name: "AuditError", message: /its end is missing/ });
  }));

test("the very first line cut off; and a cut that took more than what nothing happened upon", () =>
  withLog((log, path, verify) => {
    writeFileSync(path, '{"number":1,');
    log.append(RECORD);
    log.append(RECORD);
    assert.equal((verify() as { entries: number }).entries, 2);
    const whole = readFileSync(path, "utf8");
    writeFileSync(path, whole.slice(0, -10));
    assert.throws(() => log.append(RECORD), AuditError, "the last entry was whole once: the database knows it");
    assert.equal(readFileSync(path, "utf8"), whole.slice(0, -10), "nothing is taken away");
  }));

test("the longest entry there is does not stop those after it; one that is longer is not written", () =>
  withLog((log, _path, verify) => {
    log.append({ ...RECORD, detail: { sql: "\u0000".repeat(65_536) } });
    log.append(RECORD);
    assert.throws(() => log.append({ ...RECORD, detail: { sql: "x".repeat(1024 * 1024) } }), AuditError);
    log.append(RECORD);
    assert.equal((verify() as { entries: number }).entries, 3);
  }));

test("a change with its entry: both, or neither", () =>
  withLog((log, path, verify, database) => {
    const add = (name: string) => () => addSensor(database, name, parseSubnet("10.213.0.0/16"), 5);
    const names = () => listSensors(database).map(({ name }) => name);
    const recordOf = ({ id, name }: Sensor) => ({ ...RECORD, sensorId: id, detail: { name } });
    assert.equal(log.appendWith(add("one"), recordOf).name, "one");
    assert.throws(() => log.appendWith(add("one"), recordOf), /there is a sensor one already/);
    assert.equal((verify() as { entries: number }).entries, 1, "what failed has no entry");
    renameSync(path, `${path}.away`);
    mkdirSync(path);
    assert.throws(() => log.appendWith(add("two"), recordOf), AuditError);
    assert.deepEqual(names(), ["one"]);
    rmdirSync(path);
    renameSync(`${path}.away`, path);
    log.appendWith(add("two"), recordOf);
    assert.deepEqual([names(), (verify() as { entries: number }).entries], [["one", "two"], 2]);
  }));

test("changes that the database can't keep, time and again, do not stop the log", () =>
  withLog((log, _path, verify, database) => {
    log.append(RECORD);
    database.exec("create table one (id integer primary key) strict");
    database.exec("create table two (one integer references one (id) deferrable initially deferred) strict");
    const failing = () => database.exec("insert into two values (1)"); // fails at the commit, as it would on a full disk
    for (let entries = 2; entries < 5; entries++) {
      assert.throws(() => log.appendWith(failing, () => RECORD), /FOREIGN KEY/);
      assert.equal((verify() as { entries: number }).entries, entries);
    }
    log.append(RECORD);
    assert.equal((verify() as { entries: number }).entries, 5);
  }));

test("a log that is larger than any text can be is followed, and its fault found", () =>
  withLog((log, path, verify, database) => {
    log.append(RECORD);
    truncateSync(path, 600 * 1024 * 1024);
    assert.deepEqual(verify(), { line: 2, why: "no JSON" });
    assert.equal(renewAuditLog(path, database, "alice", RECORD.atMs), `${path}.2026-09-21T141320.000Z`);
    assert.equal((verify() as { entries: number }).entries, 1);
  }));

test("lines are put together over the ends of what is read at once", () =>
  withLog((log, _path, verify) => {
    for (let entry = 0; entry < 40; entry++) log.append({ ...RECORD, detail: { sql: "x".repeat(100_003) } });
    assert.equal((verify() as { entries: number }).entries, 40);
  }));
