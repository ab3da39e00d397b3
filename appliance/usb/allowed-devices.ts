import { aliasOf, nameOf, type UsbDevice, type UsbInterface, usbIdOf } from "./descriptors.ts";

/** One line of usb-devices.txt: a kernel module (with `_`), and what it may drive. */
export interface AllowedDevice {
  readonly driver: string;
  /** Four hexadecimal digits, or undefined for any. */
  readonly vendor: string | undefined;
  readonly product: string | undefined;
  /** Class, subclass and protocol of an interface, `08/06/50`, or undefined for any. */
  readonly kind: string | undefined;
}

export class AllowedDevicesError extends Error {
  override readonly name = "AllowedDevicesError";
  readonly code = "badLine";
}

const LINE = /^([a-z0-9_]+)\s+([0-9a-f]{4}|\*):([0-9a-f]{4}|\*)(?:\s+([0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{2}))?$/;

/** Throws an AllowedDevicesError that names the line. */
export function parseAllowedDevices(text: string): readonly AllowedDevice[] {
  return text.split("\n").flatMap((whole, index) => {
    const line = whole.replace(/#.*/, "").trim();
    if (line === "") return [];
    const [, driver, vendor, product, kind] = LINE.exec(line) ?? [];
    if (driver === undefined || (vendor === "*" && (product !== "*" || kind === undefined)))
      throw new AllowedDevicesError(
        `line ${index + 1}: expected DRIVER VENDOR:PRODUCT [CLASS/SUBCLASS/PROTOCOL], found ${JSON.stringify(line)}; ` +
          "whoever made it (*:*) goes with a class only",
      );
    const unlessAny = (digits: string | undefined) => (digits === "*" ? undefined : digits);
    return [{ driver, vendor: unlessAny(vendor), product: unlessAny(product), kind }];
  });
}

export interface UsbVerdict {
  /** Interfaces that may work, `CONFIGURATION.NUMBER`, as the kernel names them; the device is refused when there is none. */
  readonly interfaces: readonly string[];
  /** Modules that drive those, sorted. */
  readonly drivers: readonly string[];
  /** Of the interfaces that may not, for people; empty when all may. */
  readonly why: string;
}

/**
 * `driversOf` gives the modules of this image that would take what has an alias. The kernel gives an interface to whatever driver wants
 * it, so it is admitted when there is one, and all that there are, with any of its alternate settings, are allowed. What nothing here
 * drives goes along with what is admitted: a driver may ask for it (the data interface of cdc_acm).
 */
export function judgeUsbDevice(
  device: UsbDevice,
  driversOf: (alias: string) => readonly string[],
  allowed: readonly AllowedDevice[],
): UsbVerdict {
  const id = usbIdOf(device);
  const drivers = new Set<string>();
  const refused = new Set<string>();
  const admitted: string[] = [];
  const undriven: string[] = [];
  for (const [name, settings] of byInterface(device.interfaces)) {
    const takers = settings.flatMap((setting) =>
      driversOf(aliasOf(device, setting)).map((driver) => ({ driver, kind: kindOf(setting) })),
    );
    const bad = takers.filter((taker) => !allowed.some((line) => isAllowed(line, taker, id)));
    for (const { driver, kind } of bad) refused.add(`${driver} is not allowed for ${id} ${kind}`);
    if (takers.length === 0) undriven.push(name);
    else if (bad.length === 0) {
      admitted.push(name);
      for (const { driver } of takers) drivers.add(driver);
    }
  }
  if (admitted.length === 0 && refused.size === 0) refused.add("nothing here drives it");
  return {
    interfaces: admitted.length === 0 ? [] : [...admitted, ...undriven].sort(),
    drivers: [...drivers].sort(),
    why: [...refused].sort().join(", "),
  };
}

function isAllowed(
  line: AllowedDevice,
  taker: { readonly driver: string; readonly kind: string },
  id: string,
): boolean {
  const [vendor, product] = id.split(":");
  return (
    line.driver === taker.driver &&
    (line.vendor === undefined || line.vendor === vendor) &&
    (line.product === undefined || line.product === product) &&
    (line.kind === undefined || line.kind === taker.kind)
  );
}

/** Each interface with its alternate settings, by the name that the kernel gives it. */
function byInterface(interfaces: readonly UsbInterface[]): ReadonlyMap<string, readonly UsbInterface[]> {
  return Map.groupBy(interfaces, nameOf);
}

function kindOf(one: UsbInterface): string {
  return [one.class, one.subclass, one.protocol].map((octet) => octet.toString(16).padStart(2, "0")).join("/");
}
