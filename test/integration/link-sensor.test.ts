import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { type WebSocket, WebSocketServer } from "ws";
import { connector } from "../../appliance/link/connection.ts";
import { createLink, type Link, type LinkPorts } from "../../appliance/link/service.ts";
import { openSpoolFile, type SpoolFile } from "../../appliance/link/spool-file.ts";
import type { HealthRecord } from "../../core/contract/health.ts";
import type { BaseMessage, SensorMessage } from "../../core/contract/link.ts";
import type { SensorEvent } from "../../core/contract/role.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { TEST_SENSOR_ID } from "../../scripts/rig/sensor-state.ts";
import { type Certified, makeAuthority } from "../support/certificates.ts";

const HEALTH = { atMs: 1, bootId: "b" } as HealthRecord;
const OPENED: SensorEvent = { name: "storeOpened", atMs: 1, luksUuid: "4a1f6d3c-0000-4000-8000-1234567890ab" };
let folder: string;
let base: Certified;
let sensor: Certified;
let stranger: Certified;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-link-"));
  const authority = await makeAuthority(folder);
  base = await authority.issue("base", "127.0.0.1");
  sensor = await authority.issue(TEST_SENSOR_ID);
  stranger = await (await makeAuthority(folder, "other")).issue(TEST_SENSOR_ID);
});

after(() => rm(folder, { recursive: true }));

/** A base that keeps what it hears and says what the test tells it to. */
class TestBase {
  readonly heard: SensorMessage[] = [];
  readonly pieces: Buffer[] = [];
  readonly peers: string[] = [];
  socket: WebSocket | undefined;
  acknowledges = true;
  answersPings = true;
  readonly server: Server;
  #wake: () => void = () => {};

  constructor() {
    const { privateKey: key, certificate: cert, authority: ca } = base;
    this.server = createServer({ key, cert, ca, requestCert: true, rejectUnauthorized: true });
    const sockets = new WebSocketServer({ server: this.server, path: "/v1/link", autoPong: false });
    sockets.on("connection", (socket, request) => {
      const peer = request.socket as TLSSocket;
      this.peers.push(`${peer.getPeerCertificate().subject.CN} ${peer.remoteAddress}`);
      this.socket = socket;
      socket.on("ping", (data) => this.answersPings && socket.pong(data));
      socket.on("message", (data: Buffer, isBinary) => {
        if (isBinary) this.pieces.push(data);
        else this.#hear(JSON.parse(String(data)) as SensorMessage);
        this.#wake();
      });
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return (this.server.address() as AddressInfo).port;
  }

  send(message: BaseMessage): void {
    this.socket?.send(JSON.stringify(message));
  }

  async until<T>(look: () => T | undefined): Promise<T> {
    const deadline = AbortSignal.timeout(60_000);
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      deadline.throwIfAborted();
      const timer = setTimeout(() => this.#wake(), 50);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      clearTimeout(timer);
    }
  }

  untilType<K extends SensorMessage["type"]>(type: K, nth = 0): Promise<Extract<SensorMessage, { type: K }>> {
    return this.until(
      () => this.heard.filter((message) => message.type === type)[nth] as Extract<SensorMessage, { type: K }>,
    );
  }

  async close(): Promise<void> {
    this.socket?.terminate();
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  #hear(message: SensorMessage): void {
    this.heard.push(message);
    if (message.type === "event" && this.acknowledges) this.send({ type: "acknowledge", id: message.id });
  }
}

const PCAP = Buffer.alloc(1_000_000, "frames of a pcap file ");

async function withLink(
  port: number,
  spoolName: string,
  use: (link: Link, spool: SpoolFile, told: [boolean, number][]) => Promise<void>,
  certified: Certified = sensor,
  ports: Partial<LinkPorts> = {},
): Promise<void> {
  const spool = await openSpoolFile(join(folder, spoolName), Date.now());
  const told: [boolean, number][] = [];
  const identity = { sensorId: TEST_SENSOR_ID, vpnAddress: "127.0.0.2", baseAddress: "127.0.0.1" };
  const link = createLink(
    {
      clock: nodeClock,
      log: () => {},
      random: Math.random,
      spool,
      ask: async (request) => {
        if (request.type === "query")
          return { answer: { type: "rows", columns: ["sql"], rows: [[request.sql]], cut: false }, body: none() };
        return { answer: { type: "pcap" }, body: pieces() };
      },
      readReach: async () => ({
        uplink: "eth0",
        carrier: true,
        addresses: ["192.0.2.9"],
        unresolvedName: undefined,
        tunnelUp: true,
      }),
      readHealth: async () => HEALTH,
      takeCommand: async () => {
        throw new Error("it is not signed by base");
      },
      tellVpn: async (up, tries) => void told.push([up, tries]),
      connect: connector({ host: "127.0.0.1", port, localAddress: "127.0.0.2", ...certified }),
      ...ports,
    },
    {
      identity: {
        ...identity,
        name: "test",
        basePort: port,
        emergencyKeyId: 1,
        emergencySmsNumber: "+441632960961",
        flashedAtMs: 0,
      },
      bootId: "b".repeat(32),
      heartbeatMs: 200,
    },
  );
  const stop = new AbortController();
  const running = link.run(stop.signal).catch((error: unknown) => error);
  try {
    await use(link, spool, told);
  } finally {
    stop.abort();
    assert.equal(((await running) as Error).name, "AbortError");
  }
}

async function* none(): AsyncGenerator<Uint8Array> {}

async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < PCAP.length; at += 100_000) yield PCAP.subarray(at, at + 100_000);
}

