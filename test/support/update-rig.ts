import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BaseFiles, baseFiles } from "../../appliance/update/base-files.ts";
import { updateFolder } from "../../appliance/update/update-folder.ts";
import { type BoxImage, verifyForBox } from "../../appliance/update/verify-set.ts";
import type { RefusalReason } from "../../core/contract/update-refusal.ts";
import { setFolder } from "../../provider/updates/publish.ts";
import { until } from "./base-network.ts";
import { UpdateBase } from "./update-base.ts";
import { type MadeSet, makeSet, updateKeys } from "./update-sets.ts";

export const SETTINGS = { link: { heartbeatMs: 1000 }, update: { askMs: 1000, rateBytesPerSecond: 100_000_000 } };

/** Base, the versions that are published there, and boxes that ask for them. */
export class UpdateRig {
  readonly folder: string;
  readonly base: UpdateBase;
  /** What runs on a box, unless a test says otherwise. */
  readonly image: BoxImage;
  readonly keys: ReturnType<typeof updateKeys>;
  readonly signal = AbortSignal.timeout(600_000);
  #number = 0;

  private constructor(folder: string, base: UpdateBase, keys: ReturnType<typeof updateKeys>) {
    this.folder = folder;
    this.base = base;
    this.keys = keys;
    this.image = { version: "1.0.0", profile: "qemu", keyPath: join(folder, "update.pub") };
  }

  static async start(): Promise<UpdateRig> {
    const folder = await mkdtemp(join(tmpdir(), "cepa-update-"));
    const rig = new UpdateRig(folder, await UpdateBase.start(folder), updateKeys());
    await writeFile(rig.image.keyPath, rig.keys.publicKey.export({ format: "pem", type: "spki" }));
    await rig.cepa("update", "key", rig.image.keyPath);
    return rig;
  }

  async destroy(): Promise<void> {
    await this.base.destroy();
    await rm(this.folder, { recursive: true, force: true });
  }

  async cepa(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.base.cepa(...args);
    assert.equal(status, 0, `cepa ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** The version that is made next. */
  get nextVersion(): string {
    return `2.0.${this.#number + 1}`;
  }

  /** A version of its own for each test, the newer the later. */
  async publish(given: object = {}, ...more: readonly string[]): Promise<MadeSet> {
    const set = await this.makeNext(given);
    await this.cepa("update", "publish", set.folder, ...more);
    return set;
  }

  async makeNext(given: object = {}): Promise<MadeSet> {
    const version = this.nextVersion;
    const number = ++this.#number;
    return await makeSet(join(this.folder, `set-${number}`), this.keys.privateKey, { version, ...given }, number);
  }

  atBase({ description }: MadeSet): string {
    return setFolder(this.base.provider.paths, description.profile, description.version);
  }

  /** How a box with this state partition reaches base. */
  async baseFilesOf(state: string): Promise<BaseFiles> {
    const endpoint = JSON.parse(await readFile(join(state, "identity/sensor.json"), "utf8"));
    const read = (name: string) => readFile(join(this.folder, name), "utf8");
    return baseFiles({
      ...{ host: endpoint.baseAddress, port: endpoint.basePort, localAddress: endpoint.vpnAddress },
      ...{ privateKey: await read("sensor.key"), certificate: await read("sensor.crt") },
      authority: await read("ca.crt"),
    });
  }

  /** Runs the roles on a new state partition around `body`; withdraws what was published. */
  async onBox(
    options: {
      readonly settings?: object;
      readonly byProxy?: boolean;
      readonly base?: Partial<BaseFiles>;
      readonly image?: object;
    },
    prepare: (state: string) => Promise<unknown>,
    body: (state: string, runFolder: string) => Promise<unknown>,
  ): Promise<void> {
    const { base } = this;
    const settings = options.settings ?? SETTINGS;
    const state = await base.makeStateFolder(`box-${crypto.randomUUID()}`, settings, options.byProxy);
    await prepare(state);
    const files = await this.baseFilesOf(state);
    const hostile = options.base === undefined ? {} : { base: { ...files, ...options.base } };
    base.provider.database.exec("delete from events; update sensors set last_health = null");
    const roles = base.startRoles(state, { ...this.image, ...options.image }, hostile);
    try {
      await body(state, roles.runFolder);
    } finally {
      await roles.stop();
      base.cut = undefined;
      base.provider.database.exec("update updates set state = 'withdrawn'");
    }
  }

  async assertReady(state: string, set: MadeSet): Promise<void> {
    const ready = readyOf(state, set);
    await until(() => isThere(ready), `${set.description.version} is ready`);
    for (const name of await readdir(set.folder))
      assert.ok((await readFile(join(ready, name))).equals(await readFile(join(set.folder, name))), name);
    const verified = await verifyForBox(ready, this.image, updateFolder(join(state, "update")), this.signal);
    assert.deepEqual(verified.description, set.description);
  }

  /** Waits until base was told of the refusal by an event. */
  async assertTold(version: string, reason: RefusalReason, message: RegExp): Promise<void> {
    const event = await until(
      async () =>
        this.base
          .events()
          .find((one) => one.name === "updateRefused" && one.version === version && one.reason === reason),
      `base is told of ${version}: ${reason}`,
    );
    assert.match(event.name === "updateRefused" ? event.message : "", message);
  }

  /** Waits until base was told of the refusal, as an event and with a heartbeat, and shows it. */
  async assertRefused(version: string, reason: RefusalReason, message: RegExp): Promise<void> {
    await this.assertTold(version, reason, message);
    const refusal = await until(async () => {
      const seen = this.base.view().health?.update?.refusal;
      return seen?.version === version ? seen : undefined;
    }, "a heartbeat says so");
    assert.equal(refusal.reason, reason);
    assert.match(refusal.message, message);
    const shown = await this.cepa("sensor", "show", "box");
    assert.match(shown, new RegExp(`^update .*refused ${version.replaceAll(".", "\\.")} .*\\(${reason}\\): `, "m"));
  }
}

/** Where a box has a version that is checked and ready. */
export const readyOf = (state: string, { description }: MadeSet) => join(state, "update/ready", description.version);

export const isThere = (path: string) =>
  readdir(path).then(
    () => true as const,
    () => undefined,
  );
