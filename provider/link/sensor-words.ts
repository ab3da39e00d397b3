import type { HealthRecord } from "../../core/contract/health.ts";
import type { ResetCause, SensorEvent } from "../../core/contract/role.ts";

/**
 * What sensors say is believed as far as its form goes only: a sensor may be of another version, or in other hands. Keys
 * that are not known here pass.
 */
const LIST_MAX = 64;
const UPDATE_WORDS_MAX = 300;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

type Kind = "number" | "text" | "number or null" | "text or null";
type Shape = Readonly<Record<string, Kind>>;

const HEALTH: Shape = {
  atMs: "number",
  bootId: "text",
  uptimeMs: "number",
  imageVersion: "text",
  rootHash: "text",
  loadAverage1: "number",
  memoryTotalBytes: "number",
  memoryAvailableBytes: "number",
  temperatureC: "number or null",
};
const DISK: Shape = { mount: "text", sizeBytes: "number", usedBytes: "number" };
const INTERFACE: Shape = { name: "text", receivedBytes: "number", sentBytes: "number", receivedDropped: "number" };
const UNIT: Shape = { name: "text", anonymousBytes: "number" };
const CAPTURE: Shape = {
  state: "text",
  frames: "number",
  bytes: "number",
  analyserDrops: "number",
  writerDrops: "number",
  sessionsActive: "number",
  sessions: "number",
  sessionsFlat: "number",
};
const VAULT: Shape = { state: "text", detail: "text", tries: "number", luksUuid: "text or null" };
const PHONE_HOME: Shape = { gps: "text", modem: "text", outbox: "number", sent: "number" };
const UPDATE: Shape = {
  state: "text",
  detail: "text",
  version: "text or null",
  receivedBytes: "number",
  sizeBytes: "number",
  answeredAtMs: "number or null",
};
const REFUSAL: Shape = { atMs: "number", version: "text", reason: "text", message: "text" };
const ROOT_CHECK: Shape = { atMs: "number", result: "text", detail: "text" };
const KEY_ADMISSION: Shape = { atMs: "number", result: "text", detail: "text" };
const BOOT_LOADER: Shape = { atMs: "number", version: "text", info: "text", result: "text", detail: "text" };
const FAILED: Shape = { version: "text", why: "text" };
const USB: Shape = { atMs: "number", port: "text", id: "text", why: "text", refusals: "number" };
const FIX: Shape = { atMs: "number", latitudeDeg: "number", longitudeDeg: "number" };

/** undefined: no health record that could be shown. */
export function readHealthRecord(json: unknown): HealthRecord | undefined {
  if (!hasShape(json, HEALTH)) return undefined;
  // a sensor of an earlier version says less
  const { disks, interfaces, units, capture, vault, phoneHome } = json;
  const { update = null, rootCheck = null, keyAdmission = null, bootLoader = null } = json;
  const { failedVersions = [], shortfalls = [], usb = [] } = json;
  const isListOf = (list: unknown, shape: Shape) =>
    Array.isArray(list) && list.length <= LIST_MAX && list.every((item) => hasShape(item, shape));
  if (!isListOf(disks, DISK) || !isListOf(interfaces, INTERFACE) || !isListOf(units, UNIT)) return undefined;
  if (!isListOf(failedVersions, FAILED) || !isListOf(usb, USB)) return undefined;
  if (
    !isListOfText(shortfalls) ||
    !(usb as readonly { drivers: unknown }[]).every(({ drivers }) => isListOfText(drivers))
  )
    return undefined;
  if (capture !== null && !hasShape(capture, CAPTURE)) return undefined;
  if (vault !== null && !hasShape(vault, VAULT)) return undefined;
  if (phoneHome !== null) {
    if (!hasShape(phoneHome, PHONE_HOME)) return undefined;
    if (phoneHome.fix !== null && !hasShape(phoneHome.fix, FIX)) return undefined;
  }
  if (update !== null) {
    if (!hasShape(update, UPDATE)) return undefined;
    if (update.refusal !== null && !hasShape(update.refusal, REFUSAL)) return undefined;
  }
  if (rootCheck !== null && !hasShape(rootCheck, ROOT_CHECK)) return undefined;
  if (keyAdmission !== null && !hasShape(keyAdmission, KEY_ADMISSION)) return undefined;
  if (bootLoader !== null && !hasShape(bootLoader, BOOT_LOADER)) return undefined;
  return { ...json, rootCheck } as unknown as HealthRecord;
}

