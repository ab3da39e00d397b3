import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, parseJson } from "../core/checked-json.ts";
import { type SensorIdentity, STATE_FILES } from "../core/contract/identity.ts";
import { type NetworkConfig, readNetworkConfig, readPortChoice } from "../core/contract/network.ts";
import type { RoleName } from "../core/contract/role.ts";
import {
  configSignatureInput,
  DEFAULT_SENSOR_CONFIG,
  readSensorConfig,
  readSignedConfig,
  type SensorConfig,
} from "../core/contract/sensor-config.ts";
import { writeFileAtomically } from "../core/node/atomic-file.ts";
import type { Log } from "../core/ports.ts";

/** The last configuration that was good, in the folder of the role that keeps it; taken when `config.json` is not. */
export const LAST_GOOD_FILE = "config-last-good.json";

interface NumberedConfig {
  readonly number: number;
  readonly config: SensorConfig;
}

/**
 * The settings that base signed for this sensor, over the defaults of the image. A file that is damaged, signed by another,
 * meant for another sensor, older than the last good one, or has a setting that is unknown or out of bounds is refused and
 * logged: the last good one holds, which each `role` keeps in the folder of its name. Without any, the defaults.
 */
export async function loadConfig(
  stateFolder: string,
  identity: SensorIdentity,
  log: Log,
  role: RoleName,
): Promise<SensorConfig> {
  const path = join(stateFolder, STATE_FILES.config);
  const lastGoodPath = join(stateFolder, role, LAST_GOOD_FILE);
  const text = await readIfThere(path);
  const lastGoodText = await readIfThere(lastGoodPath);
  if (text === undefined && lastGoodText === undefined) return DEFAULT_SENSOR_CONFIG;
  const key = createPublicKey(await readFile(join(stateFolder, STATE_FILES.commandPublicKey)));
  const lastGood = tryCheck(lastGoodText, identity.sensorId, key, lastGoodPath, log);
  const given = tryCheck(text, identity.sensorId, key, path, log);
  if (given === undefined) return lastGood?.config ?? DEFAULT_SENSOR_CONFIG;
  if (lastGood !== undefined && given.number < lastGood.number) {
    log("error", "configuration refused: older than the last good one", {
      number: given.number,
      lastGood: lastGood.number,
    });
    return lastGood.config;
  }
  if (text !== undefined && text !== lastGoodText)
    await writeFileAtomically(lastGoodPath, text, 0o640).catch((error: Error) =>
      log("warning", "the configuration could not be kept as the last good one", { message: error.message }),
    );
  return given.config;
}

/** Throws a ConfigError that says what is wrong with the text. */
export function checkConfig(text: string, sensorId: string, baseKey: KeyObject): NumberedConfig {
  const signed = readSignedConfig(parseJson(text, "config"));
  const input = configSignatureInput(sensorId, signed.number, signed.settings);
  if (!verify(null, input, baseKey, Buffer.from(signed.signature, "base64")))
    throw new ConfigError("config.signature", "a signature by base for this sensor", signed.signature);
  return { number: signed.number, config: readSensorConfig(parseJson(signed.settings, "config.settings")) };
}

/** `network.json`; without the file, the defaults. Throws a ConfigError. */
export async function loadNetworkConfig(stateFolder: string): Promise<NetworkConfig> {
  const text = await readIfThere(join(stateFolder, STATE_FILES.network));
  return text === undefined ? {} : readNetworkConfig(parseJson(text, "network"));
}

/** Of one that loadNetworkConfig finds a fault in. Throws a ConfigError when it is no JSON. */
export async function loadPortChoice(stateFolder: string): Promise<NetworkConfig> {
  return readPortChoice(parseJson((await readIfThere(join(stateFolder, STATE_FILES.network))) ?? "{}", "network"));
}

function tryCheck(
  text: string | undefined,
  sensorId: string,
  baseKey: KeyObject,
  path: string,
  log: Log,
): NumberedConfig | undefined {
  if (text === undefined) return undefined;
  try {
    return checkConfig(text, sensorId, baseKey);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    log("error", "configuration refused", { file: path, why: error.message });
    return undefined;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
