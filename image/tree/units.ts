/** A program that a unit file starts (systemd.service(5), Exec…=). */
export interface UnitProgram {
  /** Without prefixes; with a path, or one of PROGRAM_FOLDERS. */
  readonly program: string;
  /** It is what the unit is there for: ExecStart=. */
  readonly isMain: boolean;
  /** Marked with `-`: it may fail, and so be missing. */
  readonly mayFail: boolean;
}

export function programsOfUnit(text: string): readonly UnitProgram[] {
  return text.split("\n").flatMap((line) => {
    const [, key, prefixes = "", program] = /^(Exec[A-Za-z]+)=\s*([-@:+!|]*)(\S+)/.exec(line) ?? [];
    return program === undefined ? [] : [{ program, isMain: key === "ExecStart", mayFail: prefixes.includes("-") }];
  });
}

/** Where systemd looks for a program that is named without a path, below the root. */
export const PROGRAM_FOLDERS = ["usr/bin", "usr/sbin", "usr/lib/systemd"] as const;
