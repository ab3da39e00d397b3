import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyReleaseError } from "../../../../appliance/vault/base-client.ts";
import { deriveVolumeKey } from "../../../../appliance/vault/key-exchange.ts";
import type { StoreHeader } from "../../../../appliance/vault/luks-header.ts";
import { type LuksTool, StoreError } from "../../../../appliance/vault/luks-tool.ts";
import type { FormatRecord } from "../../../../appliance/vault/plan.ts";
import { newVaultBoard, runVault, type VaultPorts } from "../../../../appliance/vault/service.ts";
import { Secret } from "../../../../core/secret.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

const SENSOR_ID = "0123456789abcdef";
const UUID = "4a1f6d3c-0000-4000-8000-1234567890ab";
const LUKS2: StoreHeader = { state: "luks2", uuid: UUID, wholeCopies: 2 };
const DAMAGED: StoreHeader = { state: "damaged", detail: "wrong checksum" };

/** A box whose programs only say what was done to the store. */
class FakeBox implements VaultPorts {
  readonly clock = new FakeClock();
  readonly done: string[] = [];
  readonly shares: Secret[] = [];
  readonly keys: Secret[] = [];
  header: StoreHeader = { state: "none", blank: true };
  record: FormatRecord | undefined;
  present = true;
  trouble: string | undefined;
  tunnel = true;
  format = false;
  fileSystem = false;
  linkTakes = true;
  failure: Error | undefined;
  toolFailure: Error | undefined;
  readonly log = () => {};
  readonly random = () => 0.999999;
  readonly tool: LuksTool = {
    format: async () => {
      this.#use("format");
      this.header = LUKS2;
    },
    open: async (_device, name, key) => {
      this.keys.push(key);
      assert.equal(key.reveal().length, 64);
      this.#use(`open ${name}`);
    },
    close: async (name) => this.#use(`close ${name}`),
    makeFileSystem: async (device) => {
      this.#use(`mkfs ${device}`);
      this.fileSystem = true;
    },
  };
  readonly store = {
    device: "/dev/store",
    exists: async () => this.present,
    trouble: async () => this.trouble,
    readHeader: async () => this.header,
    isOpen: async () => false,
    mapped: (name: string) => `/dev/mapper/${name}`,
    hasFileSystem: async () => this.fileSystem,
  };
  readonly formatRecord = {
    read: async () => this.record,
    write: async (record: FormatRecord) => {
      this.record = record;
    },
    clear: async () => {
      this.record = undefined;
    },
  };
  readonly tunnelUp = () => this.tunnel;
  readonly fetchShare = async (luksUuid: string | null) => {
    this.done.push(`ask ${luksUuid === null ? "for a new store" : "for the store"}`);
    if (this.failure !== undefined) throw this.failure;
    const share = new Secret(new Uint8Array(32).fill(7));
    this.shares.push(share);
    return { share, format: this.format };
  };
  readonly tell = async (event: { name: string }) => {
    if (!this.linkTakes) throw new Error("no link");
    this.done.push(`tell ${event.name}`);
  };

  #use(what: string): void {
    this.done.push(what);
    if (this.toolFailure !== undefined) throw this.toolFailure;
  }
}

async function run(box: FakeBox, durationMs: number, then: (state: string, detail: string) => Promise<void> | void) {
  const board = newVaultBoard();
  const stop = new AbortController();
  const running = runVault(box, SENSOR_ID, board, stop.signal).catch((error: unknown) => error);
  await box.clock.advance(durationMs);
  await then(board.status.state, board.status.detail);
  stop.abort();
  await running;
  for (const secret of [...box.shares, ...box.keys]) assert.throws(() => secret.reveal(), /wiped/);
}

test("a blank store that base lets be formatted", async () => {
  const box = new FakeBox();
  box.format = true;
  await run(box, 0, (state) => assert.equal(state, "open"));
  assert.deepEqual(box.done, [
    "ask for a new store",
    "format",
    "open nsm-new",
    "mkfs /dev/mapper/nsm-new",
    "close nsm-new",
    "open nsm",
    "tell storeFormatted",
    "tell storeOpened",
  ]);
  assert.equal(box.record, undefined);
});

test("a format that was cut off before mkfs is finished, and one before the header was whole is done again", async () => {
  for (const { header, done } of [
    { header: LUKS2, done: ["ask for the store"] },
    { header: DAMAGED, done: ["ask for a new store", "format"] },
  ]) {
    const box = new FakeBox();
    Object.assign(box, { header, format: true, record: { state: "formatting" } });
    await run(box, 0, (state) => assert.equal(state, "open"));
    assert.deepEqual(box.done.slice(0, done.length + 2), [...done, "open nsm-new", "mkfs /dev/mapper/nsm-new"]);
  }
});

