import { renderJsonLine } from "../core/json-line.ts";
import { isVersion, VERSION_WORDS } from "../core/version.ts";
import { type SensorView, viewOf } from "../provider/base/status.ts";
import { changeUpdateChoice } from "../provider/fleet/sensors.ts";
import type { Provider } from "../provider/state/provider.ts";
import { CHANNEL_PATTERN, CHANNEL_WORDS } from "../provider/updates/channel.ts";
import { channelDoubt, pinDoubt } from "../provider/updates/offer.ts";
import { listUpdates } from "../provider/updates/published.ts";
import { UsageError } from "./command-line.ts";
import { operatorRecord } from "./operator.ts";

export interface UpdateChoice {
  readonly channel: string | undefined;
  /** null: no pin. */
  readonly pin: string | null | undefined;
}

/** undefined for every action but `set`. */
export function readUpdateChoice(
  action: string,
  channel: string | undefined,
  pin: string | undefined,
): UpdateChoice | undefined {
  const isGiven = channel !== undefined || pin !== undefined;
  if (action !== "set") {
    if (isGiven)
      throw new UsageError(`cepa sensor ${action}: --update-channel and --update-pin are of cepa sensor set`);
    return undefined;
  }
  if (!isGiven) throw new UsageError("cepa sensor set: what? Give --update-channel or --update-pin");
  if (channel !== undefined && !CHANNEL_PATTERN.test(channel))
    throw new UsageError(`--update-channel: expected ${CHANNEL_WORDS}, found ${JSON.stringify(channel)}`);
  if (pin !== undefined && pin !== "none" && !isVersion(pin))
    throw new UsageError(`--update-pin: expected ${VERSION_WORDS}, or none, found ${JSON.stringify(pin)}`);
  return { channel, pin: pin === "none" ? null : pin };
}

export function setUpdates(provider: Provider, name: string, choice: UpdateChoice, json: boolean): number {
  const sensor = provider.audit.appendWith(
    () => changeUpdateChoice(provider.database, name, choice),
    ({ id, updateChannel, updatePin }) => operatorRecord("sensorSet", id, { name, updateChannel, updatePin }),
  );
  const view = viewOf(sensor, undefined);
  const published = listUpdates(provider.database);
  const { channel, pin } = choice;
  const doubts = [
    typeof pin === "string" ? pinDoubt(pin, view.health?.imageVersion, published) : undefined,
    channel !== undefined || pin === null ? channelDoubt(sensor.updateChannel, published) : undefined,
  ];
  for (const doubt of doubts) if (doubt !== undefined) process.stderr.write(`${name}: ${doubt}\n`);
  const words = `${name}: updates ${choiceWords(sensor)}\n`;
  process.stdout.write(json ? `${renderJsonLine(view)}\n` : words);
  return 0;
}

export function choiceWords({ updateChannel, updatePin }: Pick<SensorView, "updateChannel" | "updatePin">): string {
  return updatePin === null ? `of channel ${updateChannel}` : `pinned to ${updatePin} (channel ${updateChannel})`;
}
