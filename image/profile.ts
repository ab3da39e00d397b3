/** One image target: what hardware it is for and how its disk is cut. */
export interface ImageProfile {
  readonly name: string;
  /** What the kernel's messages go to, first to last; the last is /dev/console. */
  readonly consoles: readonly string[];
  /** mkfs.erofs -z. */
  readonly compression: string;
  /** mkfs.erofs -C: what is compressed at a time, and read at a time. */
  readonly clusterBytes: number;
  readonly sizes: DiskSizes;
  /** Updates for processors, joined to the kernel; the profile's packages have them, from non-free-firmware. */
  readonly hasMicrocode: boolean;
}

export interface DiskSizes {
  readonly espBytes: number;
  /** Of each of the two slots. */
  readonly rootBytes: number;
  readonly verityBytes: number;
  readonly stateBytes: number;
}

const MIB = 1024 * 1024;

/** Partitions of a shipped box can't grow, so these leave room: root and UKIs of years to come. */
const SHIPPED_SIZES: DiskSizes = {
  espBytes: 256 * MIB,
  rootBytes: 384 * MIB,
  verityBytes: 16 * MIB,
  stateBytes: 1024 * MIB,
};

/**
 * Of the sensor's program (120 MB), on one core: lz4 68 MB in 0.6 s; with clusters of 64 KiB 61 MB; lz4hc,6 so 51 MB in 3 s, lz4hc,12 as
 * many in 30 s; zstd,9 with 32 KiB 42 MB in a minute.
 */
const COMPRESSION = { compression: "lz4hc,6", clusterBytes: 64 * 1024 };

const CONSOLES = ["tty0", "ttyS0,115200"];

export const PROFILES: readonly ImageProfile[] = [
  { name: "qemu", consoles: CONSOLES, ...COMPRESSION, sizes: SHIPPED_SIZES, hasMicrocode: false },
  { name: "hardware", consoles: CONSOLES, ...COMPRESSION, sizes: SHIPPED_SIZES, hasMicrocode: true },
];

export function findProfile(name: string): ImageProfile | undefined {
  return PROFILES.find((profile) => profile.name === name);
}
