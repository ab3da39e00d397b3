import { spawnSync } from "node:child_process";
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { RandomStream } from "../traffic/random-stream.ts";
import { takeMaterial } from "./material.ts";
import { encodePngData, encodePpm, type Picture } from "./picture.ts";

/** Makes something compressed, at a level that is drawn. */
type Compressor = (random: RandomStream) => Uint8Array;

/** Enough for windows of 4 KiB far from the start, and for several blocks of most formats. */
export const MATERIAL_BYTES = 1 << 17;

/** Programs of Debian packages: lz4, bzip2, libjpeg-turbo-progs, webp. What Node.js has is used from there. */
export const ENCODERS: ReadonlyMap<string, readonly string[]> = new Map([
  ["lz4", ["--version"]],
  ["bzip2", ["--help"]],
  ["cjpeg", ["-version"]],
  ["cwebp", ["-version"]],
]);

/** By the name of the format. xz isn't among them: nothing tells it from what is encrypted. */
export function listCompressors(pictures: readonly Picture[]): ReadonlyMap<string, Compressor> {
  const ppmOf = (random: RandomStream) => encodePpm(random.pick(pictures));
  return new Map<string, Compressor>([
    ["gzip", (random) => gzipSync(takeMaterial(random, MATERIAL_BYTES), { level: random.between(1, 9) })],
    ["zlib", (random) => deflateSync(takeMaterial(random, MATERIAL_BYTES), { level: random.between(1, 9) })],
    ["deflate", (random) => deflateRawSync(takeMaterial(random, MATERIAL_BYTES), deflateSettings(random))],
    ["zstd", (random) => compressZstd(takeMaterial(random, MATERIAL_BYTES), random.between(1, 9))],
    ["zstd19", (random) => compressZstd(takeMaterial(random, 2 * MATERIAL_BYTES), random.between(15, 19))],
    ["lz4", (random) => encode("lz4", [`-${random.between(1, 12)}`, "-c"], takeMaterial(random, MATERIAL_BYTES))],
    ["bzip2", (random) => encode("bzip2", [`-${random.between(1, 9)}`], takeMaterial(random, 2 * MATERIAL_BYTES))],
    ["brotli", (random) => compressBrotli(takeMaterial(random, MATERIAL_BYTES), random.between(4, 11))],
    ["png", (random) => encodePngData(random.pick(pictures), random.between(3, 9))],
    ["jpeg", (random) => encode("cjpeg", jpegSettings(random), ppmOf(random))],
    ["webp", (random) => encode("cwebp", ["-quiet", ...webpSettings(random), "-o", "-", "--", "-"], ppmOf(random))],
  ]);
}

function deflateSettings(random: RandomStream) {
  return { level: random.between(1, 9), memLevel: random.between(7, 9) };
}

function jpegSettings(random: RandomStream): string[] {
  const settings = ["-quality", `${random.between(50, 95)}`];
  if (random.isOnceIn(2)) settings.push("-optimize");
  if (random.isOnceIn(3)) settings.push("-progressive");
  return settings;
}

function webpSettings(random: RandomStream): string[] {
  return random.isOnceIn(2) ? ["-lossless", "-z", "4"] : ["-q", `${random.between(60, 98)}`];
}

function compressZstd(material: Uint8Array, level: number): Uint8Array {
  return zstdCompressSync(material, { params: { [constants.ZSTD_c_compressionLevel]: level } });
}

function compressBrotli(material: Uint8Array, quality: number): Uint8Array {
  return brotliCompressSync(material, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } });
}

function encode(program: string, args: readonly string[], input: Uint8Array): Uint8Array {
  const run = spawnSync(program, args, { input, maxBuffer: 1 << 26 });
  if (run.error !== undefined) throw run.error;
  if (run.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${run.stderr.toString()}`);
  return run.stdout;
}
