import { chmod, unlink } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseJson, readInteger, readObject, readText } from "../../core/checked-json.ts";
import { PCAP_MAX_BYTES, QUERY_MAX_ROWS, QUERY_TIMEOUT_MS } from "../../core/contract/link.ts";
import type { PcapSelection } from "../../core/contract/role.ts";
import type { Clock } from "../../core/ports.ts";
import { listSensors, type Sensor, sensorByName } from "../fleet/sensors.ts";
import type { KeyService } from "../keys/key-service.ts";
import type { LinkHub } from "../link/link-hub.ts";
import type { Provider } from "../state/provider.ts";
import type { UpdateService } from "../updates/update-service.ts";
import type { ConnectedClient } from "../vpn/management.ts";
import { readBody } from "./http-body.ts";
import { viewOf } from "./status.ts";

const BODY_LIMIT_BYTES = 1024 * 1024;

interface ApiServices {
  readonly links: LinkHub;
  readonly keys: Pick<KeyService, "counters">;
  readonly updates: Pick<UpdateService, "counters">;
  /** The tunnels of one sensor. */
  clientsOf(sensorId: string): readonly ConnectedClient[];
}

/**
 * What `cepa` commands ask of a running base, over a Unix socket that only its owner can open: `GET /v1/sensors`, `POST
 * /v1/query`, `POST /v1/pcap`, `POST /v1/command` (what was ordered goes out now, not with the next heartbeat). What a person asked of a sensor is in the audit log before the sensor is asked.
 */
export async function runApiServer(
  provider: Provider,
  services: ApiServices,
  ports: { readonly clock: Clock },
  onListening: () => void,
  signal: AbortSignal,
): Promise<void> {
  const server = createServer((request, response) => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    answer(request, response, AbortSignal.any([gone.signal, signal])).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else send(response, 400, { error: error instanceof Error ? error.message : String(error) });
    });
  });

  const answer = async (request: IncomingMessage, response: ServerResponse, asked: AbortSignal): Promise<void> => {
    if (request.method === "GET" && request.url === "/v1/sensors") {
      const views = listSensors(provider.database).map((sensor) =>
        viewOf(sensor, { vpn: services.clientsOf(sensor.id), link: services.links.live(sensor.id) }),
      );
      return send(response, 200, {
        sensors: views,
        counters: {
          ...services.links.counters(),
          ...services.keys.counters(),
          ...services.updates.counters(),
        },
      });
    }
    const body = await readBody(request, BODY_LIMIT_BYTES);
    if (body === undefined) return send(response, 413, { error: `a request of at most ${BODY_LIMIT_BYTES} octets` });
    const json = parseJson(body, "request");
    if (request.url === "/v1/query") return await query(json, response, asked);
    if (request.url === "/v1/command") {
      const { name } = readObject(json, "command", ["name"]);
      services.links.sendCommand(sensorByName(provider.database, String(name)).id);
      return send(response, 200, {});
    }
    if (request.url === "/v1/pcap") return await pcap(json, response, asked);
    send(response, 404, { error: "no such request; is this cepa of the same version as the running base?" });
  };

  const record = (who: string, action: string, sensor: Sensor, detail: Readonly<Record<string, unknown>>) =>
    provider.audit.append({ atMs: ports.clock.nowMs(), who, action, sensorId: sensor.id, detail });

  const query = async (json: unknown, response: ServerResponse, asked: AbortSignal): Promise<void> => {
    const object = readObject(json, "query", ["who", "name", "sql", "maxRows", "timeoutMs"]);
    const sensor = sensorByName(provider.database, readText(object, "name", "query", "a sensor's name"));
    const sql = readText(object, "sql", "query", "SQL of 1 to 65,536 characters", /^[\s\S]{1,65536}$/);
    const maxRows = readInteger(object, "maxRows", "query", 1, QUERY_MAX_ROWS);
    const timeoutMs = readInteger(object, "timeoutMs", "query", 1, QUERY_TIMEOUT_MS);
    record(readWho(object), "query", sensor, { sql, maxRows });
    const link = services.links.linkOf(sensor.id);
    send(response, 200, await link.query(sql, maxRows, timeoutMs, asked));
  };

  const pcap = async (json: unknown, response: ServerResponse, asked: AbortSignal): Promise<void> => {
    const keys = ["sessionId", "filter", "fromMs", "toMs", "maxBytes"];
    const object = readObject(json, "pcap", ["who", "name", ...keys]);
    const sensor = sensorByName(provider.database, readText(object, "name", "pcap", "a sensor's name"));
    const whole = (key: string) => readInteger(object, key, "pcap", 0, Number.MAX_SAFE_INTEGER);
    const selection: PcapSelection = {
      ...(object.sessionId !== undefined && { sessionId: whole("sessionId") }),
      ...(object.filter !== undefined && { filter: readText(object, "filter", "pcap", "a BPF filter", /^.{0,1000}$/) }),
      ...(object.fromMs !== undefined && { fromMs: whole("fromMs") }),
      ...(object.toMs !== undefined && { toMs: whole("toMs") }),
      maxBytes: readInteger(object, "maxBytes", "pcap", 24, PCAP_MAX_BYTES),
    };
    record(readWho(object), "pcap", sensor, { ...selection });
    const chunks = services.links.linkOf(sensor.id).pcap(selection, asked);
    for await (const chunk of chunks) {
      if (!response.headersSent) response.writeHead(200, { "content-type": "application/vnd.tcpdump.pcap" });
      if (!response.write(chunk)) await drained(response, asked);
    }
    if (!response.headersSent) throw new Error("the sensor sent an empty file");
    response.end();
  };

  await unlink(provider.paths.socket).catch(() => {});
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(provider.paths.socket, resolve);
  });
  await chmod(provider.paths.socket, 0o600);
  onListening();
  await new Promise<void>((resolve) => {
    const close = () => {
      server.close(() => resolve());
      server.closeAllConnections();
    };
    if (signal.aborted) close();
    else signal.addEventListener("abort", close, { once: true });
  });
  signal.throwIfAborted();
}

/** The operator, as the command says: whoever can open the socket is the owner of the state folder. */
function readWho(object: Readonly<Record<string, unknown>>): string {
  return readText(object, "who", "request", "a user name", /^[\x21-\x7e]{1,64}$/);
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      response.off("drain", settle);
      signal.removeEventListener("abort", settle);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    response.once("drain", settle);
    signal.addEventListener("abort", settle, { once: true });
  });
}

function send(response: ServerResponse, status: number, json: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(json));
}
