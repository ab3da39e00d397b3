import { ACK, FIN, LINKTYPE_RAW, PSH, RST, SYN, tcpPacket, udpPacket } from "../support/ip-packets.ts";
import { capturedSessions } from "./captured-sessions.ts";
import { AGAIN, chunksOf, END, LATE, LOST, portsOf, RESET, SIDE } from "./dialogue.ts";
import { EngineRun } from "./engine-run.ts";
import { http2Dialogues } from "./http2-dialogue.ts";
import type { Target } from "./target.ts";

const IP_TCP = 6;
const IP_UDP = 17;
const ADDRESSES = ["10.0.0.9", "10.0.0.1"] as const;
const START = 1_700_000_000;
/** Sequence numbers wrap early in one direction. */
const FIRST_SEQUENCES: readonly [number, number] = [0xffff_fe00, 1000];
const AGAIN_MAX_BYTES = 100;
const DATAGRAM_MAX_BYTES = 65_000;
const NOTHING = new Uint8Array(0);

/** Sends dialogues through an engine, each as a session of its own that ends with it. */
class Speaker {
  readonly #run = new EngineRun();
  #second = START;

  tcp(input: Uint8Array): void {
    const ports = portsOf(input);
    const next = [...FIRST_SEQUENCES];
    const send = (side: number, flags: number, sequence: number, payload: Uint8Array) =>
      this.#frame(tcpPacket({ ...endsOf(side, ports), flags, sequence, payload }));
    send(0, SYN, FIRST_SEQUENCES[0] - 1, NOTHING);
    let late: (() => void) | undefined;
    for (const { how, bytes } of chunksOf(input)) {
      const side = how & SIDE;
      const sequence = (next[side] as number) + sequenceStep(how, bytes.length);
      next[side] = sequence + bytes.length;
      const chunk = () => send(side, ACK | PSH | endFlags(how), sequence, bytes);
      if ((how & LATE) !== 0 && late === undefined) late = chunk;
      else {
        chunk();
        late?.();
        late = undefined;
      }
    }
    late?.();
    this.#run.finish();
  }

  udp(input: Uint8Array): void {
    const ports = portsOf(input);
    for (const { how, bytes } of chunksOf(input))
      this.#frame(udpPacket({ ...endsOf(how & SIDE, ports), payload: bytes.subarray(0, DATAGRAM_MAX_BYTES) }));
    this.#run.finish();
  }

  #frame(packet: Uint8Array): void {
    this.#second++;
    this.#run.engine.frame(packet, 0, packet.length, packet.length, this.#second, 0, LINKTYPE_RAW);
  }
}

function sequenceStep(how: number, lengthBytes: number): number {
  if ((how & LOST) !== 0) return lengthBytes;
  return (how & AGAIN) === 0 ? 0 : -Math.min(lengthBytes >> 1, AGAIN_MAX_BYTES);
}

function endFlags(how: number): number {
  return ((how & END) === 0 ? 0 : FIN) | ((how & RESET) === 0 ? 0 : RST);
}

function endsOf(side: number, ports: readonly [number, number]) {
  const other = 1 - side;
  return {
    from: ADDRESSES[side] as string,
    fromPort: ports[side] as number,
    to: ADDRESSES[other] as string,
    toPort: ports[other] as number,
  };
}

export const sessionTargets: readonly Target[] = [
  {
    name: "tcp",
    seeds: () => capturedSessions(IP_TCP),
    dictionary: [
      "GET / HTTP/1.1\r\n",
      "HTTP/1.1 200 OK\r\n",
      "Transfer-Encoding: chunked\r\n",
      "Content-Length: 5\r\n",
      "\r\n\r\n",
      "CONNECT a:443 HTTP/1.1\r\n\r\n",
      "Upgrade: h2c\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\x16\x03\x01",
      "\x16\x03\x03",
      "SSH-2.0-x\r\n",
      "\x05\x01\x00",
      "PROXY TCP4 10.0.0.2 10.0.0.1 40000 80\r\n",
      "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c",
    ],
    start: () => {
      const speaker = new Speaker();
      return (input) => speaker.tcp(input);
    },
  },
  {
    name: "http2",
    seeds: http2Dialogues,
    dictionary: [
      "\x00\x00\x03\x01\x05\x00\x00\x00\x07",
      "\x82\x86\x84",
      "\x3f\xe1\x1f",
      "\x40\x84",
      "PRI * HTTP/2.0\r\n",
    ],
    start: () => {
      const speaker = new Speaker();
      return (input) => speaker.tcp(input);
    },
  },
  {
    name: "udp",
    seeds: () => capturedSessions(IP_UDP),
    dictionary: ["\x16\xfe\xfd", "\xc0\x00\x00\x00\x01", "Q046", "CHLO", "M-SEARCH * HTTP/1.1\r\n", "\x38\x00"],
    start: () => {
      const speaker = new Speaker();
      return (input) => speaker.udp(input);
    },
  },
];
