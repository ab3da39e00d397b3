import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { DEFAULT_SENSOR_CONFIG } from "../../core/contract/sensor-config.ts";
import { openSavefile } from "../capture/savefile.ts";
import { readByLibpcap } from "../capture/savefile-libpcap.ts";
import {
  type EntropyProfile,
  PROFILE_DIRECTIONS,
  type ProfileRange,
  protocolOfName,
} from "../entropy/entropy-profile.ts";
import { ProfileLearner } from "../entropy/profile-learner.ts";
import { SHIPPED_PROFILES } from "../entropy/shipped-profiles.ts";
import { loadProfile, loadProfiles } from "../profile-files.ts";
import { Engine } from "../session/engine.ts";
import type { EngineSink } from "../session/engine-sink.ts";

const PROFILE_USAGE = `cepa-sensor profile learn --protocol NAME [--margin BITS] [--quantile PART] [--output FILE] [--source TEXT] FILE...
cepa-sensor profile check [--profiles FOLDER] FILE...
cepa-sensor profile show [PROFILE...]

How the entropy of what a protocol's client and server have sent so far develops, and sessions that leave that.

  learn   bounds from the sessions of a protocol in pcap and pcapng files that show it at its usual, as a profile in JSON
  check   how many directions of the sessions in captures leave their profiles, and the alarms
  show    profiles as tables; without a file, the shipped ones

  --protocol NAME    as the sessions' records have it: SSH, TLS, HTTP, DNS, ...
  --output FILE      where the profile goes, instead of standard output
  --source TEXT      goes into the profile: where the captures came from
  --margin BITS      room beyond what was seen, in bits a byte; 0.25 by default
  --quantile PART    part of the sessions on either side that doesn't count, 0 to 0.1; 0.005 by default
  --profiles FOLDER  profiles of one's own (*.json), as the setting entropy.profilesFolder

Exit status: 0 done; 1 check: there are alarms; 2 nothing could be read, or nothing learned.
`;

const DONE = 0;
const LEFT = 1;
const FAILED = 2;

/** `cepa-sensor profile`; resolves to the exit status. */
export async function runProfileCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      protocol: { type: "string" },
      output: { type: "string" },
      source: { type: "string", default: "" },
      margin: { type: "string", default: "0.25" },
      quantile: { type: "string", default: "0.005" },
      profiles: { type: "string", default: "" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(PROFILE_USAGE);
    return DONE;
  }
  const [verb, ...paths] = positionals;
  try {
    if (verb === "learn") return await learn(values, paths, signal);
    if (verb === "check") return await check(values.profiles, paths, signal);
    if (verb === "show") return show(paths);
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException;
    if (name !== "ConfigError" && code === undefined) throw error;
    return refuse(message);
  }
  return refuse(verb === undefined ? "learn, check or show?" : `unknown: ${verb}`);
}

interface LearnOptions {
  readonly protocol?: string | undefined;
  readonly output?: string | undefined;
  readonly source: string;
  readonly margin: string;
  readonly quantile: string;
}

async function learn(options: LearnOptions, paths: readonly string[], signal: AbortSignal): Promise<number> {
  const { output, source } = options;
  const marginBits = Number(options.margin);
  const quantile = Number(options.quantile);
  if (options.protocol === undefined) return refuse("learn: --protocol: of which protocol?");
  const protocol = protocolOfName(options.protocol);
  if (protocol === undefined)
    return refuse(`learn: --protocol: ${JSON.stringify(options.protocol)} is not one that is recognised`);
  if (!(marginBits >= 0 && marginBits <= 8)) return refuse(`learn: --margin: expected 0..8, found "${options.margin}"`);
  if (!(quantile >= 0 && quantile <= 0.1))
    return refuse(`learn: --quantile: expected 0..0.1, found "${options.quantile}"`);
  if (paths.length === 0) return refuse("learn: from which file?");
  const learner = new ProfileLearner({ quantile, marginBits });
  const isRead = await readAll(paths, [], signal, {
    ...IGNORE,
    cumulative: (name, direction, points) => {
      if (name === protocol.name) learner.add(direction, points);
    },
  });
  if (!isRead) return FAILED;
  const profile = learner.profile(protocol, source);
  if (profile.client.length + profile.server.length === 0)
    return refuse(`learn: too few sessions of ${protocol.name} that were seen from their start`);
  const text = renderProfile(profile);
  if (output === undefined) process.stdout.write(text);
  else writeFileSync(output, text);
  return DONE;
}

