import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { SetFileOpened } from "./update-service.ts";

/** A download that takes nothing for so long is given up; it goes on with a Range. */
const STALLED_MS = 300_000;
const CHUNK_BYTES = 256 * 1024;

/**
 * Sends a file, or with `Range: bytes=N-` its rest (RFC 9110, section 14); with an `If-Match` that is of another file, 412. Ends the
 * connection when `isOffered` says no in the middle.
 */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  opened: SetFileOpened,
  isOffered: () => boolean,
): Promise<void> {
  const { file, sizeBytes, hash, done } = opened;
  const tag = `"${hash}"`;
  try {
    const wanted = request.headers["if-match"];
    if (wanted !== undefined && wanted !== tag) return fail(response, 412, "it is another file now");
    const fromBytes = parseRange(request.headers.range);
    if (fromBytes === undefined) return fail(response, 416, "expected bytes=N-", `bytes */${sizeBytes}`);
    if (fromBytes > 0 && fromBytes >= sizeBytes) return fail(response, 416, "past its end", `bytes */${sizeBytes}`);
    const range = { "content-range": `bytes ${fromBytes}-${sizeBytes - 1}/${sizeBytes}` };
    response.writeHead(fromBytes === 0 ? 200 : 206, {
      "content-type": "application/octet-stream",
      "content-length": sizeBytes - fromBytes,
      "accept-ranges": "bytes",
      etag: tag,
      ...(fromBytes > 0 && range),
    });
    response.setTimeout(STALLED_MS, () => response.destroy());
    await pipeline(readFrom(file, fromBytes, sizeBytes, isOffered), response);
  } catch {
    response.destroy(); // the sensor has gone, the version was stopped, or the disk fails: it asks again, and is told
  } finally {
    await done();
  }
}

async function* readFrom(
  file: SetFileOpened["file"],
  fromBytes: number,
  sizeBytes: number,
  isOffered: () => boolean,
): AsyncGenerator<Uint8Array> {
  for (let at = fromBytes; at < sizeBytes; ) {
    if (!isOffered()) throw new Error("not offered any more");
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, sizeBytes - at));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) throw new Error("the file became shorter");
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

/** The first octet that is wanted; undefined for a range of another form. */
function parseRange(range: string | undefined): number | undefined {
  if (range === undefined) return 0;
  const from = /^bytes=(\d{1,15})-$/.exec(range)?.[1];
  return from === undefined ? undefined : Number(from);
}

function fail(response: ServerResponse, status: number, error: string, contentRange?: string): void {
  const body = JSON.stringify({ error });
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...(contentRange !== undefined && { "content-range": contentRange }),
  });
  response.end(body);
}
