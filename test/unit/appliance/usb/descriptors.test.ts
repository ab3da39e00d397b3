import assert from "node:assert/strict";
import { test } from "node:test";
import { aliasesOf, decodeUsbDescriptors, usbIdOf } from "../../../../appliance/usb/descriptors.ts";

/** As QEMU's usb-serial (an FT232) and a keyboard that has a serial interface beside it say it. */
const DEVICE = "12 01 00 02 00 00 00 08 03 04 01 60 00 04 01 02 03 01";
const SERIAL = "09 02 20 00 01 01 00 80 32 09 04 00 00 02 ff ff ff 02 07 05 81 02 40 00 00 07 05 02 02 40 00 00";
const KEYBOARD = "09 04 01 00 01 03 01 01 00 09 21 11 01 00 01 22 3f 00 07 05 82 03 08 00 0a";

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

test("an FTDI adapter", () => {
  const decoded = decodeUsbDescriptors(bytesOf(`${DEVICE} ${SERIAL}`));
  assert.deepEqual(decoded, {
    ok: true,
    value: {
      ...{ vendor: 0x0403, product: 0x6001, release: 0x0400, class: 0, subclass: 0, protocol: 0 },
      interfaces: [{ number: 0, class: 255, subclass: 255, protocol: 255 }],
    },
  });
  assert.ok(decoded.ok);
  assert.equal(usbIdOf(decoded.value), "0403:6001");
  assert.deepEqual(aliasesOf(decoded.value), ["usb:v0403p6001d0400dc00dsc00dp00icFFiscFFipFFin00"]);
});

test("an adapter that is a keyboard too has the alias of both", () => {
  const decoded = decodeUsbDescriptors(bytesOf(`${DEVICE} ${SERIAL} ${KEYBOARD}`));
  assert.ok(decoded.ok);
  assert.deepEqual(aliasesOf(decoded.value), [
    "usb:v0403p6001d0400dc00dsc00dp00icFFiscFFipFFin00",
    "usb:v0403p6001d0400dc00dsc00dp00ic03isc01ip01in01",
  ]);
});

for (const { name, hex, expected } of [
  { name: "nothing", hex: "", expected: { ok: false, reason: "truncated", atOffset: 0 } },
  {
    name: "a device descriptor cut off",
    hex: DEVICE.slice(0, 30),
    expected: { ok: false, reason: "truncated", atOffset: 10 },
  },
  {
    name: "no device descriptor",
    hex: DEVICE.replace("12 01", "12 02"),
    expected: { ok: false, reason: "malformed", atOffset: 1 },
  },
  {
    name: "a descriptor cut off",
    hex: `${DEVICE} ${SERIAL.slice(0, -3)}`,
    expected: { ok: false, reason: "truncated", atOffset: 49 },
  },
  {
    name: "a descriptor of no length",
    hex: `${DEVICE} 00 02`,
    expected: { ok: false, reason: "malformed", atOffset: 18 },
  },
  {
    name: "an interface of no configuration",
    hex: `${DEVICE} ${KEYBOARD}`,
    expected: { ok: false, reason: "malformed", atOffset: 18 },
  },
  {
    name: "more interfaces than a device has",
    hex: `${DEVICE} ${SERIAL} ${Array(64).fill("09 04 01 00 01 03 01 01 00").join(" ")}`,
    expected: { ok: false, reason: "malformed", atOffset: 50 + 63 * 9 },
  },
  { name: "too long", hex: "00".repeat(65537), expected: { ok: false, reason: "malformed", atOffset: 65536 } },
] as const)
  test(`not decoded: ${name}`, () => assert.deepEqual(decodeUsbDescriptors(bytesOf(hex)), expected));
