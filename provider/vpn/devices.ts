import type { Exec } from "../../core/ports.ts";
import { baseAddress, type ProviderSettings } from "../state/settings.ts";
import { TRANSPORTS, tunnelDevice } from "./server-config.ts";

const TIMEOUT_MS = 10_000;

/** Makes both tunnel devices, each with base's address; they outlive a restart of OpenVPN. */
export async function makeDevices(settings: ProviderSettings, exec: Exec, signal: AbortSignal): Promise<void> {
  await removeDevices(exec, signal);
  for (const transport of TRANSPORTS) {
    const device = tunnelDevice(transport);
    for (const args of [
      ["tuntap", "add", "dev", device, "mode", "tun"],
      ["address", "add", `${baseAddress(settings)}/32`, "dev", device],
      ["link", "set", "dev", device, "txqueuelen", "1000", "up"],
    ])
      await exec("ip", args, signal, { timeoutMs: TIMEOUT_MS });
  }
}

/** Also takes their routes away. Devices that are not there are no error. */
export async function removeDevices(exec: Exec, signal: AbortSignal): Promise<void> {
  for (const transport of TRANSPORTS)
    await exec("ip", ["link", "delete", "dev", tunnelDevice(transport)], signal, { timeoutMs: TIMEOUT_MS }).catch(
      () => {
        signal.throwIfAborted();
      },
    );
}
