import { type Backoff, backoffMs } from "../../core/backoff.ts";
import type { HealthRecord } from "../../core/contract/health.ts";
import type { SensorIdentity } from "../../core/contract/identity.ts";
import { LINK_VERSION, parseBaseMessage, type SensorMessage } from "../../core/contract/link.ts";
import type { LinkStatus, SensorEvent } from "../../core/contract/role.ts";
import type { Clock, Log } from "../../core/ports.ts";
import { runTogether } from "../../core/run-together.ts";
import { BASE_SILENCE_MS, type Contact, describeReach, nextContact, type Reach, triesOf } from "./reach.ts";
import { type DataRequest, REQUESTS_MAX, type RequestPorts, serveRequest } from "./requests.ts";
import type { SpoolFile } from "./spool-file.ts";

const WATCH_MS = 1_000;
const TELL_MS = 10_000;
const PING_MS = 10_000;
const RETRY: Backoff = { firstMs: 1_000, mostMs: 30_000 };
/** 87 octets in base64: `core/contract/command.ts`. */
const COMMAND_PATTERN = /^[A-Za-z0-9+/]{116}$/;
/** Events on their way at a time; the next go out as those are acknowledged. */
const EVENTS_AT_ONCE = 50;

export interface LinkConnection {
  /** Resolve when the octets have left. */
  send(message: SensorMessage): Promise<void>;
  sendBinary(bytes: Uint8Array): Promise<void>;
  ping(): void;
  readonly closed: Promise<void>;
  close(): Promise<void>;
  terminate(): void;
}

export interface LinkReceiver {
  /** Anything came from base, a pong too. */
  heard(): void;
  text(message: string): void;
}

export interface LinkPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  readonly spool: SpoolFile;
  readonly ask: RequestPorts["ask"];
  readReach(): Promise<Reach>;
  readHealth(signal: AbortSignal): Promise<HealthRecord>;
  /** Hands a command on to who obeys it; throws when it is not signed by base. */
  takeCommand(message: Uint8Array): Promise<void>;
  /** Tells phone-home whether base is reached. */
  tellVpn(up: boolean, tries: number, signal: AbortSignal): Promise<void>;
  connect(receive: LinkReceiver, signal: AbortSignal): Promise<LinkConnection>;
}

