import assert from "node:assert/strict";
import { cp, readFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { type BaseFiles, BaseUnreachableError } from "../../appliance/update/base-files.ts";
import { until } from "../support/base-network.ts";
import { isThere, readyOf, SETTINGS, UpdateRig } from "../support/update-rig.ts";
import { makeSet } from "../support/update-sets.ts";

const rig = await UpdateRig.start();
const { base, folder } = rig;
after(() => rig.destroy());

test("a published version is downloaded, checked and ready; base is told", async () => {
  const set = await rig.publish();
  await rig.onBox(
    {},
    async () => {},
    async (state) => {
      await rig.assertReady(state, set);
      const { version } = set.description;
      await until(
        async () => base.events().find((one) => one.name === "updateReady" && one.version === version),
        "event",
      );
      await until(async () => (base.view().health?.update?.state === "ready" ? true : undefined), "heartbeat");
      assert.match(
        await rig.cepa("sensor", "show", "box"),
        new RegExp(`^update +ready: ${version} is checked and ready$`, "m"),
      );
      // Stopped, it stays; withdrawn, it is thrown away although it was whole.
      await rig.cepa("update", "stop", version);
      const stoppedAtMs = Date.now();
      await until(
        async () => ((base.view().health?.update?.answeredAtMs ?? 0) > stoppedAtMs ? true : undefined),
        "asked since",
      );
      assert.ok(await isThere(readyOf(state, set)), "a version that is stopped may be offered again");
      await rig.cepa("update", "withdraw", version, "--yes");
      await until(async () => ((await isThere(readyOf(state, set))) ? undefined : true), "thrown away");
      await until(
        async () => base.events().find((one) => one.name === "updateWithdrawn" && one.version === version),
        "base is told",
      );
      assert.equal(await isThere(rig.atBase(set)), undefined, "base has deleted it");
      const list = JSON.parse(await rig.cepa("update", "list", "--json"));
      assert.equal(list.updates.find((one: { version: string }) => one.version === version).state, "withdrawn");
      const again = await base.cepa("update", "publish", set.folder);
      assert.match(again.stderr, /was withdrawn: what differs needs a version of its own/);
      assert.equal(again.status, 1);
    },
  );
});

test("a base that does not answer takes nothing back", async () => {
  const set = await rig.makeNext();
  let asked = 0;
  const askOffer = async () => {
    asked++;
    throw new BaseUnreachableError("the offer is not given: status 500");
  };
  await rig.onBox(
    { base: { askOffer } },
    (state) => cp(set.folder, readyOf(state, set), { recursive: true }),
    async (state) => {
      await until(async () => (asked > 2 ? true : undefined), "asked again and again");
      await rig.assertReady(state, set);
      assert.deepEqual(base.events(), []);
    },
  );
});

test("a download that is cut off goes on where it ended", async () => {
  const set = await rig.publish({ sizes: { efiBytes: 200_000, rootBytes: 20_000_000, verityBytes: 5000 } });
  base.passedBytes = 0;
  base.cut = { afterBytes: 15_000_000 };
  await rig.onBox(
    { byProxy: true },
    async () => {},
    async (state) => {
      await rig.assertReady(state, set);
      assert.equal(base.cut, undefined, "it was cut");
      assert.ok(base.passedBytes < 30_000_000, `${base.passedBytes} octets came in all: not all of them again`);
      const counters = await until(async () => {
        const seen = base.view().health?.update;
        return seen?.state === "ready" ? seen.counters : undefined;
      }, "heartbeat");
      assert.deepEqual(counters, { downloads: 2, resumed: 1, refusals: 0 });
    },
  );
});

test("a download goes on after the role was stopped, and no faster than it may", async () => {
  const set = await rig.publish();
  const slow = { ...SETTINGS, update: { askMs: 1000, rateBytesPerSecond: 200_000 } };
  await rig.onBox(
    { settings: slow },
    async () => {},
    async (state) => {
      const part = join(state, "update/incoming", set.description.version, set.names[0]);
      await until(async () => ((await readFile(part).catch(() => "")).length > 0 ? true : undefined), "a part");
      assert.equal(await isThere(readyOf(state, set)), undefined, "not at once");
    },
  );
  base.provider.database.exec(`update updates set state = 'offered' where version = '${set.description.version}'`);
  await rig.onBox(
    {},
    async (state) => {
      const place = join(state, "update/incoming", set.description.version);
      await cp(set.folder, place, { recursive: true });
      await truncate(join(place, set.names[1]), 1_234_567);
      await rm(join(place, set.names[2]));
    },
    async (state) => {
      await rig.assertReady(state, set);
      await until(async () => (base.view().health?.update?.counters?.resumed === 1 ? true : undefined), "resumed");
    },
  );
});

test("the file changes in mid-download: what is of another set is not joined to it", async () => {
  const set = await rig.publish({ sizes: { efiBytes: 200_000, rootBytes: 6_000_000, verityBytes: 5000 } });
  const { version } = set.description;
  const other = await makeSet(join(folder, "other"), rig.keys.privateKey, set.description, 900);
  base.cut = {
    afterBytes: 2_000_000,
    meanwhile: async () => {
      // Signed as well, and its SHA256SUMS too, but after the box has read the first one's.
      await cp(other.folder, rig.atBase(set), { recursive: true, force: true });
    },
  };
  await rig.onBox(
    { byProxy: true },
    async () => {},
    async (state) => {
      await rig.assertReady(state, other);
      assert.equal(base.cut, undefined, "it was cut");
      assert.equal(other.description.version, version);
    },
  );
});

test("the file changes at base within a download that goes on: changedAtBase", async () => {
  const set = await rig.publish();
  const other = await makeSet(join(folder, "other-2"), rig.keys.privateKey, set.description, 901);
  let swapped = false;
  const real = { current: undefined as BaseFiles | undefined };
  await rig.onBox(
    {
      base: {
        async *fetchRest(path, file, fromBytes, fetchSignal) {
          if (!swapped) await cp(other.folder, rig.atBase(set), { recursive: true, force: true });
          swapped = true;
          assert.ok(real.current);
          yield* real.current.fetchRest(path, file, fromBytes, fetchSignal);
        },
      },
    },
    async (state) => {
      real.current = await rig.baseFilesOf(state);
    },
    async (state) => {
      await until(
        async () => base.events().find((one) => one.name === "updateRefused" && one.reason === "changedAtBase"),
        "base is told",
      );
      await rig.assertReady(state, other); // begun anew, of one set
    },
  );
});
