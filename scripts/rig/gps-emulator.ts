import { readFile } from "node:fs/promises";
import { nmeaEpochs, restampSentence } from "./nmea.ts";
import { startPty } from "./pty.ts";

export interface GpsEmulatorOptions {
  /** Where the terminal is made; a QEMU chardev, or a sensor, opens it. */
  readonly path: string;
  /** NMEA log, replayed over and over; by default test/captures/nmea/greenwich.log. */
  readonly logFile?: string | URL;
  readonly intervalMs?: number;
  /** false: dates and times as they are in the log. */
  readonly restamp?: boolean;
}

export interface GpsEmulator {
  readonly path: string;
  /** Where greenwich.log is: the position that a sensor must report. */
  readonly latitudeDeg: number;
  readonly longitudeDeg: number;
  /** Epochs sent, and those dropped since nobody read the line. */
  readonly counters: { sent: number; dropped: number };
  /** Replaces what is replayed; an empty text silences the receiver. */
  replay(log: string): void;
}

const GREENWICH = new URL("../../test/captures/nmea/greenwich.log", import.meta.url);

/** A GPS receiver on a pseudo-terminal, one epoch every `intervalMs`, until `signal` aborts. */
export async function startGpsEmulator(options: GpsEmulatorOptions, signal: AbortSignal): Promise<GpsEmulator> {
  const { path, logFile = GREENWICH, intervalMs = 1000, restamp = true } = options;
  let epochs = nmeaEpochs(await readFile(logFile, "utf8"));
  const pty = await startPty(path, signal);
  (async () => {
    for await (const _ of pty.chunks); // what is said to the receiver is not heard
  })().catch(() => {});
  const counters = { sent: 0, dropped: 0 };
  let at = 0;
  const send = () => {
    if (epochs.length === 0) return;
    const epoch = epochs[at++ % epochs.length] ?? [];
    const nowMs = Date.now();
    const lines = restamp ? epoch.map((line) => restampSentence(line, nowMs)) : epoch;
    if (pty.write(lines.map((line) => `${line}\r\n`).join(""))) counters.sent++;
    else counters.dropped++;
  };
  const timer = setInterval(send, intervalMs);
  signal.addEventListener("abort", () => clearInterval(timer));
  const replay = (log: string) => {
    epochs = nmeaEpochs(log);
    at = 0;
  };
  return { path, latitudeDeg: 51.4778765, longitudeDeg: -0.001475, counters, replay };
}
