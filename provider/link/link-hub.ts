import type { WebSocket } from "ws";
import type { Clock } from "../../core/ports.ts";
import type { Report } from "../base/stage.ts";
import { certificateOwner } from "../fleet/certificates.ts";
import { type Sensor, sensorById } from "../fleet/sensors.ts";
import type { Provider } from "../state/provider.ts";
import { LinkError, SensorLink } from "./sensor-link.ts";
import { recordEvent, recordHeartbeat } from "./sensor-records.ts";
import { eventWords } from "./sensor-words.ts";

/** Heartbeats that come quicker are not written down: each is a write to the disk, and none is configured below 1 s. */
const HEARTBEAT_LEAST_MS = 500;

export interface LiveLink {
  readonly upSinceMs: number;
  readonly bootId: string | null;
  readonly lastHeartbeatAtMs: number | null;
}

export interface LinkHub {
  /** A WebSocket of a sensor whose certificate and address were checked. A live link of the same sensor gives way. */
  accept(sensor: Sensor, certificateSerial: string, socket: WebSocket): void;
  /** Throws a LinkError when the sensor has no link. */
  linkOf(sensorId: string): SensorLink;
  /** Sends the command that waits for a sensor, when there is one and the sensor has a link. */
  sendCommand(sensorId: string): void;
  live(sensorId: string): LiveLink | undefined;
  counters(): { readonly replaced: number; readonly eventRepeats: number; readonly heartbeatsNotKept: number };
  /** Ends the links whose certificate is not good any more. */
  closeRevoked(): void;
  closeAll(): void;
}

export function createLinkHub(provider: Provider, ports: { readonly clock: Clock; readonly report: Report }): LinkHub {
  const { database } = provider;
  const links = new Map<string, { readonly link: SensorLink; readonly certificateSerial: string; live: LiveLink }>();
  const counters = { replaced: 0, eventRepeats: 0, heartbeatsNotKept: 0 };

  const sendCommand = (sensorId: string) => {
    const command = sensorById(database, sensorId)?.pendingCommand;
    if (command != null) links.get(sensorId)?.link.command(command);
  };

  const accept = (sensor: Sensor, certificateSerial: string, socket: WebSocket) => {
    const { clock, report } = ports;
    const about = { sensor: sensor.name, sensorId: sensor.id };
    const before = links.get(sensor.id);
    const link: SensorLink = new SensorLink(socket, sensor.id, {
      hello(message) {
        update({ bootId: String(message.bootId) });
        report({ stage: "linkUp", atMs: clock.nowMs(), ...about, replacedAnother: before !== undefined });
        sendCommand(sensor.id);
      },
      heartbeat(message) {
        const nowMs = clock.nowMs();
        const isTooSoon = Math.abs(nowMs - (entry.live.lastHeartbeatAtMs ?? 0)) < HEARTBEAT_LEAST_MS;
        const health = isTooSoon ? undefined : recordHeartbeat(database, sensor.id, message, nowMs);
        if (health === undefined) counters.heartbeatsNotKept++;
        if (isTooSoon) return;
        update({ lastHeartbeatAtMs: nowMs });
        sendCommand(sensor.id);
      },
      event(message) {
        const nowMs = clock.nowMs();
        const enrolled = sensorById(database, sensor.id) ?? sensor;
        const event = recordEvent(database, enrolled, message, nowMs);
        if (event === undefined) counters.eventRepeats++;
        else report({ stage: "event", atMs: nowMs, ...about, event: eventWords(event) });
      },
      closed(why) {
        if (links.get(sensor.id)?.link === link) links.delete(sensor.id);
        report({ stage: "linkDown", atMs: clock.nowMs(), ...about, why });
      },
    });
    const entry = {
      link,
      certificateSerial,
      live: { upSinceMs: clock.nowMs(), bootId: null, lastHeartbeatAtMs: null },
    };
    const update = (change: Partial<LiveLink>) => {
      (entry as { live: LiveLink }).live = { ...entry.live, ...change } as LiveLink;
    };
    links.set(sensor.id, entry);
    if (before !== undefined) {
      counters.replaced++;
      before.link.close("another link of the same sensor came");
    }
  };

  return {
    accept,
    linkOf(sensorId) {
      const entry = links.get(sensorId);
      if (entry === undefined) throw new LinkError("notConnected", "the sensor has no link to base now");
      return entry.link;
    },
    sendCommand,
    live: (sensorId) => links.get(sensorId)?.live,
    counters: () => ({ ...counters }),
    closeRevoked() {
      for (const [sensorId, { link, certificateSerial }] of links)
        if (certificateOwner(database, certificateSerial, ports.clock.nowMs()) !== sensorId)
          link.close("the certificate is revoked");
    },
    closeAll() {
      for (const { link } of links.values()) link.close("base is stopping");
    },
  };
}
