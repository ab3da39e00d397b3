import { cpuTemperature } from "systeminformation";

const TIMEOUT_MS = 5_000;

/**
 * Of the processor, by systeminformation, which knows what the sensors of many boards are called; null where there is
 * none. The only function of that package that a sensor calls: it reads hwmon and thermal zones through a shell.
 */
export async function measureTemperatureC(): Promise<number | null> {
  const late = new Promise<null>((resolve) => setTimeout(resolve, TIMEOUT_MS, null).unref());
  const measured = await Promise.race([cpuTemperature().catch(() => null), late]);
  const temperatureC = measured?.main ?? null;
  return Number.isFinite(temperatureC) ? temperatureC : null;
}
