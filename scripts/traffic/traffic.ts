import { closeSync, openSync } from "node:fs";
import { type Conversation, type Message, TcpConversation, UdpConversation } from "./conversation.ts";
import { DnsMessages } from "./dns-messages.ts";
import { type Ends, FrameWriter } from "./frame-writer.ts";
import { RandomStream } from "./random-stream.ts";
import { TlsMessages } from "./tls-messages.ts";
import { WebMessages } from "./web-messages.ts";

export interface TrafficOptions {
  readonly seed: number;
  /** No session begins any more once the file is this long; those that are open go on to their end. */
  readonly sizeBytes: number;
  readonly sessionsAtATime: number;
  /**
   * `mixed`: a third HTTP, two fifths TLS, the rest DNS; a frame has 735 octets in the mean. `small`: half HTTP, half DNS, in
   * as few and as short frames as can be.
   */
  readonly kind: "mixed" | "small";
  /** Mean time between two frames of one session. */
  readonly pauseMs: number;
}

/** What is in the file, counted when it was written. */
export interface TrafficCounts {
  readonly frames: number;
  /** Of frames. */
  readonly bytes: number;
  readonly sessions: number;
  readonly tcpSessions: number;
  readonly udpSessions: number;
  readonly httpRequests: number;
  readonly tlsHandshakes: number;
  readonly dnsQueries: number;
  /** From the first frame to the last. */
  readonly durationMs: number;
}

/** 2024-10-01 10:00 UTC. */
const START_US = 1_727_776_800_000_000;
const RECORD_HEADER_BYTES = 16;
const HOSTS = 64;
const CLIENTS = 1 << 14;
const SERVERS = 1 << 10;
const PORT_FIRST = 32_768;
const PORTS = 28_232;
/** Has no factor in common with PORTS: a client comes back to a port after all of them. */
const PORT_STEP = 7919;
const RESOLVERS = 4;
const IPV6_ONCE_IN = 10;

/** Writes a capture; the same options give the same octets. */
export function writeTraffic(path: string, options: TrafficOptions): TrafficCounts {
  const fd = openSync(path, "w");
  try {
    return writeFrames(fd, options);
  } finally {
    closeSync(fd);
  }
}

function writeFrames(fd: number, options: TrafficOptions): TrafficCounts {
  const random = new RandomStream(options.seed);
  const writer = new FrameWriter(fd, START_US);
  const sessions = new Sessions(random, options.kind);
  const open: Conversation[] = Array.from({ length: options.sessionsAtATime }, () => sessions.begin());
  const gapUs = (options.pauseMs * 1000) / options.sessionsAtATime;
  let exactUs = START_US;
  while (open.length > 0) {
    const at = random.below(open.length);
    const session = open[at] as Conversation;
    writer.timeUs = Math.floor(exactUs);
    exactUs += (2 * gapUs * random.below(1024)) / 1023;
    if (session.next(writer)) continue;
    if (writer.bytes + RECORD_HEADER_BYTES * writer.frames < options.sizeBytes) open[at] = sessions.begin();
    else {
      open[at] = open.at(-1) as Conversation;
      open.pop();
    }
  }
  writer.flush();
  return { ...sessions.counts(), frames: writer.frames, bytes: writer.bytes, durationMs: (exactUs - START_US) / 1000 };
}

class Sessions {
  readonly #random: RandomStream;
  readonly #isSmall: boolean;
  readonly #web: WebMessages;
  readonly #tls: TlsMessages;
  readonly #dns: DnsMessages;
  readonly #hosts: readonly string[];
  #tcp = 0;
  #udp = 0;

  constructor(random: RandomStream, kind: TrafficOptions["kind"]) {
    this.#random = random;
    this.#isSmall = kind === "small";
    this.#web = new WebMessages(random);
    this.#tls = new TlsMessages(random);
    this.#dns = new DnsMessages(random);
    this.#hosts = Array.from(
      { length: HOSTS },
      (_, i) => `shop-${i}.${random.pick(["web", "media", "cloud"])}.example`,
    );
  }

  begin(): Conversation {
    const random = this.#random;
    const server = random.below(SERVERS);
    const hostName = this.#hosts[server % HOSTS] as string;
    if (this.#isSmall)
      return random.isOnceIn(2)
        ? this.#resolve(hostName)
        : this.#connect(server, 80, this.#web.smallConnection(hostName));
    const share = random.below(15);
    if (share < 5) return this.#connect(server, 80, this.#web.connection(hostName));
    if (share < 11) return this.#connect(server, 443, this.#tls.connection(hostName));
    return this.#resolve(hostName);
  }

  counts() {
    return {
      sessions: this.#tcp + this.#udp,
      tcpSessions: this.#tcp,
      udpSessions: this.#udp,
      httpRequests: this.#web.requests,
      tlsHandshakes: this.#tls.handshakes,
      dnsQueries: this.#dns.queries,
    };
  }

  #connect(server: number, serverPort: number, messages: Iterable<Message>): Conversation {
    const ends = this.#endsOf(server, serverPort);
    this.#tcp++;
    return new TcpConversation(ends, messages, this.#random);
  }

  #resolve(hostName: string): Conversation {
    const ends = this.#endsOf(this.#random.below(RESOLVERS), 53);
    this.#udp++;
    return new UdpConversation(ends, this.#dns.exchange(hostName));
  }

  /** No two sessions have the same client and client port. */
  #endsOf(server: number, serverPort: number): Ends {
    const number = this.#tcp + this.#udp;
    const client = number % CLIENTS;
    const turn = Math.floor(number / CLIENTS);
    return {
      isIpv6: this.#random.isOnceIn(IPV6_ONCE_IN),
      client,
      server,
      clientPort: PORT_FIRST + ((turn * PORT_STEP + client * 613) % PORTS),
      serverPort,
    };
  }
}
