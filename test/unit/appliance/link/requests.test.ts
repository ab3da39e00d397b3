import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DataRequest,
  encodePiece,
  type RequestPorts,
  serveRequest,
  toRoleRequest,
} from "../../../../appliance/link/requests.ts";
import type { RoleAnswer } from "../../../../core/contract/role.ts";

const QUERY: DataRequest = { type: "query", id: 5, sql: "select 1", maxRows: 10, timeoutMs: 1000 };
const PCAP: DataRequest = { type: "pcap", id: 6, sessionId: 3, maxBytes: 1_000_000 };

for (const { name, message, expected } of [
  {
    name: "a query",
    message: QUERY,
    expected: { type: "query", sql: "select 1", maxRows: 10, timeoutMs: 1000 },
  },
  {
    name: "a query beyond the limits",
    message: { ...QUERY, maxRows: 1e9, timeoutMs: 1e9 },
    expected: { type: "query", sql: "select 1", maxRows: 100_000, timeoutMs: 30_000 },
  },
  { name: "frames", message: PCAP, expected: { type: "pcap", maxBytes: 1_000_000, sessionId: 3 } },
  {
    name: "frames beyond the limit, with keys that are none of ours",
    message: { ...PCAP, maxBytes: 1e15, path: "/etc/shadow" },
    expected: { type: "pcap", maxBytes: 4 * 1024 ** 3, sessionId: 3 },
  },
  { name: "an id that is no u32", message: { ...QUERY, id: 2 ** 32 }, expected: "the id is no u32" },
  { name: "no SQL", message: { ...QUERY, sql: 7 }, expected: "no SQL, or too long" },
  { name: "SQL without an end", message: { ...QUERY, sql: "x".repeat(100_001) }, expected: "no SQL, or too long" },
  {
    name: "rows that are no number",
    message: { ...QUERY, maxRows: "all" },
    expected: "maxRows and timeoutMs must be whole numbers",
  },
  { name: "no maxBytes", message: { ...PCAP, maxBytes: undefined }, expected: "maxBytes must be a whole number" },
  { name: "a filter that is no text", message: { ...PCAP, filter: {} }, expected: "no filter, or too long" },
  { name: "a negative time", message: { ...PCAP, fromMs: -1 }, expected: "fromMs must be a whole number" },
])
  test(`toRoleRequest: ${name}`, () => assert.deepEqual(toRoleRequest(message as DataRequest), expected));

async function serve(message: DataRequest, answer: RoleAnswer, pieces: readonly Uint8Array[] = [], cancelAfter = 99) {
  const sent: unknown[] = [];
  const cancel = new AbortController();
  const ports: RequestPorts = {
    ask: async () => ({
      answer,
      body: (async function* () {
        yield* pieces;
      })(),
    }),
    send: async (reply) => void sent.push(reply),
    sendBinary: async (bytes) => {
      sent.push([bytes.length, new DataView(bytes.buffer).getUint32(0)]);
      if (sent.length >= cancelAfter) cancel.abort();
    },
  };
  await serveRequest(message, ports, cancel.signal);
  return sent;
}

test("serveRequest: rows, frames in pieces, and what goes wrong", async () => {
  const rows: RoleAnswer = { type: "rows", columns: ["1"], rows: [[1]], cut: false };
  assert.deepEqual(await serve(QUERY, rows), [{ ...rows, id: 5 }]);
  assert.deepEqual(await serve(QUERY, { type: "error", message: "no such table" }), [
    { type: "failed", id: 5, message: "no such table" },
  ]);
  const wide: RoleAnswer = { type: "rows", columns: ["x"], rows: [["ü".repeat(9 * 1024 * 1024)]], cut: false };
  assert.deepEqual(await serve(QUERY, wide), [
    { type: "failed", id: 5, message: "the answer is too large: ask for fewer rows or columns" },
  ]);
  assert.deepEqual(await serve(PCAP, { type: "pcap" }, [new Uint8Array(24), new Uint8Array(70_000)]), [
    [28, 6],
    [65_540, 6],
    [4_468, 6],
    { type: "pcapEnd", id: 6, bytes: 70_024 },
  ]);
  assert.deepEqual(await serve({ ...PCAP, maxBytes: 10 } as DataRequest, { type: "pcap" }, [new Uint8Array(11)]), [
    { type: "failed", id: 6, message: "capture gave more than 10 octets" },
  ]);
  assert.deepEqual(await serve(PCAP, rows), [{ type: "failed", id: 6, message: "capture gave another answer" }]);
  assert.deepEqual(await serve(PCAP, { type: "pcap" }, Array(9).fill(new Uint8Array(1)), 2), [
    [5, 6],
    [5, 6],
  ]);
});

test("encodePiece: id, big-endian, then the octets", () => {
  assert.equal(encodePiece(0xdeadbeef, Uint8Array.of(1, 2)).toHex(), "deadbeef0102");
});
