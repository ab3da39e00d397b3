import { slotUuidsOf } from "../core/slot-uuids.ts";
import type { DiskSizes } from "./profile.ts";

/** GPT partition types. Source: UEFI specification 2.10, section 5.3.3; UAPI group, Discoverable Partitions. */
export const PARTITION_TYPES = {
  esp: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
  rootX86: "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
  rootVerityX86: "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5",
  linuxGeneric: "0fc63daf-8483-4772-8e79-3d69d8477de4",
  /** Ours: a type of its own, so that nothing takes the state partition for the store, which is linuxGeneric. */
  state: "5c4a8e9e-6d0b-4c52-9d5a-c3e0a57a7e01",
} as const;

export const STATE_LABEL = "state";
/** Label of a slot's partitions that hold nothing (systemd-sysupdate's name for it). */
export const EMPTY_LABEL = "_empty";

export interface PartitionDefinition {
  /** Name of the file for systemd-repart; the order of names is the order on disk. */
  readonly file: string;
  readonly lines: readonly (readonly [key: string, value: string])[];
}

export interface DiskContents {
  readonly version: string;
  readonly rootHash: string;
  /** Paths as systemd-repart sees them. */
  readonly espFolder: string;
  readonly rootFile: string;
  readonly verityFile: string;
}

/** The disk as definitions for systemd-repart (repart.d(5)): ESP, slot A, an empty slot B, state. */
export function planPartitions(sizes: DiskSizes, contents: DiskContents): readonly PartitionDefinition[] {
  const uuids = slotUuidsOf(contents.rootHash);
  const slot = (letter: "a" | "b", file: string, type: string, label: string, sizeBytes: number, more: Lines) =>
    ({
      file: `${file}-${letter}.conf`,
      lines: [["Type", type], ["Label", label], ...sized(sizeBytes), ...more],
    }) as const;
  const { rootX86, rootVerityX86 } = PARTITION_TYPES;
  const { rootBytes, verityBytes } = sizes;
  return [
    {
      file: "10-esp.conf",
      lines: [
        ["Type", PARTITION_TYPES.esp],
        ["Label", "esp"],
        ...sized(sizes.espBytes),
        ["Format", "vfat"],
        ["CopyFiles", `${contents.espFolder}:/`],
      ],
    },
    slot("a", "20-root", rootX86, `cepa_${contents.version}`, rootBytes, [
      ["UUID", uuids.root],
      ["CopyBlocks", contents.rootFile],
      ["ReadOnly", "yes"],
    ]),
    slot("a", "21-verity", rootVerityX86, `cepa_${contents.version}_verity`, verityBytes, [
      ["UUID", uuids.verity],
      ["CopyBlocks", contents.verityFile],
      ["ReadOnly", "yes"],
    ]),
    slot("b", "30-root", rootX86, EMPTY_LABEL, rootBytes, [["ReadOnly", "yes"]]),
    slot("b", "31-verity", rootVerityX86, EMPTY_LABEL, verityBytes, [["ReadOnly", "yes"]]),
    {
      file: "40-state.conf",
      lines: [["Type", PARTITION_TYPES.state], ["Label", STATE_LABEL], ...sized(sizes.stateBytes), ["Format", "ext4"]],
    },
  ];
}

type Lines = readonly (readonly [string, string])[];

function sized(sizeBytes: number): Lines {
  return [
    ["SizeMinBytes", String(sizeBytes)],
    ["SizeMaxBytes", String(sizeBytes)],
  ];
}

export function renderPartition(definition: PartitionDefinition): string {
  return `[Partition]\n${definition.lines.map(([key, value]) => `${key}=${value}\n`).join("")}`;
}
