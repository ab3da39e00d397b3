import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { encodePcapHeader } from "../../appliance/capture/pcap-file.ts";
import { Ring } from "../../appliance/capture/ring.ts";
import { runInNamespace } from "../../scripts/rig/net-namespace.ts";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";

const CAPTURE = join(import.meta.dirname, "../captures/office-minute/input.pcap");
const FAR_SIDE = join(import.meta.dirname, "../support/ring-far-side.ts");

interface FarSide {
  readonly received: readonly { readonly hex: string; readonly originalBytes: number; readonly timeMs: number }[];
  readonly frames: number;
  readonly drops: number;
  readonly transmitted: number;
}

async function throughRing(file: string, filter = "", snaplen = "65535"): Promise<FarSide> {
  const printed = await runInNamespace(["span0"], [process.execPath, FAR_SIDE, file, filter, snaplen], 60_000);
  return JSON.parse(printed) as FarSide;
}

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-ring-"));
});
after(() => rm(folder, { recursive: true }));

function pcapOf(frames: readonly Uint8Array[]): Uint8Array {
  const records = frames.map((frame) => {
    const header = Buffer.alloc(16);
    header.writeUInt32LE(frame.length, 8);
    header.writeUInt32LE(frame.length, 12);
    return Buffer.concat([header, frame]);
  });
  return Buffer.concat([encodePcapHeader(1), ...records]);
}

test("the frames of a real capture come out of the ring octet for octet, in order, and none goes out", async () => {
  const sent = framesOfPcap(await readFile(CAPTURE));
  const { received, frames, drops, transmitted } = await throughRing(CAPTURE);
  assert.deepEqual(
    received.map(({ hex }) => hex),
    sent.map(({ bytes }) => Buffer.from(bytes).toString("hex")),
  );
  assert.deepEqual({ frames, drops, transmitted }, { frames: sent.length, drops: 0, transmitted: 0 });
  for (const { hex, originalBytes, timeMs } of received) {
    assert.equal(originalBytes, hex.length / 2);
    assert.ok(timeMs > -1000 && timeMs < 60_000, `time ${timeMs} ms after the start`);
  }
});

const ADDRESSES = "02000000000202000000000";
const TAGGED: readonly { readonly name: string; readonly hex: string }[] = [
  { name: "untagged", hex: `${ADDRESSES}10800${"45".repeat(50)}` },
  { name: "802.1Q, priority kept", hex: `${ADDRESSES}18100a0050800${"46".repeat(50)}` },
  { name: "802.1ad with 802.1Q inside", hex: `${ADDRESSES}188a800078100006486dd${"60".repeat(50)}` },
  { name: "VLAN 0", hex: `${ADDRESSES}1810060000800${"47".repeat(50)}` },
  { name: "a tag and little behind it", hex: `${ADDRESSES}18100000508000000` },
];

test("VLAN tags come back as they were on the wire", async () => {
  const file = join(folder, "tagged.pcap");
  await writeFile(file, pcapOf(TAGGED.map(({ hex }) => Buffer.from(hex, "hex"))));
  const { received } = await throughRing(file);
  assert.deepEqual(
    received.map(({ hex }, index) => ({ name: TAGGED[index]?.name, hex })),
    TAGGED.map(({ name, hex }) => ({ name, hex })),
  );
});

test("the kernel applies the filter and the snap length", async () => {
  const file = join(folder, "filtered.pcap");
  const udp = Buffer.from(`${ADDRESSES}10800450000640000000040110000c0000201c0000202${"00".repeat(80)}`, "hex");
  const tcp = Buffer.from(udp);
  tcp[23] = 6;
  await writeFile(file, pcapOf([udp, tcp]));
  const { received } = await throughRing(file, "tcp", "60");
  assert.deepEqual(
    received.map(({ hex, originalBytes }) => ({ hex, originalBytes })),
    [{ hex: tcp.subarray(0, 60).toString("hex"), originalBytes: tcp.length }],
  );
});

for (const { name, filter, expected } of [
  { name: "no such interface", filter: "", expected: { code: "ENODEV" } },
  { name: "a filter that libpcap refuses", filter: "host and", expected: { code: "ERR_BPF_SYNTAX" } },
])
  test(`Ring: ${name}`, () => {
    assert.throws(
      () => new Ring("cepa-no-such", { ringSizeBytes: 4 * 1024 * 1024, snaplenBytes: 65535, filter }),
      expected,
    );
  });
