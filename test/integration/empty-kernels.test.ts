import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import type { LoggedRequest } from "../support/block-log.ts";
import { findEmptyKernels } from "../support/empty-kernels.ts";

/** An ESP made by mtools, step by step, and a log of what changed from one step to the next. */
const SECTOR = 512;
const ESP = { label: "esp", offsetBytes: 1024 * 1024, sizeBytes: 4 * 1024 * 1024 };
const TIMEOUT_MS = 60_000;

const folder = await mkdtemp(join(tmpdir(), "cepa-esp-"));
after(() => rm(folder, { recursive: true, force: true }));
const [disk, logPath] = [join(folder, "disk"), join(folder, "log")];
const image = `${disk}@@${ESP.offsetBytes}`;

async function mtools(program: string, ...args: readonly string[]): Promise<void> {
  await nodeExec(program, ["-i", image, ...args], AbortSignal.timeout(TIMEOUT_MS));
}

test("the first moment at which a kernel's name is there, flushed, and its content isn't", {
  timeout: TIMEOUT_MS,
}, async () => {
  await writeFile(disk, Buffer.alloc(ESP.offsetBytes + ESP.sizeBytes + 1024 * 1024));
  await mtools("mformat", "-T", String(ESP.sizeBytes / SECTOR), "::");
  await mtools("mmd", "::/EFI", "::/EFI/Linux");
  const [empty, full] = [join(folder, "empty"), join(folder, "full")];
  await writeFile(empty, "");
  await writeFile(full, Buffer.alloc(5000, 7));
  await mtools("mcopy", full, "::/EFI/Linux/cepa_900.1+3-0.efi");
  const before = join(folder, "before");
  await writeFile(before, await readFile(disk));

  const entries: LoggedRequest[] = [];
  const octets: Buffer[] = [];
  let last = await readFile(disk);
  const logChanges = async () => {
    const now = await readFile(disk);
    for (let offsetBytes = 0; offsetBytes < now.length; offsetBytes += SECTOR) {
      const sector = now.subarray(offsetBytes, offsetBytes + SECTOR);
      if (sector.equals(last.subarray(offsetBytes, offsetBytes + SECTOR))) continue;
      const dataAt = octets.length * SECTOR;
      entries.push({ kind: "write", offsetBytes, sizeBytes: SECTOR, isForced: false, dataAt });
      octets.push(sector);
    }
    last = now;
  };
  const flush = () => entries.push({ kind: "flush", coveredRequests: entries.length });

  await mtools("mcopy", empty, "::/EFI/Linux/cepa_900.2.efi");
  await logChanges(); // not flushed before its content is there
  await mtools("mcopy", "-o", full, "::/EFI/Linux/cepa_900.2.efi");
  await logChanges();
  flush();
  await mtools("mcopy", empty, "::/EFI/Linux/cepa_900.1.efi");
  await logChanges();
  const from = entries.length;
  const first = flush();
  flush();
  await mtools("mcopy", "-o", full, "::/EFI/Linux/cepa_900.1.efi");
  await logChanges();
  flush();
  await writeFile(logPath, Buffer.concat(octets));

  const find = (range: { from: number; to: number }) =>
    findEmptyKernels({ path: logPath, entries }, before, range, ESP, join(folder, "scratch"));
  assert.deepEqual(await find({ from: 0, to: entries.length }), [
    { requests: first, place: "esp: cepa_900.1.efi has no content yet", losesAll: true },
  ]);
  assert.deepEqual(await find({ from, to: entries.length }), await find({ from: 0, to: entries.length }));
  assert.deepEqual(await find({ from: 0, to: from }), []);
  assert.deepEqual(await find({ from: first, to: entries.length }), []);
});
