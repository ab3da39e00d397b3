import { readdir, readFile } from "node:fs/promises";
import type { Exec } from "../core/ports.ts";
import type { AptSettings } from "./debian-tree.ts";
import { findMirror, type Mirror, parseAptOptions } from "./mirror.ts";
import { ImageError } from "./step-runner.ts";

const APT_FOLDER = "/etc/apt";

/** Where and how trees get their packages: as this machine does, but for the mirror when one is given. */
export async function readHostApt(
  mirrorUrl: string | undefined,
  exec: Exec,
  signal: AbortSignal,
): Promise<AptSettings> {
  return {
    mirror: mirrorUrl === undefined ? await readHostMirror() : mirrorOf(mirrorUrl),
    options: parseAptOptions((await exec("apt-config", ["dump"], signal)).stdout),
  };
}

function mirrorOf(url: string): Mirror {
  return { debian: url.endsWith("/") ? url : `${url}/`, security: undefined };
}

async function readHostMirror(): Promise<Mirror> {
  const folder = `${APT_FOLDER}/sources.list.d`;
  const names = (await readdir(folder).catch(() => [])).sort().map((name) => `${folder}/${name}`);
  const files = await Promise.all(
    [`${APT_FOLDER}/sources.list`, ...names]
      .filter((name) => /\.(?:list|sources)$/.test(name))
      .map(async (name) => ({ name, text: await readFile(name, "utf8").catch(() => "") })),
  );
  const mirror = findMirror(files);
  if (mirror === undefined)
    throw new ImageError(
      "missingInput",
      `${APT_FOLDER}: no Debian mirror is configured for this machine's apt; give one in CEPA_MIRROR`,
    );
  return mirror;
}
