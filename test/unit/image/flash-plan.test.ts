import assert from "node:assert/strict";
import { test } from "node:test";
import { FlashError } from "../../../image/flash/flash-error.ts";
import {
  type BoxChoices,
  type FoundTarget,
  parseSize,
  planFlash,
  renderFlashPlan,
} from "../../../image/flash/flash-plan.ts";
import { decodeGpt, type GptPartition } from "../../../image/flash/gpt.ts";
import { type BlockDevice, findObjection } from "../../../image/flash/target.ts";
import { GPT_HEAD, GPT_HEAD_DISK_BYTES } from "../../support/gpt-head.ts";

const MIB = 1024 * 1024;

function partitions(): readonly GptPartition[] {
  const decoded = decodeGpt(GPT_HEAD);
  assert.ok(decoded.ok);
  return decoded.value;
}

const IMAGE = { sizeBytes: GPT_HEAD_DISK_BYTES, partitions: partitions() };
const COPIES = [
  { offsetBytes: 0, sizeBytes: 1057 * MIB },
  { offsetBytes: 2081 * MIB, sizeBytes: GPT_HEAD_DISK_BYTES - 2081 * MIB },
];
const STATE = { offsetBytes: 1057 * MIB, sizeBytes: 1024 * MIB };

test("planFlash: a new file needs no zeroes", () =>
  assert.deepEqual(planFlash(IMAGE, { path: "box.raw", kind: "file", sizeBytes: 6144 * MIB }), {
    state: STATE,
    copies: COPIES,
    wipes: [],
  }));

test("planFlash: on a device, old state, an old store and an old backup table are zeroed", () =>
  assert.deepEqual(planFlash(IMAGE, { path: "/dev/sdx", kind: "device", sizeBytes: 6144 * MIB }), {
    state: STATE,
    copies: COPIES,
    wipes: [
      STATE,
      { offsetBytes: GPT_HEAD_DISK_BYTES, sizeBytes: 16 * MIB },
      { offsetBytes: 6143 * MIB, sizeBytes: MIB },
    ],
  }));

test("planFlash: no room for the store, no state partition, a cut image", () => {
  const target = { path: "/dev/sdx", kind: "device", sizeBytes: 2100 * MIB } as const;
  const failsWith = (code: FlashError["code"], image: typeof IMAGE) =>
    assert.throws(
      () => planFlash(image, target),
      (error) => error instanceof FlashError && error.code === code,
    );
  failsWith("tooSmall", IMAGE);
  failsWith("badImage", { ...IMAGE, partitions: IMAGE.partitions.slice(0, 5) });
  failsWith("badImage", { ...IMAGE, sizeBytes: 2000 * MIB });
});

test("planFlash: a size without its unit", () =>
  assert.throws(
    () => planFlash(IMAGE, { path: "box.raw", kind: "file", sizeBytes: 8 }),
    /box\.raw would have 8 octets; .* need at least \d+ MiB: give a size with its unit, like \d+M or 8G/,
  ));

