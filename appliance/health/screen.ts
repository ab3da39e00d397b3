import type { SensorIdentity } from "../../core/contract/identity.ts";
import type {
  CaptureStatus,
  LinkStatus,
  PhoneHomeStatus,
  UpdateStatus,
  VaultStatus,
} from "../../core/contract/role.ts";

/** What the status screen is made of. null: that role does not answer. */
export interface StatusView {
  readonly atMs: number;
  readonly uptimeMs: number;
  readonly imageVersion: string;
  /** The state partition is not there yet: nothing is known. */
  readonly isStarting: boolean;
  /** null: the state partition has no identity. */
  readonly identity: Pick<SensorIdentity, "name" | "sensorId"> | null;
  readonly link: LinkStatus | null;
  readonly vault: VaultStatus | null;
  readonly capture: CaptureStatus | null;
  readonly phoneHome: PhoneHomeStatus | null;
  readonly update: UpdateStatus | null;
  /** What the box has too little of. */
  readonly shortfalls: readonly string[];
  /** A reset that is under way. */
  readonly reset: "settings" | "everything" | null;
}

/** One line of the screen. `state` changes when something happens, `counters` all the time. */
export interface Subject {
  readonly name: string;
  readonly good: boolean;
  readonly state: string;
  readonly counters: string;
}

const NO_ANSWER = "its role does not run yet";

export function subjectsOf(view: StatusView): Subject[] {
  const fromBase = [uplinkOf(view), vpnOf(view), baseOf(view), ...storeOf(view)];
  return [
    ...resetOf(view),
    ...hardwareOf(view),
    ...fromBase,
    captureOf(view),
    gpsOf(view),
    modemOf(view),
    updateOf(view),
  ];
}

/** The whole screen, lines ended by LF; what is not as it should be has a `!`. */
export function renderStatus(view: StatusView): string {
  const lines = [
    titleOf(view),
    `${timeOf(view.atMs)} UTC, up ${durationOf(view.uptimeMs)}, image ${view.imageVersion}`,
    "",
  ];
  if (view.isStarting) return `${lines.join("\n")}\n`;
  for (const { name, good, state, counters } of subjectsOf(view))
    lines.push(`${good ? " " : "!"} ${name.padEnd(8)} ${state}${counters === "" ? "" : `; ${counters}`}`);
  return `${lines.join("\n")}\n`;
}

export function titleOf({ identity, vault, isStarting }: StatusView): string {
  if (isStarting) return "Cepa sensor: waits for its disk";
  const kind = vault?.identity === "tpm" ? "TPM identity" : "software identity: weaker";
  return identity === null
    ? "Cepa sensor without an identity: flash it with `cepa flash`"
    : `Cepa sensor ${identity.name}, ${identity.sensorId}, ${kind}`;
}

/** Stages that are reached in `view` and were not in `before`, a plain line each. */
export function stageLines(before: StatusView | undefined, view: StatusView): string[] {
  const reached = before === undefined ? [] : stagesOf(before);
  return stagesOf(view).filter((line) => !reached.includes(line));
}

function stagesOf({ link, vault, capture, phoneHome }: StatusView): string[] {
  const lines: string[] = [];
  if (link !== null && link.state !== "noUplink" && link.state !== "noAddress") lines.push("cepa: uplink up");
  if (link?.vpnUp === true) lines.push(`cepa: vpn up ${link.vpnAddress ?? ""}`.trimEnd());
  if (link?.state === "up") lines.push("cepa: base answers");
  if (vault?.state === "open" || vault?.state === "formatting") lines.push("cepa: key released");
  if (vault?.state === "open") lines.push("cepa: store open");
  if (capture?.state === "capturing")
    lines.push(`cepa: capturing on ${capture.ports.map((port) => port.name).join(" ") || "no port"}`);
  if (phoneHome?.gps === "fix") lines.push("cepa: gps fix");
  if (phoneHome?.modem === "ready") lines.push("cepa: modem ready");
  return lines;
}

/** For a console that scrolls: what changed in `state` since `before`, and everything when there is no `before`. */
export function changeLines(before: StatusView | undefined, view: StatusView): string[] {
  const old = before === undefined ? [] : subjectsOf(before);
  return subjectsOf(view)
    .filter(({ name, state }) => old.find((one) => one.name === name)?.state !== state)
    .map(({ name, good, state }) => `cepa: ${timeOf(view.atMs)} ${good ? "" : "! "}${name}: ${state}`);
}

/** One line that says how it goes, for a console that scrolls. */
export function summaryLine(view: StatusView): string {
  const parts = subjectsOf(view).map(
    ({ name, good, counters }) => `${good ? "" : "!"}${name}${counters && ` ${counters}`}`,
  );
  return `cepa: ${timeOf(view.atMs)} up ${durationOf(view.uptimeMs)}: ${parts.join("; ")}`;
}

function resetOf({ reset, phoneHome }: StatusView): Subject[] {
  const eraseInMs = phoneHome?.eraseInMs;
  if (reset === null && eraseInMs !== undefined) {
    const state = "the button is held: EVERYTHING on this box will be erased; let it go to stop that";
    return [{ name: "reset", good: false, state, counters: `in ${Math.ceil(eraseInMs / 1000)} s` }];
  }
  if (reset === null) return [];
  const what = reset === "settings" ? "settings are put back" : "EVERYTHING on this box is being erased";
  return [{ name: "reset", good: false, state: `${what}; it starts anew afterwards`, counters: "" }];
}

/** Nothing where there is enough of everything. */
function hardwareOf({ shortfalls }: StatusView): Subject[] {
  if (shortfalls.length === 0) return [];
  return [{ name: "hardware", good: false, state: shortfalls.join("; "), counters: "" }];
}

