import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Names in the folder of a run; the file of standard output is `/dev/null` in the rounds that are timed. */
export const OUTPUT = { stdout: "stdout", stderr: "stderr", folder: "output" } as const;

/** Paths as the program sees them. */
export interface Places {
  readonly capture: string;
  /** An empty folder. */
  readonly output: string;
  /** On loopback, UDP; it drops what comes. */
  readonly collectorPort: number;
}

export interface Contestant {
  readonly name: string;
  /** The Debian package that it is in; undefined for ours. */
  readonly package: string | undefined;
  /** What it is asked to do. */
  readonly job: string;
  /** So many rounds are enough for one that takes long. */
  readonly roundsMost: number;
  readonly command: (places: Places) => readonly string[];
  /** What it says that it found, in an untimed run; `folder` holds the files of OUTPUT. */
  readonly found: (folder: string) => Readonly<Record<string, number>>;
}

const textOf = (folder: string, name: string) => readFileSync(join(folder, name), "utf8");
const bothOf = (folder: string) => textOf(folder, OUTPUT.stdout) + textOf(folder, OUTPUT.stderr);
/** Throws when it isn't there: a program that did not do its job is not in the table. */
function numberIn(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`no ${pattern} in ${text.slice(-1000)}`);
  return Number(found);
}

const linesOf = (text: string) => text.split("\n").length - 1;
const occurrences = (text: string, part: string) => text.split(part).length - 1;

/** Ours: every analysis in one pass, every record printed. */
export function sensorContestant(sensor: string, workers: number): Contestant {
  return {
    name: `cepa-sensor, ${workers === 1 ? "1 worker" : `${workers} workers`}`,
    package: undefined,
    job: "sessions with randomness and verdict, requests with status, handshakes, alarms",
    roundsMost: Number.POSITIVE_INFINITY,
    command: ({ capture }) => [sensor, "read", "--json", "--workers", String(workers), capture],
    found: (folder) => {
      const stats = JSON.parse(textOf(folder, OUTPUT.stdout).trimEnd().split("\n").at(-1) ?? "");
      const { frames, sessions, httpRequests, handshakes, alarms } = stats as Record<string, number>;
      return { frames, sessions, requests: httpRequests, handshakes, alarms } as Record<string, number>;
    },
  };
}

/** The one that the others are compared with. */
export const BASELINE = "httpry";

/** Each does its own job, as fully as its options allow. */
export const PEERS: readonly Contestant[] = [
  {
    name: "tcpdump",
    package: "tcpdump",
    job: "copies the file into memory (tmpfs)",
    roundsMost: Number.POSITIVE_INFINITY,
    command: ({ capture, output }) => ["tcpdump", "-r", capture, "-w", `${output}/copy.pcap`],
    found: (folder) => ({ octets: statSync(join(folder, OUTPUT.folder, "copy.pcap")).size }),
  },
  {
    name: "httpry",
    package: "httpry",
    job: "requests and responses, packet by packet",
    roundsMost: Number.POSITIVE_INFINITY,
    command: ({ capture }) => ["httpry", "-r", capture, "-o", "/dev/null"],
    found: (folder) => ({
      "requests and responses": numberIn(bothOf(folder), /(\d+) http packets parsed/),
    }),
  },
  {
    name: "urlsnarf",
    package: "dsniff",
    job: "requests of streams (IPv4; its library follows some 800 at a time)",
    roundsMost: Number.POSITIVE_INFINITY,
    command: ({ capture }) => ["urlsnarf", "-n", "-p", capture],
    found: (folder) => ({ requests: linesOf(textOf(folder, OUTPUT.stdout)) }),
  },
  {
    name: "softflowd",
    package: "softflowd",
    job: "flows, exported as NetFlow v9",
    roundsMost: Number.POSITIVE_INFINITY,
    // Its table holds 8192 flows unless told; with more sessions at a time than that it exports what goes on still.
    command: ({ capture, collectorPort }) => [
      ...["softflowd", "-d", "-r", capture, "-v", "9", "-m", "1000000", "-n", `127.0.0.1:${collectorPort}`],
    ],
    found: (folder) => ({ "flows, both ways": numberIn(bothOf(folder), /Flows exported: (\d+)/) }),
  },
  {
    name: "nfpcapd",
    package: "nfdump",
    job: "flows, written as files",
    roundsMost: Number.POSITIVE_INFINITY,
    command: ({ capture, output }) => ["nfpcapd", "-r", capture, "-w", output],
    found: (folder) => ({
      "flows, one way": numberIn(bothOf(folder), /Ident: 'none' Flows: (\d+)/),
    }),
  },
  {
    name: "suricata",
    package: "suricata",
    job: "-k none, no rules: flows, HTTP, TLS, DNS into eve.json",
    roundsMost: 2,
    command: ({ capture, output }) => ["suricata", "-k", "none", "-r", capture, "-l", output, "-S", "/dev/null"],
    found: (folder) => {
      const events = textOf(join(folder, OUTPUT.folder), "eve.json");
      const count = (type: string) => occurrences(events, `"event_type":"${type}"`);
      return { flows: count("flow"), requests: count("http"), handshakes: count("tls") };
    },
  },
  {
    name: "tshark",
    package: "tshark",
    job: "requests, four fields each",
    roundsMost: 1,
    command: ({ capture }) => [
      ...["tshark", "-n", "-r", capture, "-Y", "http.request", "-T", "fields"],
      ...["ip.src", "http.request.method", "http.host", "http.request.uri"].flatMap((field) => ["-e", field]),
    ],
    found: (folder) => ({ requests: linesOf(textOf(folder, OUTPUT.stdout)) }),
  },
];
