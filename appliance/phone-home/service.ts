import { type Backoff, backoffMs } from "../../core/backoff.ts";
import type { EmergencyReason } from "../../core/contract/emergency.ts";
import type { PhoneHomeStatus, SensorEvent } from "../../core/contract/role.ts";
import type { SensorConfig } from "../../core/contract/sensor-config.ts";
import type { Clock, Log, OpenSerial, SerialPort } from "../../core/ports.ts";
import { runTogether } from "../../core/run-together.ts";
import { encodeSubmitPdu } from "../../core/sms/pdu.ts";
import { AtChannel, type AtCounters, ModemError } from "./at-channel.ts";
import { nextButton, UNARMED } from "./button.ts";
import { type GpsState, gpsCondition, NMEA_LIMIT_BYTES, NO_GPS, nextGpsState } from "./gps.ts";
import { LineSplitter } from "./line-splitter.ts";
import type { Situation } from "./message.ts";
import {
  initialiseModem,
  type ModemView,
  nextRecovery,
  readModem,
  recoverModem,
  SILENT_MODEM,
  sendPdu,
} from "./modem.ts";
import { addMessage, nextDue, noteAttempt, noteInDoubt, noteSent } from "./outbox.ts";
import type { OutboxFile } from "./outbox-file.ts";
import { nextVpnTrigger, startVpnTrigger, type VpnTriggerLimits } from "./trigger.ts";

const REOPEN: Backoff = { firstMs: 2_000, mostMs: 30_000 };
const MODEM_RETRY: Backoff = { firstMs: 4_000, mostMs: 60_000 };
const TICK_MS = 1_000;
const MODEM_READ_MS = 15_000;
const EVENTS_MAX = 100;
const BUTTON_LOOK_MS = 250;

export interface PhoneHomePorts {
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  readonly openSerial: OpenSerial;
  readonly outbox: OutboxFile;
  /** Makes and signs a message with the outbox's next sequence: 216 hexadecimal digits. */
  sign(reasons: readonly EmergencyReason[], situation: Situation): string;
  /** What the other roles say; false where they don't answer. */
  askStore(signal: AbortSignal): Promise<{ readonly storeOpen: boolean; readonly captureRunning: boolean }>;
  /** Level of the button's line; undefined: it can't be read. */
  readButton(): Promise<0 | 1 | undefined>;
  /** Leaves the request that everything be erased. */
  askForErasure(): Promise<void>;
  /** Hands an event to link; throws when link does not take it. */
  tell(event: SensorEvent, signal: AbortSignal): Promise<void>;
}

export interface PhoneHomeSettings extends VpnTriggerLimits {
  readonly gpsPath: string;
  readonly gpsBaudRate: number;
  readonly modemPath: string;
  readonly modemBaudRate: number;
  readonly smsNumber: string;
  readonly eraseButton: SensorConfig["eraseButton"];
  /** No true time is before it, Unix milliseconds. */
  readonly notBeforeMs: number;
}

export interface PhoneHome {
  status(): PhoneHomeStatus;
  /** The tunnel, as link sees it. */
  noteVpn(up: boolean, tries: number): void;
  run(signal: AbortSignal): Promise<void>;
}