function isListOfText(list: unknown): boolean {
  return Array.isArray(list) && list.length <= LIST_MAX && list.every((one) => typeof one === "string");
}

function hasShape(json: unknown, shape: Shape): json is Readonly<Record<string, unknown>> {
  if (typeof json !== "object" || json === null) return false;
  return Object.entries(shape).every(([key, kind]) => {
    const value = (json as Readonly<Record<string, unknown>>)[key];
    if (value === null) return kind.endsWith("or null");
    return kind.startsWith("number") ? typeof value === "number" && Number.isFinite(value) : typeof value === "string";
  });
}

/** An event in words, whatever is in it. */
export function eventWords(event: SensorEvent): string {
  switch (event.name) {
    case "storeFormatted":
    case "storeOpened": {
      const what = event.name === "storeFormatted" ? "formatted" : "opened";
      return isUuid(event.luksUuid) ? `/nsm ${what}, LUKS UUID ${event.luksUuid}` : `/nsm ${what}, with no UUID`;
    }
    case "updateRefused": {
      const [version, reason, message] = [event.version, event.reason, event.message].map((text) =>
        plainWords(String(text), UPDATE_WORDS_MAX),
      );
      return `update ${version} refused (${reason}): ${message}`;
    }
    case "updateReady":
      return `update ${plainWords(String(event.version), UPDATE_WORDS_MAX)} is on the box, checked`;
    case "updateWithdrawn":
      return `update ${plainWords(String(event.version), UPDATE_WORDS_MAX)} was withdrawn: the box has thrown it away`;
    case "wipe":
      if (!isWipe(event)) return "wipe, of no known form";
      return `WIPE ${CAUSE_WORDS[event.cause]}: ${event.stage === "begun" ? "begun" : "the store's keys are erased, the box's own follow"}`;
    case "settingsReset":
      return `settings are those of the image again (${plainWords(String(event.cause), UPDATE_WORDS_MAX)})`;
    case "commandRefused":
      return `a command is refused: ${plainWords(String(event.why), UPDATE_WORDS_MAX)}`;
    case "emergencySent":
      return `emergency message ${Number(event.bootCounter)}/${Number(event.sequence)} sent`;
    default:
      return `event ${plainWords(String((event as { name: unknown }).name), 40)}`;
  }
}

const CAUSE_WORDS: Readonly<Record<ResetCause, string>> = {
  order: "as ordered",
  button: "by the box's button",
  hand: "by a person at the box",
};

export function isWipe(event: { readonly cause: unknown; readonly stage: unknown }): boolean {
  return (event.stage === "begun" || event.stage === "storeErased") && Object.hasOwn(CAUSE_WORDS, String(event.cause));
}

export function isUuid(value: unknown): value is string {
  return typeof value === "string" && UUID.test(value);
}

/** A sensor's own words for a terminal or a log: printable ASCII, cut at `most`. */
export function plainWords(text: string, most: number): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, most);
}

export interface Rows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
  readonly cut: boolean;
}

const COLUMNS_MAX = 2000;

/** Whether the answer to a query is a table. */
export function isTable(answer: { readonly columns: unknown; readonly rows: unknown; readonly cut: unknown }): boolean {
  const { columns, rows } = answer;
  if (!Array.isArray(columns) || columns.length > COLUMNS_MAX || !Array.isArray(rows)) return false;
  const isCell = (cell: unknown) => cell === null || typeof cell === "string" || typeof cell === "number";
  return (
    columns.every((column) => typeof column === "string") &&
    rows.every((row) => Array.isArray(row) && row.length === columns.length && row.every(isCell))
  );
}
