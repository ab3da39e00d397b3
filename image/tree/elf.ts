/**
 * What a dynamically linked ELF file asks for. Sources: System V ABI, "Object Files" and "Program Loading and Dynamic Linking"; x86-64
 * psABI (64 bits, little-endian; other classes are not ELF files of ours); UAPI group, ELF Metadata for dlopen(3) dependencies.
 */
export interface ElfLinks {
  /** PT_INTERP, the dynamic loader: a path. Shared libraries have none. */
  readonly interpreter: string | undefined;
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[];
  /** DT_RUNPATH or DT_RPATH, as it is there. */
  readonly runPath: string | undefined;
  /** Libraries that it says it opens while it runs; each is a choice of names, the first that is there is taken. */
  readonly opened: readonly OpenedLibrary[];
}

export interface OpenedLibrary {
  readonly priority: "required" | "recommended" | "suggested";
  readonly names: readonly string[];
}

const MAGIC = 0x7f454c46;
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const DYNAMIC_ENTRY_BYTES = 16;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_NOTE = 4;
const NOTE_HEADER_BYTES = 12;
const NOTE_DLOPEN = 0x407c0c0a;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly sizeBytes: number;
  readonly alignBytes: number;
}

/** undefined when it is no 64-bit little-endian ELF file, or a damaged one. */
export function decodeElfLinks(file: Uint8Array): ElfLinks | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.byteLength < HEADER_BYTES || view.getUint32(0) !== MAGIC) return undefined;
  if (file[4] !== CLASS_64 || file[5] !== LITTLE_ENDIAN) return undefined;
  try {
    const segments = decodeSegments(view);
    const dynamic = decodeDynamic(
      view,
      segments.find(({ type }) => type === PT_DYNAMIC),
    );
    const strings = fileOffsetOf(dynamic.find(([tag]) => tag === DT_STRTAB)?.[1] ?? 0, segments);
    const text = (offset: number) => textAt(file, offset);
    const interpreter = segments.find(({ type }) => type === PT_INTERP);
    const runPath = dynamic.find(([tag]) => tag === DT_RUNPATH || tag === DT_RPATH);
    return {
      interpreter: interpreter === undefined ? undefined : text(interpreter.offset),
      needed: dynamic.filter(([tag]) => tag === DT_NEEDED).map(([, value]) => text(strings + value)),
      runPath: runPath === undefined ? undefined : text(strings + runPath[1]),
      opened: segments.filter(({ type }) => type === PT_NOTE).flatMap((segment) => decodeNotes(file, view, segment)),
    };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function decodeSegments(view: DataView): readonly Segment[] {
  const start = wordAt(view, 32);
  const count = view.getUint16(56, true);
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * PROGRAM_HEADER_BYTES;
    return {
      type: view.getUint32(at, true),
      offset: wordAt(view, at + 8),
      address: wordAt(view, at + 16),
      sizeBytes: wordAt(view, at + 32),
      alignBytes: wordAt(view, at + 48) === 8 ? 8 : 4,
    };
  });
}

function decodeDynamic(view: DataView, segment: Segment | undefined): readonly (readonly [number, number])[] {
  if (segment === undefined) return [];
  const count = Math.floor(segment.sizeBytes / DYNAMIC_ENTRY_BYTES);
  const entries: [number, number][] = [];
  for (let index = 0; index < count; index++) {
    const at = segment.offset + index * DYNAMIC_ENTRY_BYTES;
    entries.push([Number(view.getBigInt64(at, true)), Number(view.getBigUint64(at + 8, true))]);
  }
  return entries;
}

function decodeNotes(file: Uint8Array, view: DataView, segment: Segment): readonly OpenedLibrary[] {
  const end = segment.offset + segment.sizeBytes;
  const padded = (bytes: number) => Math.ceil(bytes / segment.alignBytes) * segment.alignBytes;
  const found: OpenedLibrary[] = [];
  for (let at = segment.offset; at + NOTE_HEADER_BYTES <= end; ) {
    const nameBytes = view.getUint32(at, true);
    const contentBytes = view.getUint32(at + 4, true);
    const content = at + NOTE_HEADER_BYTES + Math.ceil(nameBytes / 4) * 4;
    if (view.getUint32(at + 8, true) === NOTE_DLOPEN)
      found.push(...parseOpened(new TextDecoder().decode(file.subarray(content, content + contentBytes))));
    at = content + padded(contentBytes);
  }
  return found;
}

const PRIORITIES = ["required", "recommended", "suggested"] as const;

/** An array of objects, with a zero octet behind it; what is not as the specification says counts as none. */
function parseOpened(json: string): readonly OpenedLibrary[] {
  try {
    const entries = JSON.parse(json.replace(/\0+$/, "")) as readonly Record<string, unknown>[];
    return entries.flatMap(({ priority, soname }) => ({
      priority: PRIORITIES.find((known) => known === priority) ?? "recommended",
      names: Array.isArray(soname) ? soname.map(String) : [],
    }));
  } catch {
    return [];
  }
}

function fileOffsetOf(address: number, segments: readonly Segment[]): number {
  const holder = segments.find(
    (segment) =>
      segment.type === PT_LOAD && address >= segment.address && address < segment.address + segment.sizeBytes,
  );
  return holder === undefined ? address : address - holder.address + holder.offset;
}

/** 64 bits; offsets beyond what a file can have fail as RangeError where they are used. */
function wordAt(view: DataView, offset: number): number {
  return Number(view.getBigUint64(offset, true));
}

function textAt(file: Uint8Array, offset: number): string {
  const end = file.indexOf(0, offset);
  if (offset >= file.byteLength || end < 0) throw new RangeError("text beyond the file");
  return new TextDecoder().decode(file.subarray(offset, end));
}
