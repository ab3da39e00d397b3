import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import type { BaseFiles } from "../../appliance/update/base-files.ts";
import type { RefusalReason } from "../../core/contract/update-refusal.ts";
import { setFolder } from "../../provider/updates/publish.ts";
import { until } from "../support/base-network.ts";
import { isThere, readyOf, UpdateRig } from "../support/update-rig.ts";
import { type MadeSet, makeSet, updateKeys } from "../support/update-sets.ts";

const rig = await UpdateRig.start();
const { base, folder } = rig;
after(() => rig.destroy());

/** A base in other hands, which offers what it likes. */
const offering = (version: string): Partial<BaseFiles> => ({ askOffer: async () => ({ version, withdrawn: [] }) });

const SPOILED: readonly (readonly [
  string,
  RefusalReason,
  RegExp,
  (place: string, set: MadeSet) => Promise<unknown>,
])[] = [
  ["unsigned", "unsigned", /there is no SHA256SUMS\.sig/, (place) => rm(join(place, "SHA256SUMS.sig"))],
  [
    "signed by another",
    "badSignature",
    /not signed with the key that this image trusts/,
    async (place, set) => {
      const stranger = await makeSet(join(folder, "stranger"), updateKeys().privateKey, set.description);
      await cp(stranger.folder, place, { recursive: true, force: true });
    },
  ],
  [
    "truncated",
    "wrongSize",
    /\.root has 17 octets at base, 3000000 were signed/,
    (place, set) => truncate(join(place, set.names[1]), 17),
  ],
  [
    "tampered",
    "wrongHash",
    /\.efi is not what was signed/,
    async (place, set) => {
      const bytes = await readFile(join(place, set.names[0]));
      bytes[1000] = (bytes[1000] ?? 0) ^ 1;
      await writeFile(join(place, set.names[0]), bytes);
    },
  ],
  [
    "a changed description",
    "wrongHash",
    /update\.json is not what was signed/,
    async (place) => {
      const text = await readFile(join(place, "update.json"), "utf8");
      await writeFile(join(place, "update.json"), text.replace("1790000000", "1790000001"));
    },
  ],
  [
    "a boot loader that is tampered with",
    "wrongHash",
    /\.loader is not what was signed/,
    async (place, set) => {
      const bytes = await readFile(join(place, set.names[3]));
      bytes[1000] = (bytes[1000] ?? 0) ^ 1;
      await writeFile(join(place, set.names[3]), bytes);
    },
  ],
  [
    "a boot loader that is longer than was signed",
    "wrongSize",
    /\.loader has 50000 octets at base, 40003 were signed/,
    (place, set) => truncate(join(place, set.names[3]), 50_000),
  ],
  ["no boot loader", "missingFile", /base has no .*\.loader/, (place, set) => rm(join(place, set.names[3]))],
  ["no root", "missingFile", /base has no .*\.root/, (place, set) => rm(join(place, set.names[1]))],
];
for (const [name, reason, message, spoil] of SPOILED)
  test(`refused, and taken once that is mended at base: ${name}: ${reason}`, async () => {
    const set = await rig.publish();
    await spoil(rig.atBase(set), set);
    await rig.onBox(
      {},
      async () => {},
      async (state) => {
        await rig.assertRefused(set.description.version, reason, message);
        assert.equal(await isThere(readyOf(state, set)), undefined);
        await cp(set.folder, rig.atBase(set), { recursive: true, force: true });
        await rig.assertReady(state, set);
      },
    );
  });

test("a hostile base offers an older version: notNewer", async () => {
  const set = await rig.publish();
  const { version } = set.description;
  await rig.onBox(
    { base: offering(version), image: { version: "2.1.0" } },
    async () => {},
    async (state) => {
      await rig.assertRefused(version, "notNewer", /is not newer than 2\.1\.0, which runs/);
      assert.deepEqual(await readdir(join(state, "update/incoming")).catch(() => []), []);
    },
  );
});

test("a hostile base gives an old signed set for a new version: badDescription", async () => {
  const old = await rig.publish();
  const set = await rig.publish();
  await rm(rig.atBase(set), { recursive: true });
  await cp(old.folder, rig.atBase(set), { recursive: true });
  await rig.onBox(
    { image: { version: "1.9" } },
    async () => {},
    () => rig.assertRefused(set.description.version, "badDescription", /base gave 2\.0\.\d+ for 2\.0\.\d+/),
  );
});

