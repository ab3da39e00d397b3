import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import { listCaptures, parseRecords, requestsOf, runSensor, sessionsOf } from "../support/read-captures.ts";
import { readFlowsByTshark, type TsharkFlow } from "../support/tshark.ts";

const folder = mkdtempSync(join(tmpdir(), "cepa-read-"));
after(() => rmSync(folder, { recursive: true }));

const OFFICE = join(import.meta.dirname, "../captures/office-minute/input.pcap");
const OFFICE_FRAMES = 1143;
const TCP = 6;
const UDP = 17;

for (const { name, path } of listCaptures()) {
  test(`packets and octets of every TCP and UDP session are tshark's: ${name}`, async () => {
    const { status, stdout } = runSensor(["read", "--json", path]);
    assert.equal(status, 0);
    const flows = new Map<string, TsharkFlow>();
    const add = (key: string, packets: number, ipBytes: number) => {
      const flow = flows.get(key) ?? { packets: 0, ipBytes: 0 };
      if (packets > 0) flows.set(key, { packets: flow.packets + packets, ipBytes: flow.ipBytes + ipBytes });
    };
    for (const s of sessionsOf(parseRecords(stdout))) {
      if (s.proto !== TCP && s.proto !== UDP) continue;
      const source = `${s.src_ip} ${s.src_port}`;
      const destination = `${s.dst_ip} ${s.dst_port}`;
      add(`${s.proto} ${source} > ${destination}`, s.src_pkts, s.src_bytes);
      add(`${s.proto} ${destination} > ${source}`, s.dst_pkts, s.dst_bytes);
    }
    const sorted = (map: Map<string, TsharkFlow>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    assert.deepEqual(sorted(flows), sorted(await readFlowsByTshark(path)));
  });

  test(`HTTP requests are tshark's: ${name}`, async () => {
    const { stdout } = runSensor(["read", "--json", path]);
    const ports = ["tcp.srcport", "udp.srcport", "tcp.dstport", "udp.dstport"];
    const fields = [...ports, "http.request.method", "http.request.uri"];
    const { stdout: shown } = await nodeExec(
      "tshark",
      ["-n", "-r", path, "-Y", "http.request", "-T", "fields", ...fields.flatMap((field) => ["-e", field])],
      AbortSignal.timeout(60_000),
    );
    const expected = shown
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [tcpSource, udpSource, tcpDestination, udpDestination, ...request] = line.split("\t");
        return [tcpSource || udpSource, tcpDestination || udpDestination, ...request].join("\t");
      });
    const found = requestsOf(parseRecords(stdout)).map((r) => [r.src_port, r.dst_port, r.method, r.uri].join("\t"));
    assert.deepEqual(found.sort(), expected.sort());
  });
}

test("the records of a run add up to its stats, which come last", () => {
  const records = parseRecords(runSensor(["read", "--json", OFFICE]).stdout);
  const last = records.at(-1);
  assert.equal(last?.type, "stats");
  assert.deepEqual(
    { frames: last.frames, sessions: last.sessions, httpRequests: last.httpRequests, truncated: last.truncated },
    {
      frames: OFFICE_FRAMES,
      sessions: sessionsOf(records).length,
      httpRequests: requestsOf(records).length,
      truncated: 0,
    },
  );
});

test("a file cut in the middle of a frame: what was whole, stats, status 1", () => {
  const cut = join(folder, "cut.pcap");
  writeFileSync(cut, readFileSync(OFFICE).subarray(0, 300_000));
  const { status, stdout, stderr } = runSensor(["read", "--json", cut]);
  const last = parseRecords(stdout).at(-1);
  assert.equal(status, 1);
  assert.match(stderr, /cut\.pcap: damaged: octet \d+: the file ends within a record/);
  assert.ok(last?.type === "stats" && (last.frames ?? 0) > 400 && (last.frames ?? 0) < OFFICE_FRAMES);
});

test("nothing that can be read: status 2, and no records", () => {
  const garbage = join(folder, "garbage");
  writeFileSync(garbage, "no capture at all, but long enough for any header to fit into it\n");
  for (const [args, message] of [
    [["read", "--json", garbage], /garbage: neither pcap nor pcapng/],
    [["read", "--json", join(folder, "absent")], /no such file/],
    [["read", "--json"], /which file/],
    [["read", "--json", "--filter", "no such thing", OFFICE], /--filter: /],
  ] as const) {
    const { status, stdout, stderr } = runSensor(args);
    assert.deepEqual({ status, stdout }, { status: 2, stdout: "" });
    assert.match(stderr, message);
  }
});

test("the same frames from standard input, from pcapng and in nanoseconds give the same records", async () => {
  const expected = runSensor(["read", "--json", OFFICE]).stdout;
  assert.equal(runSensor(["read", "--json", "-"], readFileSync(OFFICE)).stdout, expected);
  for (const format of ["pcapng", "nsecpcap"]) {
    const converted = join(folder, `office.${format}`);
    await nodeExec("editcap", ["-F", format, OFFICE, converted], AbortSignal.timeout(60_000));
    assert.equal(runSensor(["read", "--json", converted]).stdout, expected, format);
  }
});

test("what only libpcap knows is read by libpcap", async () => {
  const modified = join(folder, "office.modpcap");
  await nodeExec("editcap", ["-F", "modpcap", OFFICE, modified], AbortSignal.timeout(60_000));
  assert.equal(runSensor(["read", "--json", modified]).stdout, runSensor(["read", "--json", OFFICE]).stdout);
});

test("a BPF filter lets the same frames through as tcpdump's", async () => {
  for (const filter of ["tcp port 80", "ip6 and udp", "not ip"]) {
    const chosen = join(folder, "chosen.pcap");
    await nodeExec("tcpdump", ["-r", OFFICE, "-w", chosen, filter], AbortSignal.timeout(60_000));
    assert.equal(
      runSensor(["read", "--json", "--filter", filter, OFFICE]).stdout,
      runSensor(["read", "--json", chosen]).stdout,
      filter,
    );
  }
});

test("several files are one capture", async () => {
  const parts = join(folder, "part.pcap");
  await nodeExec("editcap", ["-F", "pcap", "-c", "400", OFFICE, parts], AbortSignal.timeout(60_000));
  const { stdout: listed } = await nodeExec("find", [folder, "-name", "part_*"], AbortSignal.timeout(60_000));
  const files = listed.trim().split("\n").sort();
  assert.equal(files.length, 3);
  assert.equal(runSensor(["read", "--json", ...files]).stdout, runSensor(["read", "--json", OFFICE]).stdout);
});

test("for people: a line for each record, and no control characters", () => {
  const { status, stdout } = runSensor(["read", OFFICE]);
  assert.equal(status, 0);
  assert.match(stdout, /tcp +192\.168\.100\.67:57635 +69\.16\.175\.42:443 +49\/90 .*encrypted\/encrypted +TLS\n/);
  assert.match(stdout, /\n1143 frames, \d+ octets, \d+ sessions/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none
  assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\x7f]/);
});
