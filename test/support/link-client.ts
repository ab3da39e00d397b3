import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import WebSocket from "ws";
import { STATE_FILES } from "../../core/contract/identity.ts";
import { LINK_PATH } from "../../core/contract/link.ts";

/**
 * A sensor's side of the link, run in a box's network namespace: `link-client.ts FOLDER HOST PORT`. Each line of standard
 * input is sent as it is; each message from base is printed; `{"opened":true}` and `{"closed":CODE}` frame them. A query is
 * answered with its own SQL, a pcap request with 1 MiB of which each octet is its offset modulo 251, in pieces of 64 KiB,
 * unless its filter is `fail`.
 */
const PCAP_BYTES = 1024 * 1024;
const PIECE_BYTES = 64 * 1024;

const [folder = "", host = "", port = ""] = process.argv.slice(2);
const file = (name: string) => readFileSync(join(folder, name));
const socket = new WebSocket(`wss://${host}:${port}${LINK_PATH}`, {
  ca: file(STATE_FILES.authority),
  cert: file(STATE_FILES.certificate),
  key: file(STATE_FILES.privateKey),
});
const print = (json: object) => void process.stdout.write(`${JSON.stringify(json)}\n`);

socket.on("open", () => {
  print({ opened: true });
  createInterface({ input: process.stdin }).on("line", (line) => socket.send(line));
});
socket.on("message", (data) => {
  const message = JSON.parse(String(data)) as {
    type: string;
    id: number;
    sql?: string;
    filter?: string;
    maxRows?: number;
  };
  print(message);
  const { id } = message;
  const send = (json: object) => socket.send(JSON.stringify(json));
  if (message.type === "query" && message.sql === "fail") send({ type: "failed", id, message: "no such table: fail" });
  else if (message.type === "query")
    send({
      type: "rows",
      id,
      columns: ["sql", "n"],
      rows: [
        [message.sql, 1],
        ["é\u001b[31m", null],
      ],
      cut: true,
    });
  else if (message.type === "pcap" && message.filter === "fail")
    send({ type: "failed", id, message: "no such filter" });
  else if (message.type === "pcap") {
    for (let offset = 0; offset < PCAP_BYTES; offset += PIECE_BYTES) {
      const piece = Buffer.alloc(4 + PIECE_BYTES);
      piece.writeUInt32BE(id);
      for (let i = 0; i < PIECE_BYTES; i++) piece[4 + i] = (offset + i) % 251;
      socket.send(piece);
    }
    send({ type: "pcapEnd", id, bytes: PCAP_BYTES });
  }
});
socket.on("error", (error) => print({ error: error.message }));
socket.on("close", (code) => {
  print({ closed: code });
  process.exitCode = 0;
  process.stdin.destroy();
});
