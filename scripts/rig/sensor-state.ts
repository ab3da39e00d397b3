import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type SensorIdentity, STATE_FILES } from "../../core/contract/identity.ts";

export const TEST_SENSOR_ID = "0123456789abcdef";

/** Writes what a role reads of a state partition; `identity` over a sensor that has both ends on the loopback. */
export async function writeSensorState(
  stateFolder: string,
  certified: { readonly privateKey: string; readonly certificate: string; readonly authority: string },
  identity: Partial<SensorIdentity>,
): Promise<SensorIdentity> {
  const whole: SensorIdentity = {
    sensorId: TEST_SENSOR_ID,
    name: "test",
    vpnAddress: "127.0.0.2",
    baseAddress: "127.0.0.1",
    basePort: 1,
    emergencyKeyId: 1,
    emergencySmsNumber: "+441632960961",
    flashedAtMs: 0,
    ...identity,
  };
  await mkdir(join(stateFolder, "identity"), { recursive: true });
  const write = (file: string, content: string) => writeFile(join(stateFolder, file), content, { mode: 0o600 });
  await write(STATE_FILES.identity, JSON.stringify(whole));
  await write(STATE_FILES.privateKey, certified.privateKey);
  await write(STATE_FILES.certificate, certified.certificate);
  await write(STATE_FILES.authority, certified.authority);
  return whole;
}
