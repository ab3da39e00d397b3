import type { Log } from "../ports.ts";

/** Priorities of syslog (RFC 5424, section 6.2.1) in the `<N>` prefix that systemd-journald reads from standard error. */
const PRIORITY = { debug: 7, info: 6, warning: 4, error: 3 } as const;

/** Logs to standard error: with journald's priority prefix when a journal reads it, plain otherwise. */
export function journalLog(name: string): Log {
  const underJournal = process.env.JOURNAL_STREAM !== undefined;
  return (level, message, fields) => {
    const detail = fields === undefined ? "" : ` ${JSON.stringify(fields)}`;
    const prefix = underJournal ? `<${PRIORITY[level]}>` : `${new Date().toISOString()} ${level} `;
    process.stderr.write(`${prefix}${name}: ${message}${detail}\n`);
  };
}
