import assert from "node:assert/strict";
import { readdir, readFile, truncate } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { after, test } from "node:test";
import { until } from "../support/base-network.ts";
import { isThere, readyOf, SETTINGS, UpdateRig } from "../support/update-rig.ts";

const rig = await UpdateRig.start();
const { base, folder } = rig;
after(() => rig.destroy());

test("stopped, by percentage, pinned: what a sensor is offered follows at once", async () => {
  const set = await rig.publish({}, "--percent", "0");
  const { version } = set.description;
  await rig.onBox(
    {},
    async () => {},
    async (state) => {
      await until(async () => (base.view().health?.update?.state === "upToDate" ? true : undefined), "asked");
      assert.equal(await isThere(readyOf(state, set)), undefined);
      await rig.cepa("update", "stop", version);
      await rig.cepa("sensor", "set", "box", "--update-pin", version);
      assert.match(
        await rig.cepa("sensor", "show", "box"),
        new RegExp(`^updates +pinned to ${version} \\(channel stable\\)$`, "m"),
      );
      assert.equal(await isThere(readyOf(state, set)), undefined, "stopped");
      await rig.cepa("update", "percent", version, "0");
      await rig.assertReady(state, set);
      await rig.cepa("sensor", "set", "box", "--update-pin", "none", "--update-channel", "beta");
      const later = await rig.publish();
      const beta = await rig.publish({}, "--channel", "beta", "--percent", "0");
      await rig.cepa("update", "percent", beta.description.version, "100");
      await rig.assertReady(state, beta);
      assert.equal(await isThere(readyOf(state, later)), undefined);
      await rig.cepa("sensor", "set", "box", "--update-channel", "stable");
    },
  );
});

test("what base's server gives, and to whom", async () => {
  const set = await rig.publish();
  const { version } = set.description;
  const state = await base.makeStateFolder("asker", SETTINGS);
  const { basePort } = JSON.parse(await readFile(join(state, "identity/sensor.json"), "utf8"));
  const read = (name: string) => readFile(join(folder, name));
  const [key, cert, ca] = [await read("sensor.key"), await read("sensor.crt"), await read("ca.crt")];
  const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
    new Promise<{ status: number | undefined; bytes: number; range: string | undefined }>((resolve, reject) => {
      const options = {
        host: "127.0.0.1",
        port: basePort,
        path,
        method,
        headers,
        key,
        cert,
        ca,
        agent: false,
      } as const;
      const outgoing = request(options, async (answer) => {
        let bytes = 0;
        for await (const chunk of answer) bytes += chunk.length;
        resolve({ status: answer.statusCode, bytes, range: answer.headers["content-range"] });
      });
      outgoing.on("error", reject);
      outgoing.end();
    });
  const root = `/v1/update/set/qemu/${version}/${set.names[1]}`;
  assert.deepEqual(await get(root), { status: 200, bytes: 3_000_000, range: undefined });
  assert.deepEqual(await get(root, { range: "bytes=2999990-" }), {
    ...{ status: 206, bytes: 10, range: "bytes 2999990-2999999/3000000" },
  });
  for (const [path, headers, status] of [
    [root, { range: "bytes=3000000-" }, 416],
    [root, { range: "bytes=0-1,5-9" }, 416],
    [root, { "if-match": '"another"' }, 412],
    [`/v1/update/set/qemu/9.9/${set.names[1]}`, {}, 404],
    [`/v1/update/set/hardware/${version}/${set.names[1]}`, {}, 404],
    [`/v1/update/set/qemu/${version}/..%2f..%2fbase.db`, {}, 404],
    [`/v1/update/set/qemu/${version}/../../../base.db`, {}, 404],
    [`/v1/update/set/qemu/../../base.db`, {}, 404],
    [`/v1/update/set/qemu/${version}/other.root`, {}, 404],
  ] as const)
    assert.equal((await get(path, headers)).status, status, path);
  assert.equal((await get("/v1/update/offer", {}, "POST")).status, 400, "no question");
  await rig.cepa("update", "stop", version);
  assert.equal((await get(root)).status, 410);
  await rig.cepa("update", "percent", version, "100");
  const { database } = base.provider;
  const change = (sql: string) => database.exec(`update sensors set ${sql}`);
  change("address = '127.0.0.9'");
  assert.equal((await get(root)).status, 403, "from another's address");
  assert.equal((await get("/v1/update/offer", {}, "POST")).status, 403);
  change("address = '127.0.0.1', state = 'revoked'");
  assert.equal((await get(root)).status, 403, "a sensor that is not active");
  change("state = 'active'");
  assert.equal((await get(root)).status, 200);
  await rig.cepa("update", "withdraw", version, "--yes");
});

test("cepa update: what it refuses, and what it says", async () => {
  const set = await rig.makeNext();
  for (const [args, status, words] of [
    [["update"], 2, /expected an action/],
    [["update", "shout"], 2, /no action "shout"/],
    [["update", "publish"], 2, /SET is missing/],
    [["update", "publish", set.folder, "--percent", "101"], 2, /--percent: expected 0\.\.100, found "101"/],
    [["update", "publish", set.folder, "--channel", "No"], 2, /--channel: expected a channel/],
    [["update", "publish", set.folder, "--profile", "qemu"], 2, /takes no --profile/],
    [["update", "stop", "latest"], 2, /VERSION: expected a version like/],
    [["update", "stop", "9.9"], 1, /there is no update 9\.9; cepa update list shows them/],
    [["update", "percent", "9.9"], 2, /N: expected 0\.\.100/],
    [["update", "publish", join(folder, "nowhere")], 1, /no box would take it \(missingFile\)/],
    [["update", "key", join(folder, "sensor.crt")], 1, /expected an Ed25519 public key/],
    [["sensor", "set", "box"], 2, /Give --update-channel or --update-pin/],
    [["sensor", "show", "box", "--update-pin", "1.0"], 2, /are of cepa sensor set/],
  ] as const) {
    const result = await base.cepa(...args);
    assert.equal(result.status, status, `${args.join(" ")}: ${result.stderr}`);
    assert.match(result.stderr, words, args.join(" "));
  }
  await truncate(join(set.folder, set.names[1]), 5);
  const refused = await base.cepa("update", "publish", set.folder);
  assert.match(refused.stderr, /no box would take it \(wrongSize\): .*\.root is cut off/);
  assert.equal(await isThere(rig.atBase(set)), undefined);
  assert.ok(!(await readdir(base.provider.paths.updatesFolder)).some((name) => name.startsWith("new-")));
  assert.equal((await base.cepa("audit", "verify")).status, 0);
  const log = await readFile(base.provider.paths.auditLog, "utf8");
  for (const action of ["updateKey", "updatePublish", "updateStop", "updatePercent", "updateWithdraw", "sensorSet"])
    assert.match(log, new RegExp(`"action":"${action}"`));
});
