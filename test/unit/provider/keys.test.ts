import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nodeClock } from "../../../core/node/clock.ts";
import { Secret } from "../../../core/secret.ts";
import type { AuditRecord } from "../../../provider/audit/chain.ts";
import { addSensor } from "../../../provider/fleet/sensors.ts";
import { decideRelease, type ReleaseQuestion } from "../../../provider/keys/decision.ts";
import { createKeyService } from "../../../provider/keys/key-service.ts";
import { NonceBook } from "../../../provider/keys/nonces.ts";
import { RateLimit } from "../../../provider/keys/rate-limit.ts";
import { openShare, sealForSensor, sealShare } from "../../../provider/keys/share.ts";
import { newKey, openWithPassphrase, sealWithPassphrase, unwrap, wrap } from "../../../provider/keys/wrap.ts";
import { createDatabase } from "../../../provider/state/database.ts";
import { parseSubnet } from "../../../provider/vpn/subnet.ts";

const ID = "0011223344556677";
const UUID = "0b9a7a3c-8f3a-4c1e-9d51-2f1f5f6b7c8d";
const OTHER_UUID = "1b9a7a3c-8f3a-4c1e-9d51-2f1f5f6b7c8d";
const secret = (text: string) => new Secret(Buffer.from(text));

test("wrap: opens under its key and label only, and not when an octet changed", () => {
  const key = newKey();
  const wrapped = wrap(key, secret("the share"), "share a");
  assert.equal(Buffer.from(unwrap(key, wrapped, "share a")?.reveal() ?? []).toString(), "the share");
  assert.equal(wrapped.length, 12 + 9 + 16);
  assert.equal(unwrap(key, wrapped, "share b"), undefined);
  assert.equal(unwrap(newKey(), wrapped, "share a"), undefined);
  assert.equal(unwrap(key, wrapped.subarray(0, 20), "share a"), undefined);
  for (let at = 0; at < wrapped.length; at++) {
    const changed = Uint8Array.from(wrapped);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(unwrap(key, changed, "share a"), undefined, `octet ${at}`);
  }
});

test("a passphrase opens what it sealed; another, or a file with unbounded cost, does not", async () => {
  const text = await sealWithPassphrase(secret("correct horse"), secret("master"), "label");
  const open = async (passphrase: string, sealed: string, label: string) =>
    (await openWithPassphrase(secret(passphrase), sealed, label))?.reveal();
  assert.equal(Buffer.from((await open("correct horse", text, "label")) ?? []).toString(), "master");
  assert.equal(text.includes("master"), false);
  assert.equal(await open("correct horsf", text, "label"), undefined);
  assert.equal(await open("correct horse", text, "other"), undefined);
  assert.equal(await open("correct horse", "{}", "label"), undefined);
  assert.equal(await open("correct horse", text.replace('"N":131072', '"N":1073741824'), "label"), undefined);
});

test("a share at rest belongs to one sensor and one master key", () => {
  const masterKey = newKey();
  const share = new Secret(randomBytes(32));
  const sealed = sealShare(masterKey, ID, share);
  assert.ok(openShare(masterKey, ID, sealed)?.equals(share));
  assert.equal(openShare(masterKey, "7766554433221100", sealed), undefined);
  assert.equal(openShare(newKey(), ID, sealed), undefined);
  const other = sealShare(masterKey, ID, share);
  assert.equal(openShare(masterKey, ID, { ...sealed, wrappedWrappingKey: other.wrappedWrappingKey }), undefined);
});

test("sealForSensor: a public key of small order or of wrong length gives nothing", () => {
  const share = new Secret(randomBytes(32));
  const nonce = randomBytes(32).toString("base64");
  assert.equal(sealForSensor(share, ID, nonce, Buffer.alloc(32).toString("base64")), undefined);
  assert.equal(sealForSensor(share, ID, nonce, Buffer.alloc(31).toString("base64")), undefined);
  const sealed = sealForSensor(share, ID, nonce, randomBytes(32).toString("base64"));
  assert.equal(Buffer.from(sealed?.sealedShare ?? "", "base64").length, 60);
});

test("NonceBook: one use, one sensor, 30 s, a bound", () => {
  const book = new NonceBook();
  const nonce = book.issue(ID, 0);
  assert.match(nonce, /^[A-Za-z0-9+/]{43}=$/);
  assert.equal(book.take(nonce, ID, 30_000), true);
  assert.equal(book.take(nonce, ID, 30_000), false, "used");
  const late = book.issue(ID, 0);
  assert.equal(book.take(late, ID, 30_001), false, "too late");
  const foreign = book.issue(ID, 0);
  assert.equal(book.take(foreign, "7766554433221100", 1), false, "another's");
  assert.equal(book.take(foreign, ID, 1), false, "used up by the attempt");
  assert.equal(book.take("", ID, 1), false);

  const [oldest, ...rest] = Array.from({ length: 5 }, () => book.issue(ID, 10));
  assert.equal(book.take(oldest ?? "", ID, 10), false, "a sensor has four at most");
  assert.ok(rest.every((one) => book.take(one, ID, 10)));
  assert.equal(book.evicted, 1);
  const first = book.issue("first", 20);
  for (let n = 0; n < 4096; n++) book.issue(`sensor ${n}`, 20);
  assert.equal(book.take(first, "first", 20), false, "4096 in all");
});

