import type { BootLoaderReport, HealthRecord, KeyAdmission, UsbDeviceReport } from "../core/contract/health.ts";
import type { UpdateStatus } from "../core/contract/role.ts";
import { renderJsonLine } from "../core/json-line.ts";
import { askSensors, BaseError } from "../provider/base/api-client.ts";
import { type SensorView, viewOf } from "../provider/base/status.ts";
import type { OrderKind } from "../provider/fleet/orders.ts";
import {
  addSensor,
  changeHold,
  listSensors,
  removeSensor,
  type SensorState,
  sensorByName,
} from "../provider/fleet/sensors.ts";
import { type Provider, withProvider } from "../provider/state/provider.ts";
import { parseSubnet } from "../provider/vpn/subnet.ts";
import {
  ago,
  PASSPHRASE_HELP,
  printable,
  renderTable,
  runParsed,
  STATE_HELP,
  stateFolder,
  UsageError,
} from "./command-line.ts";
import { operatorRecord } from "./operator.ts";
import { orderByName, wipeWords } from "./sensor-orders.ts";
import { choiceWords, readUpdateChoice, setUpdates } from "./sensor-updates.ts";

const USAGE = `usage: cepa sensor add NAME | list | show NAME | set NAME | hold NAME | release NAME | reset NAME | wipe NAME | remove NAME [options]

  add NAME      a new sensor: id and VPN address; cepa flash makes a box of it
  list          every sensor, live when base runs
  show NAME     one sensor, with the health record of its last heartbeat
  set NAME      changes which updates it is offered
  hold NAME     no key for it until a person releases it
  release NAME  ends a hold
  reset NAME    its settings as the image has them; its keys, its store and its network stay
  wipe NAME     erases its store's key here, and orders it to erase itself. It can't be undone
  remove NAME   takes back an add, of a sensor that was never flashed: its name and its address are free again

  --update-channel NAME    set: versions that are published to this channel
  --update-pin VERSION     set: this version alone, whatever the channel and the percentage; the one that runs keeps it where it
                           is; "none" ends a pin
  --not-wiped              release: the sensor says that it was wiped, nobody ordered it, and it is not so
  --yes                    reset, wipe: don't ask
  --dry-run                reset, wipe: say what would be ordered
${STATE_HELP}
${PASSPHRASE_HELP}; for reset and wipe
  --json                   as JSON
`;

const STATE_WORDS: Readonly<Record<SensorState, string>> = {
  pending: "added, not flashed yet",
  active: "active",
  hold: "on hold: gets no key",
  revoked: "revoked",
};

const ACTIONS = ["add", "list", "show", "set", "hold", "release", "reset", "wipe", "remove"];
const ORDERS: Readonly<Record<string, OrderKind>> = { reset: "resetSettings", wipe: "wipe" };

export function runSensorCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = {
    "update-channel": { type: "string" },
    "update-pin": { type: "string" },
    "not-wiped": { type: "boolean" },
    yes: { type: "boolean" },
    "dry-run": { type: "boolean" },
    "passphrase-file": { type: "string" },
    state: { type: "string" },
    json: { type: "boolean" },
  } as const;
  return runParsed(USAGE, args, options, async (values, [action, name, ...more]) => {
    if (action === undefined || more.length > 0) throw new UsageError("cepa sensor: expected one action");
    if ((action === "list") !== (name === undefined))
      throw new UsageError(`cepa sensor ${action}: ${action === "list" ? "takes no name" : "NAME is missing"}`);
    if (!ACTIONS.includes(action)) throw new UsageError(`cepa sensor: no action ${JSON.stringify(action)}`);
    const order = ORDERS[action];
    if (order === undefined && (values.yes ?? values["dry-run"] ?? values["passphrase-file"]) !== undefined)
      throw new UsageError(`cepa sensor ${action}: --yes, --dry-run and --passphrase-file are of reset and wipe`);
    if (values["not-wiped"] !== undefined && action !== "release")
      throw new UsageError(`cepa sensor ${action}: --not-wiped is of release`);
    const choice = readUpdateChoice(action, values["update-channel"], values["update-pin"]);
    return await withProvider(stateFolder(values.state), async (provider) => {
      if (order !== undefined) {
        const { yes = false, json = false, "dry-run": dryRun = false, "passphrase-file": passphraseFile } = values;
        return await orderByName(provider, name ?? "", order, { json, yes, dryRun, passphraseFile }, signal);
      }
      if (choice !== undefined) return setUpdates(provider, name ?? "", choice, values.json === true);
      if (action === "list") return await list(provider, values.json === true, signal);
      if (action === "hold" || action === "release")
        return hold(provider, action, name ?? "", values["not-wiped"] === true, values.json === true);
      return await one(provider, action, name ?? "", values.json === true, signal);
    });
  });
}

