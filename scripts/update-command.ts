import { resolve } from "node:path";
import { UpdateRefusedError } from "../core/contract/update-refusal.ts";
import { PROFILE_PATTERN } from "../core/contract/update-set.ts";
import { isVersion, VERSION_WORDS } from "../core/version.ts";
import { type Provider, withProvider } from "../provider/state/provider.ts";
import { CHANNEL_PATTERN, CHANNEL_WORDS, DEFAULT_CHANNEL } from "../provider/updates/channel.ts";
import { publishUpdate, setUpdateKey, spreadUpdate, stopUpdate, withdrawUpdate } from "../provider/updates/publish.ts";
import { listUpdates, type PublishedUpdate } from "../provider/updates/published.ts";
import { renderTable, runParsed, STATE_HELP, stateFolder, UsageError } from "./command-line.ts";
import { operatorName } from "./operator.ts";

const USAGE = `usage: cepa update key FILE | publish SET | list | percent VERSION N | stop VERSION | withdraw VERSION [options]

Which version of the image sensors are offered. A running base takes changes up at once.

  key FILE           updates must be signed with the key whose public half this is: update.pub of \`cepa image keys\`
  publish SET        checks the folder that \`cepa image build --keys\` made, copies it into base's state, and offers it
  list               what is published
  percent VERSION N  offers it to N percent of its channel's sensors, also when it was stopped
  stop VERSION       offers it to nobody from now on; downloads under way end
  withdraw VERSION   for good: deletes it here, and boxes that fetched it but have not installed it throw it away

  --channel NAME           publish: sensors of this channel (${DEFAULT_CHANNEL}); \`cepa sensor set\` says which one a sensor is on
  --percent N              publish: of those, so many percent (100)
  --profile NAME           percent, stop, withdraw: only the set of this profile
${STATE_HELP}
  --json                   as JSON
`;

type Act = (provider: Provider, signal: AbortSignal) => Promise<readonly PublishedUpdate[] | string>;

export function runUpdateCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = {
    channel: { type: "string" },
    percent: { type: "string" },
    profile: { type: "string" },
    state: { type: "string" },
    json: { type: "boolean" },
  } as const;
  return runParsed(USAGE, args, options, async (values, positionals) => {
    const act = readAction(positionals, values);
    const folder = stateFolder(values.state);
    try {
      const result = await withProvider(folder, (provider) => act(provider, signal));
      if (typeof result === "string") process.stdout.write(result);
      else if (values.json === true) process.stdout.write(`${JSON.stringify({ updates: result })}\n`);
      else process.stdout.write(result.length === 0 ? "no updates\n" : renderUpdates(result));
      return 0;
    } catch (error) {
      if (!(error instanceof UpdateRefusedError)) throw error;
      throw new Error(`no box would take it (${error.code}): ${error.message}`, { cause: error });
    }
  });
}

interface Values {
  readonly channel?: string | undefined;
  readonly percent?: string | undefined;
  readonly profile?: string | undefined;
}

function readAction([action, what, ...more]: readonly string[], values: Values): Act {
  const by = () => ({ who: operatorName(), nowMs: Date.now() });
  if (action === undefined) throw new UsageError("cepa update: expected an action");
  const only = (...allowed: readonly (keyof Values)[]) => {
    for (const name of ["channel", "percent", "profile"] as const)
      if (values[name] !== undefined && !allowed.includes(name))
        throw new UsageError(`cepa update ${action}: takes no --${name}`);
  };
  const { profile } = values;
  if (profile !== undefined && !PROFILE_PATTERN.test(profile))
    throw new UsageError(`--profile: expected a profile's name, found ${JSON.stringify(profile)}`);
  const noMore = (least: string | undefined, name: string) => {
    if (least === undefined) throw new UsageError(`cepa update ${action}: ${name} is missing`);
    if (more.length > (action === "percent" ? 1 : 0))
      throw new UsageError(`cepa update ${action}: unexpected ${JSON.stringify(more.at(-1))}`);
    return least;
  };
  switch (action) {
    case "list":
      only();
      if (what !== undefined) throw new UsageError(`cepa update list: unexpected ${JSON.stringify(what)}`);
      return async ({ database }) => listUpdates(database);
    case "key": {
      only();
      const file = noMore(what, "FILE");
      return async (provider) =>
        `updates must be signed with the key of SHA-256 ${await setUpdateKey(provider, resolve(file), by())}\n`;
    }
    case "publish": {
      only("channel", "percent");
      const set = noMore(what, "SET");
      const channel = values.channel ?? DEFAULT_CHANNEL;
      if (!CHANNEL_PATTERN.test(channel))
        throw new UsageError(`--channel: expected ${CHANNEL_WORDS}, found ${JSON.stringify(channel)}`);
      const percent = readPercent(values.percent ?? "100", "--percent");
      return async (provider, signal) => [
        await publishUpdate(provider, resolve(set), { channel, percent, ...by() }, signal),
      ];
    }
    case "percent": {
      only("profile");
      const version = readVersion(noMore(what, "VERSION"));
      const percent = readPercent(more[0] ?? "", "N");
      return async (provider) => spreadUpdate(provider, version, profile, percent, by());
    }
    case "stop":
    case "withdraw": {
      only("profile");
      const version = readVersion(noMore(what, "VERSION"));
      const change = action === "stop" ? stopUpdate : withdrawUpdate;
      return async (provider) => change(provider, version, profile, by());
    }
    default:
      throw new UsageError(`cepa update: no action ${JSON.stringify(action)}`);
  }
}

function readVersion(text: string): string {
  if (!isVersion(text)) throw new UsageError(`VERSION: expected ${VERSION_WORDS}, found ${JSON.stringify(text)}`);
  return text;
}

function readPercent(text: string, name: string): number {
  if (!/^(?:\d|[1-9]\d|100)$/.test(text))
    throw new UsageError(`${name}: expected 0..100, found ${JSON.stringify(text)}`);
  return Number(text);
}

function renderUpdates(updates: readonly PublishedUpdate[]): string {
  const rows = updates.map((update) => [
    update.version,
    update.profile,
    update.channel,
    update.state === "offered" ? `${update.percent} %` : update.state,
    update.minimumVersion,
    `${Math.ceil(update.sizeBytes / 1024 / 1024)} MiB`,
    new Date(update.publishedAtMs).toISOString(),
  ]);
  return renderTable(["VERSION", "PROFILE", "CHANNEL", "OFFERED", "MINIMUM", "SIZE", "PUBLISHED"], rows);
}
