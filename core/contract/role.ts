import type { RefusalReason } from "./update-refusal.ts";

/**
 * What the roles of one sensor say to each other over `/run/cepa/ROLE.sock`: one request a connection, a line of JSON;
 * the answer is a line of JSON, for `pcap` followed by the octets of a pcap file up to the end of the connection.
 */
export type RoleName = "capture" | "vault" | "link" | "phone-home" | "update";
export const ROLE_NAMES: readonly RoleName[] = ["capture", "vault", "link", "phone-home", "update"];
export const ROLE_LINE_LIMIT_BYTES = 16 * 1024 * 1024;

export function roleSocketPath(role: RoleName, runFolder = "/run/cepa"): string {
  return `${runFolder}/${role}.sock`;
}

export type RoleRequest =
  | { readonly type: "status" }
  /** capture: read-only SQL over the sessions of /nsm. */
  | { readonly type: "query"; readonly sql: string; readonly maxRows: number; readonly timeoutMs: number }
  /** capture: frames out of /nsm. */
  | ({ readonly type: "pcap" } & PcapSelection)
  /**
   * phone-home: whether base is reached through the tunnel (`up`: something of it was heard in the last 30 s, a pong at
   * least), and how often that was tried since it was not. Link says so at each change and every 10 s.
   */
  | { readonly type: "vpn"; readonly up: boolean; readonly tries: number }
  /** link: an event to carry to base, spooled until base acknowledges it. */
  | { readonly type: "event"; readonly event: SensorEvent };

export interface PcapSelection {
  /** Row id of `sessions`; the five-tuple and the times are taken from there. */
  readonly sessionId?: number;
  /** BPF expression. */
  readonly filter?: string;
  /** Unix milliseconds. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Octets of pcap at most; the file then ends at a whole frame. */
  readonly maxBytes: number;
}

export type RoleAnswer =
  | { readonly type: "ok" }
  | { readonly type: "status"; readonly status: RoleStatus }
  | {
      readonly type: "rows";
      readonly columns: readonly string[];
      readonly rows: readonly (readonly (string | number | null)[])[];
      /** true: there were more than `maxRows`. */
      readonly cut: boolean;
    }
  | { readonly type: "pcap" }
  | { readonly type: "error"; readonly message: string };

export type RoleStatus = CaptureStatus | VaultStatus | LinkStatus | PhoneHomeStatus | UpdateStatus;

export interface CaptureStatus {
  readonly role: "capture";
  /** `starting`: its threads open their rings; what arrives before `capturing` may be lost. */
  readonly state: "waitingForStore" | "waitingForPorts" | "starting" | "capturing";
  readonly ports: readonly { readonly name: string; readonly carrier: boolean }[];
  readonly frames: number;
  readonly bytes: number;
  /**
   * Lost in the analyser's ring and in the writer's, by the kernel's count. Threads that share the sessions have a ring each: a
   * frame lost in one is missed by that part of the sessions only, so it counts as that part of a frame (rounded up).
   */
  readonly analyserDrops: number;
  readonly writerDrops: number;
  readonly sessionsActive: number;
  /** Rows written since the start, and of those the ones with a randomness below 1. */
  readonly sessions: number;
  readonly sessionsFlat: number;
  readonly sessionsEvicted: number;
  readonly httpRequests: number;
  readonly malformedFrames: number;
  /** Rows, of sessions and requests, that were not kept: there was no room for them, or no time. */
  readonly rowsDropped?: number;
  /** Threads that share the sessions. */
  readonly analysisWorkers?: number;
  /** All that they count, by name, of all of them together; `recordsDropped`: those of `rowsDropped` that there was no time for. */
  readonly counters?: Readonly<Record<string, number>>;
  readonly pcapBytes: number;
  /** Unix milliseconds; null before the first frame. */
  readonly lastFrameAtMs: number | null;
}

export type VaultState =
  | "starting"
  | "noStore"
  | "waitingForVpn"
  | "askingForKey"
  /** Base can't be reached, or its answer makes no sense: asked again, for ever. */
  | "fetchFailed"
  | "refused"
  | "wrongKey"
  /** The key fits or may fit, but a program that handles the store failed. */
  | "openFailed"
  /** The header on the store is damaged, or gone and base does not say `format`: nothing is written. */
  | "damagedHeader"
  | "formatting"
  | "open";