function uplinkOf({ link }: StatusView): Subject {
  const isDown = link?.state === "noUplink" || link?.state === "noAddress";
  const state = link === null ? NO_ANSWER : isDown ? link.detail : "up";
  return { name: "uplink", good: link !== null && !isDown, state, counters: "" };
}

function vpnOf({ link }: StatusView): Subject {
  const state =
    link === null
      ? NO_ANSWER
      : link.vpnUp
        ? `up, ${link.vpnAddress}`
        : link.state === "vpnDown"
          ? link.detail
          : "waits for the uplink";
  return { name: "VPN", good: link?.vpnUp === true, state, counters: "" };
}

function baseOf({ atMs, link }: StatusView): Subject {
  if (link === null) return { name: "base", good: false, state: NO_ANSWER, counters: "" };
  const state = link.state === "up" ? "answers" : link.state === "baseSilent" ? link.detail : "waits for the VPN";
  const beat =
    link.lastHeartbeatAtMs === null ? "no heartbeat yet" : `heartbeat ${agoOf(atMs, link.lastHeartbeatAtMs)}`;
  return { name: "base", good: link.state === "up", state, counters: `${beat}, ${link.spooled} events waiting` };
}

function storeOf({ vault }: StatusView): [Subject, Subject] {
  if (vault === null)
    return [
      { name: "key", good: false, state: NO_ANSWER, counters: "" },
      { name: "store", good: false, state: NO_ANSWER, counters: "" },
    ];
  const { state, detail } = vault;
  const hasKey = state === "open" || state === "formatting";
  const isAboutStore = ["noStore", "openFailed", "damagedHeader"].includes(state);
  const tries = hasKey || vault.tries === 0 ? "" : `asked ${vault.tries} times`;
  return [
    {
      name: "key",
      good: hasKey,
      state: hasKey ? "released" : isAboutStore ? "not asked for" : detail,
      counters: tries,
    },
    {
      name: "store",
      good: state === "open",
      state: state === "open" ? "open" : state === "formatting" || isAboutStore ? detail : "locked: waits for the key",
      counters: "",
    },
  ];
}

function captureOf({ capture }: StatusView): Subject {
  if (capture === null) return { name: "capture", good: false, state: NO_ANSWER, counters: "" };
  const ports = capture.ports.map(({ name, carrier }) => (carrier ? name : `${name} (no carrier)`)).join(", ");
  const states = {
    waitingForStore: "waits for the store",
    waitingForPorts: "waits for a SPAN port",
    starting: "opens its rings",
    capturing: `on ${ports || "no port"}`,
  };
  const { frames, analyserDrops, writerDrops, sessions, sessionsActive, sessionsFlat } = capture;
  const counters =
    `${countOf(frames)} frames, ${countOf(analyserDrops + writerDrops)} dropped, ${countOf(sessions)} sessions, ` +
    `${countOf(sessionsFlat)} of them encrypted, ${countOf(sessionsActive)} active`;
  const hasCarrier = capture.ports.some((port) => port.carrier);
  return { name: "capture", good: capture.state === "capturing" && hasCarrier, state: states[capture.state], counters };
}

function gpsOf({ atMs, phoneHome }: StatusView): Subject {
  if (phoneHome === null) return { name: "GPS", good: false, state: NO_ANSWER, counters: "" };
  const { gps, fix } = phoneHome;
  const states = { absent: "no receiver", silent: "the receiver is silent", noFix: "no fix", fix: "fix" };
  const position =
    fix === null ? "" : `${fix.latitudeDeg.toFixed(5)} ${fix.longitudeDeg.toFixed(5)}, ${agoOf(atMs, fix.atMs)}`;
  return { name: "GPS", good: gps === "fix", state: states[gps], counters: position };
}

function modemOf({ phoneHome }: StatusView): Subject {
  if (phoneHome === null) return { name: "modem", good: false, state: NO_ANSWER, counters: "" };
  const { modem, signalQuality, outbox, sent } = phoneHome;
  const states = {
    absent: "no modem",
    silent: "the modem is silent",
    simLocked: "the SIM is missing or locked",
    notRegistered: "no network",
    ready: "ready",
  };
  const signal = signalQuality === null ? "" : `signal ${signalQuality}/31, `;
  const counters = `${signal}${outbox} emergency messages waiting, ${sent} sent`;
  return { name: "modem", good: modem === "ready", state: states[modem], counters };
}

/** Its role starts a minute after the others: until then nothing is amiss. */
function updateOf({ update }: StatusView): Subject {
  if (update === null) return { name: "update", good: true, state: "not asked for yet", counters: "" };
  const { state, detail, version, receivedBytes, sizeBytes } = update;
  const states: Readonly<Partial<Record<UpdateStatus["state"], string>>> = {
    starting: "not asked for yet",
    waitingForVpn: "waits for the VPN",
    upToDate: "base has nothing newer",
    downloading: `downloading ${version}`,
    ready: `${version} is checked and ready`,
  };
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  const counters = state === "downloading" ? `${megabytes(receivedBytes)} of ${megabytes(sizeBytes)} MB` : "";
  return { name: "update", good: state in states, state: states[state] ?? detail, counters };
}

function timeOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 19).replace("T", " ");
}

function durationOf(durationMs: number): string {
  const minutes = Math.floor(durationMs / 60_000);
  const days = Math.floor(minutes / 1440);
  const clock = `${Math.floor(minutes / 60) % 24}:${String(minutes % 60).padStart(2, "0")}`;
  return days === 0 ? clock : `${days} d ${clock}`;
}

function agoOf(nowMs: number, atMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1000));
  return seconds < 120 ? `${seconds} s ago` : `${durationOf(seconds * 1000)} h ago`;
}

function countOf(count: number): string {
  return count.toLocaleString("en-US");
}
