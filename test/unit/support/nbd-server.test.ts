import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openSocket } from "../../../scripts/rig/qmp.ts";
import { type NbdDisk, type NbdServer, startNbdServer } from "../../support/nbd-server.ts";
import { SocketInput } from "../../support/socket-input.ts";

/** What the server does with clients that speak nonsense, or don't wait; QEMU is served in test/integration/disk-recorder.test.ts. */
const DISK_BYTES = 4096;
const [OPTION_MAGIC, REQUEST_MAGIC] = ["49484156454f5054", "25609513"];
const HELLO = "00000003";
const GO = `${OPTION_MAGIC}${"00000007"}${"00000006"}${"00000000"}${"0000"}`;
const EXPORT_NAME = `${OPTION_MAGIC}${"00000001"}${"00000000"}`;
const DESCRIPTION = "0000000000001000006d"; // size; flags, FLUSH, FUA, TRIM, WRITE_ZEROES
const GREETING_BYTES = 18;
/** Of the answer to GO: two replies. */
const GONE_BYTES = 20 + 12 + 20;
/** More than is answered to any of it. */
const FAR_BYTES = 65_536;

const folder = await mkdtemp(join(tmpdir(), "cepa-nbd-"));
after(() => rm(folder, { recursive: true, force: true }));
let servers = 0;

type Performed = Parameters<NbdDisk["perform"]>[0];

/** A disk of zeroes that notes what it is asked, and does it when it is let. */
function zeroDisk(let_: () => Promise<void> = async () => {}): NbdDisk & { readonly asked: Performed[] } {
  const asked: Performed[] = [];
  let done = 0;
  return {
    asked,
    sizeBytes: DISK_BYTES,
    get doneRequests() {
      return done;
    },
    read: async (_, sizeBytes) => Buffer.alloc(sizeBytes),
    perform: async (request) => {
      asked.push(request);
      await let_();
      done++;
    },
  };
}

async function serve(disk: NbdDisk): Promise<{ server: NbdServer; connect: () => Promise<[Socket, SocketInput]> }> {
  const path = join(folder, String(servers++));
  const server = await startNbdServer(path, disk);
  const connect = async (): Promise<[Socket, SocketInput]> => {
    const socket = await openSocket(path);
    const input = new SocketInput(socket);
    assert.equal((await input.take(GREETING_BYTES))?.toString("hex"), `4e42444d41474943${OPTION_MAGIC}0003`);
    return [socket, input];
  };
  return { server, connect };
}

function request(command: number, handle: number, offsetBytes: number, sizeBytes: number, octets = ""): string {
  const head = Buffer.alloc(28);
  head.writeUInt32BE(Number(`0x${REQUEST_MAGIC}`), 0);
  head.writeUInt16BE(command, 6);
  head.writeUInt32BE(handle, 12);
  head.writeBigUInt64BE(BigInt(offsetBytes), 16);
  head.writeUInt32BE(sizeBytes, 24);
  return head.toString("hex") + octets;
}

const answer = (error: number, handle: number) =>
  `67446698${error.toString(16).padStart(8, "0")}${handle.toString(16).padStart(16, "0")}`;

const REFUSED_CASES = [
  { name: "no fixed handshake", hex: "00000000" },
  { name: "an unknown flag of the client", hex: "00000007" },
  { name: "no option", hex: `${HELLO}${"00".repeat(16)}` },
  { name: "an option without end", hex: `${HELLO}${OPTION_MAGIC}${"00000007"}${"ffffffff"}` },
  { name: "too many options", hex: `${HELLO}${`${OPTION_MAGIC}${"00000063"}${"00000000"}`.repeat(32)}` },
  { name: "a name, where only going follows", hex: `${HELLO}${OPTION_MAGIC}${"00000001"}${"00000001"}61` },
  { name: "no request", hex: `${HELLO}${GO}${"00".repeat(28)}` },
  { name: "a write without end", hex: `${HELLO}${GO}${request(1, 1, 0, 0xffffffff)}` },
  { name: "a read without end", hex: `${HELLO}${GO}${request(0, 1, 0, 0xffffffff)}` },
  { name: "disconnect", hex: `${HELLO}${GO}${request(2, 1, 0, 0)}` },
] as const;

test("what is no client is left, and the next one is served", { timeout: 20_000 }, async () => {
  const disk = zeroDisk();
  const { server, connect } = await serve(disk);
  for (const { name, hex } of REFUSED_CASES) {
    const [socket, input] = await connect();
    socket.write(Buffer.from(hex, "hex"));
    assert.equal(await input.take(FAR_BYTES), undefined, `${name}: the server ends it`);
    assert.deepEqual(disk.asked, [], name);
    socket.destroy();
  }
  const [socket] = await connect();
  socket.destroy();
  await server.close();
});

