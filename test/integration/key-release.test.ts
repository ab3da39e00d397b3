import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { chmod, readFile, rename, stat, symlink, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { STATE_FILES } from "../../core/contract/identity.ts";
import type { Stage } from "../../provider/base/stage.ts";
import { statePaths } from "../../provider/state/paths.ts";
import { BaseNetwork, type LineProcess, type TestBox } from "../support/base-network.ts";
import type { KeyAsk, KeyQuestions, KeyResult } from "../support/key-client.ts";

const CLIENT = join(dirname(import.meta.dirname), "support/key-client.ts");
const UUID = "0b9a7a3c-8f3a-4c1e-9d51-2f1f5f6b7c8d";

let network: BaseNetwork;
let base: LineProcess;
let first: TestBox;
let second: TestBox;

before(async () => {
  network = await BaseNetwork.create();
  first = await network.addBox("first", 1);
  second = await network.addBox("second", 2);
  base = await network.startBase();
  const vpns = [first, second].map((box) => network.startVpn(box));
  for (const vpn of vpns) await network.vpnUp(vpn);
});
after(() => network?.destroy());

/** Asks with the identity in `folder`, from `box`'s namespace. */
async function ask(box: TestBox, asks: readonly KeyAsk[], folder = box.folder): Promise<readonly KeyResult[]> {
  const questions: KeyQuestions = { folder, host: "10.213.0.1", port: 8443, ask: asks };
  return JSON.parse(
    await network.runIn(box.name, process.execPath, [CLIENT], JSON.stringify(questions)),
  ) as KeyResult[];
}

const refusal = (result: KeyResult | undefined) =>
  result !== undefined && "answer" in result && result.answer.state === "refused" ? result.answer.why : result;
const format = (result: KeyResult | undefined) =>
  result !== undefined && "answer" in result && result.answer.state === "released" ? result.answer.format : result;
const share = (result: KeyResult | undefined) =>
  result !== undefined && "answer" in result ? result.shareSha256 : undefined;

test("an active sensor gets the same key each time, an entry in the log with each, and format only without a store", async () => {
  const entriesBefore = (await network.auditEntries()).length;
  const results = await ask(first, [
    { sensorId: first.sensorId, luksUuid: null },
    { sensorId: first.sensorId, luksUuid: null },
    { sensorId: first.sensorId, luksUuid: UUID },
    { sensorId: first.sensorId, luksUuid: null },
    { sensorId: first.sensorId, luksUuid: UUID.replace("0", "1") },
    { sensorId: first.sensorId, luksUuid: UUID },
  ]);
  assert.deepEqual(results.map(format), [true, true, false, false, false, false]);
  const shares = new Set(results.map(share));
  assert.equal(shares.size, 1);
  assert.match([...shares][0] ?? "", /^[0-9a-f]{64}$/);
  const entries = (await network.auditEntries()).slice(entriesBefore);
  assert.deepEqual(
    entries.map((entry) => {
      const detail = entry.detail as Record<string, unknown>;
      return [entry.action, entry.sensorId, detail.source, detail.format, detail.storeDiffers, detail.identity];
    }),
    [
      [true, false],
      [true, false],
      [false, false],
      [false, true],
      [false, true],
      [false, false],
    ].map(([mayFormat, differs]) => ["keyReleased", first.sensorId, "10.213.1.1", mayFormat, differs, "software"]),
  );
  await base.waitFor(
    (line: Stage) => line.stage === "keyReleased" && line.sensorId === first.sensorId && line.storeDiffers,
    "stage",
  );
  const other = await ask(second, [{ sensorId: second.sensorId, luksUuid: null }]);
  assert.equal(format(other[0]), true);
  assert.notEqual(share(other[0]), share(results[0]));
});

test("what is refused, and why", async () => {
  const own = { sensorId: second.sensorId, luksUuid: null };
  const results = await ask(second, [
    own,
    { ...own, nonce: "last" },
    { ...own, nonce: randomBytes(32).toString("base64") },
    { ...own, nonce: "no nonce" },
    { ...own, sensorId: first.sensorId },
  ]);
  assert.equal(format(results[0]), true);
  assert.deepEqual(results.slice(1).map(refusal), ["badNonce", "badNonce", "badRequest", "badRequest"]);
  // The first box's identity, stolen and used through the second's tunnel.
  const stolen = await ask(second, [{ sensorId: first.sensorId, luksUuid: UUID }], first.folder);
  assert.deepEqual(stolen.map(refusal), ["wrongSource"]);
  assert.equal((await network.cepaResult(["audit", "verify"])).status, 0);
});

test("hold and release; a sensor that is not active", async () => {
  const own = { sensorId: second.sensorId, luksUuid: null };
  await network.cepa(["sensor", "hold", "second"]);
  assert.deepEqual((await ask(second, [own])).map(refusal), ["hold"]);
  assert.match(await network.cepa(["sensor", "show", "second"]), /on hold: gets no key/);
  await network.cepa(["sensor", "release", "second"]);
  assert.deepEqual((await ask(second, [own])).map(format), [true]);
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(statePaths(network.state).database);
  database.prepare("update sensors set state = 'pending' where id = ?").run(second.sensorId);
  assert.deepEqual((await ask(second, [own])).map(refusal), ["notActive"]);
  database.prepare("update sensors set state = 'active' where id = ?").run(second.sensorId);
  database.close();
});

test("no audit log, no key", async () => {
  const { auditLog } = statePaths(network.state);
  await rename(auditLog, `${auditLog}.away`);
  await symlink("/nowhere/at/all", auditLog);
  const own = { sensorId: first.sensorId, luksUuid: UUID };
  const [result] = await ask(first, [own]);
  await unlink(auditLog);
  assert.deepEqual(result, { error: '{"error":"not now"}', status: 503 });
  // A log that lost its end is not written on either.
  const whole = await readFile(`${auditLog}.away`, "utf8");
  await writeFile(auditLog, `${whole.trimEnd().split("\n").slice(0, -1).join("\n")}\n`, { mode: 0o600 });
  assert.deepEqual(await ask(first, [own]), [{ error: '{"error":"not now"}', status: 503 }]);
  const { status, stderr } = await network.cepaResult(["audit", "verify"]);
  assert.equal(status, 1);
  assert.match(stderr, /missing/);
  await rename(`${auditLog}.away`, auditLog);
  await chmod(auditLog, 0o600);
  assert.equal(format((await ask(first, [own]))[0]), false);
});

test("a certificate of another CA, or one revoked by a new flash, is refused; the new one gets a new key and format", async () => {
  const own = { sensorId: second.sensorId, luksUuid: null };
  const [before] = await ask(second, [own]);
  const renewed = await network.enrol("second");
  const [revoked] = await ask(second, [own], second.folder);
  assert.ok(revoked !== undefined && "error" in revoked, JSON.stringify(revoked));
  const [again] = await ask(second, [own], renewed.folder);
  assert.equal(format(again), true);
  assert.notEqual(share(again), share(before));

  const foreign = await network.enrol("second");
  const key = join(foreign.folder, STATE_FILES.privateKey);
  const certificate = join(foreign.folder, STATE_FILES.certificate);
  await network.runIn("base", "openssl", [
    "req",
    "-x509",
    "-new",
    "-key",
    key,
    "-subj",
    `/CN=${second.sensorId}`,
    "-days",
    "2",
    "-out",
    certificate,
  ]);
  const [selfSigned] = await ask(second, [own], foreign.folder);
  assert.ok(selfSigned !== undefined && "error" in selfSigned, JSON.stringify(selfSigned));
});

test("at rest: no private key of a box, no share, nothing for others to read", async () => {
  const { folder, database, auditLog } = statePaths(network.state);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  const [result] = await ask(first, [{ sensorId: first.sensorId, luksUuid: UUID }]);
  const boxKey = await readFile(join(first.folder, STATE_FILES.privateKey), "utf8");
  const needle = boxKey.split("\n")[1] ?? "";
  assert.ok(needle.length > 60);
  const everything = await network.runIn("base", "find", [folder, "-type", "f"]);
  const paths = everything.trim().split("\n");
  assert.ok(paths.includes(database) && paths.includes(auditLog));
  for (const path of paths) {
    const bytes = await readFile(path);
    assert.equal(bytes.includes(needle), false, path);
    // A share is 32 octets: none of the places at which one could lie in the clear has this one's hash.
    for (let at = 0; at + 32 <= bytes.length; at++) {
      if (bytes[at] === bytes[at + 1] && bytes[at] === bytes[at + 2]) continue; // no run of equal octets begins a share
      if (
        createHash("sha256")
          .update(bytes.subarray(at, at + 32))
          .digest("hex") === share(result)
      )
        assert.fail(path);
    }
  }
});
