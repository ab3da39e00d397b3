import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { decodeResolution, splitTicks } from "../../../../appliance/capture/pcapng-time.ts";
import { openSavefile } from "../../../../appliance/capture/savefile.ts";
import type { ReadState } from "../../../../appliance/capture/savefile-records.ts";
import { ByteWriter, pcapFile, pcapngBlock, type SavefileFrame } from "../../../support/savefiles.ts";

const folder = mkdtempSync(join(tmpdir(), "cepa-savefile-"));
after(() => rmSync(folder, { recursive: true }));

const MICRO = 0xa1b2c3d4;
const NANO = 0xa1b23c4d;
const FRAMES: readonly SavefileFrame[] = [
  { text: "first", originalBytes: 5, seconds: 1_700_000_000, nanoseconds: 123_456_000, linkType: 1 },
  { text: "", originalBytes: 60, seconds: 1_700_000_001, nanoseconds: 0, linkType: 1 },
  { text: "x".repeat(1500), originalBytes: 9000, seconds: 0xffff_ffff, nanoseconds: 999_999_000, linkType: 1 },
];

let files = 0;
function read(content: Uint8Array): { readonly frames: SavefileFrame[]; readonly state: ReadState | string } {
  const path = join(folder, `file-${files++}`);
  writeFileSync(path, content);
  const opened = openSavefile(path);
  if (opened.name === "other") return { frames: [], state: opened.why };
  const frames: SavefileFrame[] = [];
  let state: ReadState = { name: "more" };
  while (state.name === "more")
    state = opened.records.next({
      frame: (block, offset, capturedBytes, originalBytes, seconds, nanoseconds, linkType) => {
        const text = Buffer.from(block.subarray(offset, offset + capturedBytes)).toString("latin1");
        frames.push({ text, originalBytes, seconds, nanoseconds, linkType });
      },
    });
  opened.close();
  return { frames, state };
}

const CLEAN = { name: "clean" };

for (const [name, littleEndian, magic] of [
  ["little-endian, microseconds", true, MICRO],
  ["big-endian, microseconds", false, MICRO],
  ["little-endian, nanoseconds", true, NANO],
  ["big-endian, nanoseconds", false, NANO],
] as const)
  test(`pcap: ${name}`, () => {
    assert.deepEqual(read(pcapFile(littleEndian, magic, FRAMES)), { frames: FRAMES, state: CLEAN });
  });

test("pcap: no frame at all is clean", () =>
  assert.deepEqual(read(pcapFile(true, MICRO, [])), { frames: [], state: CLEAN }));

test("pcap: what the upper bits of the link type say of the FCS is left out", () => {
  const file = pcapFile(true, MICRO, FRAMES);
  file[23] = 0x24;
  assert.deepEqual(read(file).frames, FRAMES);
});

test("pcap: frames across the blocks of reading", () => {
  const frames = Array.from({ length: 3000 }, (_, i) => ({
    text: String.fromCharCode(32 + (i % 90)).repeat((i * 37) % 1400),
    originalBytes: 1500,
    seconds: i,
    nanoseconds: 0,
    linkType: 1,
  }));
  const found = read(pcapFile(true, MICRO, frames));
  assert.equal(found.frames.length, 3000);
  assert.deepEqual(found, { frames, state: CLEAN });
});

test("pcap: cut anywhere: the whole frames, and where the damage is", () => {
  const file = pcapFile(true, MICRO, FRAMES);
  const ends = [24, 24 + 16 + 5, 24 + 32 + 5];
  for (const cut of [25, 40, 43, 46, 60, 70, file.length - 1]) {
    const whole = ends.filter((end) => end <= cut).length - 1;
    const { frames, state } = read(file.subarray(0, cut));
    assert.deepEqual(frames, FRAMES.slice(0, whole));
    assert.deepEqual(state, { name: "damaged", why: `octet ${ends[whole]}: the file ends within a record` });
  }
});

test("pcap: a length that no frame has", () => {
  const file = pcapFile(true, MICRO, FRAMES);
  new DataView(file.buffer).setUint32(24 + 16 + 5 + 8, 262_145, true);
  assert.deepEqual(read(file), {
    frames: FRAMES.slice(0, 1),
    state: { name: "damaged", why: "octet 45: a frame of 262145 octets, more than 262144" },
  });
});

test("what is no savefile", () => {
  assert.equal(read(new Uint8Array(0)).state, "the file is empty");
  assert.equal(read(Uint8Array.of(1, 2)).state, "shorter than any header");
  assert.equal(read(new Uint8Array(100)).state, "neither pcap nor pcapng");
  assert.equal(read(Uint8Array.of(0x1f, 0x8b, 8, 0, 0)).state, "compressed with gzip: decompress it first");
  assert.throws(() => openSavefile(join(folder, "absent")), { code: "ENOENT" });
});

const SECTION = 0x0a0d0d0a;

function section(littleEndian: boolean): Uint8Array {
  const unknownLength = 0xffff_ffff;
  return pcapngBlock(
    littleEndian,
    SECTION,
    new ByteWriter(littleEndian).u32(0x1a2b3c4d).u16(1, 0).u32(unknownLength, unknownLength).bytes(),
  );
}

function interfaceBlock(littleEndian: boolean, linkType: number, snaplen: number, options: Uint8Array): Uint8Array {
  return pcapngBlock(
    littleEndian,
    1,
    new ByteWriter(littleEndian).u16(linkType, 0).u32(snaplen).octets(options).bytes(),
  );
}

/** One option of one octet. */
function option(littleEndian: boolean, code: number, ...octets: number[]): Uint8Array {
  return new ByteWriter(littleEndian).u16(code, octets.length).octets(Uint8Array.from(octets)).pad().u16(0, 0).bytes();
}

