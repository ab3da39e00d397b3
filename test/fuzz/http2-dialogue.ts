import { bytesOf } from "../support/decode-hex.ts";
import { encodeDialogue } from "./dialogue.ts";
import { latin1 } from "./octets.ts";

const PORTS = [40_000, 80] as const;
const PREFACE = latin1("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Frames of a client and of a server, with header blocks of RFC 7541, appendix C, and one that CONTINUATION ends. */
const CLIENT = bytesOf(`
  000006 04 00 00000000 000100001000
  000011 01 05 00000001 828684418cf1e3c2e5f23a6ba0ab90f4ff
  00000c 01 01 00000003 828684be5886a8eb10649cbf
  000003 09 04 00000003 828785
  000006 01 2c 00000005 00 00000000 10
  000004 03 00 00000005 00000008
  000005 00 01 00000001 6162636465`);
const SERVER = bytesOf(`
  000000 04 00 00000000
  000036 01 04 00000001 488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3
  000008 05 04 00000001 00000002 828684be
  000004 01 0c 00000002 01 88be 00
  000008 07 00 00000000 0000000500000000`);
const UPGRADE = latin1("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\n");
const SWITCH = latin1("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n");

/** HTTP/2 by prior knowledge, by upgrade, and met midway. */
export function http2Dialogues(): Uint8Array[] {
  const client = (bytes: Uint8Array) => ({ how: 0, bytes });
  const server = (bytes: Uint8Array) => ({ how: 1, bytes });
  const frames = [client(CLIENT), server(SERVER)];
  return [
    encodeDialogue(PORTS, [client(PREFACE), ...frames]),
    encodeDialogue(PORTS, [client(UPGRADE), server(SWITCH), client(PREFACE), ...frames]),
    encodeDialogue(PORTS, frames),
  ];
}
