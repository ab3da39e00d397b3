import { encodeCommandBody } from "../core/contract/command.ts";
import { renderJsonLine } from "../core/json-line.ts";
import { signCommand } from "../core/node/signed-message.ts";
import { askCommand, BaseError } from "../provider/base/api-client.ts";
import { viewOf, type WipeView } from "../provider/base/status.ts";
import { type OrderKind, orderSensor, readOrderable } from "../provider/fleet/orders.ts";
import { openCommandKey, type Provider, unlockMasterKey } from "../provider/state/provider.ts";
import { ago, confirmByTyping, readPassphrase } from "./command-line.ts";
import { operatorName } from "./operator.ts";

/** Base's commands have one key so far. */
const COMMAND_KEY_ID = 1;

const DONE = {
  wipe: "ordered to erase itself; base's share of its store's key is erased, so that its store can't be read again",
  resetSettings: "ordered to take the settings of its image",
} as const;

const ASKED = {
  wipe: { command: "cepa sensor wipe", what: "What its store holds is lost for ever" },
  resetSettings: { command: "cepa sensor reset", what: "Its settings are lost" },
} as const;

export interface OrderOptions {
  readonly json: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly passphraseFile: string | undefined;
}

/** `cepa sensor wipe NAME` and `cepa sensor reset NAME`: signs the command, and leaves it for base to send. */
export async function orderByName(
  provider: Provider,
  name: string,
  kind: OrderKind,
  options: OrderOptions,
  signal: AbortSignal,
): Promise<number> {
  const { database, paths, audit } = provider;
  const { id } = readOrderable(database, name, kind);
  if (options.dryRun) {
    const words = `${name} would be ${DONE[kind]}\n`;
    process.stdout.write(
      options.json ? `${JSON.stringify({ dryRun: true, order: kind, name, sensorId: id })}\n` : words,
    );
    return 0;
  }
  if (!options.yes) await confirmByTyping(ASKED[kind].command, ASKED[kind].what, name);
  const passphrase = await readPassphrase(options.passphraseFile);
  const masterKey = await unlockMasterKey(paths, passphrase).finally(() => passphrase.wipe());
  const key = await openCommandKey(paths, masterKey).finally(() => masterKey.wipe());
  const nowMs = Date.now();
  audit.append({ atMs: nowMs, who: operatorName(), action: `${kind}Ordered`, sensorId: id, detail: { name } });
  const sensor = orderSensor(
    database,
    name,
    kind,
    (sensorId, counter) => {
      const timeS = Math.floor(nowMs / 1000);
      return signCommand(encodeCommandBody({ keyId: COMMAND_KEY_ID, sensorId, counter, timeS, action: { kind } }), key);
    },
    nowMs,
  );
  // Where base does not run, it sends the order when it does.
  await askCommand(paths.socket, name, signal).catch((error: unknown) => {
    if (!(error instanceof BaseError)) throw error;
  });
  const words = `${name}: ${DONE[kind]}\nit gets the order over its link, now or when it is next there; cepa sensor show ${name}\n`;
  process.stdout.write(options.json ? `${renderJsonLine(viewOf(sensor, undefined))}\n` : words);
  return 0;
}

/** Nothing for a sensor that is not wiped. */
export function wipeWords(wipe: WipeView | null, nowMs: number): string | undefined {
  if (wipe === null) return undefined;
  const { orderedAtMs, begunAtMs, erasedAtMs, cause } = wipe;
  const ordered =
    orderedAtMs === null ? "NOT ordered here" : `ordered ${ago(orderedAtMs, nowMs)}, its key is erased here`;
  const by = cause === "button" ? " by its button" : cause === "hand" ? " by a person at it" : "";
  const answer =
    begunAtMs === null
      ? "the box has not heard of it yet"
      : erasedAtMs === null
        ? `the box began${by} ${ago(begunAtMs, nowMs)}, and has not said that its store is gone`
        : `the box erased its store's keys${by} ${ago(erasedAtMs, nowMs)}`;
  return `${ordered}; ${answer}`;
}
