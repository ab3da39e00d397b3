import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import type { Machine } from "./bench-result.ts";

export function readMachine(): Machine {
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "";
  return {
    cpu: cpus()[0]?.model ?? "",
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: release(),
    system,
    node: process.versions.node,
    date: new Date().toISOString().slice(0, 10),
  };
}
