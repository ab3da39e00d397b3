import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Exec } from "../../core/ports.ts";

const TIMEOUT_MS = 30_000;

/** The key under which base's OpenVPN servers read each sensor's. Throws an ExecError when OpenVPN is not there. */
export async function makeServerKey(path: string, exec: Exec, signal: AbortSignal): Promise<void> {
  await exec("openvpn", ["--genkey", "tls-crypt-v2-server", path], signal, { timeoutMs: TIMEOUT_MS });
  await chmod(path, 0o600);
}

/**
 * A sensor's own key, PEM; the sensor's id travels in it, readable by the servers only. OpenVPN reads back what it wrote, so
 * it is a file for a moment, in a folder of its own beside the servers' key.
 */
export async function makeClientKey(
  serverKeyPath: string,
  sensorId: string,
  exec: Exec,
  signal: AbortSignal,
): Promise<string> {
  const metadata = Buffer.from(sensorId, "ascii").toString("base64");
  const folder = await mkdtemp(join(dirname(serverKeyPath), "new-"));
  try {
    const path = join(folder, "client.key");
    const args = ["--tls-crypt-v2", serverKeyPath, "--genkey", "tls-crypt-v2-client", path, metadata];
    await exec("openvpn", args, signal, { timeoutMs: TIMEOUT_MS });
    return await readFile(path, "utf8");
  } finally {
    await rm(folder, { recursive: true });
  }
}
