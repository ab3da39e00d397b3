/** Of the first file that systemd hands to a service, behind standard error (sd_listen_fds(3)). */
const FIRST = 3;
const MOST = 16;

/** Descriptors of the files that systemd opened for this process (OpenFile=, sockets); none when it is no such service. */
export function handedFiles(environment: NodeJS.ProcessEnv, pid: number): readonly number[] {
  const count = Number(environment.LISTEN_FDS ?? 0);
  if (environment.LISTEN_PID !== String(pid) || !Number.isInteger(count) || count < 0 || count > MOST) return [];
  return Array.from({ length: count }, (_, at) => FIRST + at);
}
