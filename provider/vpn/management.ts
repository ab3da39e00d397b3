import { createConnection } from "node:net";
import { readLines } from "../../core/node/json-lines.ts";
import type { Transport } from "./server-config.ts";

const LINE_LIMIT_BYTES = 64 * 1024;
const COMMAND_TIMEOUT_MS = 10_000;
/** A status of CLIENTS_MAX sensors has two lines of each. */
const ANSWER_LIMIT_LINES = 20_000;

/** A sensor that has a tunnel now, as one of the OpenVPN servers says. */
export interface ConnectedClient {
  readonly sensorId: string;
  readonly transport: Transport;
  /** Its public address and port. */
  readonly from: string;
  readonly vpnAddress: string;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly connectedAtMs: number;
}

/** OpenVPN's management interface (management-notes.txt): one command at a time, its answer up to `END` or one line. */
export interface Management {
  /** Throws when the server hangs up, or does not answer in time. */
  command(text: string): Promise<readonly string[]>;
  close(): void;
}

export async function openManagement(path: string): Promise<Management> {
  const socket = createConnection({ path });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.on("error", () => {}); // reading ends, which tells
  const lines = readLines(socket, LINE_LIMIT_BYTES);
  return {
    async command(text) {
      const timer = setTimeout(() => socket.destroy(new Error(`${text}: no answer`)), COMMAND_TIMEOUT_MS);
      try {
        socket.write(`${text}\n`);
        const answer: string[] = [];
        for (let count = 0; count < ANSWER_LIMIT_LINES; count++) {
          const { value, done } = await lines.next();
          if (done === true) throw new Error("OpenVPN closed its management interface");
          const line = value.trimEnd();
          if (line.startsWith(">")) continue; // a notification, not an answer
          if (line === "END") return answer;
          answer.push(line);
          if (/^(?:SUCCESS|ERROR):/.test(line)) return answer;
        }
        throw new Error(`${text}: the answer has no end`);
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => socket.destroy(),
  };
}

/** The lines of `status 3`: tab-separated, `CLIENT_LIST` for each client. */
export function parseStatus(lines: readonly string[], transport: Transport): ConnectedClient[] {
  const clients: ConnectedClient[] = [];
  for (const line of lines) {
    const [kind, sensorId = "", from = "", vpnAddress = "", , received, sent, , since] = line.split("\t");
    if (kind !== "CLIENT_LIST" || !/^[0-9a-f]{16}$/.test(sensorId) || vpnAddress === "") continue;
    clients.push({
      sensorId,
      transport,
      from: from.replace(/^(?:udp|tcp)\d:/, ""),
      vpnAddress,
      receivedBytes: Number(received),
      sentBytes: Number(sent),
      connectedAtMs: Number(since) * 1000,
    });
  }
  return clients;
}
