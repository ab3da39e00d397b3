const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

/** Device and configuration descriptors as QEMU's usb-serial (an FT232) says them. */
export const SERIAL_ADAPTER = bytesOf(
  "12 01 00 02 00 00 00 08 03 04 01 60 00 04 01 02 03 01" +
    "09 02 20 00 01 01 00 80 32 09 04 00 00 02 ff ff ff 02 07 05 81 02 40 00 00 07 05 02 02 40 00 00",
);

/** As QEMU's usb-storage, at full speed, says them. */
export const STICK = bytesOf(
  "12 01 00 02 00 00 00 40 f4 46 01 00 00 00 01 02 03 01" +
    "09 02 20 00 01 01 00 c0 00 09 04 00 00 02 08 06 50 00 07 05 81 02 40 00 00 07 05 02 02 40 00 00",
);

/** An interface, with HID descriptor and endpoint, to stand behind those: number 1, a boot keyboard. */
export const KEYBOARD = bytesOf("09 04 01 00 01 03 01 01 00 09 21 11 01 00 01 22 3f 00 07 05 82 03 08 00 0a");

/** To the kernel one configuration (1), whose interface 0 is a keyboard with an alternate setting as storage; two are nested in it. */
export const NESTED = bytesOf(
  "12 01 00 02 00 00 00 40 f4 46 01 00 00 00 01 02 03 01" +
    "09 02 2d 00 01 01 00 c0 00 09 02 12 00 01 09 00 c0 00 09 04 00 00 00 03 01 01 00" +
    "09 02 12 00 01 01 00 c0 00 09 04 00 01 00 08 06 50 00",
);

/** Behind other descriptors, within the last configuration. */
export function withMore(whole: Uint8Array, configurationAt: number, ...more: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat([whole, ...more]);
  bytes.writeUInt16LE(bytes.length - configurationAt, configurationAt + 2);
  return Uint8Array.from(bytes);
}
