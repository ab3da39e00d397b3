import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJson } from "../core/checked-json.ts";
import { readSensorIdentity, type SensorIdentity, STATE_FILES } from "../core/contract/identity.ts";

/** Who this box is, from the state partition. Throws a ConfigError, or the file system's error. */
export async function loadIdentity(stateFolder: string): Promise<SensorIdentity> {
  return readSensorIdentity(parseJson(await readFile(join(stateFolder, STATE_FILES.identity), "utf8"), "identity"));
}

/** PEM of the sensor's end of mutual TLS. */
export interface TlsFiles {
  readonly privateKey: string;
  readonly certificate: string;
  readonly authority: string;
}

export async function loadTlsFiles(stateFolder: string): Promise<TlsFiles> {
  const [privateKey, certificate, authority] = await Promise.all(
    [STATE_FILES.privateKey, STATE_FILES.certificate, STATE_FILES.authority].map((file) =>
      readFile(join(stateFolder, file), "utf8"),
    ),
  );
  return { privateKey: privateKey ?? "", certificate: certificate ?? "", authority: authority ?? "" };
}

/** /proc/sys/kernel/random/boot_id as messages carry it: 32 hexadecimal digits. */
export async function loadBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim().replaceAll("-", "");
}

/** Group id of the roles' sockets, where /etc/group has a group `cepa`. */
export async function loadSocketGroupId(groupFile = "/etc/group"): Promise<number | undefined> {
  const text = await readFile(groupFile, "utf8").catch(() => "");
  const id = /^cepa:[^:]*:(\d+):/m.exec(text)?.[1];
  return id === undefined ? undefined : Number(id);
}
