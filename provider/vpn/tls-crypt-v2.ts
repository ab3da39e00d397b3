import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Exec } from "../../core/ports.ts";
import { Secret } from "../../core/secret.ts";

const TIMEOUT_MS = 30_000;

/** The key, PEM, under which base's OpenVPN servers read each sensor's. Throws an ExecError when OpenVPN is not there. */
export function makeServerKey(exec: Exec, signal: AbortSignal): Promise<Secret> {
  return inMemoryFolder(async (folder) => {
    const path = join(folder, "server.key");
    await exec("openvpn", ["--genkey", "tls-crypt-v2-server", path], signal, { timeoutMs: TIMEOUT_MS });
    return new Secret(await readFile(path));
  });
}

/** A sensor's own key, PEM; the sensor's id travels in it, readable by the servers only. */
export function makeClientKey(serverKey: Secret, sensorId: string, exec: Exec, signal: AbortSignal): Promise<string> {
  return inMemoryFolder(async (folder) => {
    const metadata = Buffer.from(sensorId, "ascii").toString("base64");
    const [serverPath, path] = [join(folder, "server.key"), join(folder, "client.key")];
    await writeFile(serverPath, serverKey.reveal(), { mode: 0o600 });
    const args = ["--tls-crypt-v2", serverPath, "--genkey", "tls-crypt-v2-client", path, metadata];
    await exec("openvpn", args, signal, { timeoutMs: TIMEOUT_MS });
    return await readFile(path, "utf8");
  });
}

/** OpenVPN knows these keys as files only: so they are files for a moment, never on a disk. */
async function inMemoryFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp("/dev/shm/cepa-key-");
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
