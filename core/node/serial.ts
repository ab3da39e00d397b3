import { SerialPort as NodeSerialPort } from "serialport";
import type { OpenSerial } from "../ports.ts";

/**
 * Opens a serial line by npm `serialport`, raw, 8N1, exclusively. Only ever by its path: `SerialPort.list()` runs
 * udevadm. Rejects when the path is not there or no terminal.
 */
export const openNodeSerial: OpenSerial = async (path, baudRate) => {
  const port = new NodeSerialPort({
    path,
    baudRate,
    dataBits: 8,
    parity: "none",
    stopBits: 1,
    autoOpen: false,
    endOnClose: true,
  });
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
  runMicrotasksOnPoll(port);
  let failure: Error | undefined;
  port.on("error", (error) => {
    failure = error;
  });
  return {
    write: (data, signal) =>
      new Promise((resolve, reject) => {
        const abort = () => reject(signal.reason);
        if (signal.aborted) return abort();
        signal.addEventListener("abort", abort, { once: true });
        port.write(typeof data === "string" ? Buffer.from(data, "latin1") : Buffer.from(data), (error) => {
          signal.removeEventListener("abort", abort);
          if (error) reject(error);
          else resolve();
        });
      }),
    chunks: {
      async *[Symbol.asyncIterator]() {
        try {
          for await (const chunk of port) yield chunk as Uint8Array;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error; // closed, by us or unplugged
        }
        if (failure !== undefined) throw failure;
      },
    },
    close: () =>
      new Promise((resolve) => {
        if (port.isOpen) port.close(() => resolve());
        else resolve();
      }),
  };
};

/**
 * The poller of @serialport/bindings-cpp 13 calls back outside of any JavaScript turn, so that the promises it settles
 * wait for whatever happens next in the process, and what was read with them: seconds, in an idle one. An immediate makes
 * that turn.
 */
function runMicrotasksOnPoll(port: NodeSerialPort): void {
  const poller = (port.port as { poller?: NodeJS.EventEmitter } | undefined)?.poller;
  for (const event of ["readable", "writable", "disconnect"]) poller?.on(event, () => setImmediate(() => {}));
}
