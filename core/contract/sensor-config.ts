import { ConfigError, readInteger, readObject, readText } from "../checked-json.ts";

/** Settings of one sensor. `config.json` of the state partition holds those that differ from the image's defaults. */
export interface SensorConfig {
  readonly capture: {
    readonly snaplenBytes: number;
    /** A pcap file is closed at this size. */
    readonly fileSizeBytes: number;
    /** All pcap files together; 0: nine tenths of /nsm less 1 GiB, half of it at least. */
    readonly budgetBytes: number;
    readonly ageMs: number;
    /** BPF expression of frames to write; empty: all. */
    readonly filter: string;
    /** Of each ring; the writer and each thread of the analysis have one for each port. */
    readonly ringSizeBytes: number;
  };
  readonly session: {
    readonly maxSessions: number;
    readonly idleTcpMs: number;
    readonly idleOtherMs: number;
    /** A session that goes on is reported, and its row written anew, this often. */
    readonly activeMs: number;
    /** Segments that wait for the ones in front of them, of one direction and of all. */
    readonly heldDirectionBytes: number;
    readonly heldBytes: number;
    /** What readers of requests and handshakes keep of all sessions until it is whole, or its answer comes. */
    readonly readerBytes: number;
    /** Threads that share the sessions, live; 0: one for each core but one, at most 4. Each has its rings. */
    readonly workers: number;
  };
  readonly entropy: {
    /** Of payload, each direction. */
    readonly sampleBytes: number;
    /** Payload skipped before the sample, where at least `leastRestBytes` follow. */
    readonly offsetBytes: number;
    readonly leastRestBytes: number;
    /** Samples taken, one after the other, of what nothing explains, until one is as flat as random. */
    readonly windows: number;
    /** Octets kept as they are, 4 KiB a direction, of what is nearly flat and unexplained; all directions together. */
    readonly rawWindowsBytes: number;
    /** Cumulative entropy is followed up to so many octets, or the end of the first sample if that is nearer; 0: not at all. */
    readonly profileBytes: number;
    /** Folder of entropy profiles (`*.json`), which replace the shipped ones of the same protocol; empty: none. */
    readonly profilesFolder: string;
  };
  readonly link: {
    readonly heartbeatMs: number;
  };
  readonly phoneHome: {
    readonly gpsPath: string;
    readonly gpsBaudRate: number;
    readonly modemPath: string;
    readonly modemBaudRate: number;
    /** The tunnel has been down this long, and was tried `vpnLostTries` times: call for help. */
    readonly vpnLostMs: number;
    readonly vpnLostTries: number;
  };
  /** A button at the box: everything is erased when it is held. */
  readonly eraseButton: {
    /** Label of its GPIO chip; empty: there is no button. */
    readonly chip: string;
    /** From 0, within the chip. */
    readonly line: number;
    /** Level of the line while it is pressed. */
    readonly pressedLevel: number;
    readonly holdMs: number;
  };
  readonly update: {
    /** Base is asked this often. */
    readonly askMs: number;
    /** Of a download, at most. */
    readonly rateBytesPerSecond: number;
  };
  /** Of a new version, before it is marked good. */
  readonly trial: {
    /** All has to be well for so long without a break. */
    readonly healthyMs: number;
    /** After so long without that, the version before comes back. */
    readonly limitMs: number;
  };
}

const MIB = 1024 * 1024;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

export const DEFAULT_SENSOR_CONFIG: SensorConfig = {
  capture: {
    snaplenBytes: 65535,
    fileSizeBytes: 64 * MIB,
    budgetBytes: 0,
    ageMs: 90 * DAY_MS,
    filter: "",
    ringSizeBytes: 64 * MIB,
  },
  session: {
    maxSessions: 100_000,
    idleTcpMs: 5 * MINUTE_MS,
    idleOtherMs: MINUTE_MS,
    activeMs: MINUTE_MS,
    heldDirectionBytes: MIB,
    heldBytes: 16 * MIB,
    readerBytes: 64 * MIB,
    workers: 0,
  },
  // past the part of a handshake that is in clear: with an offset of 256 the padding of a TLS ClientHello is in the sample
  entropy: {
    sampleBytes: 4096,
    offsetBytes: 2048,
    leastRestBytes: 256,
    windows: 4,
    rawWindowsBytes: 16 * MIB,
    profileBytes: 4096,
    profilesFolder: "",
  },
  link: { heartbeatMs: 30 * SECOND_MS },
  phoneHome: {
    gpsPath: "/dev/cepa/gps",
    gpsBaudRate: 9600,
    modemPath: "/dev/cepa/modem",
    modemBaudRate: 115200,
    vpnLostMs: 10 * MINUTE_MS,
    vpnLostTries: 3,
  },
  eraseButton: { chip: "", line: 0, pressedLevel: 0, holdMs: 10 * SECOND_MS },
  update: { askMs: 15 * MINUTE_MS, rateBytesPerSecond: MIB },
  trial: { healthyMs: 5 * MINUTE_MS, limitMs: 30 * MINUTE_MS },
};

