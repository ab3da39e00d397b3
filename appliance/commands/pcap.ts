import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { PcapSelection } from "../../core/contract/role.ts";
import { writeWholeFile } from "../../core/node/whole-file.ts";
import { openSelection, SelectionError } from "../roles/capture-retrieval.ts";

const PCAP_USAGE = `cepa-sensor pcap -w FILE [--session ID] [--filter BPF] [--max-bytes N] [--nsm FOLDER]

Frames out of the store, as a pcap file with nanosecond times; also those of the file being written.

  -w FILE          where to, written as FILE.part until it is whole; "-" is standard output
  --session ID     those of one session, by the id of its row
  --filter BPF     those that match; with --session, both
  --max-bytes N    stop before the file is larger than this (1 GiB)
  --nsm FOLDER     the store (/nsm)
`;

const DEFAULT_MAX_BYTES = 1024 ** 3;

/** `cepa-sensor pcap`; resolves to the exit status. */
export async function runPcapCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      write: { type: "string", short: "w" },
      session: { type: "string" },
      filter: { type: "string" },
      "max-bytes": { type: "string" },
      nsm: { type: "string", default: "/nsm" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(PCAP_USAGE);
    return 0;
  }
  if (values.write === undefined) return refuse("where to? Give -w FILE");
  if (!existsSync(join(values.nsm, "pcap"))) {
    process.stderr.write(`cepa-sensor pcap: --nsm: there is no store in ${values.nsm}\n`);
    return 1;
  }
  const selection: PcapSelection = {
    ...(values.session !== undefined && { sessionId: Number(values.session) }),
    ...(values.filter !== undefined && { filter: values.filter }),
    maxBytes: Number(values["max-bytes"] ?? DEFAULT_MAX_BYTES),
  };
  try {
    await writeTo(values.write, await openSelection(values.nsm, selection, signal));
    return 0;
  } catch (error) {
    if (error instanceof SelectionError) return refuse(error.message);
    throw error;
  }
}

async function writeTo(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  if (path !== "-") return void (await writeWholeFile(path, chunks));
  for await (const chunk of chunks) if (!process.stdout.write(chunk)) await once(process.stdout, "drain");
}

function refuse(why: string): number {
  process.stderr.write(`cepa-sensor pcap: ${why}\nTry \`cepa-sensor pcap --help\`.\n`);
  return 2;
}
