import { once } from "node:events";
import { WebSocket } from "ws";
import type { BaseEndpoint } from "../../core/contract/base-endpoint.ts";
import { LINK_MESSAGE_LIMIT_BYTES, LINK_PATH, type SensorMessage } from "../../core/contract/link.ts";
import type { LinkConnection, LinkPorts } from "./service.ts";

const HANDSHAKE_TIMEOUT_MS = 20_000;
const CLOSE_TIMEOUT_MS = 2_000;

/** Opens the WebSocket to base; resolves when it is open, rejects when it can't be or `signal` aborts. */
export function connector(endpoint: BaseEndpoint): LinkPorts["connect"] {
  return async (receive, signal) => {
    const socket = new WebSocket(`wss://${endpoint.host}:${endpoint.port}${LINK_PATH}`, {
      localAddress: endpoint.localAddress,
      ca: endpoint.authority,
      cert: endpoint.certificate,
      key: endpoint.privateKey,
      minVersion: "TLSv1.3",
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: LINK_MESSAGE_LIMIT_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
    });
    const abort = () => socket.terminate();
    signal.addEventListener("abort", abort, { once: true });
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    closed.then(() => signal.removeEventListener("abort", abort));
    socket.on("error", () => {}); // "close" follows; the first one rejects `once` below
    socket.on("pong", () => receive.heard());
    socket.on("message", (data, isBinary) => {
      receive.heard();
      if (!isBinary) receive.text(String(data));
    });
    await once(socket, "open", { signal });
    receive.heard();
    const send = (data: string | Uint8Array): Promise<void> =>
      new Promise((resolve, reject) => socket.send(data, (error) => (error ? reject(error) : resolve())));
    const connection: LinkConnection = {
      send: (message: SensorMessage) => send(JSON.stringify(message)),
      sendBinary: send,
      ping: () => socket.ping(),
      closed,
      async close() {
        socket.close(1000);
        const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
        await closed;
        clearTimeout(timer);
      },
      terminate: () => socket.terminate(),
    };
    return connection;
  };
}