async function list(provider: Provider, json: boolean, signal: AbortSignal): Promise<number> {
  const { views, running } = await readViews(provider, signal);
  if (json) {
    process.stdout.write(`${renderJsonLine({ baseRuns: running, sensors: views })}\n`);
    return 0;
  }
  const nowMs = Date.now();
  const rows = views.map((view) => [
    view.name,
    view.sensorId,
    view.address,
    stateWords(view),
    running ? vpnWords(view) : "?",
    running ? (view.live?.linkUpSinceMs == null ? "down" : "up") : "?",
    ago(view.lastSeenAtMs, nowMs),
    "software: weaker",
  ]);
  process.stdout.write(renderTable(["NAME", "ID", "ADDRESS", "STATE", "VPN", "LINK", "SEEN", "IDENTITY"], rows));
  if (!running) process.stderr.write("base does not run: what is live is not known\n");
  return 0;
}

async function one(
  provider: Provider,
  action: string,
  name: string,
  json: boolean,
  signal: AbortSignal,
): Promise<number> {
  const { database, settings, audit } = provider;
  if (action === "add") {
    const sensor = audit.appendWith(
      () => addSensor(database, name, parseSubnet(settings.vpnSubnet), Date.now()),
      ({ id }) => operatorRecord("sensorAdd", id, { name }),
    );
    process.stdout.write(
      json
        ? `${JSON.stringify(viewOf(sensor, undefined))}\n`
        : `${name}: id ${sensor.id}, VPN address ${sensor.address}\nnext: cepa flash --sensor ${name} IMAGE DEVICE\n`,
    );
    return 0;
  }
  if (action === "remove") {
    const sensor = audit.appendWith(
      () => removeSensor(database, name),
      ({ id, address }) => operatorRecord("sensorRemove", id, { name, address }),
    );
    process.stdout.write(
      json ? `${JSON.stringify(viewOf(sensor, undefined))}\n` : `${name}: removed; ${sensor.address} is free again\n`,
    );
    return 0;
  }
  sensorByName(database, name);
  const { views, running } = await readViews(provider, signal);
  const view = views.find((candidate) => candidate.name === name);
  if (view === undefined) throw new Error(`${name}: gone meanwhile`);
  process.stdout.write(json ? `${renderJsonLine(view)}\n` : renderView(view, running));
  return 0;
}

function hold(
  { database, audit }: Provider,
  action: "hold" | "release",
  name: string,
  isNotWiped: boolean,
  json: boolean,
): number {
  const sensor = audit.appendWith(
    () => changeHold(database, name, action === "hold" ? "hold" : "active", isNotWiped),
    ({ id }) => operatorRecord(action, id, isNotWiped ? { name, notWiped: true } : { name }),
  );
  process.stdout.write(
    json ? `${JSON.stringify(viewOf(sensor, undefined))}\n` : `${name}: ${STATE_WORDS[sensor.state]}\n`,
  );
  return 0;
}

async function readViews(provider: Provider, signal: AbortSignal) {
  try {
    return { views: (await askSensors(provider.paths.socket, signal)).sensors, running: true };
  } catch (error) {
    if (!(error instanceof BaseError) || error.code !== "notRunning") throw error;
    return { views: listSensors(provider.database).map((sensor) => viewOf(sensor, undefined)), running: false };
  }
}

function stateWords({ state, wipe, commandWaits }: SensorView): string {
  if (wipe === null) return `${STATE_WORDS[state]}${commandWaits ? ", a command waits for it" : ""}`;
  if (wipe.erasedAtMs !== null) return "wiped";
  return wipe.begunAtMs === null ? "wipe ordered" : "is being wiped";
}

function vpnWords(view: SensorView): string {
  return view.live?.vpn.map((client) => client.transport.toUpperCase()).join("+") || "down";
}

function updateWords(update: UpdateStatus | null, nowMs: number): string {
  if (update === null) return "does not answer";
  const { refusal } = update;
  const refused =
    refusal === null
      ? ""
      : `; refused ${refusal.version} ${ago(refusal.atMs, nowMs)} (${refusal.reason}): ${refusal.message}`;
  return `${update.state}: ${update.detail}${refused}`;
}

