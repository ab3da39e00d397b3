import { createServer, type Server, type Socket } from "node:net";

/**
 * A CP2112 (USB to GPIO, 8 lines; Silicon Labs AN495) as QEMU's usb-redir device sees it: the host's side of usbredir protocol 0.7
 * (https://www.spice-space.org/usbredir.html), as far as the driver hid-cp2112 asks. All numbers little-endian.
 */
export interface GpioBoard {
  /** QEMU's further arguments. */
  readonly qemuArguments: readonly string[];
  /** Bit n: level of line n. */
  levels: number;
  /** How often the levels were asked for. */
  readonly reads: number;
  close(): void;
}

const TYPE = {
  hello: 0,
  deviceConnect: 1,
  interfaceInfo: 4,
  endpointInfo: 5,
  setConfiguration: 6,
  configurationStatus: 8,
  startInterrupt: 15,
  interruptStatus: 17,
  control: 100,
} as const;
/** Connect version of devices, endpoint information, 64-bit ids: QEMU attaches nothing without. */
const CAPABILITIES = 0x7a;
const LINES = 8;

/** HID report descriptor: vendor-defined feature reports of the driver's ids, 1 to 63 octets each. */
const REPORTS: readonly (readonly [number, number])[] = [
  ...([2, 3, 4, 5, 6] as const).map(
    (id) => [id, id === 2 ? 4 : id === 3 ? 1 : id === 4 ? 2 : id === 5 ? 2 : 13] as const,
  ),
  [0x20, 9],
  [0x21, 61],
];

function reportDescriptor(): Buffer {
  const items = [0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08];
  for (const [id, octets] of REPORTS) items.push(0x85, id, 0x95, octets, 0x09, 0x01, 0xb1, 0x02);
  for (const id of [0x13, 0x16]) items.push(0x85, id, 0x95, 61, 0x09, 0x01, 0x81, 0x02);
  items.push(0x85, 0x14, 0x95, 61, 0x09, 0x01, 0x91, 0x02, 0xc0);
  return Buffer.from(items);
}

const DEVICE = Buffer.from([18, 1, 0x00, 0x02, 0, 0, 0, 64, 0xc4, 0x10, 0x90, 0xea, 0x00, 0x01, 1, 2, 3, 1]);

function configurationDescriptor(): Buffer {
  const length = reportDescriptor().length;
  return Buffer.from([
    ...[9, 2, 41, 0, 1, 1, 0, 0x80, 50],
    ...[9, 4, 0, 0, 2, 3, 0, 0, 0],
    ...[9, 0x21, 0x11, 0x01, 0, 1, 0x22, length & 0xff, length >> 8],
    ...[7, 5, 0x81, 3, 64, 0, 1],
    ...[7, 5, 0x01, 3, 64, 0, 1],
  ]);
}

function textDescriptor(text: string): Buffer {
  const characters = Buffer.from(text, "utf16le");
  return Buffer.concat([Buffer.from([2 + characters.length, 3]), characters]);
}

