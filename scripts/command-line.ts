import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { ConfigError } from "../core/checked-json.ts";
import { Secret } from "../core/secret.ts";

/** Arguments that a command does not understand: exit status 2, with its usage. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const STATE_HELP = `  --state DIR              the provider's folder (else CEPA_STATE, else ~/.local/share/cepa)`;
export const PASSPHRASE_HELP = `  --passphrase-file FILE   its first line is the provider's passphrase (else CEPA_PASSPHRASE_FILE, else asked for)`;

export function stateFolder(option: string | undefined): string {
  return resolve(option ?? ofEnvironment("CEPA_STATE") ?? join(homedir(), ".local/share/cepa"));
}

function ofEnvironment(name: "CEPA_STATE" | "CEPA_PASSPHRASE_FILE"): string | undefined {
  const value = process.env[name];
  if (value === "") throw new UsageError(`${name} is empty: unset it, or give it a value`);
  return value;
}

/**
 * Runs `body` with the arguments parsed by `options`; `--help` prints `usage`, a UsageError or arguments that don't parse
 * give exit status 2.
 */
export async function runParsed<T extends ParseArgsOptionsConfig>(
  usage: string,
  args: readonly string[],
  options: T,
  body: (values: ParsedValues<T>, positionals: readonly string[]) => Promise<number>,
): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(usage);
    return 0;
  }
  try {
    const parsed = parse(args, options);
    refuseEmpty(parsed);
    return await body(parsed.values, parsed.positionals);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n${usage.slice(0, usage.indexOf("\n"))}\n--help says more\n`);
    return 2;
  }
}

function parse<T extends ParseArgsOptionsConfig>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** An empty filter is one that leaves nothing out. */
const MAY_BE_EMPTY = ["filter"];

/** A variable of the shell that is not set: as a path it would be the current folder. */
function refuseEmpty({ values, positionals }: { values: object; positionals: readonly string[] }): void {
  const option = Object.entries(values).find(
    ([name, value]) => [value].flat().includes("") && !MAY_BE_EMPTY.includes(name),
  )?.[0];
  if (option !== undefined) throw new UsageError(`${option.length === 1 ? "-" : "--"}${option} is empty`);
  const index = positionals.indexOf("");
  if (index >= 0) throw new UsageError(`argument ${index + 1} is empty`);
}

/**
 * What `read` takes, given by options: a ConfigError becomes a UsageError that names the option in place of the path, whose last key
 * is in `options`.
 */
export function readByOption<T>(options: Readonly<Record<string, string>>, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const key = error.path.replace(/\[\d+\]$/, "").replace(/^.*\./, "");
    throw new UsageError(`${options[key] ?? error.path}${error.message.slice(error.path.length)}`);
  }
}

export type ParsedValues<T extends ParseArgsOptionsConfig> = ReturnType<typeof parse<T>>["values"];

/** The provider's passphrase: from a file's first line, or asked for without an echo (twice when it is new). */
export async function readPassphrase(file: string | undefined, isNew = false): Promise<Secret> {
  const path = file ?? ofEnvironment("CEPA_PASSPHRASE_FILE");
  const check = isNew ? checkNewPassphrase : checkPassphrase;
  if (path !== undefined) {
    const bytes = await readFile(path).catch((cause: Error) => {
      throw new Error(`passphrase file ${path}: ${cause.message}`, { cause });
    });
    const line = firstLine(bytes);
    bytes.fill(0);
    return check(line, path);
  }
  if (!process.stdin.isTTY)
    throw new UsageError("no passphrase: give --passphrase-file FILE, set CEPA_PASSPHRASE_FILE, or run on a terminal");
  const first = check(await askHidden("passphrase: "), "the passphrase");
  if (!isNew) return first;
  const second = new Secret(await askHidden("once more: "));
  if (!first.equals(second)) throw new Error("the two passphrases differ; nothing was done");
  second.wipe();
  return first;
}

const [LF, CR, DEL, FIRST_PRINTABLE] = [10, 13, 127, 32];

/** A copy of what is before the first line ending, LF or CR LF. */
function firstLine(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(LF);
  if (end < 0) return Uint8Array.from(bytes);
  return Uint8Array.from(bytes.subarray(0, bytes[end - 1] === CR ? end - 1 : end));
}

function checkPassphrase(bytes: Uint8Array, what: string): Secret {
  if (bytes.length < 8) throw new Error(`${what}: a passphrase has at least 8 octets`);
  return new Secret(bytes);
}

/** Nobody could type a control character at the terminal. */
function checkNewPassphrase(bytes: Uint8Array, what: string): Secret {
  if (bytes.some((octet) => octet < FIRST_PRINTABLE || octet === DEL))
    throw new Error(`${what}: a passphrase has no control characters`);
  return checkPassphrase(bytes, what);
}

function askHidden(prompt: string): Promise<Uint8Array> {
  const input = process.stdin;
  process.stderr.write(prompt);
  input.setRawMode(true);
  input.resume();
  const typed: number[] = [];
  return new Promise((done, reject) => {
    const finish = (error?: Error) => {
      input.off("data", onData);
      input.setRawMode(false);
      input.pause();
      process.stderr.write("\n");
      if (error === undefined) done(Uint8Array.from(typed));
      else reject(error);
      typed.fill(0);
    };
    const onData = (chunk: Buffer) => {
      for (const octet of chunk) {
        if (octet === 13 || octet === 10) return finish();
        if (octet === 3) return finish(new Error("stopped"));
        if (octet === 127 || octet === 8) typed.pop();
        else typed.push(octet);
      }
    };
    input.on("data", onData);
  });
}

/** Returns when the person at the terminal types `word`. Throws a UsageError of `command` where there is no terminal. */
export async function confirmByTyping(command: string, what: string, word: string): Promise<void> {
  if (!process.stdin.isTTY) throw new UsageError(`${command}: give --yes, or answer on a terminal`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`${what}. Type ${word} to go on: `);
  lines.close();
  if (answer.trim() !== word) throw new Error(`that is not ${word}; nothing was done`);
}

/** Rows as aligned columns under their names. */
export function renderTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return [columns, ...rows].map((row) => `${line(row)}\n`).join("");
}

/** Text from a sensor for a terminal: control characters are shown, not obeyed. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** Now against a time, for people: `12 s ago`. */
export function ago(atMs: number | null, nowMs: number): string {
  if (atMs === null) return "never";
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86_400)} days ago`;
}