test("an enrolled store is opened, and its file system kept even when base says format", async () => {
  for (const { format, done } of [
    { format: false, done: ["ask for the store", "open nsm", "tell storeOpened"] },
    {
      format: true,
      done: [
        "ask for the store",
        "open nsm-new",
        "close nsm-new",
        "open nsm",
        "tell storeFormatted",
        "tell storeOpened",
      ],
    },
  ]) {
    const box = new FakeBox();
    Object.assign(box, { header: LUKS2, fileSystem: true, format });
    await run(box, 0, (state) => assert.equal(state, "open"));
    assert.deepEqual(box.done, done);
  }
});

test("nothing is written to a damaged header, or to a blank store that base does not let be formatted", async () => {
  const damaged = new FakeBox();
  Object.assign(damaged, { header: DAMAGED, format: true });
  await run(damaged, 3_600_000, (state, detail) => {
    assert.equal(state, "damagedHeader");
    assert.match(detail, /wrong checksum/);
  });
  assert.deepEqual(damaged.done, []);
  const blank = new FakeBox();
  await run(blank, 3_600_000, (state) => assert.equal(state, "damagedHeader"));
  assert.deepEqual([...new Set(blank.done)], ["ask for a new store"]);
});

test("a failed fetch, a refused key and a wrong key are three states, each asked again for ever", async () => {
  const unreachable = new KeyReleaseError("unreachable", SENSOR_ID, { cause: new Error("connect ECONNREFUSED") });
  for (const { failure, toolFailure, expected } of [
    { failure: unreachable, expected: ["fetchFailed", "base does not answer: connect ECONNREFUSED"] },
    {
      failure: new KeyReleaseError("badReply", SENSOR_ID, { cause: new Error("status 500") }),
      expected: ["fetchFailed", "base's answer makes no sense: status 500"],
    },
    {
      failure: new KeyReleaseError("denied", SENSOR_ID, { refusal: "notActive" }),
      expected: ["refused", "base refuses the key: notActive; asking again"],
    },
    { toolFailure: new StoreError("wrongKey", "x"), expected: ["wrongKey", "base's key does not open the store"] },
    { toolFailure: new StoreError("toolFailed", "cryptsetup: no"), expected: ["openFailed", "cryptsetup: no"] },
  ]) {
    const box = new FakeBox();
    Object.assign(box, { header: LUKS2, failure, toolFailure });
    await run(box, 3_600_000, async (...said) => {
      assert.deepEqual(said, expected);
      const asked = box.done.filter((what) => what.startsWith("ask")).length;
      assert.ok(asked > 55 && asked < 70, `asked ${asked} times in an hour`);
      box.failure = box.toolFailure = undefined;
      await box.clock.advance(60_000);
      assert.equal(box.done.at(-1), "tell storeOpened");
      assert.ok(!box.done.includes("format"));
    });
  }
});

test("waits for the partition, then for the VPN, then asks at once", async () => {
  const box = new FakeBox();
  Object.assign(box, { header: LUKS2, present: false, tunnel: false });
  const stop = new AbortController();
  const board = newVaultBoard();
  const running = runVault(box, SENSOR_ID, board, stop.signal);
  await box.clock.advance(60_000);
  assert.equal(board.status.state, "noStore");
  box.present = true;
  await box.clock.advance(1_000);
  assert.deepEqual([board.status.state, board.status.luksUuid, board.status.tries], ["waitingForVpn", UUID, 0]);
  box.tunnel = true;
  await box.clock.advance(1_000);
  assert.deepEqual([board.status.state, board.status.tries], ["open", 1]);
  await running;
});

test("that the store was formatted survives a link that is not there and a restart", async () => {
  const box = new FakeBox();
  Object.assign(box, { format: true, linkTakes: false });
  await run(box, 120_000, (state) => assert.equal(state, "open"));
  assert.deepEqual(box.record, { state: "formatted", luksUuid: UUID });
  Object.assign(box, { format: false, linkTakes: true });
  box.done.length = 0;
  await run(box, 0, () => {});
  assert.deepEqual(box.done, ["ask for the store", "open nsm", "tell storeFormatted", "tell storeOpened"]);
});

test("deriveVolumeKey: HKDF-SHA-256 with the sensor id as salt", () => {
  const share = () => new Secret(Uint8Array.from({ length: 32 }, (_, index) => index));
  assert.equal(
    Buffer.from(deriveVolumeKey(share(), SENSOR_ID).reveal()).toString("hex"),
    "19bc8f119d0a8b5fdfbe113f75a492659f454568917ca7e90d9ca5a9f0da1c98a45f159dd63d38df48e07d44505a5913dadc619166f918cd2185fa099cfeeeb1",
  );
});