test("hello, heartbeats, events acknowledged, a query and frames, over mutual TLS from the tunnel's address", async () => {
  const server = new TestBase();
  const port = await server.listen();
  await withLink(port, "spool-1.json", async (link, spool, told) => {
    assert.deepEqual(await server.untilType("hello"), {
      type: "hello",
      version: 1,
      sensorId: TEST_SENSOR_ID,
      bootId: "b".repeat(32),
    });
    assert.deepEqual(server.peers, [`${TEST_SENSOR_ID} 127.0.0.2`]);
    const heartbeat = await server.untilType("heartbeat", 2);
    assert.deepEqual(heartbeat.health, HEALTH);
    assert.equal(heartbeat.link.state, "up");
    await link.addEvent(OPENED);
    const { id, event } = await server.untilType("event");
    assert.deepEqual(event, OPENED);
    await server.until(() => (spool.current().events.length === 0 ? true : undefined));
    assert.equal(spool.current().nextId, id + 1);
    server.send({ type: "query", id: 7, sql: "select 1", maxRows: 1, timeoutMs: 1000 });
    assert.deepEqual(await server.untilType("rows"), {
      type: "rows",
      id: 7,
      columns: ["sql"],
      rows: [["select 1"]],
      cut: false,
    });
    server.send({ type: "pcap", id: 8, maxBytes: 2_000_000 });
    assert.deepEqual(await server.untilType("pcapEnd"), { type: "pcapEnd", id: 8, bytes: PCAP.length });
    assert.ok(server.pieces.every((piece) => piece.readUInt32BE(0) === 8 && piece.length <= 4 + 65_536));
    assert.ok(Buffer.concat(server.pieces.map((piece) => piece.subarray(4))).equals(PCAP));
    await server.until(() => told.find(([up]) => up));
    assert.deepEqual(link.status().counters, { connections: 1, requestsRefused: 0, eventsDropped: 0 });
  });
  await server.close();
});

test("an event waits on disk until base acknowledges it, over a lost connection and a restart", async () => {
  const server = new TestBase();
  server.acknowledges = false;
  const port = await server.listen();
  await withLink(port, "spool-2.json", async (link) => {
    await link.addEvent(OPENED);
    await server.untilType("event");
    server.socket?.terminate();
    await server.untilType("hello", 1);
    await server.untilType("event", 1);
  });
  server.acknowledges = true;
  server.heard.length = 0;
  await withLink(port, "spool-2.json", async (link, spool) => {
    assert.equal(link.status().spooled, 1);
    assert.deepEqual((await server.untilType("event")).event, OPENED);
    await server.until(() => (spool.current().events.length === 0 ? true : undefined));
  });
  await server.close();
});

test("a base that falls silent is found within half a minute, and phone-home is told that it is lost", async () => {
  const server = new TestBase();
  const port = await server.listen();
  /** Ten times as fast as nodeClock. */
  const clock: LinkPorts["clock"] = {
    nowMs: () => nodeClock.nowMs(),
    monotonicMs: () => nodeClock.monotonicMs() * 10,
    sleep: (durationMs, signal) => nodeClock.sleep(durationMs / 10, signal),
  };
  const ports = { clock };
  await withLink(
    port,
    "spool-3.json",
    async (link, _spool, told) => {
      await server.until(() => told.find(([up]) => up));
      await nodeClock.sleep(5_000, AbortSignal.timeout(60_000)); // fifty seconds with pongs: still up
      assert.equal(link.status().state, "up");
      assert.equal(server.peers.length, 1);
      server.answersPings = false;
      const silentAtMs = clock.monotonicMs();
      await server.until(() => (told.at(-1)?.[0] === false ? true : undefined));
      assert.ok(clock.monotonicMs() - silentAtMs < 60_000);
      await server.until(() => server.peers[1]);
    },
    sensor,
    ports,
  );
  await server.close();
});

test("a base with another authority's certificate is not talked to", async () => {
  const server = new TestBase();
  const port = await server.listen();
  await withLink(
    port,
    "spool-4.json",
    async (link, _spool, told) => {
      await server.until(() => told[0]);
      await nodeClock.sleep(1_500, AbortSignal.timeout(10_000));
      assert.equal(link.status().state, "baseSilent");
      assert.deepEqual([server.peers, server.heard, told.at(-1)?.[0]], [[], [], false]);
    },
    { ...sensor, authority: stranger.authority },
  );
  await server.close();
});