function renderView(view: SensorView, running: boolean): string {
  const nowMs = Date.now();
  const { health } = view;
  const wipe = wipeWords(view.wipe, nowMs);
  const percent = (part: number, whole: number) => `${Math.round((100 * part) / Math.max(whole, 1))} %`;
  const lines: [string, string][] = [
    ["name", view.name],
    ["id", view.sensorId],
    ["state", stateWords(view)],
    ...(wipe === undefined ? [] : [["WIPE", wipe] as [string, string]]),
    ["identity", "software identity: weaker (no TPM)"],
    ["VPN", `${view.address}, ${running ? vpnWords(view) : "not known: base does not run"}`],
    ["link", view.live?.linkUpSinceMs == null ? "down" : `up since ${new Date(view.live.linkUpSinceMs).toISOString()}`],
    ["last heartbeat", ago(view.lastSeenAtMs, nowMs)],
    ["store", view.luksUuid === null ? "not formatted yet, as far as base knows" : `LUKS ${view.luksUuid}`],
  ];
  lines.push(["updates", choiceWords(view)]);
  if (health !== null) {
    const { capture, vault, phoneHome } = health;
    lines.push(
      ["image", `${health.imageVersion}; ${rootWords(health, nowMs)}`],
      ["update", updateWords(health.update ?? null, nowMs)],
      ...(health.failedVersions ?? []).map(({ version, why }): [string, string] => [`failed ${version}`, why]),
      ...keyWords(health.keyAdmission ?? null),
      ["boot loader", loaderWords(health.bootLoader ?? null)],
      ...(health.shortfalls ?? []).map((what): [string, string] => ["TOO LITTLE", what]),
      ...(health.usb ?? []).map((device): [string, string] => [`USB ${device.port}`, usbWords(device, nowMs)]),
      ["up", ago(nowMs - health.uptimeMs, nowMs).replace(" ago", "")],
      ["memory", `${percent(health.memoryTotalBytes - health.memoryAvailableBytes, health.memoryTotalBytes)} used`],
      ...health.disks.map((disk): [string, string] => [
        `disk ${disk.mount}`,
        `${percent(disk.usedBytes, disk.sizeBytes)} used`,
      ]),
      ["key and /nsm", vault === null ? "the vault does not answer" : `${vault.state}: ${vault.detail}`],
      [
        "capture",
        capture === null
          ? "does not answer"
          : `${capture.state}, ${capture.frames} frames, ${capture.analyserDrops + capture.writerDrops} dropped, ` +
            `${capture.sessions} sessions (${capture.sessionsFlat} as flat as encryption)`,
      ],
      [
        "GPS",
        phoneHome === null
          ? "does not answer"
          : phoneHome.fix === null
            ? phoneHome.gps
            : `${phoneHome.fix.latitudeDeg.toFixed(6)}, ${phoneHome.fix.longitudeDeg.toFixed(6)}, ${ago(phoneHome.fix.atMs, nowMs)}`,
      ],
      ["modem", phoneHome?.modem ?? "does not answer"],
    );
  }
  return lines.map(([key, value]) => `${printable(key).padEnd(16)}${printable(value)}\n`).join("");
}

/** A line of its own, where the image brings a key to the firmware. */
function keyWords(admission: KeyAdmission | null): readonly [string, string][] {
  if (admission === null) return [];
  const { result, detail } = admission;
  if (result === "known" || result === "added") return [["next db", "is in the firmware"]];
  return [["next db", `${result === "off" ? "not in the firmware" : "NOT IN THE FIRMWARE"}: ${detail}`]];
}

function loaderWords(report: BootLoaderReport | null): string {
  if (report === null) return "the one that the box was flashed with";
  const { version, info, result, detail } = report;
  const which = `${info === "" ? "that" : info} of ${version}`;
  switch (result) {
    case "everywhere":
      return `${which}, in all copies`;
    case "tried":
      return `${which}, in the copy that starts first; the others follow when the box has started by it`;
    case "passedOver":
      return `the former one; the firmware does NOT START ${which}`;
    case "waiting":
      return `the former one; ${which} waits: ${detail}`;
    default:
      return `${which} can't be written: ${detail}`;
  }
}

function usbWords({ id, drivers, why, atMs, refusals }: UsbDeviceReport, nowMs: number): string {
  const refused = why === "" ? "" : `; refused ${ago(atMs, nowMs)}${refusals > 1 ? `, ${refusals} times` : ""}: ${why}`;
  return `${id} ${drivers.join(", ") || "does not work"}${refused}`;
}

/** Stored records of earlier versions have no rootCheck. */
function rootWords({ rootCheck = null }: Partial<HealthRecord>, nowMs: number): string {
  if (rootCheck === null) return "not compared with its hashes yet";
  const { result, detail, atMs } = rootCheck;
  if (result === "whole") return `every block whole ${ago(atMs, nowMs)}`;
  const words = result === "damaged" ? "DAMAGED" : "can't be compared with its hashes";
  return `${words} ${ago(atMs, nowMs)}: ${detail}`;
}