test("a minimum that was seen with a signature holds, whatever is offered then: belowMinimum", async () => {
  const low = await rig.publish();
  const high = await rig.publish({ minimumVersion: rig.nextVersion });
  await rm(join(rig.atBase(high), high.names[1]));
  await rig.onBox(
    {},
    async () => {},
    async (state) => {
      await rig.assertRefused(high.description.version, "missingFile", /base has no/);
      await rig.cepa("update", "stop", high.description.version);
      await rig.assertRefused(
        low.description.version,
        "belowMinimum",
        /is below 2\.0\.\d+, the least that was signed for/,
      );
      const minimum = await readFile(join(state, "update/minimum.json"), "utf8");
      assert.deepEqual(JSON.parse(minimum), { minimumVersion: high.description.version });
    },
  );
});

test("a version of another profile: wrongProfile", async () => {
  const set = await rig.publish({ profile: "hardware" });
  const { version } = set.description;
  await rig.onBox(
    {},
    async () => {
      // A slip at base: the set lies where qemu's should.
      await mkdir(join(base.provider.paths.updatesFolder, "qemu"), { recursive: true });
      await rename(rig.atBase(set), setFolder(base.provider.paths, "qemu", version));
      base.provider.database.exec(`update updates set profile = 'qemu' where version = '${version}'`);
    },
    () => rig.assertRefused(version, "wrongProfile", /is for hardware boxes, this one is qemu/),
  );
});

test("a version that failed on this box is asked for no more; the next one is taken", async () => {
  const failed = await rig.publish();
  const { version } = failed.description;
  await rig.onBox(
    {},
    (state) =>
      writeFile(join(state, "update/failed.json"), JSON.stringify([{ version, why: "capture saw no frames" }])),
    async (state) => {
      await until(async () => (base.view().health?.update?.answeredAtMs != null ? true : undefined), "asked");
      assert.equal(await isThere(readyOf(state, failed)), undefined);
      const next = await rig.publish();
      await rig.assertReady(state, next);
      assert.equal(base.view().health?.update?.counters?.refusals, 0, "it was not offered");
    },
  );
  base.provider.database.exec(`update updates set state = 'offered' where version = '${version}'`);
  await rig.onBox(
    { base: offering(version) },
    (state) =>
      writeFile(join(state, "update/failed.json"), JSON.stringify([{ version, why: "capture saw no frames" }])),
    () => rig.assertRefused(version, "failedBefore", /was tried here and failed: capture saw no frames/),
  );
});

test("a version whose mark has lapsed is taken, by a role that was told to refuse it", async () => {
  const set = await rig.publish();
  const { version } = set.description;
  const mark = (state: string, lapsesAtMs: number) =>
    writeFile(join(state, "update/failed.json"), JSON.stringify([{ version, why: "no frames", lapsesAtMs }]));
  await rig.onBox(
    {},
    (state) => mark(state, Date.now() + 3_600_000),
    async (state) => {
      await until(async () => (base.view().health?.update?.answeredAtMs != null ? true : undefined), "asked");
      assert.equal(await isThere(readyOf(state, set)), undefined);
      await mark(state, 1);
      await rig.assertReady(state, set);
    },
  );
});

test("no room: said with figures, before anything large is asked for; taken once there is", async () => {
  const set = await rig.publish();
  let mounted = "";
  try {
    await rig.onBox(
      {},
      async (state) => {
        mounted = join(state, "update");
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=66m", "tmpfs", mounted]);
      },
      async (state) => {
        await rig.assertRefused(
          set.description.version,
          "noRoom",
          /4 MiB more are needed, and 64 MiB stay free; there are 6\d MiB/,
        );
        const place = join(state, "update/incoming", set.description.version);
        assert.deepEqual((await readdir(place)).sort(), ["SHA256SUMS", "SHA256SUMS.sig", "update.json"]);
        execFileSync("mount", ["-o", "remount,size=100m", mounted]);
        await rig.assertReady(state, set);
      },
    );
  } finally {
    execFileSync("umount", ["-l", mounted]);
  }
});

test("an image without a key takes nothing, and says so", async () => {
  await rig.publish();
  await rig.onBox(
    { image: { keyPath: "/nowhere/update.pub" } },
    async () => {},
    async () => {
      await until(async () => (base.view().health?.update?.state === "noKey" ? true : undefined), "heartbeat");
      assert.match(
        await rig.cepa("sensor", "show", "box"),
        /^update +noKey: this image takes no updates: \/nowhere\/update\.pub/m,
      );
    },
  );
});
