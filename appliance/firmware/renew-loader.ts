import { createHash } from "node:crypto";
import type { BootLoaderReport } from "../../core/contract/health.ts";
import { decodeSignatureLists, SHA256_SIGNATURE, X509_SIGNATURE } from "../../core/efi-signature-list.ts";
import type { Clock, Log } from "../../core/ports.ts";
import { compareVersions } from "../../core/version.ts";
import { type FirmwareVariables, isOn } from "./admit-key.ts";
import { LOADER_PLACES, type LoaderCopy, planLoader } from "./loader-plan.ts";
import { decodeSignedProgram, identityOf, type SignedProgram } from "./signed-program.ts";

const DETAIL_MAX = 200;
/** Beside the copy that it becomes: in one folder, and by that nearly always in one sector of it. No firmware starts it. */
const NEW_NAME = "loader.new";

/** The ESP. What resolves is on the disk. */
export interface EspFiles {
  /** Undefined when there is none, or it can't be read. Places are relative to the ESP. */
  read(place: string): Promise<Uint8Array | undefined>;
  /** Not there is well. */
  remove(place: string): Promise<void>;
  /** There is no such file before. */
  write(place: string, content: Uint8Array): Promise<void>;
  /** In place of what is at `to`. */
  move(from: string, to: string): Promise<void>;
  /** The kernel of the version is there, and its starts are not counted any more. */
  isFoundGood(version: string): Promise<boolean>;
}

/** What is kept of it from start to start. */
export interface LoaderRecord extends BootLoaderReport {
  /** The one that was put where the firmware starts first, and the start in which it was; null when that is settled. */
  readonly tried: { readonly identity: string; readonly bootId: string } | null;
}

export interface LoaderPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly bootId: string;
  readonly variables: Pick<FirmwareVariables, "read">;
  readonly esp: EspFiles;
  /** The boot loader that a version's set brought, and its hash when it was installed; undefined: none, or it has been dealt with. */
  loadWanted(version: string): Promise<{ readonly content: Uint8Array; readonly sha256: string } | undefined>;
  /** Removes all that wait, but that of `version`. */
  keepWanted(version: string | undefined): Promise<void>;
  loadRecord(): Promise<LoaderRecord | undefined>;
  saveRecord(record: LoaderRecord): Promise<void>;
}

/**
 * Brings the boot loader of the version that runs, and was found good, to the ESP: see planLoader. What a power cut leaves is gone on with in
 * the next start. Resolves to what there is to say; undefined: nothing waits.
 */
