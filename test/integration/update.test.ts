import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runImportCommand } from "../../appliance/commands/import.ts";
import { type BaseFiles, BaseUnreachableError, baseFiles } from "../../appliance/update/base-files.ts";
import { updateFolder } from "../../appliance/update/update-folder.ts";
import { verifyForBox } from "../../appliance/update/verify-set.ts";
import type { RefusalReason } from "../../core/contract/update-refusal.ts";
import { setFolder } from "../../provider/updates/publish.ts";
import { until } from "../support/base-network.ts";
import { makeStick } from "../support/stick.ts";
import { UpdateBase } from "../support/update-base.ts";
import { type MadeSet, makeSet, updateKeys } from "../support/update-sets.ts";

const keys = updateKeys();
const SETTINGS = { link: { heartbeatMs: 1000 }, update: { askMs: 1000, rateBytesPerSecond: 100_000_000 } };
const signal = AbortSignal.timeout(600_000);
let folder: string;
let base: UpdateBase;
let image: { version: string; profile: string; keyPath: string };
let number = 0;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-update-"));
  base = await UpdateBase.start(folder);
  image = { version: "1.0.0", profile: "qemu", keyPath: join(folder, "update.pub") };
  await writeFile(image.keyPath, keys.publicKey.export({ format: "pem", type: "spki" }));
  await cepa("update", "key", image.keyPath);
});
after(async () => {
  await base?.destroy();
  await rm(folder, { recursive: true, force: true });
});

