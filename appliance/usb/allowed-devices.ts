/** One line of usb-devices.txt: a kernel module (with `_`), and what it may drive. */
export interface AllowedDevice {
  readonly driver: string;
  /** Four hexadecimal digits, or undefined for any. */
  readonly vendor: string | undefined;
  readonly product: string | undefined;
}

export class AllowedDevicesError extends Error {
  override readonly name = "AllowedDevicesError";
  readonly code = "badLine";
}

const LINE = /^([a-z0-9_]+)\s+([0-9a-f]{4}|\*):([0-9a-f]{4}|\*)$/;

/** Throws an AllowedDevicesError that names the line. */
export function parseAllowedDevices(text: string): readonly AllowedDevice[] {
  return text.split("\n").flatMap((whole, index) => {
    const line = whole.replace(/#.*/, "").trim();
    if (line === "") return [];
    const [, driver, vendor, product] = LINE.exec(line) ?? [];
    if (driver === undefined || (vendor === "*" && product !== "*"))
      throw new AllowedDevicesError(`line ${index + 1}: expected DRIVER VENDOR:PRODUCT, found ${JSON.stringify(line)}`);
    const unlessAny = (digits: string | undefined) => (digits === "*" ? undefined : digits);
    return [{ driver, vendor: unlessAny(vendor), product: unlessAny(product) }];
  });
}

export interface UsbVerdict {
  readonly isAdmitted: boolean;
  /** Modules that take it, sorted. */
  readonly drivers: readonly string[];
  /** For people; empty when it is admitted. */
  readonly why: string;
}

/**
 * `drivers`: for each interface, the modules of this image that would take it. A device is admitted when one of them takes a part of
 * it, and none that isn't allowed for its id would: the kernel gives a device to whatever driver wants it.
 */
export function judgeUsbDevice(
  id: string,
  drivers: readonly (readonly string[])[],
  allowed: readonly AllowedDevice[],
): UsbVerdict {
  const [vendor, product] = id.split(":");
  const isAllowed = (driver: string) =>
    allowed.some(
      (one) =>
        one.driver === driver &&
        (one.vendor === undefined || one.vendor === vendor) &&
        (one.product === undefined || one.product === product),
    );
  const all = [...new Set(drivers.flat())].sort();
  if (all.length === 0) return { isAdmitted: false, drivers: all, why: "nothing here drives it" };
  const refused = all.filter((driver) => !isAllowed(driver));
  if (refused.length > 0)
    return { isAdmitted: false, drivers: all, why: `${refused.join(", ")} is not allowed for ${id}` };
  return { isAdmitted: true, drivers: all, why: "" };
}
