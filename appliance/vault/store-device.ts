import { createHash } from "node:crypto";
import { access, mkdir, open, readFile, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { HEADER_AREA_BYTES, readStoreHeader } from "./luks-header.ts";
import type { FormatRecord } from "./plan.ts";
import type { VaultPorts } from "./service.ts";

/** ext2/3/4 superblock: at 1,024, magic 0xEF53, little-endian, at 56 (Linux, fs/ext4/ext4.h). */
const EXT4_MAGIC_AT = 1024 + 56;

/** The store's partition (or, in a test, a file), and the names that dm-crypt gives it below `mapperFolder`. */
export function storeDevice(device: string, mapperFolder = "/dev/mapper"): VaultPorts["store"] {
  const mapped = (name: string) => `${mapperFolder}/${name}`;
  return {
    device,
    mapped,
    exists: () => exists(device),
    trouble: async () => undefined,
    isOpen: (name) => exists(mapped(name)),
    readHeader: async () =>
      readStoreHeader(await readStart(device, HEADER_AREA_BYTES), (bytes) =>
        createHash("sha256").update(bytes).digest(),
      ),
    hasFileSystem: async (name) => (await readStart(mapped(name), 4096)).readUInt16LE(EXT4_MAGIC_AT) === 0xef53,
  };
}

/** Where the state partition remembers a format. A file that can't be read is no record: it allows less. */
export function formatRecordFile(path: string): VaultPorts["formatRecord"] {
  return {
    async read() {
      try {
        const json = JSON.parse(await readFile(path, "utf8")) as FormatRecord;
        if (json.state === "formatting") return { state: json.state };
        if (json.state === "formatted" && /^[0-9a-f-]{36}$/.test(json.luksUuid)) return json;
      } catch {
        // absent, or torn
      }
      return undefined;
    },
    async write(record) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFileAtomically(path, JSON.stringify(record));
    },
    clear: () => unlink(path).catch(() => {}),
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function readStart(path: string, lengthBytes: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(lengthBytes);
    let readBytes = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, readBytes, lengthBytes - readBytes, readBytes);
      readBytes += bytesRead;
      if (bytesRead === 0 || readBytes === lengthBytes) return buffer.subarray(0, readBytes);
    }
  } finally {
    await file.close();
  }
}
