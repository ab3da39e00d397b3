import { createServer, type Socket } from "node:net";
import { SocketInput } from "./socket-input.ts";

/**
 * A server of network block devices: one disk, one client at a time, over a Unix socket. Source: the NBD protocol
 * (NetworkBlockDevice/nbd, doc/proto.md): fixed newstyle handshake, simple replies, neither TLS nor structured replies.
 */
export interface NbdDisk {
  readonly sizeBytes: number;
  /** Changes and flushes that are done. */
  readonly doneRequests: number;
  read(offsetBytes: number, sizeBytes: number): Promise<Buffer>;
  /** One after the other: the next begins when this one is done, and is answered. */
  perform(request: NbdChange | NbdFlush): Promise<void>;
}

interface NbdRange {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** Answered when it is on the disk (FUA). */
  readonly isForced: boolean;
}

export type NbdChange = NbdRange &
  ({ readonly kind: "write"; readonly octets: Buffer } | { readonly kind: "zero" | "trim" });

export interface NbdFlush {
  readonly kind: "flush";
  /** Requests that were answered before this one came: what it promises to be on the disk. */
  readonly coveredRequests: number;
}

export interface NbdServer {
  /** No client is served any more once this resolves; rejects with what went wrong at the disk. */
  close(): Promise<void>;
}

const [MAGIC, OPTION_MAGIC, REPLY_MAGIC] = [0x4e42444d41474943n, 0x49484156454f5054n, 0x3e889045565a9n];
const [FIXED_NEWSTYLE, NO_ZEROES] = [1, 2];
const ZEROES_BYTES = 124;
const OPTION = { exportName: 1, abort: 2, list: 3, info: 6, go: 7 } as const;
const REPLY = { ack: 1, server: 2, info: 3, unsupported: 2 ** 31 + 1, invalid: 2 ** 31 + 3, unknown: 2 ** 31 + 6 };
const INFO_EXPORT = 0;
/** Flags of the disk: there are flags, FLUSH, FUA, TRIM, WRITE_ZEROES. */
const OFFERED = 1 | 4 | 8 | 32 | 64;

const [REQUEST_MAGIC, ANSWER_MAGIC, REQUEST_BYTES] = [0x25609513, 0x67446698, 28];
const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, zero: 6 } as const;
const FUA = 1;
const ERROR = { none: 0, io: 5, invalid: 22, noSpace: 28 };

const OPTIONS_MAX = 32;
const OPTION_BYTES_MAX = 8192;
/** Of one read or write: what the protocol has clients keep to. */
const OCTETS_MAX = 32 * 1024 * 1024;
/** Of requests that came and aren't answered. QEMU has sixteen at a time. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;

/** Listens on `path`, where nothing is yet. */
export async function startNbdServer(path: string, disk: NbdDisk): Promise<NbdServer> {
  const clients = new Map<Socket, Promise<void>>();
  let failure: unknown;
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    if (clients.size > 0) return void socket.destroy();
    const served = serve(socket, disk)
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => {
        socket.destroy();
        clients.delete(socket);
      });
    clients.set(socket, served);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const served = [...clients.values()];
      for (const socket of clients.keys()) socket.destroy();
      await Promise.all([closed, ...served]);
      if (failure !== undefined) throw failure;
    },
  };
}

async function serve(socket: Socket, disk: NbdDisk): Promise<void> {
  const input = new SocketInput(socket);
  if (await shakeHands(socket, input, disk.sizeBytes)) await transmit(socket, input, disk);
}

/** False when the client went, or isn't one. */
async function shakeHands(socket: Socket, input: SocketInput, sizeBytes: number): Promise<boolean> {
  const greeting = Buffer.alloc(18);
  greeting.writeBigUInt64BE(MAGIC, 0);
  greeting.writeBigUInt64BE(OPTION_MAGIC, 8);
  greeting.writeUInt16BE(FIXED_NEWSTYLE | NO_ZEROES, 16);
  socket.write(greeting);
  const clientFlags = (await input.take(4))?.readUInt32BE(0) ?? 0;
  if ((clientFlags & FIXED_NEWSTYLE) === 0 || (clientFlags & ~(FIXED_NEWSTYLE | NO_ZEROES)) !== 0) return false;
  const description = Buffer.alloc(10 + ZEROES_BYTES);
  description.writeBigUInt64BE(BigInt(sizeBytes), 0);
  description.writeUInt16BE(OFFERED, 8);
  for (let options = 0; options < OPTIONS_MAX; options++) {
    const head = await input.take(16);
    if (head === undefined || head.readBigUInt64BE(0) !== OPTION_MAGIC) return false;
    const [option, lengthBytes] = [head.readUInt32BE(8), head.readUInt32BE(12)];
    if (lengthBytes > OPTION_BYTES_MAX) return false;
    const data = await input.take(lengthBytes);
    if (data === undefined) return false;
    const reply = (type: number, octets = Buffer.alloc(0)) => {
      const replyHead = Buffer.alloc(20);
      replyHead.writeBigUInt64BE(REPLY_MAGIC, 0);
      for (const [at, value] of [option, type, octets.length].entries()) replyHead.writeUInt32BE(value, 8 + 4 * at);
      socket.write(Buffer.concat([replyHead, octets]));
    };
    switch (option) {
      case OPTION.exportName:
        if (data.length > 0) return false; // the disk has no name, and this option no answer but to go
        socket.write((clientFlags & NO_ZEROES) === 0 ? description : description.subarray(0, 10));
        return true;
      case OPTION.abort:
        reply(REPLY.ack);
        return false;
      case OPTION.list:
        reply(REPLY.server, Buffer.alloc(4));
        reply(REPLY.ack);
        break;
      case OPTION.info:
      case OPTION.go:
        if (data.length < 6 || data.length < 6 + data.readUInt32BE(0)) reply(REPLY.invalid);
        else if (data.readUInt32BE(0) > 0) reply(REPLY.unknown);
        else {
          const info = Buffer.alloc(2);
          info.writeUInt16BE(INFO_EXPORT, 0);
          reply(REPLY.info, Buffer.concat([info, description.subarray(0, 10)]));
          reply(REPLY.ack);
          if (option === OPTION.go) return true;
        }
        break;
      default:
        reply(REPLY.unsupported);
    }
  }
  return false;
}

