import assert from "node:assert/strict";
import { test } from "node:test";
import {
  aliasOf,
  DESCRIPTORS_MAX_BYTES,
  decodeUsbDescriptors,
  INTERFACES_MAX,
  usbIdOf,
} from "../../../../appliance/usb/descriptors.ts";
import { malformed, truncated } from "../../../../core/decoded.ts";
import { KEYBOARD, NESTED, SERIAL_ADAPTER, withMore } from "./descriptor-bytes.ts";

const DEVICE_BYTES = 18;
const INTERFACE = KEYBOARD.subarray(0, 9);
const join = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const withOctet = (bytes: Uint8Array, at: number, octet: number) => Uint8Array.from(bytes).fill(octet, at, at + 1);

test("an FTDI adapter", () => {
  const decoded = decodeUsbDescriptors(SERIAL_ADAPTER);
  assert.deepEqual(decoded, {
    ok: true,
    value: {
      ...{ vendor: 0x0403, product: 0x6001, release: 0x0400, class: 0, subclass: 0, protocol: 0 },
      interfaces: [{ configuration: 1, number: 0, class: 255, subclass: 255, protocol: 255 }],
    },
  });
  assert.ok(decoded.ok);
  assert.equal(usbIdOf(decoded.value), "0403:6001");
});

test("an adapter that is a keyboard too has the alias of both, whichever configuration they are in", () => {
  const second = withOctet(SERIAL_ADAPTER.subarray(DEVICE_BYTES, DEVICE_BYTES + 9), 5, 2);
  const decoded = decodeUsbDescriptors(withMore(join(SERIAL_ADAPTER, second), SERIAL_ADAPTER.length, KEYBOARD));
  assert.ok(decoded.ok);
  const { interfaces } = decoded.value;
  assert.deepEqual(
    interfaces.map((one) => [one.configuration, aliasOf(decoded.value, one)]),
    [
      [1, "usb:v0403p6001d0400dc00dsc00dp00icFFiscFFipFFin00"],
      [2, "usb:v0403p6001d0400dc00dsc00dp00ic03isc01ip01in01"],
    ],
  );
});

for (const { name, bytes, expected } of [
  { name: "nothing", bytes: new Uint8Array(0), expected: truncated(0) },
  { name: "a device descriptor cut off", bytes: SERIAL_ADAPTER.subarray(0, 10), expected: truncated(10) },
  { name: "a device descriptor of another length", bytes: withOctet(SERIAL_ADAPTER, 0, 17), expected: malformed(0) },
  { name: "no device descriptor", bytes: withOctet(SERIAL_ADAPTER, 1, 2), expected: malformed(1) },
  { name: "a configuration cut off", bytes: SERIAL_ADAPTER.subarray(0, 49), expected: truncated(49) },
  { name: "a length without a type", bytes: SERIAL_ADAPTER.subarray(0, 19), expected: truncated(19) },
  { name: "a descriptor of no length", bytes: withOctet(SERIAL_ADAPTER, 27, 0), expected: malformed(27) },
  { name: "a configuration too short", bytes: withOctet(SERIAL_ADAPTER, 18, 8), expected: malformed(18) },
  { name: "a configuration longer than all of it", bytes: withOctet(SERIAL_ADAPTER, 20, 8), expected: malformed(18) },
  { name: "more promised than is there", bytes: withOctet(SERIAL_ADAPTER, 20, 33), expected: truncated(50) },
  {
    name: "a descriptor over the configuration's end",
    bytes: withOctet(SERIAL_ADAPTER, 20, 28),
    expected: malformed(43),
  },
  { name: "a last octet by itself", bytes: withMore(SERIAL_ADAPTER, 18, Uint8Array.of(9)), expected: malformed(50) },
  { name: "more than is promised", bytes: join(SERIAL_ADAPTER, KEYBOARD), expected: malformed(51) },
  {
    name: "configurations in a configuration, which to the kernel is a keyboard",
    bytes: NESTED,
    expected: malformed(27),
  },
  {
    name: "a device in a configuration",
    bytes: withMore(SERIAL_ADAPTER, 18, SERIAL_ADAPTER.subarray(0, DEVICE_BYTES)),
    expected: malformed(50),
  },
  {
    name: "an interface of no configuration",
    bytes: join(SERIAL_ADAPTER.subarray(0, DEVICE_BYTES), KEYBOARD),
    expected: malformed(DEVICE_BYTES + 1),
  },
  {
    name: "more interfaces than are looked at",
    bytes: withMore(SERIAL_ADAPTER, 18, ...Array<Uint8Array>(INTERFACES_MAX).fill(INTERFACE)),
    expected: malformed(SERIAL_ADAPTER.length + (INTERFACES_MAX - 1) * INTERFACE.length),
  },
  { name: "too long", bytes: new Uint8Array(DESCRIPTORS_MAX_BYTES + 1), expected: malformed(DESCRIPTORS_MAX_BYTES) },
])
  test(`not decoded: ${name}`, () => assert.deepEqual(decodeUsbDescriptors(bytes), expected));
