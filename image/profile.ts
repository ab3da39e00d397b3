/** One image target: what hardware it is for and how its disk is cut. */
export interface ImageProfile {
  readonly name: string;
  /** What the kernel's messages go to, first to last; the last is /dev/console. */
  readonly consoles: readonly string[];
  /** mkfs.erofs -z: `lz4` is quick to make, `lz4hc,12` is for a release. */
  readonly compression: string;
  readonly sizes: DiskSizes;
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

export const PROFILES: readonly ImageProfile[] = [
  { name: "qemu", consoles: ["tty0", "ttyS0,115200"], compression: "lz4", sizes: SHIPPED_SIZES },
];

export function findProfile(name: string): ImageProfile | undefined {
  return PROFILES.find((profile) => profile.name === name);
}
