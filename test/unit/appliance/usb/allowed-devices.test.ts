import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AllowedDevicesError, judgeUsbDevice, parseAllowedDevices } from "../../../../appliance/usb/allowed-devices.ts";

const PROJECT = join(import.meta.dirname, "../../../..");
const shipped = parseAllowedDevices(readFileSync(join(PROJECT, "overlay/usr/share/cepa/usb-devices.txt"), "utf8"));

for (const { name, id, drivers, isAdmitted, why = "" } of [
  { name: "a serial adapter", id: "0403:6001", drivers: [["ftdi_sio"]], isAdmitted: true },
  { name: "a u-blox receiver", id: "1546:01a8", drivers: [["cdc_acm"], []], isAdmitted: true },
  {
    name: "a modem, whose network interface has no driver",
    id: "2c7c:0125",
    drivers: [["option"], ["option"], []],
    isAdmitted: true,
  },
  { name: "the CP2112", id: "10c4:ea90", drivers: [["usbhid"]], isAdmitted: true },
  { name: "a hub", id: "0409:55aa", drivers: [["usbcore"]], isAdmitted: true },
  { name: "a stick", id: "0781:5567", drivers: [["usb_storage"]], isAdmitted: true },
  { name: "a disk with UAS", id: "174c:55aa", drivers: [["usb_storage"], ["uas"]], isAdmitted: true },
  {
    name: "a keyboard",
    id: "046d:c31c",
    drivers: [["usbhid"]],
    isAdmitted: false,
    why: "usbhid is not allowed for 046d:c31c",
  },
  {
    name: "a keyboard behind the id of an adapter",
    id: "0403:6001",
    drivers: [["ftdi_sio"], ["ftdi_sio", "usbhid"]],
    isAdmitted: false,
    why: "usbhid is not allowed for 0403:6001",
  },
  {
    name: "a stick that is a modem too",
    id: "0781:5567",
    drivers: [["usb_storage"], ["cdc_acm"]],
    isAdmitted: false,
    why: "cdc_acm is not allowed for 0781:5567",
  },
  { name: "a network card", id: "0525:a4a2", drivers: [[], []], isAdmitted: false, why: "nothing here drives it" },
  { name: "nothing that can be read", id: "unreadable", drivers: [], isAdmitted: false, why: "nothing here drives it" },
] as const)
  test(`usb-devices.txt: ${name}`, () => {
    const found = judgeUsbDevice(id, drivers, shipped);
    assert.deepEqual(found, { isAdmitted, drivers: [...new Set(drivers.flat())].sort(), why });
  });

test("usb-devices.txt: the image's profiles have each driver; storage and hubs alone are taken whoever made them", () => {
  const lists = ["image/profiles/qemu/modules.txt", "image/profiles/hardware/modules.txt"].map((path) =>
    readFileSync(join(PROJECT, path), "utf8").replaceAll("-", "_").split("\n"),
  );
  for (const { driver } of shipped)
    assert.ok(driver === "usbcore" || lists.some((list) => list.includes(driver)), driver);
  const byAnyone = shipped.filter(({ vendor }) => vendor === undefined).map(({ driver }) => driver);
  assert.deepEqual(byAnyone, ["usbcore", "usb_storage", "uas"]);
});

for (const line of [
  "ftdi_sio",
  "ftdi-sio 0403:6001",
  "ftdi_sio 0403",
  "ftdi_sio *:6001",
  "ftdi_sio 403:6001",
  "ftdi_sio 0403:6001 more",
])
  test(`no line of a list: ${line}`, () =>
    assert.throws(
      () => parseAllowedDevices(`# comment\n\n${line}\n`),
      (error) => error instanceof AllowedDevicesError && error.message.startsWith("line 3: expected DRIVER"),
    ));