export function createPhoneHome(ports: PhoneHomePorts, settings: PhoneHomeSettings): PhoneHome {
  const { clock, log, outbox } = ports;
  let gps: GpsState = NO_GPS;
  let gpsOpen = false;
  let modem: ModemView | undefined;
  let trigger = startVpnTrigger(clock.monotonicMs());
  let vpnUp = false;
  let button = UNARMED;
  const calls: EmergencyReason[][] = [];
  const events: SensorEvent[] = [];
  const splitter = new LineSplitter(NMEA_LIMIT_BYTES, "$");
  const modemCounters: AtCounters = { timeouts: 0, late: 0 };

  const step = (event: Parameters<typeof nextVpnTrigger>[1]) => {
    const before = trigger.name;
    trigger = nextVpnTrigger(trigger, event, settings);
    if (trigger.name === "alarmed" && before !== "alarmed") calls.push(["vpnLost"]);
    if (trigger.name !== before) log(trigger.name === "up" ? "info" : "warning", `base is ${trigger.name}`);
  };

  const status = (): PhoneHomeStatus => ({
    role: "phone-home",
    gps: gpsCondition(gps, gpsOpen, clock.monotonicMs()),
    fix: gps.fix ?? null,
    modem: modem?.condition ?? "absent",
    signalQuality: modem?.signalQuality ?? null,
    outbox: outbox.current().entries.length,
    sent: outbox.current().sent,
    lastEmergencyAtMs: outbox.current().lastSentAtMs,
    ...(button.name === "held" && {
      eraseInMs: Math.max(0, settings.eraseButton.holdMs - (clock.monotonicMs() - button.sinceMs)),
    }),
    counters: {
      messagesDropped: outbox.current().dropped,
      nmeaUnreadable: gps.unreadable,
      nmeaTooLong: splitter.dropped,
      modemTimeouts: modemCounters.timeouts,
      modemLateAnswers: modemCounters.late,
    },
  });

  /** Opens a line again and again, and uses it while it is there. */
  const keepOpen = async (
    path: string,
    baudRate: number,
    use: (line: SerialPort, signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> => {
    for (let failures = 1; ; failures++) {
      try {
        const line = await ports.openSerial(path, baudRate);
        log("info", `${path} is open`);
        failures = 0;
        const stop = () => void line.close();
        signal.addEventListener("abort", stop, { once: true });
        try {
          await use(line, signal);
        } finally {
          signal.removeEventListener("abort", stop);
          await line.close();
        }
        log("warning", `${path} hung up`);
      } catch (error) {
        signal.throwIfAborted();
        log(failures === 1 ? "warning" : "debug", `${path}: ${(error as Error).message}`);
      }
      signal.throwIfAborted();
      await clock.sleep(backoffMs(REOPEN, Math.max(1, failures), ports.random()), signal);
    }
  };

  const readGps = async (line: SerialPort): Promise<void> => {
    gpsOpen = true;
    splitter.clear();
    try {
      for await (const chunk of line.chunks)
        for (const sentence of splitter.push(chunk)) {
          const arrival = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs(), notBeforeMs: settings.notBeforeMs };
          gps = nextGpsState(gps, sentence, arrival);
        }
    } finally {
      gpsOpen = false;
    }
  };

  const useModem = async (line: SerialPort, signal: AbortSignal): Promise<void> => {
    const channel = new AtChannel(line, clock, modemCounters);
    modem = SILENT_MODEM;
    try {
      await runTogether(signal, [
        async () => {
          await channel.run();
          throw new ModemError("gone", "the line hung up");
        },
        (jobSignal) => talkToModem(channel, jobSignal),
      ]);
    } finally {
      modem = undefined;
    }
  };

  const talkToModem = async (channel: AtChannel, signal: AbortSignal): Promise<void> => {
    let failures = 0;
    for (;;) {
      try {
        await recoverModem(channel, nextRecovery(failures), clock, signal);
        await initialiseModem(channel, signal);
        for (let readMs = Number.NEGATIVE_INFINITY; ; await clock.sleep(TICK_MS, signal)) {
          const waiting = nextDue(outbox.current(), clock.nowMs());
          const impatient = waiting !== undefined && modem?.condition !== "ready";
          if (clock.monotonicMs() - readMs >= (impatient ? MODEM_READ_MS / 5 : MODEM_READ_MS)) {
            modem = await readModem(channel, signal);
            readMs = clock.monotonicMs();
          }
          if (waiting !== undefined && modem?.condition === "ready") await send(channel, waiting, signal);
          if (outbox.current().entries.length === 0) failures = 0; // one that keeps failing climbs the ladder
        }
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ModemError) || error.code === "gone") throw error;
        failures++;
        log("warning", error.message, { failures });
        if (error.code === "silent") modem = SILENT_MODEM;
        await clock.sleep(backoffMs(MODEM_RETRY, failures, ports.random()), signal);
      }
    }
  };

  const send = async (channel: AtChannel, entry: NonNullable<ReturnType<typeof nextDue>>, signal: AbortSignal) => {
    await outbox.change((now) => noteAttempt(now, entry, clock.nowMs(), ports.random()));
    try {
      await sendPdu(channel, encodeSubmitPdu(settings.smsNumber, Uint8Array.fromHex(entry.message)), signal);
    } catch (error) {
      if (error instanceof ModemError && error.code !== "refused")
        await outbox.change((now) => noteInDoubt(now, clock.nowMs()));
      throw error;
    }
    await outbox.change((now) => noteSent(now, entry, clock.nowMs()));
    const { bootCounter, sequence } = entry;
    log("warning", "an emergency message was sent", { bootCounter, sequence });
    if (events.length < EVENTS_MAX) events.push({ name: "emergencySent", atMs: clock.nowMs(), bootCounter, sequence });
  };

  /** Makes the messages that are called for, and hands events to link once link takes them. */
  const watch = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      step({ name: "tick", nowMs: clock.monotonicMs() });
      for (let reasons = calls.shift(); reasons !== undefined; reasons = calls.shift()) await call(reasons, signal);
      const [event] = events;
      if (event !== undefined)
        await ports.tell(event, signal).then(
          () => events.shift(),
          () => signal.throwIfAborted(),
        );
      await clock.sleep(TICK_MS, signal);
    }
  };

  const watchButton = async (signal: AbortSignal): Promise<void> => {
    const { pressedLevel, holdMs } = settings.eraseButton;
    for (;;) {
      const level = await ports.readButton();
      const before = button.name;
      const name = level === undefined ? "unknown" : level === pressedLevel ? "pressed" : "released";
      button = nextButton(button, name, clock.monotonicMs(), holdMs);
      if (button.name !== before) log("warning", `the button that erases everything: ${button.name}`);
      if (button.name === "asked" && before !== "asked") await ports.askForErasure();
      await clock.sleep(BUTTON_LOOK_MS, signal);
    }
  };

  const call = async (reasons: readonly EmergencyReason[], signal: AbortSignal): Promise<void> => {
    const { storeOpen, captureRunning } = await ports.askStore(signal);
    const nowMs = clock.nowMs();
    const message = ports.sign(reasons, {
      nowMs,
      fix: gps.fix,
      fixAgeMs: gps.fixMs === undefined ? undefined : clock.monotonicMs() - gps.fixMs,
      network: modem?.network ?? null,
      cellId: modem?.cellId ?? null,
      storeLocked: !storeOpen,
      vpnUp,
      captureRunning,
    });
    await outbox.change((now) => addMessage(now, message, reasons, nowMs));
    log("warning", `calling for help: ${reasons.join(", ")}`);
  };

  return {
    status,
    noteVpn(up, tries) {
      vpnUp = up;
      step({ name: "vpn", up, tries, nowMs: clock.monotonicMs() });
    },
    run: (signal) =>
      runTogether(signal, [
        (jobSignal) => keepOpen(settings.gpsPath, settings.gpsBaudRate, readGps, jobSignal),
        (jobSignal) => keepOpen(settings.modemPath, settings.modemBaudRate, useModem, jobSignal),
        watch,
        ...(settings.eraseButton.chip === "" ? [] : [watchButton]),
      ]),
  };
}