const CHOICES: readonly {
  name: string;
  target: Omit<FoundTarget, "sizeBytes">;
  box: BoxChoices;
  lines: readonly string[];
}[] = [
  {
    name: "a new file, and nothing chosen",
    target: { path: "box.raw", kind: "file", exists: false, model: "" },
    box: { network: {}, store: undefined, settingsFile: undefined },
    lines: [
      "file box.raw, 6144 MiB, is made",
      "uplink: the port with the lowest PCI address",
      "address: by DHCP",
      "SPAN: every other port",
      "store: the rest of this disk",
      "settings: the defaults",
    ],
  },
  {
    name: "a file that is there, and all chosen",
    target: { path: "box.raw", kind: "file", exists: true, model: "" },
    box: {
      network: {
        uplink: "0000:01:00.0",
        span: ["0000:02:00.0", "02:00:00:00:00:01"],
        static: { address: "192.0.2.10/24", gateway: "192.0.2.1", dns: ["192.0.2.53", "198.51.100.53"] },
        vlan: 7,
        mtuBytes: 9000,
      },
      store: { disk: "second", take: true },
      settingsFile: "branch.json",
    },
    lines: [
      "file box.raw, 6144 MiB, is there, and is overwritten",
      "uplink: 0000:01:00.0, VLAN 7, MTU 9000 octets",
      "address: 192.0.2.10/24, gateway 192.0.2.1, DNS 192.0.2.53, 198.51.100.53",
      "SPAN: 0000:02:00.0, 02:00:00:00:00:01",
      "store: the second disk of the box; WHATEVER IS ON IT IS OVERWRITTEN at the first start",
      "settings: those of branch.json",
    ],
  },
  {
    name: "a disk, and a disk for the store",
    target: { path: "/dev/sdx", kind: "device", exists: true, model: "Stick" },
    box: { network: {}, store: { disk: "/dev/disk/by-id/ata-X", take: false }, settingsFile: undefined },
    lines: [
      "device /dev/sdx (Stick), 6144 MiB, all that is on it is lost",
      "store: the disk /dev/disk/by-id/ata-X of the box, which has to be empty, or have a store of ours",
    ],
  },
];
for (const { name, target, box, lines } of CHOICES)
  test(`renderFlashPlan: ${name}`, () => {
    const found = { ...target, sizeBytes: 6144 * MIB };
    const rendered = renderFlashPlan(planFlash(IMAGE, found), "image.raw", found, box).split("\n");
    assert.deepEqual(
      rendered.filter((line) => lines.includes(line)),
      lines,
    );
    assert.ok(rendered.includes("copy 1057 MiB at 0 MiB from image.raw"), rendered.join("\n"));
  });

const SIZES = [
  ["8G", 8 * 1024 * MIB],
  ["6000M", 6000 * MIB],
  ["4096", 4096],
  ["1T", 1024 * 1024 * MIB],
  ["0", undefined],
  ["8 G", undefined],
  ["-1G", undefined],
  ["8GB", undefined],
  ["", undefined],
  ["999999999999T", undefined],
] as const;
for (const [text, expected] of SIZES) test(`parseSize: "${text}"`, () => assert.equal(parseSize(text), expected));

const DISK: BlockDevice = { path: "/dev/sdx", type: "disk", size: 1, ro: false, mountpoints: [null], model: "Stick" };
const partition = (...mountpoints: (string | null)[]): BlockDevice => ({
  path: "/dev/sdx1",
  type: "part",
  size: 1,
  ro: false,
  mountpoints,
});
const OBJECTIONS: readonly { name: string; device: BlockDevice; expected: string | undefined }[] = [
  { name: "an idle disk", device: { ...DISK, children: [partition(null)] }, expected: undefined },
  { name: "a loop device", device: { ...DISK, type: "loop", path: "/dev/loop3" }, expected: undefined },
  { name: "read-only", device: { ...DISK, ro: true }, expected: "/dev/sdx is read-only" },
  { name: "a partition", device: partition(null), expected: "/dev/sdx1 is a part, not a whole disk" },
  {
    name: "the system's disk",
    device: { ...DISK, children: [partition("/boot/efi"), { ...partition("/"), path: "/dev/sdx2" }] },
    expected: "/dev/sdx is in use: /dev/sdx1 on /boot/efi, /dev/sdx2 on /",
  },
  {
    name: "swap below LUKS below a partition",
    device: {
      ...DISK,
      children: [
        { ...partition(null), children: [{ ...partition("[SWAP]"), path: "/dev/mapper/swap", type: "crypt" }] },
      ],
    },
    expected: "/dev/sdx is in use: /dev/mapper/swap on [SWAP]",
  },
];
for (const { name, device, expected } of OBJECTIONS)
  test(`findObjection: ${name}`, () => assert.equal(findObjection(device), expected));
