import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PROJECT = join(import.meta.dirname, "../..");
/** What the project keeps, and what this machine has found beside it. */
export const KEPT_CORPUS = join(PROJECT, "test/fuzz/corpus");
export const FOUND_CORPUS = join(PROJECT, ".cache/fuzz/corpus");
export const FAILURES = join(PROJECT, ".cache/fuzz/failures");
const NAME_DIGITS = 16;

export function readCorpus(folder: string, target: string): Uint8Array[] {
  const path = join(folder, target);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .sort()
    .map((name) => new Uint8Array(readFileSync(join(path, name))));
}

/** Writes an input under the hash of its octets; gives the path. */
export function writeInput(folder: string, target: string, input: Uint8Array): string {
  const path = join(folder, target, createHash("sha256").update(input).digest("hex").slice(0, NAME_DIGITS));
  mkdirSync(join(folder, target), { recursive: true });
  writeFileSync(path, input);
  return path;
}

/** The inputs in place of all that the folder has for the target. */
export function replaceCorpus(folder: string, target: string, inputs: readonly Uint8Array[]): void {
  rmSync(join(folder, target), { recursive: true, force: true });
  for (const input of inputs) writeInput(folder, target, input);
}