/** Least and most of every number; what is not here is text. */
const LIMITS: Readonly<Record<string, readonly [number, number]>> = {
  "capture.snaplenBytes": [64, 262_144],
  "capture.fileSizeBytes": [MIB, 4096 * MIB],
  "capture.budgetBytes": [0, 2 ** 50],
  "capture.ageMs": [MINUTE_MS, 3650 * DAY_MS],
  "capture.ringSizeBytes": [4 * MIB, 1024 * MIB],
  "session.maxSessions": [1000, 4_000_000],
  "session.idleTcpMs": [SECOND_MS, DAY_MS],
  "session.idleOtherMs": [SECOND_MS, DAY_MS],
  "session.activeMs": [SECOND_MS, DAY_MS],
  "session.heldDirectionBytes": [4096, 64 * MIB],
  "session.heldBytes": [65_536, 1024 * MIB],
  "session.readerBytes": [65_536, 1024 * MIB],
  "session.workers": [0, 16],
  "entropy.sampleBytes": [64, 65_536],
  "entropy.offsetBytes": [0, 65_536],
  "entropy.leastRestBytes": [64, 65_536],
  "entropy.windows": [1, 64],
  "entropy.rawWindowsBytes": [0, 1024 * MIB],
  "entropy.profileBytes": [0, 65_535],
  "link.heartbeatMs": [SECOND_MS, 10 * MINUTE_MS],
  "phoneHome.gpsBaudRate": [1200, 921_600],
  "phoneHome.modemBaudRate": [1200, 921_600],
  "phoneHome.vpnLostMs": [SECOND_MS, DAY_MS],
  "phoneHome.vpnLostTries": [1, 100],
  "eraseButton.line": [0, 1023],
  "eraseButton.pressedLevel": [0, 1],
  "eraseButton.holdMs": [3 * SECOND_MS, MINUTE_MS],
  "update.askMs": [SECOND_MS, DAY_MS],
  "update.rateBytesPerSecond": [4096, 1024 * MIB],
  "trial.healthyMs": [SECOND_MS, DAY_MS],
  "trial.limitMs": [SECOND_MS, DAY_MS],
};
const TEXTS: Readonly<Record<string, readonly [string, RegExp]>> = {
  "capture.filter": ["a BPF expression of at most 1000 printable characters", /^[\x20-\x7e]{0,1000}$/],
  "entropy.profilesFolder": ["an absolute path, or nothing", /^(?:\/(?!.*\.\.)[\x20-\x7e]{1,200})?$/],
  "eraseButton.chip": ["a GPIO chip's label, or nothing", /^[A-Za-z0-9_.:-]{0,64}$/],
  "phoneHome.gpsPath": ["a path below /dev", /^\/dev\/(?!.*\.\.)[A-Za-z0-9_./-]{1,60}$/],
  "phoneHome.modemPath": ["a path below /dev", /^\/dev\/(?!.*\.\.)[A-Za-z0-9_./-]{1,60}$/],
};

/** The defaults with `json`'s settings over them. Throws a ConfigError that names the first wrong or unknown one. */
export function readSensorConfig(json: unknown): SensorConfig {
  const given = readObject(json, "config", Object.keys(DEFAULT_SENSOR_CONFIG));
  const merged: Record<string, Record<string, unknown>> = {};
  for (const [section, defaults] of Object.entries(DEFAULT_SENSOR_CONFIG)) {
    const settings = given[section] === undefined ? {} : readObject(given[section], section, Object.keys(defaults));
    for (const key of Object.keys(settings)) checkSetting(settings, section, key);
    merged[section] = { ...defaults, ...settings };
  }
  return merged as unknown as SensorConfig;
}

function checkSetting(settings: Readonly<Record<string, unknown>>, section: string, key: string): void {
  const path = `${section}.${key}`;
  const limits = LIMITS[path];
  const text = TEXTS[path];
  if (limits !== undefined) readInteger(settings, key, section, limits[0], limits[1]);
  else if (text !== undefined) readText(settings, key, section, text[0], text[1]);
  else throw new ConfigError(path, "a known setting", key);
}

/**
 * `config.json`: what base signed. `signature` is Ed25519, base64, over the ASCII `cepa-config-1`, a zero octet, the
 * sensor id in hexadecimal, a zero octet, and the UTF-8 of `settings`, which is JSON text for readSensorConfig, with
 * the number of the configuration before it: `<number>\0`.
 */
export interface SignedConfig {
  /** Counts up with each change; an older one is refused. */
  readonly number: number;
  readonly settings: string;
  readonly signature: string;
}

export function readSignedConfig(json: unknown): SignedConfig {
  const object = readObject(json, "config", ["number", "settings", "signature"]);
  return {
    number: readInteger(object, "number", "config", 1, 2 ** 32 - 1),
    settings: readText(object, "settings", "config", "JSON text"),
    signature: readText(object, "signature", "config", "an Ed25519 signature in base64", /^[A-Za-z0-9+/]{86}==$/),
  };
}

/** The octets that base signs. */
export function configSignatureInput(sensorId: string, number: number, settings: string): Uint8Array {
  return new TextEncoder().encode(`cepa-config-1\0${sensorId}\0${number}\0${settings}`);
}