async function cepa(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await base.cepa(...args);
  assert.equal(status, 0, `cepa ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** A version of its own for each test, the newer the later. */
async function publish(given: object = {}, ...more: readonly string[]): Promise<MadeSet> {
  const set = await makeNext(given);
  await cepa("update", "publish", set.folder, ...more);
  return set;
}

async function makeNext(given: object = {}): Promise<MadeSet> {
  const version = `2.0.${++number}`;
  return await makeSet(join(folder, `set-${number}`), keys.privateKey, { version, ...given }, number);
}

const atBase = ({ description }: MadeSet) => setFolder(base.provider.paths, description.profile, description.version);
const readyOf = (state: string, { description }: MadeSet) => join(state, "update/ready", description.version);
const isThere = (path: string) =>
  readdir(path).then(
    () => true as const,
    () => undefined,
  );

async function assertReady(state: string, set: MadeSet): Promise<void> {
  await until(() => isThere(readyOf(state, set)), `${set.description.version} is ready`);
  for (const name of await readdir(set.folder))
    assert.ok((await readFile(join(readyOf(state, set), name))).equals(await readFile(join(set.folder, name))), name);
  const verified = await verifyForBox(readyOf(state, set), image, updateFolder(join(state, "update")), signal);
  assert.deepEqual(verified.description, set.description);
}

/** Waits until base was told of the refusal by an event. */
async function assertTold(version: string, reason: RefusalReason, message: RegExp): Promise<void> {
  const event = await until(
    async () =>
      base.events().find((one) => one.name === "updateRefused" && one.version === version && one.reason === reason),
    `base is told of ${version}: ${reason}`,
  );
  assert.match(event.name === "updateRefused" ? event.message : "", message);
}

/** Waits until base was told of the refusal, as an event and with a heartbeat, and shows it. */
async function assertRefused(version: string, reason: RefusalReason, message: RegExp): Promise<void> {
  await assertTold(version, reason, message);
  const refusal = await until(async () => {
    const seen = base.view().health?.update?.refusal;
    return seen?.version === version ? seen : undefined;
  }, "a heartbeat says so");
  assert.equal(refusal.reason, reason);
  assert.match(refusal.message, message);
  const shown = await cepa("sensor", "show", "box");
  assert.match(shown, new RegExp(`^update .*refused ${version.replaceAll(".", "\\.")} .*\\(${reason}\\): `, "m"));
}

/** Runs the roles on a new state partition around `body`; withdraws what was published. */
async function onBox(
  options: {
    readonly settings?: object;
    readonly byProxy?: boolean;
    readonly base?: Partial<BaseFiles>;
    readonly image?: object;
  },
  prepare: (state: string) => Promise<unknown>,
  body: (state: string, runFolder: string) => Promise<unknown>,
): Promise<void> {
  const state = await base.makeStateFolder(`box-${crypto.randomUUID()}`, options.settings ?? SETTINGS, options.byProxy);
  await prepare(state);
  const endpoint = JSON.parse(await readFile(join(state, "identity/sensor.json"), "utf8"));
  const [privateKey, certificate, authority] = await Promise.all(
    ["key", "crt"]
      .map((end) => readFile(join(folder, `sensor.${end}`), "utf8"))
      .concat(readFile(join(folder, "ca.crt"), "utf8")),
  );
  const files = baseFiles({
    ...{ host: endpoint.baseAddress, port: endpoint.basePort, localAddress: endpoint.vpnAddress },
    ...{ privateKey: privateKey ?? "", certificate: certificate ?? "", authority: authority ?? "" },
  });
  const hostile = options.base === undefined ? {} : { base: { ...files, ...options.base } };
  base.provider.database.exec("delete from events; update sensors set last_health = null");
  const roles = base.startRoles(state, { ...image, ...options.image }, hostile);
  try {
    await body(state, roles.runFolder);
  } finally {
    await roles.stop();
    base.cut = undefined;
    base.provider.database.exec("update updates set state = 'withdrawn'");
  }
}

/** A base in other hands, which offers what it likes. */
const offering = (version: string): Partial<BaseFiles> => ({ askOffer: async () => ({ version, withdrawn: [] }) });

test("a published version is downloaded, checked and ready; base is told", async () => {
  const set = await publish();
  await onBox(
    {},
    async () => {},
    async (state) => {
      await assertReady(state, set);
      const { version } = set.description;
      await until(
        async () => base.events().find((one) => one.name === "updateReady" && one.version === version),
        "event",
      );
      await until(async () => (base.view().health?.update?.state === "ready" ? true : undefined), "heartbeat");
      assert.match(
        await cepa("sensor", "show", "box"),
        new RegExp(`^update +ready: ${version} is checked and ready$`, "m"),
      );
      // Stopped, it stays; withdrawn, it is thrown away although it was whole.
      await cepa("update", "stop", version);
      const stoppedAtMs = Date.now();
      await until(
        async () => ((base.view().health?.update?.answeredAtMs ?? 0) > stoppedAtMs ? true : undefined),
        "asked since",
      );
      assert.ok(await isThere(readyOf(state, set)), "a version that is stopped may be offered again");
      await cepa("update", "withdraw", version, "--yes");
      await until(async () => ((await isThere(readyOf(state, set))) ? undefined : true), "thrown away");
      await until(
        async () => base.events().find((one) => one.name === "updateWithdrawn" && one.version === version),
        "base is told",
      );
      assert.equal(await isThere(atBase(set)), undefined, "base has deleted it");
      const list = JSON.parse(await cepa("update", "list", "--json"));
      assert.equal(list.updates.find((one: { version: string }) => one.version === version).state, "withdrawn");
      const again = await base.cepa("update", "publish", set.folder);
      assert.match(again.stderr, /was withdrawn: what differs needs a version of its own/);
      assert.equal(again.status, 1);
    },
  );
});

test("a base that does not answer takes nothing back", async () => {
  const set = await makeNext();
  let asked = 0;
  const askOffer = async () => {
    asked++;
    throw new BaseUnreachableError("the offer is not given: status 500");
  };
  await onBox(
    { base: { askOffer } },
    (state) => cp(set.folder, readyOf(state, set), { recursive: true }),
    async (state) => {
      await until(async () => (asked > 2 ? true : undefined), "asked again and again");
      await assertReady(state, set);
      assert.deepEqual(base.events(), []);
    },
  );
});

test("a download that is cut off goes on where it ended", async () => {
  const set = await publish({ sizes: { efiBytes: 200_000, rootBytes: 20_000_000, verityBytes: 5000 } });
  base.passedBytes = 0;
  base.cut = { afterBytes: 15_000_000 };
  await onBox(
    { byProxy: true },
    async () => {},
    async (state) => {
      await assertReady(state, set);
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
  const set = await publish();
  const slow = { ...SETTINGS, update: { askMs: 1000, rateBytesPerSecond: 200_000 } };
  await onBox(
    { settings: slow },
    async () => {},
    async (state) => {
      const part = join(state, "update/incoming", set.description.version, set.names[0]);
      await until(async () => ((await readFile(part).catch(() => "")).length > 0 ? true : undefined), "a part");
      assert.equal(await isThere(readyOf(state, set)), undefined, "not at once");
    },
  );
  base.provider.database.exec(`update updates set state = 'offered' where version = '${set.description.version}'`);
  await onBox(
    {},
    async (state) => {
      const place = join(state, "update/incoming", set.description.version);
      await cp(set.folder, place, { recursive: true });
      await truncate(join(place, set.names[1]), 1_234_567);
      await rm(join(place, set.names[2]));
    },
    async (state) => {
      await assertReady(state, set);
      await until(async () => (base.view().health?.update?.counters?.resumed === 1 ? true : undefined), "resumed");
    },
  );
});

test("the file changes in mid-download: what is of another set is not joined to it", async () => {
  const set = await publish({ sizes: { efiBytes: 200_000, rootBytes: 6_000_000, verityBytes: 5000 } });
  const { version } = set.description;
  const other = await makeSet(join(folder, "other"), keys.privateKey, set.description, 900);
  base.cut = {
    afterBytes: 2_000_000,
    meanwhile: async () => {
      // Signed as well, and its SHA256SUMS too, but after the box has read the first one's.
      await cp(other.folder, atBase(set), { recursive: true, force: true });
    },
  };
  await onBox(
    { byProxy: true },
    async () => {},
    async (state) => {
      await assertReady(state, other);
      assert.equal(base.cut, undefined, "it was cut");
      assert.equal(other.description.version, version);
    },
  );
});

test("the file changes at base within a download that goes on: changedAtBase", async () => {
  const set = await publish();
  const other = await makeSet(join(folder, "other-2"), keys.privateKey, set.description, 901);
  let swapped = false;
  const real = { current: undefined as BaseFiles | undefined };
  await onBox(
    {
      base: {
        async *fetchRest(path, file, fromBytes, fetchSignal) {
          if (!swapped) await cp(other.folder, atBase(set), { recursive: true, force: true });
          swapped = true;
          assert.ok(real.current);
          yield* real.current.fetchRest(path, file, fromBytes, fetchSignal);
        },
      },
    },
    async (state) => {
      const { basePort } = JSON.parse(await readFile(join(state, "identity/sensor.json"), "utf8"));
      const read = (name: string) => readFile(join(folder, name), "utf8");
      real.current = baseFiles({
        ...{ host: "127.0.0.1", port: basePort, localAddress: "127.0.0.1" },
        ...{
          privateKey: await read("sensor.key"),
          certificate: await read("sensor.crt"),
          authority: await read("ca.crt"),
        },
      });
    },
    async (state) => {
      await until(
        async () => base.events().find((one) => one.name === "updateRefused" && one.reason === "changedAtBase"),
        "base is told",
      );
      await assertReady(state, other); // begun anew, of one set
    },
  );
});

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
    const set = await publish();
    await spoil(atBase(set), set);
    await onBox(
      {},
      async () => {},
      async (state) => {
        await assertRefused(set.description.version, reason, message);
        assert.equal(await isThere(readyOf(state, set)), undefined);
        await cp(set.folder, atBase(set), { recursive: true, force: true });
        await assertReady(state, set);
      },
    );
  });

test("a hostile base offers an older version: notNewer", async () => {
  const set = await publish();
  const { version } = set.description;
  await onBox(
    { base: offering(version), image: { version: "2.1.0" } },
    async () => {},
    async (state) => {
      await assertRefused(version, "notNewer", /is not newer than 2\.1\.0, which runs/);
      assert.deepEqual(await readdir(join(state, "update/incoming")).catch(() => []), []);
    },
  );
});

test("a hostile base gives an old signed set for a new version: badDescription", async () => {
  const old = await publish();
  const set = await publish();
  await rm(atBase(set), { recursive: true });
  await cp(old.folder, atBase(set), { recursive: true });
  await onBox(
    { image: { version: "1.9" } },
    async () => {},
    () => assertRefused(set.description.version, "badDescription", /base gave 2\.0\.\d+ for 2\.0\.\d+/),
  );
});

test("a minimum that was seen with a signature holds, whatever is offered then: belowMinimum", async () => {
  const low = await publish();
  const high = await publish({ minimumVersion: `2.0.${number + 1}` });
  await rm(join(atBase(high), high.names[1]));
  await onBox(
    {},
    async () => {},
    async (state) => {
      await assertRefused(high.description.version, "missingFile", /base has no/);
      await cepa("update", "stop", high.description.version);
      await assertRefused(low.description.version, "belowMinimum", /is below 2\.0\.\d+, the least that was signed for/);
      const minimum = await readFile(join(state, "update/minimum.json"), "utf8");
      assert.deepEqual(JSON.parse(minimum), { minimumVersion: high.description.version });
    },
  );
});

test("a version of another profile: wrongProfile", async () => {
  const set = await publish({ profile: "hardware" });
  const { version } = set.description;
  await onBox(
    {},
    async () => {
      // A slip at base: the set lies where qemu's should.
      await mkdir(join(base.provider.paths.updatesFolder, "qemu"), { recursive: true });
      await rename(atBase(set), setFolder(base.provider.paths, "qemu", version));
      base.provider.database.exec(`update updates set profile = 'qemu' where version = '${version}'`);
    },
    () => assertRefused(version, "wrongProfile", /is for hardware boxes, this one is qemu/),
  );
});

test("a version that failed on this box is asked for no more; the next one is taken", async () => {
  const failed = await publish();
  const { version } = failed.description;
  await onBox(
    {},
    (state) =>
      writeFile(join(state, "update/failed.json"), JSON.stringify([{ version, why: "capture saw no frames" }])),
    async (state) => {
      await until(async () => (base.view().health?.update?.answeredAtMs != null ? true : undefined), "asked");
      assert.equal(await isThere(readyOf(state, failed)), undefined);
      const next = await publish();
      await assertReady(state, next);
      assert.equal(base.view().health?.update?.counters?.refusals, 0, "it was not offered");
    },
  );
  base.provider.database.exec(`update updates set state = 'offered' where version = '${version}'`);
  await onBox(
    { base: offering(version) },
    (state) =>
      writeFile(join(state, "update/failed.json"), JSON.stringify([{ version, why: "capture saw no frames" }])),
    () => assertRefused(version, "failedBefore", /was tried here and failed: capture saw no frames/),
  );
});

test("a version whose mark has lapsed is taken, by a role that was told to refuse it", async () => {
  const set = await publish();
  const { version } = set.description;
  const mark = (state: string, lapsesAtMs: number) =>
    writeFile(join(state, "update/failed.json"), JSON.stringify([{ version, why: "no frames", lapsesAtMs }]));
  await onBox(
    {},
    (state) => mark(state, Date.now() + 3_600_000),
    async (state) => {
      await until(async () => (base.view().health?.update?.answeredAtMs != null ? true : undefined), "asked");
      assert.equal(await isThere(readyOf(state, set)), undefined);
      await mark(state, 1);
      await assertReady(state, set);
    },
  );
});

test("no room: said with figures, before anything large is asked for; taken once there is", async () => {
  const set = await publish();
  let mounted = "";
  try {
    await onBox(
      {},
      async (state) => {
        mounted = join(state, "update");
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=66m", "tmpfs", mounted]);
      },
      async (state) => {
        await assertRefused(
          set.description.version,
          "noRoom",
          /4 MiB more are needed, and 64 MiB stay free; there are 6\d MiB/,
        );
        const place = join(state, "update/incoming", set.description.version);
        assert.deepEqual((await readdir(place)).sort(), ["SHA256SUMS", "SHA256SUMS.sig", "update.json"]);
        execFileSync("mount", ["-o", "remount,size=100m", mounted]);
        await assertReady(state, set);
      },
    );
  } finally {
    execFileSync("umount", ["-l", mounted]);
  }
});

test("an image without a key takes nothing, and says so", async () => {
  await publish();
  await onBox(
    { image: { keyPath: "/nowhere/update.pub" } },
    async () => {},
    async () => {
      await until(async () => (base.view().health?.update?.state === "noKey" ? true : undefined), "heartbeat");
      assert.match(
        await cepa("sensor", "show", "box"),
        /^update +noKey: this image takes no updates: \/nowhere\/update\.pub/m,
      );
    },
  );
});

/** Puts a stick in. */
const putIn = (state: string, runFolder: string, stick: string) =>
  runImportCommand(["--state", state, "--run", runFolder, "--key", image.keyPath, stick], signal, image);

test("a USB stick goes the same way, and base is told: good, tampered, and what is no stick of ours", async () => {
  const set = await makeNext();
  const { version } = set.description;
  const named = join(folder, `cepa-qemu-${version}.update`);
  await cp(set.folder, named, { recursive: true });
  const older = join(folder, "cepa-qemu-1.9.9.update");
  await mkdir(older);
  await cp(join(set.folder, "SHA256SUMS"), join(older, "SHA256SUMS"));
  const stick = join(folder, "stick");
  await makeStick(stick, 64, [older, named], 1);
  await onBox(
    {},
    async () => {},
    async (state, runFolder) => {
      const content = await readFile(stick);
      const at = content.indexOf(await readFile(join(set.folder, set.names[1]))) + 1_000_000;
      content.writeUInt8(content.readUInt8(at) ^ 1, at);
      const tampered = join(folder, "tampered-stick");
      await writeFile(tampered, content);
      assert.equal(await putIn(state, runFolder, tampered), 3);
      await assertTold("stick", "wrongHash", /^cepa_\S+\.root is not what was signed$/);
      const empty = join(folder, "empty-stick");
      await makeStick(empty, 64, [], 1);
      assert.equal(await putIn(state, runFolder, empty), 3);
      await assertTold("stick", "missingFile", /^the stick has no folder cepa-qemu-VERSION\.update$/);
      assert.equal(await putIn(state, runFolder, join(set.folder, set.names[1])), 3);
      await assertTold("stick", "unreadable", /^the stick can't be read: it has no file system, or is cut off$/);
      assert.deepEqual(await readdir(join(state, "update/stick")), []);
      assert.equal(await putIn(state, runFolder, stick), 0);
      await assertReady(state, set);
      await until(
        async () => base.events().find((one) => one.name === "updateReady" && one.version === version),
        "event",
      );
    },
  );
});

test("stopped, by percentage, pinned: what a sensor is offered follows at once", async () => {
  const set = await publish({}, "--percent", "0");
  const { version } = set.description;
  await onBox(
    {},
    async () => {},
    async (state) => {
      await until(async () => (base.view().health?.update?.state === "upToDate" ? true : undefined), "asked");
      assert.equal(await isThere(readyOf(state, set)), undefined);
      await cepa("update", "stop", version);
      await cepa("sensor", "set", "box", "--update-pin", version);
      assert.match(
        await cepa("sensor", "show", "box"),
        new RegExp(`^updates +pinned to ${version} \\(channel stable\\)$`, "m"),
      );
      assert.equal(await isThere(readyOf(state, set)), undefined, "stopped");
      await cepa("update", "percent", version, "0");
      await assertReady(state, set);
      await cepa("sensor", "set", "box", "--update-pin", "none", "--update-channel", "beta");
      const later = await publish();
      const beta = await publish({}, "--channel", "beta", "--percent", "0");
      await cepa("update", "percent", beta.description.version, "100");
      await assertReady(state, beta);
      assert.equal(await isThere(readyOf(state, later)), undefined);
      await cepa("sensor", "set", "box", "--update-channel", "stable");
    },
  );
});

test("what base's server gives, and to whom", async () => {
  const set = await publish();
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
  await cepa("update", "stop", version);
  assert.equal((await get(root)).status, 410);
  await cepa("update", "percent", version, "100");
  const { database } = base.provider;
  const change = (sql: string) => database.exec(`update sensors set ${sql}`);
  change("address = '127.0.0.9'");
  assert.equal((await get(root)).status, 403, "from another's address");
  assert.equal((await get("/v1/update/offer", {}, "POST")).status, 403);
  change("address = '127.0.0.1', state = 'revoked'");
  assert.equal((await get(root)).status, 403, "a sensor that is not active");
  change("state = 'active'");
  assert.equal((await get(root)).status, 200);
  await cepa("update", "withdraw", version, "--yes");
});

test("cepa update: what it refuses, and what it says", async () => {
  const set = await makeNext();
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
  assert.equal(await isThere(atBase(set)), undefined);
  assert.ok(!(await readdir(base.provider.paths.updatesFolder)).some((name) => name.startsWith("new-")));
  assert.equal((await base.cepa("audit", "verify")).status, 0);
  const log = await readFile(base.provider.paths.auditLog, "utf8");
  for (const action of ["updateKey", "updatePublish", "updateStop", "updatePercent", "updateWithdraw", "sensorSet"])
    assert.match(log, new RegExp(`"action":"${action}"`));
});
