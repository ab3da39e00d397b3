import { chmod, chown, unlink } from "node:fs/promises";
import { createConnection, createServer, type Socket } from "node:net";
import { finished } from "node:stream/promises";
import { ROLE_LINE_LIMIT_BYTES, type RoleAnswer, type RoleRequest } from "../contract/role.ts";

const CONNECTIONS_MAX = 32;
const REQUEST_TIMEOUT_MS = 10_000;

/** An answer, or an answer that octets follow (pcap). */
export type RoleReply = RoleAnswer | { readonly answer: RoleAnswer; readonly body: AsyncIterable<Uint8Array> };

/** `signal` aborts when the asker hangs up or the role stops. */
export type RoleHandler = (request: RoleRequest, signal: AbortSignal) => Promise<RoleReply>;

/**
 * Serves `handler` on a Unix socket until `signal` aborts. An exception of the handler becomes an `error` answer. The
 * socket is created with mode 0660 and, when given, the group `groupId`.
 */
export async function runRoleSocket(
  path: string,
  handler: RoleHandler,
  signal: AbortSignal,
  groupId?: number,
): Promise<void> {
  await unlink(path).catch(() => {});
  const server = createServer({ allowHalfOpen: true }, (socket) => void serveOne(socket, handler, signal));
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o660);
  if (groupId !== undefined) await chown(path, -1 >>> 0, groupId);
  await new Promise<void>((resolve) => {
    const close = () => server.close(() => resolve());
    if (signal.aborted) close();
    else signal.addEventListener("abort", close, { once: true });
  });
  signal.throwIfAborted();
}

async function serveOne(socket: Socket, handler: RoleHandler, roleSignal: AbortSignal): Promise<void> {
  const hangUp = new AbortController();
  const signal = AbortSignal.any([hangUp.signal, roleSignal]);
  signal.addEventListener("abort", () => socket.destroy(), { once: true });
  socket.on("error", () => hangUp.abort());
  socket.on("close", () => hangUp.abort());
  try {
    const request = (await readLine(socket, REQUEST_TIMEOUT_MS)) as RoleRequest;
    const reply = await handler(request, signal).catch(
      (error: unknown): RoleReply => ({
        type: "error",
        message: error instanceof Error ? error.message : String(error),
      }),
    );
    const [answer, body] = "answer" in reply ? [reply.answer, reply.body] : [reply, undefined];
    socket.write(`${JSON.stringify(answer)}\n`);
    if (body !== undefined)
      for await (const chunk of body) {
        if (signal.aborted) break;
        if (!socket.write(chunk)) await new Promise<void>((resolve) => onceDrainedOrClosed(socket, resolve));
      }
    socket.end();
    await finished(socket, { readable: false });
  } catch {
    socket.destroy(); // a request that is no JSON line, or a peer that has gone
  }
}

function onceDrainedOrClosed(socket: Socket, resolve: () => void): void {
  const done = () => {
    socket.off("drain", done);
    socket.off("close", done);
    resolve();
  };
  socket.once("drain", done);
  socket.once("close", done);
}

/** Asks a role. Rejects when it can't be reached, or hangs up without an answer; an `error` answer is returned. */
export async function askRole(path: string, request: RoleRequest, signal: AbortSignal): Promise<RoleAnswer> {
  const { answer, body } = await openRole(path, request, signal);
  body.destroy();
  return answer;
}

/** Asks a role and leaves the connection open: what follows the answer's line is read from `body`. */
export async function openRole(
  path: string,
  request: RoleRequest,
  signal: AbortSignal,
): Promise<{ readonly answer: RoleAnswer; readonly body: Socket }> {
  const socket = createConnection({ path, allowHalfOpen: true });
  const abort = () => socket.destroy(signal.reason instanceof Error ? signal.reason : undefined);
  signal.addEventListener("abort", abort, { once: true });
  socket.once("close", () => signal.removeEventListener("abort", abort));
  try {
    signal.throwIfAborted();
    socket.end(`${JSON.stringify(request)}\n`);
    return { answer: (await readLine(socket)) as RoleAnswer, body: socket };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The first line of a socket as JSON; what came after it is put back. */
function readLine(socket: Socket, timeoutMs?: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let read: Buffer = Buffer.alloc(0);
    const timer =
      timeoutMs === undefined ? undefined : setTimeout(() => fail(new Error("no request in time")), timeoutMs);
    const stop = () => {
      clearTimeout(timer);
      socket.pause();
      socket.off("data", onData);
      socket.off("end", onEnd);
      socket.off("error", fail);
      socket.off("close", onEnd);
    };
    const fail = (error: Error) => {
      stop();
      reject(error);
    };
    const onEnd = () => fail(new Error("the connection ended before a line did"));
    const onData = (chunk: Buffer) => {
      read = read.length === 0 ? chunk : Buffer.concat([read, chunk]);
      const end = read.indexOf(10);
      if (end < 0 && read.length <= ROLE_LINE_LIMIT_BYTES) return;
      stop();
      if (end < 0) return reject(new Error(`a line is longer than ${ROLE_LINE_LIMIT_BYTES} octets`));
      if (end + 1 < read.length) socket.unshift(read.subarray(end + 1));
      try {
        resolve(JSON.parse(read.toString("utf8", 0, end)));
      } catch (cause) {
        reject(new Error("a line is no JSON", { cause }));
      }
    };
    socket.on("data", onData);
    socket.on("end", onEnd);
    socket.on("error", fail);
    socket.on("close", onEnd);
  });
}
