import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { HandshakeRecord, HttpRecord } from "../appliance/session/record.ts";
import { type Evidence, type FactName, findEvidence } from "./beyond/evidence.ts";
import { REASONS, SSDP } from "./beyond/reasons.ts";
import { readStreams } from "./beyond/streams.ts";

/**
 * `node scripts/beyond.ts [--sensor PROGRAM] [--shared FOLDER] [--docs FOLDER]`: every fact that the sensor reports of the captures in
 * FOLDER/captures and that the answers there lack, as the measuring programs of FOLDER/score print them, with the octets that prove
 * it, into docs/BEYOND.md. Fails where no octets prove one, or nobody has looked at it.
 */
const PROJECT = join(import.meta.dirname, "..");
const OUTPUT_MAX_BYTES = 1 << 30;
const TRANSPORTS: readonly number[] = [6, 17];
const SSDP_PORT = 1900;

/** A fact that the score counts as one beyond the answers. */
interface Fact {
  readonly folder: string;
  readonly capture: string;
  readonly name: FactName;
  readonly value: string;
  readonly session: Session;
}

/** `source` is the client. */
interface Session {
  /** Numbers of IP's protocol; a request's record doesn't say. */
  readonly protocols: readonly number[];
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

type AnyRecord = HandshakeRecord | HttpRecord;

const INTRODUCTION = `# Beyond the answers

What the sensor reports of real captures and the answers don't have that it is measured against (\`make score\`): facts of handshakes
that tshark 4.4.19 doesn't show, and requests that none of httpry, urlsnarf, tshark, Suricata and Zeek found. The score doesn't
count them for the sensor; here each stands with the frame where it begins and the first octets of it, so that anybody can look.
JA4 and HASSH are digests: the octets are those of the hello, and of the lists of names. Frames count from 1, in the capture.

\`make beyond\` writes this from \`../shared/captures\` and \`../shared/score\`, and fails where no octets prove a fact or nobody has
looked at it (\`scripts/beyond/reasons.ts\`).`;

const { values } = parseArgs({
  options: {
    sensor: { type: "string", default: join(PROJECT, "dist/cepa-sensor") },
    shared: { type: "string", default: join(PROJECT, "../shared") },
    docs: { type: "string", default: join(PROJECT, "docs") },
  },
});
process.exitCode = main(resolve(values.sensor), resolve(values.shared), values.docs);

function main(sensor: string, shared: string, docs: string): number {
  if (!existsSync(join(shared, "score")))
    return complain(`there is nothing to measure with: ${shared}/score is not there`);
  if (!existsSync(sensor)) return complain(`${sensor} is not there: \`make sensor\` builds it`);
  const handshakes = ["http-dev", "enc-dev"].map((folder) => listFacts("handshake", folder, sensor, shared));
  const requests = listFacts("http", "http-dev", sensor, shared);
  const facts = [...handshakes.flat(), ...requests];
  const proofs = new Map(facts.map((fact) => [fact, prove(fact, shared)]));
  const sections = [
    "## Handshakes",
    `${handshakes[0]?.length} facts on http-dev, ${handshakes[1]?.length} on enc-dev; what both folders have stands here once.`,
    ...renderSections(withoutRepetition(handshakes.flat()), proofs),
    "## HTTP requests",
    `${requests.length} requests on http-dev.`,
    ...renderSections(requests, proofs),
  ];
  writeFileSync(join(docs, "BEYOND.md"), `${[INTRODUCTION, ...sections].join("\n\n")}\n`);
  let status = 0;
  for (const fact of facts) {
    const at = `${fact.folder}/${fact.capture}: ${fact.name} ${fact.value}`;
    if (proofs.get(fact) === undefined) status = complain(`${at}: no octets prove it`);
    if (reasonOf(fact) === undefined) status = complain(`${at}: nobody has looked at it`);
  }
  return status;
}

/** What the measuring program prints as beyond the answers. */
function listFacts(program: "handshake" | "http", folder: string, sensor: string, shared: string): Fact[] {
  const args = ["--sensor", sensor, "--captures", join(shared, "captures", folder), "--extras", "100000"];
  const run = spawnSync(process.execPath, [join(shared, `score/${program}.mjs`), ...args], {
    encoding: "utf8",
    maxBuffer: OUTPUT_MAX_BYTES,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (run.status !== 0) throw new Error(`${program}.mjs on ${folder}: status ${run.status}`);
  const rows = run.stdout.split("\n").filter((line) => line.startsWith("extra\t"));
  const records = new Map<string, AnyRecord[]>();
  return rows.map((line) => {
    const [, capture = "", ...columns] = line.split("\t");
    const known = records.get(capture) ?? readRecords(sensor, join(shared, "captures", folder, capture));
    records.set(capture, known);
    const found = program === "http" ? requestOf(known, columns) : factOf(known, columns);
    if (found === undefined) throw new Error(`${folder}/${capture}: no record for ${columns.join(" ")}`);
    return { folder, capture, ...found };
  });
}

function readRecords(sensor: string, file: string): AnyRecord[] {
  const run = spawnSync(sensor, ["read", "--json", file], { encoding: "utf8", maxBuffer: OUTPUT_MAX_BYTES });
  return run.stdout
    .split("\n")
    .filter((line) => line.startsWith('{"type":"handshake"') || line.startsWith('{"type":"http"'))
    .map((line) => JSON.parse(line) as AnyRecord);
}

/** Protocol, both ends in the order of their text, name, value. */
function factOf(
  records: readonly AnyRecord[],
  columns: readonly string[],
): Pick<Fact, "name" | "value" | "session"> | undefined {
  const [proto, one, other, name = "", value = ""] = columns;
  const record = records.find(
    (r) =>
      r.type === "handshake" &&
      String(r.proto) === proto &&
      [`${r.src_ip} ${r.src_port}`, `${r.dst_ip} ${r.dst_port}`].sort().join() === [one, other].join() &&
      valuesOf(r, name).includes(value),
  );
  return record && { name: name as FactName, value, session: sessionOf(record) };
}

function valuesOf(record: HandshakeRecord, name: string): readonly (string | null)[] {
  if (name === "banner") return [record.client_banner, record.server_banner].map((banner) => banner?.trim() ?? null);
  if (name === "cert_serial")
    return [record.cert_serial, record.client_cert_serial].map((serial) => serial?.replace(/^0+/, "") ?? null);
  return [record[name as "sni" | "version" | "cipher" | "ja4" | "hassh" | "hassh_server"]];
}

/** Both ends, method, target with what may be escaped as "?". */
function requestOf(
  records: readonly AnyRecord[],
  columns: readonly string[],
): Pick<Fact, "name" | "value" | "session"> | undefined {
  const [source, sourcePort, destination, destinationPort, method, target = ""] = columns;
  const record = records.find(
    (r) =>
      r.type === "http" &&
      [r.src_ip, r.src_port, r.dst_ip, r.dst_port, r.method].join() ===
        [source, sourcePort, destination, destinationPort, method].join() &&
      r.uri.replace(/[^\x21-\x7e]/g, "?").endsWith(target),
  );
  return record?.type === "http"
    ? { name: "request", value: `${record.method} ${record.uri}`, session: sessionOf(record) }
    : undefined;
}

function sessionOf(record: AnyRecord): Session {
  const { src_ip, src_port, dst_ip, dst_port } = record;
  const protocols = record.type === "handshake" ? [record.proto] : TRANSPORTS;
  return { protocols, source: src_ip, sourcePort: src_port, destination: dst_ip, destinationPort: dst_port };
}

function prove({ folder, capture, name, value, session: s }: Fact, shared: string): Evidence | undefined {
  const there = s.protocols.map((p) => `${p} ${s.source} ${s.sourcePort} > ${s.destination} ${s.destinationPort}`);
  const back = s.protocols.map((p) => `${p} ${s.destination} ${s.destinationPort} > ${s.source} ${s.sourcePort}`);
  const streams = readStreams(join(shared, "captures", folder, capture), new Set([...there, ...back]));
  const firstOf = (tuples: readonly string[]) => streams.get(tuples.find((tuple) => streams.has(tuple)) ?? "");
  return findEvidence(name, value, firstOf(there), firstOf(back));
}

function reasonOf({ capture, name, session }: Fact): string | undefined {
  if (name === "request" && session.destinationPort === SSDP_PORT) return SSDP;
  return REASONS.find((r) => r.capture === capture && (r.port === undefined || r.port === session.sourcePort))?.why;
}

function withoutRepetition(facts: readonly Fact[]): Fact[] {
  const keyOf = (fact: Fact) => JSON.stringify([fact.capture, fact.name, fact.value, fact.session]);
  return [...new Map(facts.toReversed().map((fact) => [keyOf(fact), fact])).values()].reverse();
}

/** A section for each reason, in the order in which they first occur. */
function renderSections(facts: readonly Fact[], proofs: ReadonlyMap<Fact, Evidence | undefined>): string[] {
  const reasons = Map.groupBy(facts, (fact) => reasonOf(fact) ?? "Nobody has looked at these.");
  return [...reasons].flatMap(([why, list]) => [
    why,
    [
      "| capture | frame | from the client to the server | fact | value | octets |",
      "| --- | ---: | --- | --- | --- | --- |",
      ...list.map((fact) => renderRow(fact, proofs.get(fact))),
    ].join("\n"),
  ]);
}

function renderRow({ folder, capture, name, value, session: s }: Fact, proof: Evidence | undefined): string {
  const ends = `${renderEnd(s.source, s.sourcePort)} → ${renderEnd(s.destination, s.destinationPort)}`;
  const cells = [
    `${folder}/${capture}`,
    proof?.frame ?? "?",
    ends,
    name,
    code(value),
    proof === undefined ? "?" : code(proof.octets),
  ];
  return `| ${cells.join(" | ")} |`;
}

function renderEnd(address: string, port: number): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

function complain(message: string): number {
  process.stderr.write(`beyond: ${message}\n`);
  return 1;
}