export async function renewLoader(running: string, ports: LoaderPorts): Promise<BootLoaderReport | undefined> {
  const { esp, bootId, log } = ports;
  await ports.keepWanted(running);
  const record = await ports.loadRecord();
  let tried = record?.tried ?? null;
  // what has been written where this start came from says nothing of what this start came from
  if (tried?.bootId === bootId) return record;
  if (record !== undefined && compareVersions(running, record.version) < 0) {
    log("warning", "the ESP has the boot loader of a later version, which stays", { running, later: record.version });
    await ports.keepWanted(undefined);
    return record;
  }
  const say = async (result: BootLoaderReport["result"], detail: string, program?: SignedProgram) => {
    const said: LoaderRecord = {
      ...{ atMs: ports.clock.nowMs(), version: running, info: program?.loaderInfo ?? "", result },
      ...{ detail: detail.replaceAll(/\s+/g, " ").slice(0, DETAIL_MAX), tried },
    };
    await ports.saveRecord(said);
    return said;
  };
  let program: SignedProgram | undefined;
  try {
    const wanted = await ports.loadWanted(running);
    if (wanted === undefined) return undefined;
    program = decodeSignedProgram(wanted.content);
    const isAsInstalled = hashOf(wanted.content) === wanted.sha256;
    if (program?.loaderInfo === undefined || !isAsInstalled) {
      await ports.keepWanted(undefined); // for good; the next version brings another
      const why = isAsInstalled
        ? "the set's is no boot loader that is whole and signed"
        : "it is not what was installed";
      return await say("failed", why);
    }
    if (!(await esp.isFoundGood(running))) return await say("waiting", `${running} is not found good yet`, program);
    const refusal = await findRefusal(program, ports.variables);
    return refusal === undefined ? await bring(wanted.content, program) : await say("waiting", refusal, program);
  } catch (error) {
    return say("failed", (error as Error).message, program);
  }

  async function bring(wanted: Uint8Array, wantedProgram: SignedProgram): Promise<BootLoaderReport> {
    for (const folder of new Set(LOADER_PLACES.map(folderOf))) await esp.remove(`${folder}/${NEW_NAME}`);
    const octets = new Map<string, Uint8Array | undefined>();
    for (const place of LOADER_PLACES) octets.set(place, await esp.read(place));
    const started = parseStartedPlace(await ports.variables.read("LoaderImageIdentifier"));
    const { outcome, why, writes } = planLoader({
      copies: [...octets].map(([place, content]) => describeCopy(place, content)),
      ...{ started, wanted: identityOf(wantedProgram), tried: tried?.identity },
    });
    const contents = { wanted, started: started === undefined ? undefined : octets.get(started) };
    for (const { place, content } of writes) {
      if (content === "wanted") {
        tried = { identity: identityOf(wantedProgram), bootId };
        await say("tried", "", wantedProgram); // first: a power cut may follow
      }
      await replace(place, contents[content] ?? wanted);
      log("info", "a copy of the boot loader is written", { place, content });
    }
    if (outcome !== "tried" && outcome !== "unknown") tried = null;
    const said = await say(outcome === "unknown" ? "waiting" : outcome, why, wantedProgram);
    if (outcome === "everywhere" || outcome === "passedOver") await ports.keepWanted(undefined);
    return said;
  }

  /** Under another name first: the copy is the former one or the new one whole, as far as FAT can do that. */
  async function replace(place: string, content: Uint8Array): Promise<void> {
    const beside = `${folderOf(place)}/${NEW_NAME}`;
    await esp.write(beside, content);
    await esp.move(beside, place);
    const found = await esp.read(place);
    if (found === undefined || Buffer.compare(found, content) !== 0)
      throw new Error(`${place} is not what was written; no other copy is touched`);
  }
}

const hashOf = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");

const folderOf = (place: string) => place.slice(0, place.lastIndexOf("/"));

function describeCopy(place: string, content: Uint8Array | undefined): LoaderCopy {
  if (content === undefined) return { place, sha256: undefined, identity: undefined };
  const program = decodeSignedProgram(content);
  return {
    place,
    sha256: hashOf(content),
    identity: program?.loaderInfo === undefined ? undefined : identityOf(program),
  };
}

/** The variable has the path as UTF-16, `\EFI\cepa\boot-1.efi`, in the firmware's own case. */
export function parseStartedPlace(variable: Uint8Array | undefined): string | undefined {
  const path = Buffer.from(variable ?? [])
    .toString("utf16le")
    .replace(/\0+$/, "");
  const place = path.replace(/^\\/, "").replaceAll("\\", "/").toLowerCase();
  return LOADER_PLACES.find((known) => known.toLowerCase() === place);
}

/**
 * Why the firmware would not start it, as far as its db and dbx tell; undefined where nobody asks for signatures, or it would. Behind shim
 * db lacks what signs our loaders, so nothing takes the place of shim.
 */
async function findRefusal(program: SignedProgram, variables: LoaderPorts["variables"]): Promise<string | undefined> {
  if (!(await isOn(variables, "SecureBoot")) || (await isOn(variables, "SetupMode"))) return undefined;
  const [db, dbx] = await Promise.all(
    (["db", "dbx"] as const).map(async (name) =>
      decodeSignatureLists((await variables.read(name)) ?? new Uint8Array()),
    ),
  );
  if (db?.ok !== true || dbx?.ok !== true) return "the firmware's db or dbx can't be read";
  const has = (list: typeof db.value, type: string, data: Uint8Array) =>
    list.some((entry) => entry.type === type && Buffer.compare(entry.data, data) === 0);
  if (has(dbx.value, SHA256_SIGNATURE, Buffer.from(program.digest, "hex"))) return "the firmware's dbx has it";
  const isTaken = (signer: Uint8Array) =>
    has(db.value, X509_SIGNATURE, signer) && !has(dbx.value, X509_SIGNATURE, signer);
  return program.signers.some(isTaken)
    ? undefined
    : "the firmware's db lacks the key that signed it, or its dbx has it";
}
