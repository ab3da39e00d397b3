import type { CaptureStatus, PhoneHomeStatus, UpdateStatus, VaultStatus } from "./role.ts";

/** What a sensor says of itself with each heartbeat. Base shows it; it decides nothing about keys alone. */
export interface HealthRecord {
  /** Unix milliseconds, by the sensor's clock. */
  readonly atMs: number;
  readonly bootId: string;
  readonly uptimeMs: number;
  /** Version of the image and root hash of its booted slot, "unknown" outside an image. */
  readonly imageVersion: string;
  readonly rootHash: string;
  readonly loadAverage1: number;
  readonly memoryTotalBytes: number;
  readonly memoryAvailableBytes: number;
  readonly disks: readonly DiskUse[];
  readonly temperatureC: number | null;
  readonly interfaces: readonly InterfaceCounters[];
  /** Of the units whose name starts with `cepa-`. */
  readonly units: readonly UnitMemory[];
  /** null: that role did not answer. */
  readonly capture: CaptureStatus | null;
  readonly vault: VaultStatus | null;
  readonly phoneHome: PhoneHomeStatus | null;
  /** Sensors of before 0.1.0 don't say. */
  readonly update?: UpdateStatus | null;
  /** The last look at every block of the root file system that runs; null: none since it was switched on. */
  readonly rootCheck: RootCheck | null;
  /** The next key of Secure Boot in this box's firmware; null: its image brings none, or Secure Boot is off. */
  readonly keyAdmission?: KeyAdmission | null;
  /** The boot loader that a version brought last; null: none did, and the ESP has what the box was flashed with. */
  readonly bootLoader?: BootLoaderReport | null;
  /** Versions that did not pass their trial on this box. */
  readonly failedVersions?: readonly FailedVersion[];
  /** What the box has too little of, for people. */
  readonly shortfalls?: readonly string[];
  /** What was plugged into the box's USB ports since it was switched on. */
  readonly usb?: readonly UsbDeviceReport[];
}

export interface UsbDeviceReport {
  readonly atMs: number;
  /** Name below /sys/bus/usb/devices: `1-1.4`; "further" when there were more ports than are reported. */
  readonly port: string;
  /** Vendor and product, `0403:6001`, or "unreadable". */
  readonly id: string;
  /** Kernel modules of the parts of it that work; none: it is refused. */
  readonly drivers: readonly string[];
  /** Why parts of it don't work, for people; empty when all do. */
  readonly why: string;
  /** How often something was refused at this port. */
  readonly refusals: number;
}

export interface FailedVersion {
  readonly version: string;
  /** For people. */
  readonly why: string;
  /** Then it may be tried again, as it was found bad by hints alone; absent: it has failed for good. */
  readonly lapsesAtMs?: number;
}

export interface RootCheck {
  readonly atMs: number;
  /** `failed`: it can't be told. */
  readonly result: "whole" | "damaged" | "failed";
  /** For people; of `whole` nothing. */
  readonly detail: string;
}

export interface KeyAdmission {
  readonly atMs: number;
  /** `known`: the firmware had it; `refused`: it does not take it; `failed`: it can't be told. */
  readonly result: "known" | "added" | "off" | "refused" | "failed";
  /** For people; of `known` and `added` nothing. */
  readonly detail: string;
}

export interface BootLoaderReport {
  readonly atMs: number;
  /** Of the image whose set brought it. */
  readonly version: string;
  /** What it calls itself: "systemd-boot 257.13-1~deb13u1"; empty when it can't be told. */
  readonly info: string;
  /**
   * `everywhere`: all copies on the ESP are it. `tried`: the one that the firmware starts first is, and the next start tells. `passedOver`: the
   * firmware did not start it, and the former one is back. `waiting`: no copy is it yet. `failed`: it can't be brought there.
   */
  readonly result: "everywhere" | "tried" | "passedOver" | "waiting" | "failed";
  /** For people; of `everywhere`, `tried` and `passedOver` nothing. */
  readonly detail: string;
}

export interface DiskUse {
  readonly mount: string;
  readonly sizeBytes: number;
  readonly usedBytes: number;
}

export interface UnitMemory {
  readonly name: string;
  /** `anon` of the control group's memory.stat: what can't be read again from a file. */
  readonly anonymousBytes: number;
}

export interface InterfaceCounters {
  readonly name: string;
  readonly carrier: boolean;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly receivedFrames: number;
  readonly sentFrames: number;
  readonly receivedDropped: number;
}
