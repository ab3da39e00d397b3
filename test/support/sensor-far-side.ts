import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runLinkRole } from "../../appliance/roles/link.ts";
import { runPhoneHomeRole } from "../../appliance/roles/phone-home.ts";
import { runVaultRole } from "../../appliance/roles/vault.ts";
import { luksTool } from "../../appliance/vault/luks-tool.ts";
import { storeDevice } from "../../appliance/vault/store-device.ts";
import { roleSocketPath } from "../../core/contract/role.ts";
import { runRoleSocket } from "../../core/node/role-socket.ts";
import { runTogether } from "../../core/run-together.ts";
import { luksWithoutDmCrypt } from "./luks-without-dm-crypt.ts";

/**
 * The sensor's roles vault, link and phone-home in a box's network namespace: `sensor-far-side.ts FOLDER STORE`, where
 * FOLDER is a state partition with room for sockets, and STORE a file. In place of capture a stand-in answers: a query
 * with its own SQL, a pcap request with 300,000 octets of 7.
 */
const [folder = "", store = ""] = process.argv.slice(2);
const runFolder = join(folder, "run");
const mapper = join(folder, "mapper");
for (const path of [runFolder, mapper]) await mkdir(path, { recursive: true });
const folders = { stateFolder: folder, runFolder, nsmFolder: folder };
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

await runTogether(stop.signal, [
  (signal) =>
    runVaultRole(folders, signal, {
      store: storeDevice(store, mapper),
      tool: luksTool(luksWithoutDmCrypt(mapper, join(folder, "content.img"))),
    }),
  (signal) => runLinkRole(folders, signal),
  (signal) => runPhoneHomeRole(folders, signal),
  (signal) =>
    runRoleSocket(
      roleSocketPath("capture", runFolder),
      async (request) => {
        if (request.type === "query") return { type: "rows", columns: ["sql"], rows: [[request.sql]], cut: false };
        if (request.type !== "pcap") return { type: "error", message: "a stand-in" };
        const body = (async function* () {
          for (let piece = 0; piece < 3; piece++) yield Buffer.alloc(100_000, 7);
        })();
        return { answer: { type: "pcap" }, body };
      },
      signal,
    ),
]).catch((error: Error) => {
  if (error.name !== "AbortError") throw error;
});
