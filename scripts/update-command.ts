import { resolve } from "node:path";
import { UpdateRefusedError } from "../core/contract/update-refusal.ts";
import { PROFILE_PATTERN } from "../core/contract/update-set.ts";
import { isVersion, LEAST_VERSION, VERSION_WORDS } from "../core/version.ts";
import { type Provider, withProvider } from "../provider/state/provider.ts";
import { CHANNEL_PATTERN, CHANNEL_WORDS, DEFAULT_CHANNEL } from "../provider/updates/channel.ts";
import {
  type Operator,
  publishUpdate,
  readKeyChange,
  setUpdateKey,
  spreadUpdate,
  stopUpdate,
  withdrawUpdate,
} from "../provider/updates/publish.ts";
import { findUpdates, listUpdates, type PublishedUpdate } from "../provider/updates/published.ts";
import { confirmByTyping, renderTable, runParsed, STATE_HELP, stateFolder, UsageError } from "./command-line.ts";
import { operatorName } from "./operator.ts";

const USAGE = `usage: cepa update key FILE | publish SET | list | percent VERSION N | stop VERSION | withdraw VERSION [options]

Which version of the image sensors are offered. A running base takes changes up at once. A box installs at once what it has whole, mostly
before it asks again (each 15 minutes), and none goes back to an older version: what neither stop nor withdraw reaches gets a newer one.

  key FILE           updates must be signed with the key whose public half this is: update.pub of \`cepa image keys\`
  publish SET        checks the folder that \`cepa image build --keys\` made, copies it into base's state, and offers it
  list               what is published
  percent VERSION N  offers it to N percent of its channel's sensors, also when it was stopped
  stop VERSION       offers it to nobody from now on; downloads under way end; a box that has it whole still installs it
  withdraw VERSION   for good: deletes it here; a box that has it whole and still waits throws it away when it asks next

  --channel NAME           publish: sensors of this channel (${DEFAULT_CHANNEL}); \`cepa sensor set\` says which one a sensor is on
  --percent N              publish: of those, so many percent (100)
  --profile NAME           percent, stop, withdraw: only the set of this profile
  --yes                    key, withdraw: don't ask; key asks only where there is another
  --dry-run                key, withdraw: say what would be done
${STATE_HELP}
  --json                   as JSON
`;

interface Outcome {
  readonly words: string;
  readonly json: object;
}

type Act = (provider: Provider, signal: AbortSignal) => Promise<Outcome>;

export function runUpdateCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = {
    channel: { type: "string" },
    percent: { type: "string" },
    profile: { type: "string" },
    yes: { type: "boolean" },
    "dry-run": { type: "boolean" },
    state: { type: "string" },
    json: { type: "boolean" },
  } as const;
  return runParsed(USAGE, args, options, async (values, positionals) => {
    const act = readAction(positionals, values);
    const folder = stateFolder(values.state);
    try {
      const { words, json } = await withProvider(folder, (provider) => act(provider, signal));
      process.stdout.write(values.json === true ? `${JSON.stringify(json)}\n` : words);
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
  readonly yes?: boolean | undefined;
  readonly "dry-run"?: boolean | undefined;
}

function readAction([action, what, ...more]: readonly string[], values: Values): Act {
  const by = () => ({ who: operatorName(), nowMs: Date.now() });
  if (action === undefined) throw new UsageError("cepa update: expected an action");
  const only = (...allowed: readonly (keyof Values)[]) => {
    for (const name of ["channel", "percent", "profile", "yes", "dry-run"] as const)
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
      return async ({ database }) => outcomeOf(listUpdates(database));
    case "key": {
      only("yes", "dry-run");
      const file = resolve(noMore(what, "FILE"));
      return (provider) => changeKey(provider, file, by, values);
    }
    case "publish": {
      only("channel", "percent");
      const set = noMore(what, "SET");
      const channel = values.channel ?? DEFAULT_CHANNEL;
      if (!CHANNEL_PATTERN.test(channel))
        throw new UsageError(`--channel: expected ${CHANNEL_WORDS}, found ${JSON.stringify(channel)}`);
      const percent = readPercent(values.percent ?? "100", "--percent");
      return async (provider, signal) =>
        outcomeOf([await publishUpdate(provider, resolve(set), { channel, percent, ...by() }, signal)]);
    }
    case "percent": {
      only("profile");
      const version = readVersion(noMore(what, "VERSION"));
      const percent = readPercent(more[0] ?? "", "N");
      return async (provider) => outcomeOf(spreadUpdate(provider, version, profile, percent, by()));
    }
    case "stop": {
      only("profile");
      const version = readVersion(noMore(what, "VERSION"));
      return async (provider) => outcomeOf(stopUpdate(provider, version, profile, by()));
    }
    case "withdraw": {
      only("profile", "yes", "dry-run");
      const version = readVersion(noMore(what, "VERSION"));
      return (provider) => withdraw(provider, version, by, values);
    }
    default:
      throw new UsageError(`cepa update: no action ${JSON.stringify(action)}`);
  }
}

async function changeKey(provider: Provider, file: string, by: () => Operator, values: Values): Promise<Outcome> {
  const change = await readKeyChange(provider.paths, file);
  const { sha256, replaces } = change;
  const isOther = replaces !== null && replaces !== sha256;
  const until = isOther ? `, until now with that of ${replaces}` : "";
  if (values["dry-run"] === true)
    return {
      words: `updates would have to be signed with the key of SHA-256 ${sha256}${until}\n`,
      json: { dryRun: true, sha256, replaces },
    };
  if (isOther && values.yes !== true) {
    const what = `The key of SHA-256 ${sha256} replaces that of ${replaces}`;
    await confirmByTyping("cepa update key", what, sha256.slice(0, 8));
  }
  await setUpdateKey(provider, change, by());
  return {
    words: `updates must be signed with the key of SHA-256 ${sha256}${until}\n`,
    json: { sha256, replaces },
  };
}

async function withdraw(provider: Provider, version: string, by: () => Operator, values: Values): Promise<Outcome> {
  const { profile } = values;
  const found = findUpdates(provider.database, version, profile);
  const which = `${version} for ${found.map((update) => update.profile).join(", ")}`;
  if (values["dry-run"] === true)
    return { words: `${which} would be withdrawn and deleted\n`, json: { dryRun: true, updates: found } };
  if (values.yes !== true)
    await confirmByTyping("cepa update withdraw", `${which} is withdrawn and deleted for good`, version);
  return outcomeOf(await withdrawUpdate(provider, version, profile, by()));
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

function outcomeOf(updates: readonly PublishedUpdate[]): Outcome {
  return { words: updates.length === 0 ? "no updates\n" : renderUpdates(updates), json: { updates } };
}

function renderUpdates(updates: readonly PublishedUpdate[]): string {
  const rows = updates.map((update) => [
    update.version,
    update.profile,
    update.channel,
    update.state === "offered" ? `${update.percent} %` : update.state,
    update.minimumVersion === LEAST_VERSION ? "-" : update.minimumVersion,
    `${Math.ceil(update.sizeBytes / 1024 / 1024)} MiB`,
    new Date(update.publishedAtMs).toISOString(),
  ]);
  return renderTable(["VERSION", "PROFILE", "CHANNEL", "OFFERED", "MINIMUM", "SIZE", "PUBLISHED"], rows);
}
