import assert from "node:assert/strict";
import { test } from "node:test";
import { type HeaderBlock, HpackDecoder, TABLE_MAX_BYTES } from "../../../../appliance/http/hpack-decoder.ts";
import { zeroHttpCounters } from "../../../../appliance/http/http-transaction.ts";
import { bytesOf } from "../../../support/decode-hex.ts";

interface Read {
  readonly isWhole: boolean;
  readonly block: HeaderBlock;
  readonly tableBytes: number;
}

function decodeOne(decoder: HpackDecoder, hex: string): Read {
  const bytes = bytesOf(hex);
  const block: HeaderBlock = {};
  const isWhole = decoder.decode(bytes, 0, bytes.length, block);
  return { isWhole, block, tableBytes: decoder.tableBytes };
}

function decode(...hexes: readonly string[]): Read[] {
  const decoder = new HpackDecoder(zeroHttpCounters());
  return hexes.map((hex) => decodeOne(decoder, hex));
}

const GET = { ":method": "GET", ":path": "/", ":authority": "www.example.com" };
const whole = (block: HeaderBlock, tableBytes: number): Read => ({ isWhole: true, block, tableBytes });
const broken = (block: HeaderBlock): Read => ({ isWhole: false, block, tableBytes: 0 });

const REQUESTS = [whole(GET, 57), whole(GET, 110), whole({ ...GET, ":path": "/index.html" }, 164)];
/** 256 octets of table, as the examples of responses want it. */
const TABLE_OF_256 = "3fe101";
const RESPONSES = [
  whole({ ":status": "302" }, 222),
  whole({ ":status": "307" }, 222),
  whole({ ":status": "200" }, 215),
];

/** RFC 7541, appendix C, and what it doesn't show. */
const CASES: readonly [name: string, blocks: readonly string[], expected: readonly Read[]][] = [
  [
    "C.2.1 to C.2.4, each form of a field",
    [
      "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
      "040c2f73616d706c652f70617468",
      "100870617373776f726406736563726574",
      "82",
    ],
    [whole({}, 55), whole({ ":path": "/sample/path" }, 55), whole({}, 55), whole({ ":method": "GET" }, 55)],
  ],
  [
    "C.3 requests",
    [
      "828684410f7777772e6578616d706c652e636f6d",
      "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ],
    REQUESTS,
  ],
  [
    "C.4 requests in Huffman's code",
    [
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ],
    REQUESTS,
  ],
  [
    "C.5 responses, with evictions",
    [
      `${TABLE_OF_256}4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e17687474
       70733a2f2f7777772e6578616d706c652e636f6d`,
      "4803333037c1c0bf",
      `88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f
       5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31`,
    ],
    RESPONSES,
  ],
  [
    "C.6 responses in Huffman's code",
    [
      `${TABLE_OF_256}488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82
       ae43d3`,
      "4883640effc1c0bf",
      `88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1
       ab270fb5291f9587316065c003ed4ee5b1063d5007`,
    ],
    RESPONSES,
  ],
  ["the first of two counts", ["8283"], [whole({ ":method": "GET" }, 0)]],
  ["an index beyond the table", ["82be85"], [whole({ ":method": "GET", ":path": "/index.html" }, 0)]],
  [
    "a name beyond the table",
    ["827e0161", "be85"],
    [whole({ ":method": "GET" }, 33), whole({ ":path": "/index.html" }, 33)],
  ],
  [
    "an entry larger than the table",
    ["410161", "3f01410161", "be"],
    [whole({ ":authority": "a" }, 43), whole({ ":authority": "a" }, 0), whole({}, 0)],
  ],
  ["a table of no size", ["20410161"], [whole({ ":authority": "a" }, 0)]],
  ["index 0", ["828084"], [broken({ ":method": "GET" })]],
  ["an integer without an end", ["82ff8080808080808001"], [broken({ ":method": "GET" })]],
  ["a value that is cut", ["8244056162"], [broken({ ":method": "GET" })]],
  ["a name that is cut", ["824005"], [broken({ ":method": "GET" })]],
  ["no value", ["8244"], [broken({ ":method": "GET" })]],
  ["EOS in a value", ["824484ffffffff"], [broken({ ":method": "GET" })]],
  [
    "what came before is forgotten",
    ["410161", "80", "be"],
    [whole({ ":authority": "a" }, 43), broken({}), whole({}, 0)],
  ],
];

for (const [name, blocks, expected] of CASES)
  test(`HpackDecoder: ${name}`, () => assert.deepEqual(decode(...blocks), expected));

test("HpackDecoder: a table of any size is held to its limit, and counted", () => {
  const counters = zeroHttpCounters();
  const decoder = new HpackDecoder(counters);
  decodeOne(decoder, "3fe1ffff07"); // 16 MiB and some
  assert.equal(counters.hpackTablesCut, 1);
  const entry = `4404${Buffer.from("/abc").toString("hex")}`;
  for (let i = 0; i < 2000; i++) assert.ok(decodeOne(decoder, entry).tableBytes <= TABLE_MAX_BYTES);
  assert.deepEqual(decodeOne(decoder, "be"), whole({ ":path": "/abc" }, 41 * Math.floor(TABLE_MAX_BYTES / 41)));
});

test("HpackDecoder: a bomb of indices costs no more than its octets", () => {
  const decoder = new HpackDecoder(zeroHttpCounters());
  decodeOne(decoder, `447f810f${"61".repeat(2048)}`);
  const bomb = new Uint8Array(1_000_000).fill(0xbe);
  const block: HeaderBlock = {};
  assert.ok(decoder.decode(bomb, 0, bomb.length, block));
  assert.deepEqual(block, { ":path": "a".repeat(2048) });
});
