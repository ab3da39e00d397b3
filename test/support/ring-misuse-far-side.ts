import { loadNativeAddon } from "../../core/node/native-addon.ts";

/** Within a namespace with `span0`: opens a ring, closes it, uses it on, and prints as JSON what each call answered. */
const addon = loadNativeAddon("ring.node") as Readonly<Record<string, (...args: unknown[]) => unknown>>;

function call(name: string, ...args: unknown[]): unknown {
  try {
    return addon[name]?.(...args) ?? "nothing";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

const [handle, memory] = call("open", "span0", 2 ** 20, 4, 20, true) as [object, ArrayBuffer];
const program = call("compileFilter", "tcp", 1, 65_535);
call("start", handle, "span0");
call("close", handle);
const answers = {
  lengthBytes: memory.byteLength,
  stats: call("stats", handle),
  start: call("start", handle, "span0"),
  attachFilter: call("attachFilter", handle, program),
  wait: call("wait", [handle], 1),
  closeAgain: call("close", handle),
};
process.stdout.write(JSON.stringify(answers));