async function check(folder: string, paths: readonly string[], signal: AbortSignal): Promise<number> {
  if (paths.length === 0) return refuse("check: which file?");
  const profiles = loadProfiles(folder);
  const checked = new Map(profiles.map(({ protocol }) => [protocol, { directions: 0, left: 0 }]));
  const isRead = await readAll(paths, profiles, signal, {
    ...IGNORE,
    cumulative: (protocol) => {
      const count = checked.get(protocol);
      if (count !== undefined) count.directions++;
    },
    alarm: ({ alarm, protocol, direction, octets, entropy, lower, upper, ...ends }) => {
      const count = checked.get(protocol ?? "");
      if (alarm === "unexplainedEncryption" || count === undefined) return;
      count.left++;
      const { src_ip, src_port, dst_ip, dst_port } = ends;
      process.stdout.write(
        `${alarm} ${protocol} ${src_ip} ${src_port} > ${dst_ip} ${dst_port} by ${direction}: ` +
          `${entropy} bits a byte after ${octets} octets, expected ${lower} to ${upper}\n`,
      );
    },
  });
  if (!isRead) return FAILED;
  let left = 0;
  for (const [protocol, count] of checked) {
    left += count.left;
    process.stdout.write(`${protocol}: ${count.left} of ${count.directions} directions left the profile\n`);
  }
  return left > 0 ? LEFT : DONE;
}

function show(paths: readonly string[]): number {
  for (const { protocol, source, ...profile } of paths.length === 0 ? SHIPPED_PROFILES : paths.map(loadProfile)) {
    process.stdout.write(`${protocol}${source === "" ? "" : `: ${source}`}\n`);
    for (const direction of PROFILE_DIRECTIONS)
      for (const { from, to, lower, upper, sessions } of profile[direction])
        process.stdout.write(
          `  ${direction}  ${`${from}-${to}`.padStart(11)} octets  ${lower.toFixed(3)} to ${upper.toFixed(3)} bits a byte` +
            `  (${sessions} sessions)\n`,
        );
  }
  return DONE;
}

const IGNORE: EngineSink = { session: () => {}, http: () => {}, handshake: () => {}, alarm: () => {} };

/** False when nothing could be read; what is wrong is said. Each file is a capture of its own. */
async function readAll(
  paths: readonly string[],
  profiles: readonly EntropyProfile[],
  signal: AbortSignal,
  sink: EngineSink,
): Promise<boolean> {
  let read = 0;
  for (const path of paths) {
    const { session, entropy } = DEFAULT_SENSOR_CONFIG;
    const engine = new Engine({ session, entropy, profiles }, sink, { seed: randomBytes(16), sensor: "", firstId: 1 });
    try {
      if (await readCapture(path, engine, signal)) read++;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      complain((error as Error).message);
    }
    engine.finish();
  }
  return read > 0;
}

/** What is whole of a damaged file counts; false when that is nothing. */
async function readCapture(path: string, engine: Engine, signal: AbortSignal): Promise<boolean> {
  const opened = openSavefile(path);
  if (opened.name === "other") {
    return readByLibpcap(path, engine).then(
      () => true,
      () => {
        complain(`${path}: ${opened.why}`);
        return false;
      },
    );
  }
  try {
    for (;;) {
      signal.throwIfAborted();
      const state = opened.records.next(engine);
      if (state.name === "damaged") complain(`${path}: damaged: ${state.why}`);
      if (state.name === "clean" || state.name === "damaged") return true;
    }
  } finally {
    opened.close();
  }
}

/** JSON, a range a line. */
function renderProfile({ protocol, source, client, server }: EntropyProfile): string {
  const list = (ranges: readonly ProfileRange[]) =>
    `[\n${ranges.map((range) => `    ${JSON.stringify(range).replaceAll(":", ": ").replaceAll(",", ", ").replace("{", "{ ").replace("}", " }")}`).join(",\n")}\n  ]`;
  return (
    `{\n  "protocol": ${JSON.stringify(protocol)},\n  "source": ${JSON.stringify(source)},\n` +
    `  "client": ${list(client)},\n  "server": ${list(server)}\n}\n`
  );
}

function refuse(message: string): number {
  complain(message);
  return FAILED;
}

function complain(message: string): void {
  process.stderr.write(`cepa-sensor: profile: ${message}\n`);
}
