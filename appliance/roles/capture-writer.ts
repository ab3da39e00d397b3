import { nodeClock } from "../../core/node/clock.ts";
import { journalLog } from "../../core/node/log.ts";
import { runPcapWriter, type WriterStart } from "../capture/service.ts";
import { connectToStarter } from "../worker.ts";

/** The thread `capture-writer`. */
export async function runWriterThread(data: unknown): Promise<void> {
  await runPcapWriter(data as WriterStart, connectToStarter(), nodeClock, journalLog("capture-writer"));
}
