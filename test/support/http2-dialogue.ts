import { once } from "node:events";
import { type ClientHttp2Session, connect, performServerHandshake, type ServerHttp2Stream } from "node:http2";
import { Duplex } from "node:stream";

/** Octets that a side wrote, 0 the client, 1 the server. */
export type Written = readonly [side: number, bytes: Uint8Array];

/** What client and server of node:http2 write while `talk` runs, in the order of the writes. */
export async function http2Dialogue(
  answer: (stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>) => void,
  talk: (client: ClientHttp2Session) => Promise<void>,
): Promise<Written[]> {
  const written: Written[] = [];
  const ends = [0, 1].map(
    (side) =>
      new Duplex({
        read: () => undefined,
        write(chunk: Uint8Array, _encoding, done) {
          written.push([side, Uint8Array.from(chunk)]);
          ends[1 - side]?.push(chunk);
          done();
        },
        final(done) {
          ends[1 - side]?.push(null);
          done();
        },
      }),
  );
  const [clientEnd, serverEnd] = ends as [Duplex, Duplex];
  const server = performServerHandshake(serverEnd);
  server.on("stream", answer);
  const client = connect("http://h.test", { createConnection: () => clientEnd });
  await talk(client);
  client.close();
  await once(client, "close");
  server.destroy();
  return written;
}

/** The status of a request's response, when that is over. */
export async function statusOf(
  client: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
  body?: Uint8Array,
): Promise<number> {
  const stream = client.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  let status = 0;
  stream.on("response", (response) => {
    status = response[":status"] ?? 0;
  });
  stream.resume();
  await once(stream, "close");
  return status;
}