const HANDSHAKE_CASES = [
  {
    name: "export by its lack of a name",
    hex: `${HELLO}${EXPORT_NAME}`,
    expected: DESCRIPTION,
  },
  {
    name: "export for a client of before",
    hex: `00000001${EXPORT_NAME}`,
    expected: `${DESCRIPTION}${"00".repeat(124)}`,
  },
  {
    name: "no structured replies, no other export; then the list, and go",
    hex: `${HELLO}${OPTION_MAGIC}${"00000008"}${"00000000"}${OPTION_MAGIC}${"00000007"}${"00000007"}${"00000001"}61${"0000"}${OPTION_MAGIC}${"00000007"}${"00000002"}${"0000"}${OPTION_MAGIC}${"00000003"}${"00000000"}${GO}`,
    expected: [
      `0003e889045565a9${"00000008"}${"80000001"}${"00000000"}`,
      `0003e889045565a9${"00000007"}${"80000006"}${"00000000"}`,
      `0003e889045565a9${"00000007"}${"80000003"}${"00000000"}`,
      `0003e889045565a9${"00000003"}${"00000002"}${"00000004"}${"00000000"}`,
      `0003e889045565a9${"00000003"}${"00000001"}${"00000000"}`,
      `0003e889045565a9${"00000007"}${"00000003"}${"0000000c"}${"0000"}${DESCRIPTION}`,
      `0003e889045565a9${"00000007"}${"00000001"}${"00000000"}`,
    ].join(""),
  },
] as const;

for (const { name, hex, expected } of HANDSHAKE_CASES)
  test(`handshake: ${name}`, { timeout: 20_000 }, async () => {
    const { server, connect } = await serve(zeroDisk());
    const [socket, input] = await connect();
    socket.write(Buffer.from(hex + request(0, 7, 0, 2), "hex"));
    const got = await input.take((expected.length + answer(0, 7).length) / 2 + 2);
    assert.equal(got?.toString("hex"), `${expected}${answer(0, 7)}0000`);
    await server.close();
  });

test("requests outside of the disk, and ones that there are none of, are refused; a read of its end is not", {
  timeout: 20_000,
}, async () => {
  const disk = zeroDisk();
  const { server, connect } = await serve(disk);
  const [socket, input] = await connect();
  const requests = [
    request(0, 1, DISK_BYTES - 1, 2),
    request(1, 2, DISK_BYTES, 1, "aa"),
    request(6, 3, 0, DISK_BYTES + 1),
    request(4, 4, 2 ** 60, 1),
    request(9, 5, 0, 0),
    request(0, 6, DISK_BYTES - 1, 1),
  ];
  socket.write(Buffer.from(HELLO + GO + requests.join(""), "hex"));
  await input.take(GONE_BYTES);
  const expected = [22, 28, 28, 28, 22, 0].map((error, at) => answer(error, at + 1)).join("");
  assert.equal((await input.take(expected.length / 2 + 1))?.toString("hex"), `${expected}00`);
  assert.deepEqual(disk.asked, []);
  await server.close();
});

test("a flush covers what was answered when it came, not what still waited", { timeout: 20_000 }, async () => {
  const waiting: (() => void)[] = [];
  let holds = false;
  const disk = zeroDisk(() => (holds ? new Promise<void>((resolve) => waiting.push(resolve)) : Promise.resolve()));
  const { server, connect } = await serve(disk);
  const [socket, input] = await connect();
  const send = (hex: string) => void socket.write(Buffer.from(hex, "hex"));
  const answers = async (count: number) => (await input.take(16 * count))?.toString("hex");
  send(HELLO + GO + request(1, 1, 0, 1, "aa"));
  await input.take(GONE_BYTES);
  assert.equal(await answers(1), answer(0, 1));
  holds = true;
  send(request(1, 2, 1, 1, "bb") + request(3, 3, 0, 0));
  send(request(0, 4, 0, 0)); // it is read when what is before it was
  while (waiting.length < 1) await new Promise((resolve) => setImmediate(resolve));
  holds = false;
  waiting.shift()?.();
  assert.equal(await answers(3), answer(0, 2) + answer(0, 3) + answer(0, 4));
  send(request(3, 5, 0, 0));
  assert.equal(await answers(1), answer(0, 5));
  const range = { sizeBytes: 1, isForced: false };
  assert.deepEqual(disk.asked, [
    { kind: "write", offsetBytes: 0, ...range, octets: Buffer.from("aa", "hex") },
    { kind: "write", offsetBytes: 1, ...range, octets: Buffer.from("bb", "hex") },
    { kind: "flush", coveredRequests: 1 },
    { kind: "flush", coveredRequests: 3 },
  ]);
  await server.close();
});

test("what goes wrong at the disk is an answer, and an error at the end", { timeout: 20_000 }, async () => {
  const { server, connect } = await serve(zeroDisk(() => Promise.reject(new Error("no room"))));
  const [socket, input] = await connect();
  socket.write(Buffer.from(HELLO + GO + request(1, 1, 0, 1, "aa"), "hex"));
  await input.take(GONE_BYTES);
  assert.equal((await input.take(16))?.toString("hex"), answer(5, 1));
  await assert.rejects(server.close(), /no room/);
});