export interface Link {
  status(): LinkStatus;
  /** Resolves once the event is on disk. */
  addEvent(event: SensorEvent): Promise<void>;
  /** Keeps base informed until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface LinkSettings {
  readonly identity: SensorIdentity;
  readonly bootId: string;
  readonly heartbeatMs: number;
}

export function createLink(ports: LinkPorts, settings: LinkSettings): Link {
  const { clock, spool } = ports;
  const { identity } = settings;
  let reach: Reach = { uplink: undefined, carrier: false, addresses: [], unresolvedName: undefined, tunnelUp: false };
  let lastHeardMs: number | undefined; // monotonic
  let lastHeartbeatAtMs: number | null = null;
  let contact: Contact = { up: false, sinceMs: clock.monotonicMs() };
  let connection: LinkConnection | undefined;
  const onTheWay = new Set<number>();
  const counters = { connections: 0, requestsRefused: 0 };
  let lastCommand = "";

  const baseHeard = () =>
    reach.tunnelUp && lastHeardMs !== undefined && clock.monotonicMs() - lastHeardMs < BASE_SILENCE_MS;

  const status = (): LinkStatus => ({
    role: "link",
    ...describeReach(reach, identity.vpnAddress, identity.baseAddress, baseHeard()),
    vpnUp: reach.tunnelUp,
    vpnAddress: reach.tunnelUp ? identity.vpnAddress : null,
    spooled: spool.current().events.length,
    lastHeartbeatAtMs,
    counters: { ...counters, eventsDropped: spool.current().dropped },
  });

  const sendEvents = (): void => {
    for (const { id, event } of spool.current().events) {
      if (connection === undefined || onTheWay.size >= EVENTS_AT_ONCE) return;
      if (onTheWay.has(id)) continue;
      onTheWay.add(id);
      connection.send({ type: "event", id, event }).catch(() => {});
    }
  };

  /** Looks where the box is; tells phone-home at each change and every TELL_MS. */
  const watch = async (signal: AbortSignal): Promise<void> => {
    let toldAtMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      reach = await ports.readReach();
      const before = contact;
      contact = nextContact(contact, baseHeard(), clock.monotonicMs());
      if (contact !== before) ports.log(contact.up ? "info" : "warning", status().detail);
      if (contact !== before || clock.monotonicMs() - toldAtMs >= TELL_MS) {
        toldAtMs = clock.monotonicMs();
        await ports.tellVpn(contact.up, triesOf(contact, toldAtMs), signal).catch(() => {
          signal.throwIfAborted(); // phone-home is not there: told again next time
        });
      }
      await clock.sleep(WATCH_MS, signal);
    }
  };

  const talk = async (signal: AbortSignal): Promise<void> => {
    let failures = 0;
    for (;;) {
      while (!reach.tunnelUp) await clock.sleep(WATCH_MS, signal);
      const openedMs = clock.monotonicMs();
      try {
        await holdConnection(signal);
      } catch (error) {
        signal.throwIfAborted();
        ports.log("debug", `the connection to base failed: ${(error as Error).message}`);
      }
      failures = clock.monotonicMs() - openedMs > RETRY.mostMs ? 1 : failures + 1;
      await clock.sleep(backoffMs(RETRY, failures, ports.random()), signal);
    }
  };

  /** One connection from its opening to its end. */
  const holdConnection = async (roleSignal: AbortSignal): Promise<void> => {
    const end = new AbortController();
    const signal = AbortSignal.any([roleSignal, end.signal]);
    const running = new Map<number, AbortController>();
    const receive: LinkReceiver = {
      heard: () => {
        lastHeardMs = clock.monotonicMs();
      },
      text: (text) => onMessage(text, running, signal),
    };
    const opened = await ports.connect(receive, signal);
    connection = opened;
    counters.connections++;
    onTheWay.clear();
    try {
      const { sensorId } = identity;
      await opened.send({ type: "hello", version: LINK_VERSION, sensorId, bootId: settings.bootId });
      ports.log("info", "the link to base is up");
      sendEvents();
      opened.closed.then(() => end.abort(new Error("base closed the connection")));
      await runTogether(signal, [beat(opened), keepAlive(opened)]);
    } finally {
      connection = undefined;
      end.abort(new Error("the connection has ended"));
      if (roleSignal.aborted) await opened.close();
      else opened.terminate();
    }
  };

  const beat = (opened: LinkConnection) => async (signal: AbortSignal) => {
    for (;;) {
      const health = await ports.readHealth(signal);
      await opened.send({ type: "heartbeat", sentAtMs: clock.nowMs(), health, link: status() });
      lastHeartbeatAtMs = clock.nowMs();
      onTheWay.clear(); // what base has not acknowledged in a heartbeat's time goes again
      sendEvents();
      await clock.sleep(settings.heartbeatMs, signal);
    }
  };

  const keepAlive = (opened: LinkConnection) => async (signal: AbortSignal) => {
    for (;;) {
      await clock.sleep(PING_MS, signal);
      if (!baseHeard()) throw new Error(`nothing from base for ${BASE_SILENCE_MS} ms`);
      opened.ping();
    }
  };

  const onMessage = (text: string, running: Map<number, AbortController>, signal: AbortSignal): void => {
    const message = parseBaseMessage(text);
    if (message === undefined) {
      ports.log("warning", "base sent a message that this version does not know");
      return;
    }
    switch (message.type) {
      case "acknowledge":
        onTheWay.delete(message.id);
        spool.acknowledge(message.id).catch((error) => ports.log("error", `the spool can't be written: ${error}`));
        sendEvents();
        break;
      case "cancel":
        running.get(message.id)?.abort();
        break;
      case "command":
        takeCommand(message.command);
        break;
      case "query":
      case "pcap":
        answer(message, running, signal);
    }
  };

  /** Base says a command again until it hears what became of it. */
  const takeCommand = (command: unknown): void => {
    if (command === lastCommand) return;
    if (typeof command !== "string" || !COMMAND_PATTERN.test(command)) {
      counters.requestsRefused++;
      return;
    }
    lastCommand = command;
    ports.takeCommand(Uint8Array.fromBase64(command)).then(
      () => ports.log("warning", "base sent a command"),
      (error: Error) => {
        counters.requestsRefused++;
        ports.log("error", `a command of base's is not taken: ${error.message}`);
      },
    );
  };

  const answer = (message: DataRequest, running: Map<number, AbortController>, signal: AbortSignal): void => {
    const opened = connection;
    if (opened === undefined) return;
    if (running.size >= REQUESTS_MAX || running.has(message.id)) {
      counters.requestsRefused++;
      const why = running.has(message.id)
        ? "a request with this id is running"
        : `${REQUESTS_MAX} requests are running`;
      opened.send({ type: "failed", id: message.id, message: why }).catch(() => {});
      return;
    }
    const cancel = new AbortController();
    running.set(message.id, cancel);
    const requestSignal = AbortSignal.any([signal, cancel.signal]);
    const requestPorts = { ask: ports.ask, send: opened.send, sendBinary: opened.sendBinary };
    serveRequest(message, requestPorts, requestSignal)
      .catch(() => {}) // the connection has gone
      .finally(() => running.delete(message.id));
  };

  return {
    status,
    async addEvent(event) {
      await spool.add(event);
      sendEvents();
    },
    run: (signal) => runTogether(signal, [watch, talk]),
  };
}
