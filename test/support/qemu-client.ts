import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { Qmp } from "../../scripts/rig/qmp.ts";

const POLL_MS = 50;

/** QEMU without a machine, for what it does with a disk behind a socket (NBD). */
export interface QemuClient {
  /** A command of qemu-io (its manual page), at the disk; what it printed. */
  io(command: string): Promise<string>;
  /** Writes a raw file to the disk, many requests at a time. */
  copyFrom(path: string): Promise<void>;
  /** Gives the disk back, and ends. */
  end(): Promise<void>;
}

/** `folder` gets the socket of its monitor. */
export async function startQemuClient(diskSocket: string, folder: string, signal: AbortSignal): Promise<QemuClient> {
  const monitor = `${folder}/qmp`;
  const child = spawn(
    "qemu-system-x86_64",
    [
      ...["-machine", "none", "-nodefaults", "-display", "none", "-qmp", `unix:${monitor},server=on,wait=off`],
      ...["-blockdev", `driver=nbd,node-name=disk,server.type=unix,server.path=${diskSocket},discard=unmap`],
    ],
    { stdio: ["ignore", "pipe", "pipe"], signal },
  );
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (printed += text.toString()));
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  });
  ended.catch(() => {});
  const qmp = await Promise.race([
    Qmp.connect(monitor, signal),
    ended.then(() => {
      throw new Error(`QEMU ended: ${printed}`);
    }),
  ]);
  return {
    io: async (command) => {
      printed = "";
      const answer = await qmp.command("human-monitor-command", { "command-line": `qemu-io disk "${command}"` });
      return String(answer) + printed;
    },
    copyFrom: async (filename) => {
      await qmp.command("blockdev-add", { driver: "raw", "node-name": "source", file: { driver: "file", filename } });
      const job = { "job-id": "copy", device: "source", target: "disk", sync: "full", "auto-dismiss": false };
      await qmp.command("blockdev-backup", job);
      for (;;) {
        const [state] = (await qmp.command("query-jobs")) as readonly { status: string; error?: string }[];
        if (state?.error !== undefined) throw new Error(`QEMU: ${state.error}`);
        if (state?.status === "concluded") break;
        await delay(POLL_MS, undefined, { signal });
      }
      await qmp.command("job-dismiss", { id: "copy" });
    },
    end: async () => {
      await qmp.command("quit").catch(() => {});
      await ended;
    },
  };
}
