import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** An input of a GPIO chip, as sysfs shows it (Linux, Documentation/admin-guide/gpio/sysfs.rst). */
export interface GpioLine {
  /** `label` of the chip. */
  readonly chip: string;
  /** From 0, within the chip. */
  readonly line: number;
}

/** 0 or 1; undefined: there is no such chip, or the line is not exported, or it can't be read. */
export async function readGpioLine({ chip, line }: GpioLine, folder = "/sys/class/gpio"): Promise<0 | 1 | undefined> {
  try {
    for (const name of await readdir(folder)) {
      if (!name.startsWith("gpiochip") || (await textOf(join(folder, name, "label"))) !== chip) continue;
      if (line >= Number(await textOf(join(folder, name, "ngpio")))) return undefined;
      const number = Number(await textOf(join(folder, name, "base"))) + line;
      const value = await textOf(join(folder, `gpio${number}`, "value"));
      return value === "0" ? 0 : value === "1" ? 1 : undefined;
    }
  } catch {
    // the chip was taken out
  }
  return undefined;
}

async function textOf(path: string): Promise<string> {
  return (await readFile(path, "utf8")).trim();
}
