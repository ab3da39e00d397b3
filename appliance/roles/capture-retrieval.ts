import { join } from "node:path";
import { ConfigError } from "../../core/checked-json.ts";
import type { PcapSelection } from "../../core/contract/role.ts";
import { BpfProgram } from "../capture/bpf-program.ts";
import { PCAP_FRAME_MAX_BYTES, PCAP_HEADER_BYTES } from "../capture/pcap-file.ts";
import { type FrameFields, type FrameSelector, retrieveFrames, selectFrames } from "../capture/retrieval.ts";
import { compileFilter } from "../capture/ring.ts";
import { runQuery } from "../session/query.ts";
import { type FiveTupleRecord, FRAGMENTS_MS, selectSession } from "./session-match.ts";

const QUERY_TIMEOUT_MS = 10_000;
/** Times in the store have microseconds, those of frames nanoseconds. */
const ROUNDING_MS = 1;
const FILTER_MAX_CHARACTERS = 10_000;

/** Nothing can be retrieved by such a selection; the message says why, for people. */
export class SelectionError extends Error {
  override readonly name = "SelectionError";
}

/**
 * The frames of /nsm that `selection` asks for, as one pcap file. Rejects with a SelectionError before the first octet when
 * there is no such session or libpcap refuses the filter.
 */
export async function openSelection(
  nsmFolder: string,
  selection: PcapSelection,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  checkSelection(selection);
  const { filter, sessionId, maxBytes } = selection;
  let fromMs = selection.fromMs ?? 0;
  let toMs = selection.toMs ?? Number.MAX_SAFE_INTEGER;
  let session: (FiveTupleRecord & { readonly start: number; readonly end: number }) | undefined;
  if (sessionId !== undefined) {
    session = await findSession(nsmFolder, sessionId, signal);
    fromMs = Math.max(fromMs, session.start * 1000 - ROUNDING_MS);
    toMs = Math.min(toMs, session.end * 1000 + ROUNDING_MS);
  }
  if (filter !== undefined) checkFilter(filter);
  const selectorOf = (linkType: number): FrameSelector => {
    const program =
      filter === undefined ? undefined : new BpfProgram(compileFilter(filter, linkType, PCAP_FRAME_MAX_BYTES));
    const accepts = ({ bytes, offsetBytes, capturedBytes, originalBytes }: FrameFields): boolean =>
      program === undefined || program.run(bytes, offsetBytes, capturedBytes, originalBytes) > 0;
    return session === undefined ? selectFrames(accepts) : selectSession({ session, fromMs, toMs, accepts }, linkType);
  };
  const readFromMs = session === undefined ? fromMs : fromMs - FRAGMENTS_MS;
  return retrieveFrames({ folder: join(nsmFolder, "pcap"), fromMs: readFromMs, toMs, maxBytes, selectorOf }, signal);
}

async function findSession(
  nsmFolder: string,
  sessionId: number,
  signal: AbortSignal,
): Promise<FiveTupleRecord & { readonly start: number; readonly end: number }> {
  const columns = ["proto", "src_ip", "src_port", "dst_ip", "dst_port", "start", "end"] as const;
  const list = columns.map((column) => `"${column}"`).join(", ");
  const answer = await runQuery(
    nsmFolder,
    { sql: `select ${list} from sessions where id = ${sessionId}`, maxRows: 1, timeoutMs: QUERY_TIMEOUT_MS },
    signal,
  );
  if (answer.type === "error") throw new SelectionError(answer.message);
  const row = answer.rows[0];
  if (row === undefined) throw new SelectionError(`there is no session ${sessionId}`);
  const [proto, src_ip, src_port, dst_ip, dst_port, start, end] = row;
  return {
    proto: Number(proto),
    src_ip: String(src_ip),
    src_port: Number(src_port),
    dst_ip: String(dst_ip),
    dst_port: Number(dst_port),
    start: Number(start),
    end: Number(end),
  };
}

/** It came over a socket. */
function checkSelection({ sessionId, filter, fromMs, toMs, maxBytes }: PcapSelection): void {
  if (sessionId === undefined && filter === undefined && fromMs === undefined && toMs === undefined)
    throw new SelectionError("which frames? Give a session, a filter (an empty one takes all) or a time");
  if (sessionId !== undefined && !(Number.isSafeInteger(sessionId) && sessionId > 0))
    throw new SelectionError("a session is given by its id, a whole number");
  if (filter !== undefined && (typeof filter !== "string" || filter.length > FILTER_MAX_CHARACTERS))
    throw new SelectionError(`a filter is text of at most ${FILTER_MAX_CHARACTERS} characters`);
  for (const timeMs of [fromMs, toMs])
    if (timeMs !== undefined && !Number.isFinite(timeMs)) throw new SelectionError("a time is Unix milliseconds");
  if (!Number.isSafeInteger(maxBytes) || maxBytes < PCAP_HEADER_BYTES)
    throw new SelectionError(`maxBytes is a whole number of ${PCAP_HEADER_BYTES} or more`);
}

function checkFilter(filter: string): void {
  try {
    compileFilter(filter, 1, PCAP_FRAME_MAX_BYTES);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_BPF_SYNTAX") throw error;
    throw new SelectionError(`the filter: ${(error as Error).message}`);
  }
}

/**
 * The filter of the configuration where the kernel can apply it: libpcap compiles it, and it has no loop. Throws a
 * ConfigError otherwise.
 */
export function checkCaptureFilter(filter: string, snaplenBytes: number): void {
  const expected = "a BPF expression that libpcap compiles, without protochain";
  let program: BpfProgram;
  try {
    program = new BpfProgram(compileFilter(filter, 1, snaplenBytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_BPF_SYNTAX") throw error;
    throw new ConfigError("capture.filter", `${expected} (${(error as Error).message})`, filter);
  }
  if (program.hasLoop()) throw new ConfigError("capture.filter", expected, filter);
}