/** Listens at `path`; QEMU connects when it starts, and again when it was cut off. */
export async function startGpioBoard(path: string, levels: number): Promise<GpioBoard> {
  const sockets = new Set<Socket>();
  const board = { levels, direction: 0, reads: 0 };
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    serve(socket, board);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    qemuArguments: [
      ...["-chardev", `socket,id=gpio,path=${path.replaceAll(",", ",,")},server=off,reconnect=1`],
      ...["-device", "usb-redir,chardev=gpio,bus=usb.0"],
    ],
    get levels() {
      return board.levels;
    },
    set levels(next: number) {
      board.levels = next;
    },
    get reads() {
      return board.reads;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function serve(socket: Socket, board: { levels: number; direction: number; reads: number }): void {
  /** Ids have 64 bits after the hello, as both sides can. */
  const send = (type: number, body: Buffer, id = 0n) => {
    const header = Buffer.alloc(type === TYPE.hello ? 12 : 16);
    header.writeUInt32LE(type, 0);
    header.writeUInt32LE(body.length, 4);
    if (type === TYPE.hello) header.writeUInt32LE(0, 8);
    else header.writeBigUInt64LE(id, 8);
    socket.write(Buffer.concat([header, body]));
  };
  const hello = Buffer.alloc(68);
  hello.write("cepa gpio board");
  hello.writeUInt32LE(CAPABILITIES, 64);
  send(TYPE.hello, hello);
  const interfaces = Buffer.alloc(132);
  interfaces.writeUInt32LE(1, 0);
  interfaces[4 + 32] = 3; // class HID
  send(TYPE.interfaceInfo, interfaces);
  const endpoints = Buffer.alloc(160);
  endpoints.fill(255, 0, 32); // type: none
  endpoints[0] = 0; // control, out and in
  endpoints[16] = 0;
  for (const index of [1, 17]) {
    endpoints[index] = 3; // interrupt
    endpoints[32 + index] = 1; // interval
    endpoints.writeUInt16LE(64, 96 + 2 * index);
  }
  endpoints.writeUInt16LE(64, 96);
  endpoints.writeUInt16LE(64, 96 + 32);
  send(TYPE.endpointInfo, endpoints);
  const device = Buffer.alloc(10);
  device[0] = 1; // full speed
  device.writeUInt16LE(0x10c4, 4);
  device.writeUInt16LE(0xea90, 6);
  device.writeUInt16LE(0x0100, 8);
  send(TYPE.deviceConnect, device);

  let read: Buffer = Buffer.alloc(0);
  let saidHello = false;
  socket.on("data", (chunk: Buffer) => {
    read = Buffer.concat([read, chunk]);
    for (;;) {
      const headerBytes = saidHello ? 16 : 12;
      if (read.length < headerBytes) return;
      const [type, length] = [read.readUInt32LE(0), read.readUInt32LE(4)];
      if (read.length < headerBytes + length) return;
      const id = saidHello ? read.readBigUInt64LE(8) : 0n;
      const body = read.subarray(headerBytes, headerBytes + length);
      read = read.subarray(headerBytes + length);
      saidHello = true;
      if (type === TYPE.setConfiguration) send(TYPE.configurationStatus, Buffer.from([0, 1]), id);
      else if (type === TYPE.startInterrupt) send(TYPE.interruptStatus, Buffer.from([0, body[0] ?? 0]), id);
      else if (type === TYPE.control) answerControl(body, id);
    }
  });

  const answerControl = (body: Buffer, id: bigint) => {
    const header = Buffer.from(body.subarray(0, 10));
    const [request = 0, kind = 0] = [header[1], header[2]];
    const [value, wanted] = [header.readUInt16LE(4), header.readUInt16LE(8)];
    const isIn = (kind & 0x80) !== 0;
    const data = isIn ? controlIn(request, value)?.subarray(0, wanted) : controlOut(request, value, body.subarray(10));
    header[3] = data === undefined ? 4 : 0; // stall, or success
    header.writeUInt16LE(isIn ? (data?.length ?? 0) : data === undefined ? 0 : wanted, 8);
    send(TYPE.control, isIn && data !== undefined ? Buffer.concat([header, data]) : header, id);
  };

  const controlIn = (request: number, value: number): Buffer | undefined => {
    const [kind, index] = [value >> 8, value & 0xff];
    if (request === 6) {
      if (kind === 1) return DEVICE;
      if (kind === 2) return configurationDescriptor();
      if (kind === 3)
        return index === 0 ? Buffer.from([4, 3, 9, 4]) : textDescriptor(["", "Cepa", "GPIO", "1"][index] ?? "");
      if (kind === 0x22) return reportDescriptor();
      return undefined;
    }
    if (request !== 1) return undefined; // GET_REPORT
    switch (index) {
      case 2:
        return Buffer.from([2, board.direction, 0, 0, 0]);
      case 3:
        board.reads++;
        return Buffer.from([3, board.levels & ((1 << LINES) - 1)]);
      case 5:
        return Buffer.from([5, 0x0c, 3]);
      case 6:
        return Buffer.from([6, 0, 1, 0x86, 0xa0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
      case 0x20:
        return Buffer.from([0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
      default:
        return undefined;
    }
  };

  const controlOut = (request: number, value: number, data: Buffer): Buffer | undefined => {
    if (request === 9 && (value & 0xff) === 2) board.direction = data[1] ?? 0; // SET_REPORT
    return data;
  };
}
