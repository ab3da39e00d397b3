import { spawn } from "node:child_process";
import { once } from "node:events";

/** A network that nothing but its own loopback is in, for as long as it is held. */
export interface NetNamespace {
  /** For `nsenter --net`. */
  readonly file: string;
  end(): Promise<void>;
}

export async function holdNetNamespace(): Promise<NetNamespace> {
  // it ends with its standard input, and so with this process
  const script = "ip link set lo up && echo up && exec cat";
  const child = spawn("unshare", ["--net", "bash", "-c", script], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  ended.catch(() => {});
  const endedEarly = ended.then(([status]) => {
    throw new Error(`a network namespace could not be made: unshare ended with ${status}`);
  });
  endedEarly.catch(() => {});
  await Promise.race([once(child.stdout, "data"), endedEarly]);
  return {
    file: `/proc/${child.pid}/ns/net`,
    end: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** A command as it is run in a network namespace; without one in that of this process. */
export function commandIn(
  namespace: string | undefined,
  program: string,
  args: readonly string[],
): readonly [program: string, args: readonly string[]] {
  return namespace === undefined ? [program, args] : ["nsenter", [`--net=${namespace}`, program, ...args]];
}

/**
 * Runs a script of ours in a network namespace of its own, with /sys of that namespace, loopback up, and one veth pair for
 * each name: `NAME` and its other end `NAME-far`, both up and silent (no IPv6, no ARP). Resolves with what it printed;
 * rejects when it exits with another status than 0. The namespace ends with the script. `progress` is given its standard error as
 * it comes.
 */
export async function runInNamespace(
  pairs: readonly string[],
  command: readonly string[],
  timeoutMs: number,
  progress?: NodeJS.WritableStream,
): Promise<string> {
  // Only /sys is made private, not the root, which is no mount point in a chroot.
  const lines = ["set -e", "mount --make-rprivate /sys", "mount -t sysfs sysfs /sys", "ip link set lo up"];
  for (const name of pairs) {
    lines.push(`ip link add ${name} type veth peer name ${name}-far`);
    for (const end of [name, `${name}-far`])
      lines.push(
        `echo 1 >/proc/sys/net/ipv6/conf/${end}/disable_ipv6`,
        `ip link set ${end} arp off mtu 9000`,
        `ip link set ${end} up`,
      );
  }
  lines.push('exec "$@"');
  const unshare = ["--net", "--mount", "--propagation", "unchanged"];
  const child = spawn("unshare", [...unshare, "bash", "-c", lines.join("\n"), "in-namespace", ...command], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  if (progress !== undefined) child.stderr.pipe(progress, { end: false });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, killed) => {
      if (status === 0) resolve(Buffer.concat(output).toString());
      else reject(new Error(`${command.join(" ")}: status ${status ?? killed}\n${Buffer.concat(errors)}`));
    });
  });
}
