import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Duplex } from "node:stream";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { WebSocketServer } from "ws";
import { ConfigError } from "../../core/checked-json.ts";
import { CHALLENGE_PATH, VOLUME_KEY_PATH } from "../../core/contract/key-release.ts";
import { LINK_MESSAGE_LIMIT_BYTES, LINK_PATH } from "../../core/contract/link.ts";
import { OFFER_PATH, SET_PATH } from "../../core/contract/update-offer.ts";
import type { Clock, Log } from "../../core/ports.ts";
import type { Secret } from "../../core/secret.ts";
import { certificateOwner } from "../fleet/certificates.ts";
import { type Sensor, sensorById } from "../fleet/sensors.ts";
import type { KeyService } from "../keys/key-service.ts";
import type { LinkHub } from "../link/link-hub.ts";
import type { Provider } from "../state/provider.ts";
import { sendFile } from "../updates/send-file.ts";
import type { UpdateService } from "../updates/update-service.ts";
import { limitConnections } from "./connection-limit.ts";
import { readBody } from "./http-body.ts";

const BODY_LIMIT_BYTES = 256 * 1024;
const CONNECTIONS_MAX = 8192;
const CONNECTIONS_PER_ADDRESS_MAX = 32;
const TIMEOUT_MS = 20_000;
const NOT_GOOD = { error: "the certificate is not good, or not any more" };

/**
 * Key release, link and updates, on base's tunnel address, for sensors only: TLS 1.3, a client certificate of our CA that is not
 * revoked, and the address that belongs to it.
 */
export async function runHttpsServer(
  provider: Provider,
  services: {
    readonly keys: KeyService;
    readonly links: LinkHub;
    readonly updates: UpdateService;
    readonly serverKey: Secret;
  },
  address: string,
  ports: { readonly clock: Clock; readonly log: Log },
  onListening: (reloadCrl: () => Promise<void>) => void,
  signal: AbortSignal,
): Promise<void> {
  const { paths, settings } = provider;
  const secureContext = async () => ({
    ca: await readFile(paths.vpnAuthority),
    cert: await readFile(paths.httpsCertificate),
    key: Buffer.from(services.serverKey.reveal()),
    crl: await readFile(paths.vpnCrl),
    minVersion: "TLSv1.3" as const,
  });
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LINK_MESSAGE_LIMIT_BYTES,
    perMessageDeflate: false,
  });
  const options = {
    ...(await secureContext()),
    requestCert: true,
    rejectUnauthorized: true,
    headersTimeout: TIMEOUT_MS,
    requestTimeout: TIMEOUT_MS,
    handshakeTimeout: TIMEOUT_MS,
    maxHeaderSize: 8192,
  };
  const server: Server = createServer(options, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      ports.log("error", `a request failed: ${error instanceof Error ? error.message : String(error)}`);
      if (response.headersSent) response.destroy();
      else send(response, 503, { error: "not now" });
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  limitConnections(server, CONNECTIONS_PER_ADDRESS_MAX);

  const peerOf = (request: IncomingMessage): Sensor | undefined => {
    const certificate: PeerCertificate | null = (request.socket as TLSSocket).getPeerCertificate(); // null: it has gone
    const owner = certificateOwner(provider.database, certificate?.serialNumber ?? "", ports.clock.nowMs());
    return owner !== undefined && owner === certificate?.subject?.CN ? sensorById(provider.database, owner) : undefined;
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const sensor = peerOf(request);
    if (sensor === undefined) return send(response, 403, NOT_GOOD);
    const url = request.url ?? "";
    if (request.method === "GET" && url.startsWith(SET_PATH)) return await answerFile(sensor, url, request, response);
    if (request.method !== "POST") return send(response, 405, { error: "POST is expected" });
    if (url === OFFER_PATH) return await answerOffer(request, response);
    if (url === CHALLENGE_PATH) {
      request.resume();
      const challenge = services.keys.challenge(sensor);
      return challenge === undefined
        ? send(response, 429, { error: "too many challenges" })
        : send(response, 200, challenge);
    }
    if (url !== VOLUME_KEY_PATH) return send(response, 404, { error: "no such path" });
    const body = await readBody(request, BODY_LIMIT_BYTES);
    if (body === undefined) return send(response, 413, { error: `a body of at most ${BODY_LIMIT_BYTES} octets` });
    // the body may take its time: meanwhile the sensor may have been put on hold, wiped or revoked
    const current = peerOf(request);
    if (current === undefined) return send(response, 403, NOT_GOOD);
    send(response, 200, services.keys.volumeKey(current, sourceOf(request), body));
  };

  const answerOffer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request, BODY_LIMIT_BYTES);
    if (body === undefined) return send(response, 413, { error: `a body of at most ${BODY_LIMIT_BYTES} octets` });
    const sensor = peerOf(request);
    if (sensor === undefined) return send(response, 403, NOT_GOOD);
    if (!isAtHome(sensor, request)) return send(response, 403, { error: "not from this address, or not active" });
    try {
      send(response, 200, services.updates.offer(sensor, body));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      send(response, 400, { error: error.message });
    }
  };

  const answerFile = async (
    sensor: Sensor,
    url: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    if (!isAtHome(sensor, request)) return send(response, 403, { error: "not from this address, or not active" });
    const opened = await services.updates.openFile(sensor, url);
    if (opened === "unknown") return send(response, 404, { error: "no such file" });
    if (opened === "gone") return send(response, 410, { error: "this version is not offered any more" });
    if (opened === "tooMany") return send(response, 503, { error: "too many downloads" });
    await sendFile(request, response, opened, () => services.updates.isOffered(url));
  };

  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const sensor = peerOf(request);
    if (sensor === undefined || !isAtHome(sensor, request) || request.url !== LINK_PATH) {
      socket.on("error", () => {});
      socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n");
      return;
    }
    const { serialNumber } = (request.socket as TLSSocket).getPeerCertificate();
    sockets.handleUpgrade(request, socket, head, (webSocket) => services.links.accept(sensor, serialNumber, webSocket));
  });
  server.on("tlsClientError", (error) => ports.log("debug", `TLS refused: ${error.message}`));

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(settings.basePort, address, resolve);
  });
  onListening(async () => server.setSecureContext(await secureContext()));
  await new Promise<void>((resolve) => {
    const close = () => {
      services.links.closeAll();
      server.close(() => resolve());
      setTimeout(() => server.closeAllConnections(), 1000).unref();
    };
    if (signal.aborted) close();
    else signal.addEventListener("abort", close, { once: true });
  });
  signal.throwIfAborted();
}

/** A sensor that may speak, from its own address. */
function isAtHome(sensor: Sensor, request: IncomingMessage): boolean {
  return (sensor.state === "active" || sensor.state === "hold") && sourceOf(request) === sensor.address;
}

function sourceOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? "";
}

function send(response: ServerResponse, status: number, json: object): void {
  const body = JSON.stringify(json);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}
