import { type Decoded, malformed, ok, truncated } from "../../core/decoded.ts";

/** Universal Serial Bus Specification 2.0, section 9.6: lengths, types, and offsets of what is read here. */
const DEVICE_BYTES = 18;
const CONFIGURATION_BYTES = 9;
const INTERFACE_BYTES = 9;
const DEVICE_TYPE = 1;
const CONFIGURATION_TYPE = 2;
const INTERFACE_TYPE = 4;
/** The kernel gives no more (Linux, drivers/usb/core/sysfs.c: 18 + 65,535). */
export const DESCRIPTORS_MAX_BYTES = DEVICE_BYTES + 65_535;
/** Alternate settings count. */
export const INTERFACES_MAX = 64;

export interface UsbInterface {
  /** bConfigurationValue of the configuration that it is in. */
  readonly configuration: number;
  readonly number: number;
  readonly class: number;
  readonly subclass: number;
  readonly protocol: number;
}

export interface UsbDevice {
  readonly vendor: number;
  readonly product: number;
  /** BCD. */
  readonly release: number;
  readonly class: number;
  readonly subclass: number;
  readonly protocol: number;
  /** Of every configuration, alternate settings included. */
  readonly interfaces: readonly UsbInterface[];
}

/**
 * What a device says of itself, as /sys/bus/usb/devices/PORT/descriptors has it before the device may do anything: the device
 * descriptor, then each configuration with all that is in it, by its wTotalLength. (Linux, Documentation/ABI/stable/sysfs-bus-usb; in
 * little-endian, as the device sent it.) What another reader could take for another device is malformed.
 */
export function decodeUsbDescriptors(bytes: Uint8Array): Decoded<UsbDevice> {
  if (bytes.length < DEVICE_BYTES) return truncated(bytes.length);
  if (bytes.length > DESCRIPTORS_MAX_BYTES) return malformed(DESCRIPTORS_MAX_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== DEVICE_BYTES) return malformed(0);
  if (view.getUint8(1) !== DEVICE_TYPE) return malformed(1);
  const interfaces: UsbInterface[] = [];
  for (let at = DEVICE_BYTES; at < bytes.length; ) {
    if (at + CONFIGURATION_BYTES > bytes.length) return truncated(bytes.length);
    if (view.getUint8(at + 1) !== CONFIGURATION_TYPE) return malformed(at + 1);
    const end = at + view.getUint16(at + 2, true); // wTotalLength
    if (end > bytes.length) return truncated(bytes.length);
    const configuration = view.getUint8(at + 5);
    const ownBytes = view.getUint8(at);
    if (ownBytes < CONFIGURATION_BYTES || at + ownBytes > end) return malformed(at);
    for (at += ownBytes; at < end; ) {
      const length = view.getUint8(at);
      if (length < 2 || at + length > end) return malformed(at);
      const type = view.getUint8(at + 1);
      // The kernel passes over these, and what follows stays with the configuration that is around them (usb_parse_configuration).
      if (type === DEVICE_TYPE || type === CONFIGURATION_TYPE) return malformed(at);
      if (type === INTERFACE_TYPE) {
        if (length < INTERFACE_BYTES || interfaces.length >= INTERFACES_MAX) return malformed(at);
        interfaces.push({
          configuration,
          number: view.getUint8(at + 2),
          class: view.getUint8(at + 5),
          subclass: view.getUint8(at + 6),
          protocol: view.getUint8(at + 7),
        });
      }
      at += length;
    }
  }
  return ok({
    vendor: view.getUint16(8, true),
    product: view.getUint16(10, true),
    release: view.getUint16(12, true),
    class: view.getUint8(4),
    subclass: view.getUint8(5),
    protocol: view.getUint8(6),
    interfaces,
  });
}

/** The name by which the kernel finds the driver of an interface (Linux, drivers/usb/core/sysfs.c, modalias_show). */
export function aliasOf(device: UsbDevice, one: UsbInterface): string {
  return (
    `usb:v${hex(device.vendor, 4)}p${hex(device.product, 4)}d${hex(device.release, 4)}` +
    `dc${hex(device.class, 2)}dsc${hex(device.subclass, 2)}dp${hex(device.protocol, 2)}` +
    `ic${hex(one.class, 2)}isc${hex(one.subclass, 2)}ip${hex(one.protocol, 2)}in${hex(one.number, 2)}`
  );
}

/** As the kernel names an interface behind the port of its device: `1.0`. */
export function nameOf({ configuration, number }: UsbInterface): string {
  return `${configuration}.${number}`;
}

/** `0403:6001`. */
export function usbIdOf({ vendor, product }: Pick<UsbDevice, "vendor" | "product">): string {
  return `${hex(vendor, 4)}:${hex(product, 4)}`.toLowerCase();
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