interface Request {
  readonly command: number;
  readonly isForced: boolean;
  readonly handle: Buffer;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly octets: Buffer;
  readonly coveredRequests: number;
}

/** Requests are read as they come, so that it is known what a flush came after, and performed one after the other. */
async function transmit(socket: Socket, input: SocketInput, disk: NbdDisk): Promise<void> {
  let failure: unknown;
  let waitingBytes = 0;
  let answered = Promise.resolve();
  for (;;) {
    const request = await readRequest(input, disk);
    if (request === undefined || request.command === COMMAND.disconnect) break;
    const ownBytes = REQUEST_BYTES + (hasOctets(request.command) ? request.sizeBytes : 0);
    waitingBytes += ownBytes;
    answered = answered.then(async () => {
      const answer = await perform(request, disk).catch((error: unknown) => {
        failure ??= error;
        return { error: ERROR.io };
      });
      await send(socket, request.handle, answer);
      waitingBytes -= ownBytes;
    });
    if (waitingBytes > WAITING_BYTES_MAX) await answered;
  }
  await answered;
  if (failure !== undefined) throw failure;
}

function hasOctets(command: number): boolean {
  return command === COMMAND.read || command === COMMAND.write;
}

/** Undefined when the client went, or speaks nonsense. */
async function readRequest(input: SocketInput, disk: NbdDisk): Promise<Request | undefined> {
  const head = await input.take(REQUEST_BYTES);
  if (head === undefined || head.readUInt32BE(0) !== REQUEST_MAGIC) return undefined;
  const { doneRequests: coveredRequests } = disk;
  const command = head.readUInt16BE(6);
  const sizeBytes = head.readUInt32BE(24);
  if (hasOctets(command) && sizeBytes > OCTETS_MAX) return undefined;
  const octets = await input.take(command === COMMAND.write ? sizeBytes : 0);
  if (octets === undefined) return undefined;
  const isForced = (head.readUInt16BE(4) & FUA) !== 0;
  const offsetBytes = Number(head.readBigUInt64BE(16));
  return { command, isForced, handle: head.subarray(8, 16), offsetBytes, sizeBytes, octets, coveredRequests };
}

interface Answer {
  readonly error: number;
  readonly octets?: Buffer;
}

async function perform(request: Request, disk: NbdDisk): Promise<Answer> {
  const { command, isForced, offsetBytes, sizeBytes, octets, coveredRequests } = request;
  const isWithin = offsetBytes + sizeBytes <= disk.sizeBytes;
  const range = { offsetBytes, sizeBytes, isForced };
  const change = async (asked: NbdChange): Promise<Answer> => {
    if (!isWithin) return { error: ERROR.noSpace };
    await disk.perform(asked);
    return { error: ERROR.none };
  };
  switch (command) {
    case COMMAND.read:
      return isWithin
        ? { error: ERROR.none, octets: await disk.read(offsetBytes, sizeBytes) }
        : { error: ERROR.invalid };
    case COMMAND.write:
      return change({ kind: "write", ...range, octets });
    case COMMAND.zero:
      return change({ kind: "zero", ...range });
    case COMMAND.trim:
      return change({ kind: "trim", ...range });
    case COMMAND.flush:
      await disk.perform({ kind: "flush", coveredRequests });
      return { error: ERROR.none };
    default:
      return { error: ERROR.invalid };
  }
}

/** Resolves when the client took it, or went. */
function send(socket: Socket, handle: Buffer, { error, octets }: Answer): Promise<void> {
  const head = Buffer.alloc(16);
  head.writeUInt32BE(ANSWER_MAGIC, 0);
  head.writeUInt32BE(error, 4);
  handle.copy(head, 8);
  return new Promise((resolve) => {
    socket.write(octets === undefined ? head : Buffer.concat([head, octets]), () => resolve());
  });
}
