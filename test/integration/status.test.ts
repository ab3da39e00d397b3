import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { test } from "node:test";
import type { LinkStatus, VaultStatus } from "../../core/contract/role.ts";
import { runRoleSocket } from "../../core/node/role-socket.ts";
import { startPty } from "../../scripts/rig/pty.ts";
import { TEST_SENSOR_ID, writeSensorState } from "../../scripts/rig/sensor-state.ts";

const MAIN = join(dirname(dirname(import.meta.dirname)), "appliance/main.ts");
const LINK: LinkStatus = {
  role: "link",
  state: "vpnDown",
  detail: "enp0s2 has 192.0.2.9; the VPN does not come up",
  vpnUp: false,
  vpnAddress: null,
  spooled: 0,
  lastHeartbeatAtMs: null,
};
const VAULT: VaultStatus = {
  role: "vault",
  state: "open",
  detail: "the store is open",
  tries: 1,
  luksUuid: null,
  openedAtMs: 1,
  identity: "software",
};

test("in a pipe, as on a serial line, stages are printed as they are reached, and what holds the box up", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cepa-status-"));
  await writeSensorState(folder, { privateKey: "", certificate: "", authority: "" }, { name: "lab-1" });
  const stop = new AbortController();
  let link = LINK;
  const roles = [
    runRoleSocket(join(folder, "link.sock"), async () => ({ type: "status", status: link }), stop.signal),
    runRoleSocket(join(folder, "vault.sock"), async () => ({ type: "status", status: VAULT }), stop.signal),
  ].map((role) => role.catch(() => {}));
  const child = spawn(process.execPath, [MAIN, "status", "--watch", "--state", folder, "--run", folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.includes("! store") || line === "cepa: store open")
      link = { ...LINK, state: "up", vpnUp: true, vpnAddress: "10.213.1.1" };
    if (line === "cepa: base answers") child.kill("SIGTERM");
  }
  const [status] = child.exitCode === null ? ((await once(child, "close")) as [number | null]) : [child.exitCode];
  clearTimeout(timer);
  stop.abort();
  await Promise.all(roles);
  await rm(folder, { recursive: true });
  assert.equal(status, 0);
  assert.equal(lines[0], "cepa: status follows");
  const title = `cepa: Cepa sensor lab-1, ${TEST_SENSOR_ID}, software identity: weaker, image `;
  assert.ok(lines.some((line) => line.startsWith(title)));
  for (const line of ["cepa: uplink up", "cepa: key released", "cepa: store open", "cepa: vpn up 10.213.1.1"])
    assert.equal(lines.filter((one) => one === line).length, 1, line);
  assert.ok(lines.some((line) => line.endsWith("! VPN: enp0s2 has 192.0.2.9; the VPN does not come up")));
});

test("as a service of systemd each terminal that it hands over gets what suits it, of one look at the box", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cepa-status-"));
  await writeSensorState(folder, { privateKey: "", certificate: "", authority: "" }, { name: "lab-1" });
  const stop = new AbortController();
  const screen = await startPty(join(folder, "screen"), stop.signal);
  const near = await open(screen.path, constants.O_RDWR | constants.O_NOCTTY);
  // systemd sets LISTEN_PID; a shell knows the number that it keeps
  const inService = ["-c", 'LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"', "sh"];
  const watch = [process.execPath, MAIN, "status", "--watch", "--state", folder, "--run", folder];
  const child = spawn("sh", [...inService, ...watch], { stdio: ["ignore", "pipe", "inherit", near.fd, "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const drawn = firstOf(screen.chunks, (text) => text.split("\x1b[H\x1b[2J").length > 2);
  const line = firstOf(child.stdio[4] as Readable, (text) => /! modem: .*\n/.test(text));
  const shown = [await drawn, await line] as const;
  child.kill("SIGTERM");
  const [[status], onStandardOutput] = await Promise.all([
    once(child, "close") as Promise<[number | null]>,
    firstOf(child.stdout as Readable, () => false),
  ]);
  clearTimeout(timer);
  stop.abort();
  await near.close();
  await rm(folder, { recursive: true });
  assert.match(shown[0], /Cepa sensor lab-1,/);
  assert.match(shown[1], /^cepa: status follows\ncepa: Cepa sensor lab-1,/);
  assert.ok(!shown[1].includes("\x1b"));
  assert.equal(onStandardOutput, "");
  assert.equal(status, 0);
});

/** What came until it was enough, or all. */
async function firstOf(chunks: AsyncIterable<Uint8Array>, isEnough: (text: string) => boolean): Promise<string> {
  let text = "";
  for await (const chunk of chunks) {
    text += Buffer.from(chunk).toString();
    if (isEnough(text)) break;
  }
  return text;
}
