import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMountDevice, shortfallsOf } from "../../../../appliance/health/least-hardware.ts";

const GIB = 1024 ** 3;
const ENOUGH = { memoryTotalBytes: 2 * GIB, diskBytes: 8 * GIB, ports: 2 };

for (const { name, hardware, expected } of [
  { name: "the least", hardware: ENOUGH, expected: [] },
  {
    name: "as 2 GiB and 8 GB of eMMC show",
    hardware: { ...ENOUGH, memoryTotalBytes: 1.9 * GIB, diskBytes: 7.3e9 },
    expected: [],
  },
  {
    name: "1 GiB",
    hardware: { ...ENOUGH, memoryTotalBytes: 0.95 * GIB },
    expected: ["memory 0.9 GiB, 2 GiB is least"],
  },
  { name: "4 GB", hardware: { ...ENOUGH, diskBytes: 4e9 }, expected: ["disk 4.0 GB, 8 GB is least"] },
  {
    name: "4 GB, and a disk for the store",
    hardware: { ...ENOUGH, diskBytes: 4e9, storeDiskBytes: 8e9 },
    expected: [],
  },
  {
    name: "too little of both disks",
    hardware: { ...ENOUGH, diskBytes: 2e9, storeDiskBytes: 1e9 },
    expected: ["disk 2.0 GB, 4 GB is least", "the store's disk 1.0 GB, 8 GB is least"],
  },
  { name: "one port", hardware: { ...ENOUGH, ports: 1 }, expected: ["1 network port, 2 are least: uplink and SPAN"] },
  {
    name: "all three",
    hardware: { memoryTotalBytes: 0.5 * GIB, diskBytes: 2e9, ports: 0 },
    expected: [
      "memory 0.5 GiB, 2 GiB is least",
      "disk 2.0 GB, 8 GB is least",
      "0 network ports, 2 are least: uplink and SPAN",
    ],
  },
  { name: "unknown", hardware: { memoryTotalBytes: 0, diskBytes: 0, ports: undefined }, expected: [] },
])
  test(`least hardware: ${name}`, () => assert.deepEqual(shortfallsOf(hardware), expected));

for (const { text, expected } of [
  { text: "/dev/vda6 /state ext4 rw 0 0\n", expected: "vda6" },
  { text: "tmpfs /state tmpfs rw 0 0\n", expected: undefined },
  { text: "/dev/../etc /state ext4 rw 0 0\n", expected: undefined },
  { text: "/dev/vda6 /state2 ext4 rw 0 0\n", expected: undefined },
  { text: "", expected: undefined },
])
  test(`parseMountDevice: ${JSON.stringify(text)}`, () => assert.equal(parseMountDevice(text, "/state"), expected));
