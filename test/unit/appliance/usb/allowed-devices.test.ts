import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AllowedDevicesError, judgeUsbDevice, parseAllowedDevices } from "../../../../appliance/usb/allowed-devices.ts";

const PROJECT = join(import.meta.dirname, "../../../..");
const shipped = parseAllowedDevices(readFileSync(join(PROJECT, "overlay/usr/share/cepa/usb-devices.txt"), "utf8"));

/** Interfaces as `KIND=DRIVER,DRIVER`, one a number; `+` puts an alternate setting behind one. */
function judge(id: string, ...interfaces: readonly string[]) {
  const [vendor = 0, product = 0] = id.split(":").map((digits) => Number.parseInt(digits, 16));
  const settings = interfaces.flatMap((alternates, number) =>
    alternates.split("+").map((setting) => {
      const [kind = "", drivers = ""] = setting.split("=");
      const [ofClass = 0, subclass = 0, protocol = 0] = kind.split("/").map((digits) => Number.parseInt(digits, 16));
      return { configuration: 1, number, class: ofClass, subclass, protocol, drivers };
    }),
  );
  const part = (octet: number) => octet.toString(16).toUpperCase().padStart(2, "0");
  const device = { vendor, product, release: 0, class: 0, subclass: 0, protocol: 0, interfaces: settings };
  const driversOf = (alias: string) =>
    settings
      .filter((one) =>
        alias.endsWith(`ic${part(one.class)}isc${part(one.subclass)}ip${part(one.protocol)}in${part(one.number)}`),
      )
      .flatMap(({ drivers }) => drivers.split(","))
      .filter((driver) => driver !== "");
  return judgeUsbDevice(device, driversOf, shipped);
}

for (const { name, id, parts, expected } of [
  { name: "a serial adapter", id: "0403:6001", parts: ["ff/ff/ff=ftdi_sio"], expected: ["1.0", "ftdi_sio", ""] },
  {
    name: "a u-blox receiver, with the data interface that its driver asks for",
    id: "1546:01a8",
    parts: ["02/02/01=cdc_acm", "0a/00/00="],
    expected: ["1.0 1.1", "cdc_acm", ""],
  },
  {
    name: "a modem, whose network interface has no driver",
    id: "2c7c:0125",
    parts: ["ff/00/00=option", "ff/00/00=option", "ff/ff/ff="],
    expected: ["1.0 1.1 1.2", "option", ""],
  },
  { name: "the CP2112", id: "10c4:ea90", parts: ["03/00/00=usbhid"], expected: ["1.0", "usbhid", ""] },
  { name: "a hub", id: "0409:55aa", parts: ["09/00/00=usbcore"], expected: ["1.0", "usbcore", ""] },
  {
    name: "a stick",
    id: "0781:5567",
    parts: ["08/06/50=uas,usb_storage"],
    expected: ["1.0", "uas usb_storage", ""],
  },
  {
    name: "a disk with UAS",
    id: "174c:55aa",
    parts: ["08/06/50=uas,usb_storage+08/06/62=uas"],
    expected: ["1.0", "uas usb_storage", ""],
  },
  {
    name: "storage of another kind",
    id: "0781:5567",
    parts: ["08/04/00=usb_storage"],
    expected: ["", "", "usb_storage is not allowed for 0781:5567 08/04/00"],
  },
  {
    name: "a keyboard",
    id: "046d:c31c",
    parts: ["03/01/01=usbhid"],
    expected: ["", "", "usbhid is not allowed for 046d:c31c 03/01/01"],
  },
  {
    name: "a keyboard behind the number of an adapter, which that adapter's driver takes as well",
    id: "0403:6001",
    parts: ["03/01/01=ftdi_sio,usbhid"],
    expected: ["", "", "usbhid is not allowed for 0403:6001 03/01/01"],
  },
  {
    name: "a stick that is a keyboard too",
    id: "0781:5567",
    parts: ["08/06/50=usb_storage", "03/01/01=usbhid"],
    expected: ["1.0", "usb_storage", "usbhid is not allowed for 0781:5567 03/01/01"],
  },
  {
    name: "a stick whose other setting is a keyboard",
    id: "0781:5567",
    parts: ["08/06/50=usb_storage+03/01/01=usbhid"],
    expected: ["", "", "usbhid is not allowed for 0781:5567 03/01/01"],
  },
  {
    name: "a stick that is a modem too",
    id: "0781:5567",
    parts: ["08/06/50=usb_storage", "02/02/01=cdc_acm", "0a/00/00="],
    expected: ["1.0 1.2", "usb_storage", "cdc_acm is not allowed for 0781:5567 02/02/01"],
  },
  {
    name: "a network card",
    id: "0525:a4a2",
    parts: ["02/06/00=", "0a/00/00="],
    expected: ["", "", "nothing here drives it"],
  },
  { name: "nothing at all", id: "0403:6001", parts: [], expected: ["", "", "nothing here drives it"] },
] as const)
  test(`usb-devices.txt: ${name}`, () => {
    const { interfaces, drivers, why } = judge(id, ...parts);
    assert.deepEqual([interfaces.join(" "), drivers.join(" "), why], expected);
  });

test("usb-devices.txt: the image's profiles have each driver; storage and hubs alone are taken whoever made them", () => {
  const lists = ["image/profiles/qemu/modules.txt", "image/profiles/hardware/modules.txt"].map((path) =>
    readFileSync(join(PROJECT, path), "utf8").replaceAll("-", "_").split("\n"),
  );
  for (const { driver } of shipped)
    assert.ok(driver === "usbcore" || lists.some((list) => list.includes(driver)), driver);
  const byAnyone = shipped.filter(({ vendor }) => vendor === undefined).map(({ driver, kind }) => `${driver} ${kind}`);
  assert.deepEqual(byAnyone, [
    ...["usbcore 09/00/00", "usbcore 09/00/01", "usbcore 09/00/02"],
    ...["usb_storage 08/06/50", "uas 08/06/50", "uas 08/06/62"],
  ]);
});

for (const line of [
  "ftdi_sio",
  "ftdi-sio 0403:6001",
  "ftdi_sio 0403",
  "ftdi_sio *:6001",
  "ftdi_sio *:6001 ff/ff/ff",
  "ftdi_sio *:*",
  "ftdi_sio 403:6001",
  "ftdi_sio 0403:6001 more",
])
  test(`no line of a list: ${line}`, () =>
    assert.throws(
      () => parseAllowedDevices(`# comment\n\n${line}\n`),
      (error) => error instanceof AllowedDevicesError && error.message.startsWith("line 3: expected DRIVER"),
    ));