test("RateLimit: so many in a window, for each key", () => {
  const limit = new RateLimit(2, 1000);
  const asked = [0, 10, 999, 1000, 1009, 1010].map((atMs) => limit.allow("a", atMs));
  assert.deepEqual(asked, [true, true, false, true, false, true]);
  assert.equal(limit.allow("b", 5), true);
});

const GOOD: ReleaseQuestion = {
  sensor: { id: ID, address: "10.213.1.1", state: "active", luksUuid: null, wrappedShare: new Uint8Array(60) },
  sourceAddress: "10.213.1.1",
  withinRate: true,
  request: { sensorId: ID, luksUuid: null },
  nonceFresh: true,
};
const RELEASE = { state: "release", format: false, storeDiffers: false, newLuksUuid: null };
const sensor = (change: Partial<ReleaseQuestion["sensor"]>) => ({ sensor: { ...GOOD.sensor, ...change } });
const DECISIONS: readonly [string, Partial<ReleaseQuestion>, object][] = [
  ["new store", {}, { ...RELEASE, format: true }],
  ["new store that has a header", { request: { sensorId: ID, luksUuid: UUID } }, { ...RELEASE, newLuksUuid: UUID }],
  ["known store", { ...sensor({ luksUuid: UUID }), request: { sensorId: ID, luksUuid: UUID } }, RELEASE],
  ["known store, header damaged", sensor({ luksUuid: UUID }), { ...RELEASE, storeDiffers: true }],
  [
    "another store",
    { ...sensor({ luksUuid: UUID }), request: { sensorId: ID, luksUuid: OTHER_UUID } },
    { ...RELEASE, storeDiffers: true },
  ],
  ["from another address", { sourceAddress: "10.213.1.2" }, { state: "refuse", why: "wrongSource" }],
  ["too often", { withinRate: false }, { state: "refuse", why: "tooMany" }],
  ["no request", { request: undefined }, { state: "refuse", why: "badRequest" }],
  [
    "for another",
    { request: { sensorId: "7766554433221100", luksUuid: null } },
    { state: "refuse", why: "badRequest" },
  ],
  ["stale nonce", { nonceFresh: false }, { state: "refuse", why: "badNonce" }],
  ["on hold", sensor({ state: "hold" }), { state: "refuse", why: "hold" }],
  ["not flashed", sensor({ state: "pending" }), { state: "refuse", why: "notActive" }],
  ["revoked", sensor({ state: "revoked" }), { state: "refuse", why: "notActive" }],
  ["shredded", sensor({ wrappedShare: null }), { state: "refuse", why: "notActive" }],
];
for (const [name, change, expected] of DECISIONS)
  test(`decideRelease: ${name}`, () => assert.deepEqual(decideRelease({ ...GOOD, ...change }), expected));

test("refusals that repeat are written once in ten minutes for each reason, by turns as well", () => {
  const folder = mkdtempSync(join(tmpdir(), "cepa-keys-"));
  const database = createDatabase(join(folder, "base.db"));
  try {
    const sensor = addSensor(database, "box", parseSubnet("10.213.0.0/16"), 5);
    const written: unknown[] = [];
    const audit = {
      check: () => {},
      append: ({ detail }: AuditRecord) => void written.push([detail?.why, detail?.repeatsBefore]),
      appendWith: () => assert.fail("nothing changes"),
    };
    let nowMs = 0;
    const service = createKeyService({ database, audit }, secret("master"), {
      clock: { ...nodeClock, nowMs: () => nowMs },
      report: () => {},
    });
    const ask = () => {
      service.volumeKey(sensor, "192.0.2.1", "{}");
      service.volumeKey(sensor, sensor.address, "{}");
    };
    for (; nowMs < 600_000; nowMs += 60_000) ask();
    assert.deepEqual(written, [
      ["wrongSource", 0],
      ["badRequest", 0],
    ]);
    ask();
    assert.deepEqual(written.slice(2), [
      ["wrongSource", 9],
      ["badRequest", 9],
    ]);
    assert.equal(service.counters().keysRefused, 22);
  } finally {
    database.close();
    rmSync(folder, { recursive: true });
  }
});
