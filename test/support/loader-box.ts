import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { LOADER_PLACES } from "../../appliance/firmware/loader-plan.ts";
import { type EspFiles, type LoaderRecord, renewLoader } from "../../appliance/firmware/renew-loader.ts";
import { decodeSignedProgram, type SignedProgram } from "../../appliance/firmware/signed-program.ts";
import type { BootLoaderReport } from "../../core/contract/health.ts";
import { FakeClock } from "./fake-clock.ts";

/** What a cut leaves of the step that it comes in; not each step tells all of them apart. */
export const CUT_KINDS = ["before", "gone", "torn", "both", "behind"] as const;
export type CutKind = (typeof CUT_KINDS)[number];

export class PowerCutError extends Error {
  override readonly name = "PowerCutError";
}

/** A box as far as its boot loaders go: an ESP, a firmware that starts the first copy that it takes, and what the state partition keeps. */
export class LoaderBox {
  readonly esp: EspFiles;
  readonly variables = new Map<string, Uint8Array>();
  readonly wanted = new Map<string, { readonly content: Uint8Array; readonly sha256: string }>();
  record: LoaderRecord | undefined;
  /** Whether the firmware starts a program that is whole. */
  takes: (program: SignedProgram) => boolean = () => true;
  started: string | undefined;
  /** Steps that write, so far. */
  steps = 0;
  readonly #programs = new WeakMap<Uint8Array, SignedProgram>();
  #starts = 0;
  #cut: { readonly atStep: number; readonly kind: CutKind } | undefined;

  constructor(esp: EspFiles) {
    this.esp = esp;
  }

  /** An update brought it. */
  bring(version: string, content: Uint8Array): void {
    this.wanted.set(version, { content, sha256: createHash("sha256").update(content).digest("hex") });
  }

  cutAt(atStep: number, kind: CutKind): void {
    this.#cut = { atStep, kind };
  }

  async copies(): Promise<readonly (Uint8Array | undefined)[]> {
    return await Promise.all(LOADER_PLACES.map((place) => this.esp.read(place)));
  }

  /** Power on: the firmware goes through its copies. */
  async start(): Promise<void> {
    this.#starts++;
    this.#cut = undefined;
    const at = (await this.copies()).findIndex((content) => this.#isStarted(content));
    this.started = LOADER_PLACES[at];
    assert.ok(this.started, "the box starts");
    const path = `\\${this.started.replaceAll("/", "\\")}\0`;
    this.variables.set("LoaderImageIdentifier", Buffer.from(path, "utf16le"));
  }

  /** Of all copies but one the firmware starts any; holds between any two steps. */
  async assertStartable(): Promise<void> {
    const startable = (await this.copies()).filter((content) => this.#isStarted(content));
    assert.ok(
      startable.length >= LOADER_PLACES.length - 1,
      `${startable.length} copies would start at step ${this.steps}`,
    );
  }

  async renew(version: string): Promise<BootLoaderReport | undefined> {
    const { esp } = this;
    return await renewLoader(version, {
      clock: new FakeClock(1_700_000_000_000),
      log: () => {},
      bootId: `00000000-0000-0000-0000-${String(this.#starts).padStart(12, "0")}`,
      variables: { read: async (name) => this.variables.get(name) },
      esp: {
        read: (place) => esp.read(place),
        isFoundGood: (of) => esp.isFoundGood(of),
        remove: (place) => this.#step({ whole: () => esp.remove(place) }),
        write: (place, content) =>
          this.#step({ torn: () => esp.write(place, half(content)), whole: () => esp.write(place, content) }),
        move: (from, to) =>
          this.#step({
            gone: () => esp.remove(to),
            torn: () => this.#put(to, from, half),
            both: () => this.#put(to, from, (content) => content),
            whole: () => esp.move(from, to),
          }),
      },
      loadWanted: async (of) => this.wanted.get(of),
      keepWanted: (of) =>
        this.#step({
          whole: async () => {
            for (const one of this.wanted.keys()) if (one !== of) this.wanted.delete(one);
          },
        }),
      loadRecord: async () => this.record,
      saveRecord: (record) =>
        this.#step({
          whole: async () => {
            this.record = record;
          },
        }),
    });
  }

  #isStarted(content: Uint8Array | undefined): boolean {
    if (content === undefined) return false;
    const program = this.#programs.get(content) ?? decodeSignedProgram(content);
    if (program !== undefined) this.#programs.set(content, program);
    return program !== undefined && this.takes(program);
  }

  async #put(to: string, from: string, change: (content: Uint8Array) => Uint8Array): Promise<void> {
    const content = await this.esp.read(from);
    await this.esp.remove(to);
    await this.esp.write(to, change(content ?? new Uint8Array()));
  }

  async #step(
    does: { readonly whole: () => Promise<void> } & Partial<Record<CutKind, () => Promise<void>>>,
  ): Promise<void> {
    const atStep = this.steps++;
    if (this.#cut !== undefined && atStep >= this.#cut.atStep) {
      if (atStep === this.#cut.atStep) await (this.#cut.kind === "behind" ? does.whole : does[this.#cut.kind])?.();
      await this.assertStartable();
      throw new PowerCutError();
    }
    await does.whole();
    await this.assertStartable();
  }
}

const half = (content: Uint8Array) => content.subarray(0, content.length / 2);

/** An ESP in memory, all copies of it `loader`. */
export function memoryEsp(loader: Uint8Array): EspFiles {
  const files = new Map<string, Uint8Array>(LOADER_PLACES.map((place) => [place, loader]));
  return {
    read: async (place) => files.get(place),
    isFoundGood: async () => true,
    async remove(place) {
      files.delete(place);
    },
    async write(place, content) {
      assert.ok(!files.has(place), `${place} is there`);
      files.set(place, content);
    },
    async move(from, to) {
      files.set(to, files.get(from) ?? assert.fail(`no ${from}`));
      files.delete(from);
    },
  };
}

/** Power cuts, each with its start, and then starts without one until nothing waits: all copies are `expected`. */
export async function assertSurvives(
  box: LoaderBox,
  version: string,
  expected: Uint8Array,
  cuts: readonly { readonly afterSteps: number; readonly kind: CutKind }[],
): Promise<void> {
  for (const { afterSteps, kind } of cuts) {
    await box.start();
    box.cutAt(box.steps + afterSteps, kind);
    await box.renew(version).catch((error: Error) => assert.equal(error.name, "PowerCutError"));
  }
  for (let starts = 0; box.wanted.size > 0; starts++) {
    assert.ok(starts < 4, `it comes to an end, ${JSON.stringify(box.record)}`);
    await box.start();
    await box.renew(version);
  }
  for (const content of await box.copies()) assert.ok(content !== undefined && Buffer.compare(content, expected) === 0);
}
