/** Of the first file that systemd hands to a service, behind standard error (sd_listen_fds(3)). */
const FIRST = 3;
const MOST = 16;

/** Descriptors of the files that systemd opened for this process (OpenFile=PATH:NAME), by name; none when it is no such service. */
export function handedFiles(environment: NodeJS.ProcessEnv, pid: number): ReadonlyMap<string, number> {
  const count = Number(environment.LISTEN_FDS ?? 0);
  if (environment.LISTEN_PID !== String(pid) || !Number.isInteger(count) || count < 0 || count > MOST) return new Map();
  const names = (environment.LISTEN_FDNAMES ?? "").split(":");
  return new Map(Array.from({ length: count }, (_, at) => [names[at] ?? `file${at}`, FIRST + at]));
}
