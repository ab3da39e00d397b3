import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { WebSocket } from "ws";
import type { Clock } from "../../../core/ports.ts";
import type { Stage } from "../../../provider/base/stage.ts";
import { addSensor } from "../../../provider/fleet/sensors.ts";
import { createLinkHub } from "../../../provider/link/link-hub.ts";
import { createDatabase } from "../../../provider/state/database.ts";
import type { Provider } from "../../../provider/state/provider.ts";
import { parseSubnet } from "../../../provider/vpn/subnet.ts";

const folder = mkdtempSync(join(tmpdir(), "cepa-hub-"));
const database = createDatabase(join(folder, "base.db"));
after(() => {
  database.close();
  rmSync(folder, { recursive: true });
});
const sensor = addSensor(database, "box", parseSubnet("10.213.0.0/16"), 1);

/** Base's end of a link, as far as it is used; a reason that does not fit a close frame throws, as in ws. */
class FakeSocket extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  readonly isPaused = false;
  readonly sent: string[] = [];
  closedWhy: string | undefined;
  send(text: string): void {
    this.sent.push(text);
  }
  ping(): void {}
  terminate(): void {}
  close(_code: number, reason: string): void {
    if (Buffer.byteLength(reason) > 123) throw new RangeError("The message must not be greater than 123 bytes");
    this.closedWhy = reason;
    this.readyState = 3;
    this.emit("close", 1000);
  }
}

function openLink() {
  const socket = new FakeSocket();
  const stages: Stage[] = [];
  let nowMs = 1_790_000_000_000;
  const clock = { nowMs: () => nowMs } as Clock;
  const hub = createLinkHub({ database } as Provider, { clock, report: (stage) => stages.push(stage) });
  hub.accept(sensor, "serial", socket as unknown as WebSocket);
  const say = (text: string) => void socket.emit("message", Buffer.from(text), false);
  const hello = (change: object = {}) =>
    say(JSON.stringify({ type: "hello", version: 1, sensorId: sensor.id, bootId: "b", ...change }));
  const pass = (durationMs: number) => {
    nowMs += durationMs;
  };
  return { socket, stages, hub, say, hello, pass };
}

const NO_TEXT = { toString: 1, valueOf: 1 };

for (const [name, talk] of Object.entries({
  "a boot id without a text": ({ hello }) => hello({ bootId: NO_TEXT }),
  "a version without a text": ({ hello }) => hello({ version: NO_TEXT }),
  "a version that is long, of wide characters and commands": ({ hello }) =>
    hello({ version: "\u001b[2J\u20ac".repeat(99) }),
} satisfies Record<string, (link: ReturnType<typeof openLink>) => void>))
  test(`a hostile hello ends its own link, not base: ${name}`, () => {
    const link = openLink();
    talk(link);
    assert.ok(link.socket.closedWhy !== undefined);
    const down = link.stages.find((stage) => stage.stage === "linkDown");
    assert.match(down?.stage === "linkDown" ? down.why : "", /^[\x20-\x7e]+$/);
    assert.throws(() => link.hub.linkOf(sensor.id), /no link/);
  });

test("an answer that can't be put into words ends its link, and the one who asked is told", async () => {
  const link = openLink();
  link.hello();
  const asked = link.hub.linkOf(sensor.id).query("select 1", 1, 1000, new AbortController().signal);
  const { id } = JSON.parse(link.socket.sent[0] ?? "") as { id: number };
  link.say(JSON.stringify({ type: "failed", id, message: NO_TEXT }));
  await assert.rejects(asked, /the link went down/);
});

test("heartbeats in quick succession are written down once", () => {
  const link = openLink();
  link.hello();
  const beat = () => link.say(JSON.stringify({ type: "heartbeat", sentAtMs: 1, health: null, link: null }));
  const changes = () => Number(database.prepare("select total_changes() as n").get()?.n);
  const before = changes();
  for (let i = 0; i < 5; i++) beat();
  assert.equal(changes() - before, 1);
  link.pass(1000);
  beat();
  assert.equal(changes() - before, 2);
  link.socket.close(1000, "done");
});

test("a message that nobody asked for is not even read when it is long", () => {
  const link = openLink();
  link.hello();
  const rows = JSON.stringify({ type: "rows", id: 1, columns: ["x".repeat(300_000)], rows: [], cut: false });
  link.say(rows);
  assert.equal(link.hub.linkOf(sensor.id).unknownMessages, 1);
  link.socket.close(1000, "done");
});