function enhancedPacket(littleEndian: boolean, interfaceNumber: number, ticks: bigint, text: string, original: number) {
  return pcapngBlock(
    littleEndian,
    6,
    new ByteWriter(littleEndian)
      .u32(interfaceNumber, Number(ticks >> 32n), Number(ticks & 0xffff_ffffn), text.length, original)
      .octets(text)
      .bytes(),
  );
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

for (const littleEndian of [true, false])
  test(`pcapng: interfaces with their own link type and resolution, ${littleEndian ? "little" : "big"}-endian`, () => {
    const none = new Uint8Array(0);
    const file = joined(
      section(littleEndian),
      interfaceBlock(littleEndian, 1, 0, none),
      interfaceBlock(littleEndian, 113, 4, option(littleEndian, 9, 9)),
      interfaceBlock(littleEndian, 101, 0, option(littleEndian, 9, 0x80 | 10)),
      enhancedPacket(littleEndian, 0, 1_700_000_000_123_456n, "micro", 50),
      pcapngBlock(littleEndian, 5, new Uint8Array(8)), // statistics
      enhancedPacket(littleEndian, 1, 1_700_000_001_123_456_789n, "nano", 4),
      enhancedPacket(littleEndian, 2, (1_700_000_002n << 10n) + 512n, "binary", 6),
      pcapngBlock(littleEndian, 3, new ByteWriter(littleEndian).u32(6).octets("simple").bytes()),
      pcapngBlock(littleEndian, 2, new ByteWriter(littleEndian).u16(1, 0).u32(0, 5, 3, 3).octets("old").bytes()),
    );
    const linkTypes = { linkType: 1 };
    assert.deepEqual(read(file), {
      frames: [
        { ...linkTypes, text: "micro", originalBytes: 50, seconds: 1_700_000_000, nanoseconds: 123_456_000 },
        { linkType: 113, text: "nano", originalBytes: 4, seconds: 1_700_000_001, nanoseconds: 123_456_789 },
        { linkType: 101, text: "binary", originalBytes: 6, seconds: 1_700_000_002, nanoseconds: 500_000_000 },
        { ...linkTypes, text: "simple", originalBytes: 6, seconds: 1_700_000_002, nanoseconds: 500_000_000 },
        { linkType: 113, text: "old", originalBytes: 3, seconds: 0, nanoseconds: 5 },
      ],
      state: CLEAN,
    });
  });

test("pcapng: a new section has its own byte order and interfaces", () => {
  const file = joined(
    section(true),
    interfaceBlock(true, 1, 0, new Uint8Array(0)),
    enhancedPacket(true, 0, 1n, "a", 1),
    section(false),
    interfaceBlock(false, 101, 0, new Uint8Array(0)),
    enhancedPacket(false, 0, 2n, "b", 1),
  );
  assert.deepEqual(read(file), {
    frames: [
      { text: "a", originalBytes: 1, seconds: 0, nanoseconds: 1000, linkType: 1 },
      { text: "b", originalBytes: 1, seconds: 0, nanoseconds: 2000, linkType: 101 },
    ],
    state: CLEAN,
  });
});

test("pcapng: damage", () => {
  const start = joined(section(true), interfaceBlock(true, 1, 0, new Uint8Array(0)));
  const whole = enhancedPacket(true, 0, 1n, "a", 1);
  const at = start.length + whole.length;
  const wrongEnd = whole.slice();
  wrongEnd[whole.length - 1] = 9;
  const cases: readonly [Uint8Array, string][] = [
    [whole.subarray(0, 20), "the file ends within a block"],
    [whole.subarray(0, 5), "the file ends within a block"],
    [wrongEnd, "a block whose two lengths differ"],
    [enhancedPacket(true, 3, 1n, "a", 1), "a packet of interface 3, which is not described"],
    [new ByteWriter(true).u32(6, 13, 0, 0).bytes(), "a block of 13 octets"],
    [new ByteWriter(true).u32(6, 0xffff_fffc, 0, 0).bytes(), "a block of 4294967292 octets"],
    [pcapngBlock(true, 6, new Uint8Array(8)), "a packet block that is too short"],
    [
      pcapngBlock(true, 6, new ByteWriter(true).u32(0, 0, 0, 99, 99, 0).bytes()),
      "a packet that is longer than its block",
    ],
    [pcapngBlock(true, SECTION, new Uint8Array(16)), "a section without byte order"],
  ];
  for (const [bytes, why] of cases) {
    const { frames, state } = read(joined(start, whole, bytes));
    assert.equal(frames.length, 1);
    assert.deepEqual(state, { name: "damaged", why: `octet ${at}: ${why}` });
  }
});

test("splitTicks: exact at every resolution", () => {
  const out = { seconds: 0, nanoseconds: 0 };
  for (const [octet, ticks, seconds, nanoseconds] of [
    [6, 1_700_000_000_123_456n, 1_700_000_000, 123_456_000],
    [9, 1_700_000_000_123_456_789n, 1_700_000_000, 123_456_789],
    [9, 0xffff_ffff_ffff_ffffn, 18_446_744_073, 709_551_615],
    [0, 1_700_000_000n, 1_700_000_000, 0],
    [0x80 | 30, (1_700_000_000n << 30n) + (1n << 29n), 1_700_000_000, 500_000_000],
  ] as const) {
    splitTicks(Number(ticks >> 32n), Number(ticks & 0xffff_ffffn), decodeResolution(octet), out);
    assert.deepEqual(out, { seconds, nanoseconds });
  }
});
