import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { HttpRecord, SessionRecord } from "../../appliance/session/record.ts";

const PROJECT = join(import.meta.dirname, "../..");
export const SENSOR = join(PROJECT, "dist/cepa-sensor");
const TIMEOUT_MS = 60_000;

/** Every input of test/captures, by the name of its folder. */
export function listCaptures(): { readonly name: string; readonly path: string }[] {
  const folder = join(PROJECT, "test/captures");
  return readdirSync(folder).flatMap((name) => {
    const input = readdirSync(join(folder, name)).find((file) => file.startsWith("input."));
    return input === undefined ? [] : [{ name, path: join(folder, name, input) }];
  });
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function runSensor(args: readonly string[], input?: Uint8Array | string): Ended {
  const run = spawnSync(SENSOR, args, {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    timeout: TIMEOUT_MS,
    ...(input !== undefined && { input }),
  });
  if (run.error !== undefined) throw run.error;
  return { status: run.status, stdout: run.stdout, stderr: run.stderr };
}

export type ReadRecord = SessionRecord | HttpRecord | ({ readonly type: "stats" } & Readonly<Record<string, number>>);

export function parseRecords(stdout: string): ReadRecord[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ReadRecord);
}

export function sessionsOf(records: readonly ReadRecord[]): SessionRecord[] {
  return records.filter((record) => record.type === "session");
}

export function requestsOf(records: readonly ReadRecord[]): HttpRecord[] {
  return records.filter((record) => record.type === "http");
}
