import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { ImageError } from "../image/step-runner.ts";

/** The checkout, whose overlay/ and image/ the image is made of: the one that this program lies in, or is called in. */
export async function findCheckout(): Promise<string> {
  const above = (folder: string): string[] =>
    folder === dirname(folder) ? [folder] : [folder, ...above(dirname(folder))];
  for (const path of [dirname(dirname(process.execPath)), ...above(resolve(process.cwd()))]) {
    const overlay = await stat(join(path, "overlay")).catch(() => undefined);
    const definitions = await stat(join(path, "image", "definitions")).catch(() => undefined);
    if (overlay?.isDirectory() && definitions?.isDirectory()) return path;
  }
  throw new ImageError("missingInput", "run it in a checkout of Cepa: there is no overlay/ and image/ here");
}