export interface VaultStatus {
  readonly role: "vault";
  readonly state: VaultState;
  /** For people: what is waited for and why. */
  readonly detail: string;
  readonly tries: number;
  readonly luksUuid: string | null;
  readonly openedAtMs: number | null;
  readonly identity: "software" | "tpm";
}

export interface LinkStatus {
  readonly role: "link";
  readonly state: "noUplink" | "noAddress" | "vpnDown" | "baseSilent" | "up";
  readonly detail: string;
  readonly vpnUp: boolean;
  readonly vpnAddress: string | null;
  readonly spooled: number;
  readonly lastHeartbeatAtMs: number | null;
  /** What limits dropped and what failed, since the role's start. */
  readonly counters?: Readonly<Record<"eventsDropped" | "connections" | "requestsRefused", number>>;
}

export interface UpdateStatus {
  readonly role: "update";
  readonly state:
    | "starting"
    /** Nothing in this image says who may sign updates: none is taken. */
    | "noKey"
    | "waitingForVpn"
    /** Base does not answer, or broke off: asked again. */
    | "unreachable"
    /** Base offers nothing. */
    | "upToDate"
    | "downloading"
    | "refused"
    /** Checked, and in `/state/update/ready`. */
    | "ready";
  /** For people. */
  readonly detail: string;
  /** What is offered, or ready. */
  readonly version: string | null;
  /** Of the version that is downloaded. */
  readonly receivedBytes: number;
  readonly sizeBytes: number;
  /** When base last answered, Unix milliseconds. */
  readonly answeredAtMs: number | null;
  /** The last one since the role's start, or since what was refused is ready after all. */
  readonly refusal: UpdateRefusal | null;
  readonly counters?: Readonly<Record<"downloads" | "resumed" | "refusals", number>>;
}

export interface UpdateRefusal {
  readonly atMs: number;
  readonly version: string;
  readonly reason: RefusalReason;
  /** A sentence. */
  readonly message: string;
}

export interface Fix {
  /** Unix milliseconds at which it arrived, by the sensor's clock. */
  readonly atMs: number;
  readonly latitudeDeg: number;
  readonly longitudeDeg: number;
  readonly hdop: number | null;
  readonly satellites: number | null;
}

export interface PhoneHomeStatus {
  readonly role: "phone-home";
  readonly gps: "absent" | "silent" | "noFix" | "fix";
  readonly fix: Fix | null;
  readonly modem: "absent" | "silent" | "simLocked" | "notRegistered" | "ready";
  /** 3GPP TS 27.007 +CSQ, 0..31; null unknown. */
  readonly signalQuality: number | null;
  readonly outbox: number;
  readonly sent: number;
  readonly lastEmergencyAtMs: number | null;
  /** The button that erases everything: how long it has to be held still; undefined while it is not, or where there is none. */
  readonly eraseInMs?: number;
  /** What limits dropped and what failed, since the role's start; messages dropped since the outbox was made. */
  readonly counters?: Readonly<
    Record<"messagesDropped" | "nmeaUnreadable" | "nmeaTooLong" | "modemTimeouts" | "modemLateAnswers", number>
  >;
}

/** Who wanted a reset: base, by a signed command; a person at the box's button; a person with a shell. */
export type ResetCause = "order" | "button" | "hand";

/** What must reach base, in order, once. */
export type SensorEvent =
  | { readonly name: "storeFormatted"; readonly atMs: number; readonly luksUuid: string }
  | { readonly name: "storeOpened"; readonly atMs: number; readonly luksUuid: string }
  | ({ readonly name: "updateRefused" } & UpdateRefusal)
  /** `begun`: it is on the box's disk, and goes on after a power cut. `storeErased`: the store's keys are gone; the box's own follow. */
  | {
      readonly name: "wipe";
      readonly atMs: number;
      readonly cause: ResetCause;
      readonly stage: "begun" | "storeErased";
    }
  | { readonly name: "settingsReset"; readonly atMs: number; readonly cause: ResetCause }
  | { readonly name: "commandRefused"; readonly atMs: number; readonly why: string }
  | { readonly name: "updateReady"; readonly atMs: number; readonly version: string }
  /** It was ready, and is thrown away. */
  | { readonly name: "updateWithdrawn"; readonly atMs: number; readonly version: string }
  | { readonly name: "emergencySent"; readonly atMs: number; readonly bootCounter: number; readonly sequence: number };
