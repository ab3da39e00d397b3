import { PCAP_MAX_BYTES } from "../core/contract/link.ts";
import { writeWholeFile } from "../core/node/whole-file.ts";
import { askPcap } from "../provider/base/api-client.ts";
import { statePaths } from "../provider/state/paths.ts";
import { readSettings } from "../provider/state/settings.ts";
import { runParsed, STATE_HELP, stateFolder, UsageError } from "./command-line.ts";
import { operatorName } from "./operator.ts";

const USAGE = `usage: cepa pcap NAME [--session ID | --filter BPF] [options] -w FILE

Fetches full content from sensor NAME over the link. It is written into the audit log.

  --session ID             of the row in sessions: cepa query NAME "select id, … from sessions"
  --filter BPF             as tcpdump takes it; "": all frames
  --from TIME, --to TIME   ISO 8601, or seconds since 1970
  --max-bytes N            at most ${PCAP_MAX_BYTES} (104857600)
  -w FILE                  where to, as FILE.part until it is whole; - for standard output
${STATE_HELP}
`;

export function runPcapCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = {
    session: { type: "string" },
    filter: { type: "string" },
    from: { type: "string" },
    to: { type: "string" },
    "max-bytes": { type: "string", default: "104857600" },
    write: { type: "string", short: "w" },
    state: { type: "string" },
  } as const;
  return runParsed(USAGE, args, options, async (values, [name, ...more]) => {
    if (name === undefined || more.length > 0) throw new UsageError("cepa pcap: expected one NAME");
    if (values.write === undefined) throw new UsageError("cepa pcap: -w FILE is missing");
    if (values.session !== undefined && values.filter !== undefined)
      throw new UsageError("cepa pcap: --session and --filter exclude each other");
    const folder = stateFolder(values.state);
    await readSettings(folder);
    const wanted = {
      who: operatorName(),
      name,
      ...(values.session !== undefined && { sessionId: readWhole("--session", values.session) }),
      ...(values.filter !== undefined && { filter: values.filter }),
      ...(values.from !== undefined && { fromMs: readTime("--from", values.from) }),
      ...(values.to !== undefined && { toMs: readTime("--to", values.to) }),
      maxBytes: readWhole("--max-bytes", values["max-bytes"]),
    };
    const chunks = await askPcap(statePaths(folder).socket, wanted, signal);
    const bytes = values.write === "-" ? await toStandardOutput(chunks) : await writeWholeFile(values.write, chunks);
    process.stderr.write(`${bytes} octets\n`);
    return 0;
  });
}

async function toStandardOutput(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let lengthBytes = 0;
  for await (const chunk of chunks) {
    lengthBytes += chunk.length;
    if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once("drain", resolve));
  }
  return lengthBytes;
}

function readWhole(option: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new UsageError(`${option}: expected a whole number from 1 on, found ${JSON.stringify(text)}`);
}

function readTime(option: string, text: string): number {
  const atMs = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isFinite(atMs) && atMs >= 0) return Math.round(atMs);
  throw new UsageError(`${option}: expected a time like 2026-01-31T12:00:00Z, found ${JSON.stringify(text)}`);
}
