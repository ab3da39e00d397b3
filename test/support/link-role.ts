import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runLinkRole } from "../../appliance/roles/link.ts";
import { roleSocketPath } from "../../core/contract/role.ts";
import { type RoleHandler, runRoleSocket } from "../../core/node/role-socket.ts";
import { runTogether } from "../../core/run-together.ts";

/**
 * The sensor's own link role in a box's network namespace: `link-role.ts STATE-FOLDER`. In place of the capture role is
 * one that answers a query with its SQL and a pcap request with 1 MiB of which each octet is its offset modulo 251.
 */
const [stateFolder = ""] = process.argv.slice(2);
const runFolder = join(stateFolder, "run");
await mkdir(runFolder, { recursive: true });
await mkdir(join(stateFolder, "link"), { recursive: true });

const PCAP_BYTES = 1024 * 1024;

async function* pcap(): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < PCAP_BYTES; offset += 100_000) {
    const length = Math.min(100_000, PCAP_BYTES - offset);
    yield Uint8Array.from({ length }, (_, index) => (offset + index) % 251);
  }
}

const capture: RoleHandler = async (request) => {
  if (request.type === "query")
    return { type: "rows", columns: ["sql", "n"], rows: [[request.sql, request.maxRows]], cut: false };
  if (request.type === "pcap" && request.filter === "bad") throw new Error("can't parse filter expression");
  if (request.type === "pcap") return { answer: { type: "pcap" }, body: pcap() };
  return { type: "error", message: "not here" };
};

const stop = new AbortController();
process.once("SIGTERM", () => stop.abort(new DOMException("stopped", "AbortError")));
try {
  await runTogether(stop.signal, [
    (signal) => runRoleSocket(roleSocketPath("capture", runFolder), capture, signal),
    (signal) => runLinkRole({ stateFolder, runFolder, nsmFolder: join(stateFolder, "nsm") }, signal),
  ]);
} catch (error) {
  if (!stop.signal.aborted) throw error;
}
