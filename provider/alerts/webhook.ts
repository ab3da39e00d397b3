import { createServer, type IncomingMessage } from "node:http";
import type { Clock } from "../../core/ports.ts";
import { limitConnections } from "../base/connection-limit.ts";
import { readBody } from "../base/http-body.ts";
import type { Report } from "../base/stage.ts";
import { RateLimit } from "../keys/rate-limit.ts";
import type { Provider } from "../state/provider.ts";
import { type AlertRefusal, acceptAlert, countAlert, type GatewayMessage, readGatewayMessage } from "./inbox.ts";
import { positionWords, reasonWords } from "./render.ts";

export const WEBHOOK_PATH = "/v1/emergency";
const BODY_LIMIT_BYTES = 4096;
const CONNECTIONS_MAX = 256;
const CONNECTIONS_PER_ADDRESS_MAX = 32;
const TIMEOUT_MS = 10_000;
/** Counted and reported; what is signed and new is taken however much else comes. */
const REFUSALS_PER_MINUTE = 120;

const STATUS: Readonly<Record<AlertRefusal, number>> = {
  malformed: 400,
  unknownSensor: 404,
  forged: 403,
  replayed: 409,
  tooOld: 409,
};

/**
 * Takes emergency messages from an SMS gateway: `POST /v1/emergency`. 201 accepted; 400 no such message, 403 not signed by
 * the sensor, 404 of no sensor here, 409 seen before or of too old a boot, 429 one
 * of these when there were too many. What decides is the signature, never the gateway.
 */
export async function runWebhook(
  provider: Provider,
  listen: { readonly host: string; readonly port: number },
  ports: { readonly clock: Clock; readonly report: Report },
  onListening: (address: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const rate = new RateLimit(REFUSALS_PER_MINUTE, 60_000);
  const answer = async (request: IncomingMessage): Promise<readonly [number, object]> => {
    if (request.url !== WEBHOOK_PATH) return [404, { error: "no such path" }];
    if (request.method !== "POST") return [405, { error: "POST is expected" }];
    const nowMs = ports.clock.nowMs();
    const body = await readBody(request, BODY_LIMIT_BYTES);
    if (body === undefined) return [413, { error: `a body of at most ${BODY_LIMIT_BYTES} octets` }];
    const outcome = acceptAlert(provider.database, parse(body), nowMs);
    if (!outcome.ok) {
      if (!rate.allow("refusals", nowMs)) return [429, { error: "too many messages" }];
      countAlert(provider.database, outcome.why);
      ports.report({ stage: "alertRefused", atMs: nowMs, why: outcome.why });
      return [STATUS[outcome.why], { error: outcome.why }];
    }
    const { id, sensorId, sensorName: sensor, emergency } = outcome.alert;
    const reasons = emergency.reasons.map(reasonWords);
    ports.report({ stage: "alert", atMs: nowMs, sensor, sensorId, reasons, position: positionWords(emergency) });
    countAlert(provider.database, "accepted");
    return [201, { id }];
  };
  const server = createServer({ requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS }, (request, response) => {
    answer(request)
      .catch((): readonly [number, object] => [500, { error: "it could not be stored" }])
      .then(([status, json]) => {
        response.writeHead(status, { "content-type": "application/json", connection: "close" });
        response.end(`${JSON.stringify(json)}\n`);
      });
  });
  server.maxConnections = CONNECTIONS_MAX;
  limitConnections(server, CONNECTIONS_PER_ADDRESS_MAX);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: Error) =>
      reject(new Error(`the alert inbox: ${cause.message}; another address: --webhook ADDRESS:PORT`, { cause })),
    );
    server.listen(listen.port, listen.host, resolve);
  });
  const address = server.address();
  onListening(typeof address === "object" && address !== null ? `${listen.host}:${address.port}` : String(address));
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

function parse(body: string): GatewayMessage | undefined {
  try {
    return readGatewayMessage(JSON.parse(body));
  } catch {
    return undefined;
  }
}
