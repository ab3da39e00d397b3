import assert from "node:assert/strict";
import { test } from "node:test";
import { Engine } from "../../../../appliance/session/engine.ts";
import type { HandshakeRecord } from "../../../../appliance/session/record.ts";
import { DEFAULT_SENSOR_CONFIG } from "../../../../core/contract/sensor-config.ts";
import { LINKTYPE_RAW, octetsOf, tcpPacket } from "../../../support/ip-packets.ts";
import { bytesOf, clientHelloBody, concat, message, record, serverName } from "../handshake/hello-bytes.ts";

const CLIENT = { from: "10.0.0.9", fromPort: 40_000, to: "10.0.0.1", toPort: 1080 };
const SERVER = { from: "10.0.0.1", fromPort: 1080, to: "10.0.0.9", toPort: 40_000 };
const CLIENT_HELLO = record(
  22,
  message(1, clientHelloBody({ version: 0x0303, cipherSuites: [0xc02f], extensions: [serverName("box.example")] })),
);
const SERVER_HELLO = record(
  22,
  concat(
    message(2, concat(bytesOf("0303"), new Uint8Array(32), bytesOf("00 c02f 00"))),
    message(14, new Uint8Array(0)),
  ),
);
/** MS-TDS, section 2.2.3.1: PRELOGIN, last packet of its message. */
const prelogin = (content: Uint8Array) => concat(Uint8Array.of(18, 1, 0, 8 + content.length, 0, 0, 1, 0), content);
const OPTIONS = bytesOf("00 000b 0006 01 0011 0001 ff 0f0007d00000 01");

type Segment = readonly [ends: typeof CLIENT, payload: Uint8Array | string];

/** What comes before both hellos. */
const BEFORE: readonly (readonly [name: string, segments: readonly Segment[]])[] = [
  ["nothing", []],
  [
    "SOCKS 4", // Koblas, "SOCKS: A protocol for TCP proxy across firewalls"
    [
      [CLIENT, "\x04\x01\x01\xbb\xc0\0\x02\x01user\0"],
      [SERVER, "\0\x5a\0\0\0\0\0\0"],
    ],
  ],
  [
    "SOCKS 4a", // Lee, "SOCKS 4A: A Simple Extension to SOCKS 4 Protocol"
    [
      [CLIENT, "\x04\x01\x01\xbb\0\0\0\x01user\0box.example\0"],
      [SERVER, "\0\x5a\0\0\0\0\0\0"],
    ],
  ],
  [
    "SOCKS 5, a name", // RFC 1928
    [
      [CLIENT, "\x05\x01\0"],
      [SERVER, "\x05\0"],
      [CLIENT, "\x05\x01\0\x03\x0bbox.example\x01\xbb"],
      [SERVER, "\x05\0\0\x01\0\0\0\0\0\0"],
    ],
  ],
  [
    "SOCKS 5, a user and IPv6", // RFC 1929
    [
      [CLIENT, "\x05\x02\0\x02"],
      [SERVER, "\x05\x02"],
      [CLIENT, "\x01\x04user\x06secret"],
      [SERVER, "\x01\0"],
      [CLIENT, concat(bytesOf("05 01 00 04"), new Uint8Array(16).fill(0x20), bytesOf("01bb"))],
      [SERVER, "\x05\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"],
    ],
  ],
  [
    "CONNECT", // RFC 9110, section 9.3.6
    [
      [CLIENT, "CONNECT box.example:443 HTTP/1.1\r\n\r\n"],
      [SERVER, "HTTP/1.1 200 OK\r\n\r\n"],
    ],
  ],
  [
    "STARTTLS of SMTP", // RFC 3207
    [
      [SERVER, "220 box.example ESMTP\r\n"],
      [CLIENT, "STARTTLS\r\n"],
      [SERVER, "220 go ahead\r\n"],
    ],
  ],
  [
    "SSLRequest of PostgreSQL", // its manual, "Message Formats"
    [
      [CLIENT, bytesOf("00000008 04d2162f")],
      [SERVER, "S"],
    ],
  ],
  [
    "RDP's negotiation", // MS-RDPBCGR, section 2.2.1.1
    [
      [CLIENT, bytesOf("0300001302e000000000000100080003000000")],
      [SERVER, bytesOf("0300001302d00000123400020f080002000000")],
    ],
  ],
];
const CASES: readonly (readonly [name: string, segments: readonly Segment[]])[] = [
  ...BEFORE.map(([name, segments]): readonly [string, readonly Segment[]] => [
    `behind ${name}`,
    [...segments, [CLIENT, CLIENT_HELLO], [SERVER, SERVER_HELLO]],
  ]),
  [
    "in packets of SQL Server's protocol",
    [
      [CLIENT, prelogin(OPTIONS)],
      [SERVER, prelogin(OPTIONS).fill(4, 0, 1)],
      [CLIENT, prelogin(CLIENT_HELLO)],
      [SERVER, prelogin(SERVER_HELLO)],
    ],
  ],
  [
    "in packets of SQL Server's protocol, each header a segment of its own",
    [
      [CLIENT, prelogin(OPTIONS)],
      [SERVER, prelogin(OPTIONS).fill(4, 0, 1)],
      [CLIENT, prelogin(CLIENT_HELLO).subarray(0, 8)],
      [CLIENT, CLIENT_HELLO],
      [SERVER, prelogin(SERVER_HELLO).subarray(0, 8)],
      [SERVER, SERVER_HELLO],
    ],
  ],
];

for (const [name, segments] of CASES)
  test(`Engine: TLS ${name}`, () => {
    const records: HandshakeRecord[] = [];
    const nothing = () => {};
    const engine = new Engine(
      DEFAULT_SENSOR_CONFIG,
      { session: nothing, http: nothing, handshake: (one) => records.push(one), alarm: nothing },
      { seed: new Uint8Array(16), sensor: "", firstId: 1 },
    );
    const next = new Map([
      [CLIENT, 1],
      [SERVER, 1],
    ]);
    for (const [ends, payload] of segments) {
      const sequence = next.get(ends) ?? 1;
      const packet = tcpPacket({ ...ends, sequence, payload });
      engine.frame(packet, 0, packet.length, packet.length, 1_700_000_000, 0, LINKTYPE_RAW, -1);
      next.set(ends, sequence + octetsOf(payload).length);
    }
    engine.finish();
    assert.deepEqual(
      records.map(({ protocol, src_ip, dst_port, sni, version, cipher }) => [
        protocol,
        src_ip,
        dst_port,
        sni,
        version,
        cipher,
      ]),
      [["TLS", CLIENT.from, CLIENT.toPort, "box.example", "0x0303", "0xc02f"]],
    );
  });
