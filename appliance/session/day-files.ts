import { readdirSync } from "node:fs";

/** `YYYY-MM-DD`, UTC. */
export type Day = string;

const SECOND_MS = 1000;
const FILE_PATTERN = /^(\d{4}-\d\d-\d\d)\.db$/;

export function dayOfSeconds(seconds: number): Day {
  return new Date(seconds * SECOND_MS).toISOString().slice(0, 10);
}

export function dayFileName(day: Day): string {
  return `${day}.db`;
}

/** Days that have a file in the folder, oldest first; none when there is no such folder. */
export function listDays(folder: string): readonly Day[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names.flatMap((name) => FILE_PATTERN.exec(name)?.[1] ?? []).sort();
}
