import { constants } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJson } from "../../core/checked-json.ts";
import { type OfferAnswer, readOfferRequest, SET_PATH } from "../../core/contract/update-offer.ts";
import { PROFILE_PATTERN, parseSums, SIGNATURE_FILE, SUMS_FILE } from "../../core/contract/update-set.ts";
import { isVersion } from "../../core/version.ts";
import type { Sensor } from "../fleet/sensors.ts";
import type { Provider } from "../state/provider.ts";
import { offerFor } from "./offer.ts";
import { setFolder } from "./publish.ts";
import { findUpdate, listUpdates } from "./published.ts";

const DOWNLOADS_MAX = 256;
const DOWNLOADS_OF_SENSOR_MAX = 2;

export interface SetFileOpened {
  readonly file: FileHandle;
  readonly sizeBytes: number;
  /** SHA-256 as it was published; of the two that are not in SHA256SUMS, of the set. */
  readonly hash: string;
  /** To be called when it is sent, or will not be. */
  done(): Promise<void>;
}

export interface UpdateService {
  /** Throws a ConfigError for a body that is no question. */
  offer(sensor: Sensor, body: string): OfferAnswer;
  /** The file at a path of the contract; `gone`: not offered any more; `tooMany`: later. */
  openFile(sensor: Sensor, path: string): Promise<SetFileOpened | "unknown" | "gone" | "tooMany">;
  /** Whether the set of a path may still be sent. */
  isOffered(path: string): boolean;
  /** Since base started. */
  counters(): { readonly updateFilesSent: number; readonly updateFilesRefused: number };
}

export function createUpdateService(provider: Provider): UpdateService {
  const { database, paths } = provider;
  const underWay = new Map<string, number>();
  const counters = { updateFilesSent: 0, updateFilesRefused: 0 };
  let all = 0;

  const release = (sensorId: string) => {
    all--;
    const left = (underWay.get(sensorId) ?? 1) - 1;
    if (left === 0) underWay.delete(sensorId);
    else underWay.set(sensorId, left);
  };

  const openFile: UpdateService["openFile"] = async (sensor, path) => {
    const wanted = parseSetPath(path);
    const update = wanted && findUpdate(database, wanted.profile, wanted.version);
    if (wanted === undefined || update === undefined) return "unknown";
    if (update.state !== "offered") return "gone";
    const own = underWay.get(sensor.id) ?? 0;
    if (all >= DOWNLOADS_MAX || own >= DOWNLOADS_OF_SENSOR_MAX) return "tooMany";
    all++;
    underWay.set(sensor.id, own + 1);
    const opened = await openIn(setFolder(paths, wanted.profile, wanted.version), wanted.name, update.sumsHash).catch(
      () => undefined,
    );
    if (opened === undefined) {
      release(sensor.id);
      return "unknown";
    }
    counters.updateFilesSent++;
    const done = async () => {
      release(sensor.id);
      await opened.file.close();
    };
    return { ...opened, done };
  };

  return {
    offer(sensor, body) {
      const request = readOfferRequest(parseJson(body, "offer"));
      const asker = { sensorId: sensor.id, channel: sensor.updateChannel, pin: sensor.updatePin };
      return offerFor(asker, request, listUpdates(database));
    },
    async openFile(sensor, path) {
      const opened = await openFile(sensor, path);
      if (typeof opened === "string") counters.updateFilesRefused++;
      return opened;
    },
    isOffered(path) {
      const wanted = parseSetPath(path);
      return wanted !== undefined && findUpdate(database, wanted.profile, wanted.version)?.state === "offered";
    },
    counters: () => ({ ...counters }),
  };
}

/** undefined: not a file of the set. Throws what the file system throws. */
async function openIn(folder: string, name: string, setHash: string): Promise<Omit<SetFileOpened, "done"> | undefined> {
  const sums = parseSums(await readFile(join(folder, SUMS_FILE), "utf8"));
  const hash = name === SUMS_FILE || name === SIGNATURE_FILE ? setHash : sums?.get(name);
  if (hash === undefined) return undefined;
  const file = await open(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW);
  return { file, sizeBytes: (await file.stat()).size, hash };
}

/** `/v1/update/set/PROFILE/VERSION/NAME`; undefined for anything else. */
function parseSetPath(path: string): { profile: string; version: string; name: string } | undefined {
  if (!path.startsWith(SET_PATH)) return undefined;
  const [profile = "", version = "", name = "", ...more] = path.slice(SET_PATH.length).split("/");
  if (more.length > 0 || !PROFILE_PATTERN.test(profile) || !isVersion(version)) return undefined;
  return /^[A-Za-z0-9][A-Za-z0-9._~-]{0,150}$/.test(name) ? { profile, version, name } : undefined;
}
