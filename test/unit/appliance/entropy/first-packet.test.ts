import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FIRST_BITS_BIASED,
  FIRST_MOSTLY_PRINTABLE,
  FIRST_PRINTABLE_RUN,
  FIRST_STARTS_PRINTABLE,
  FIRST_TLS_OR_HTTP,
  gfwFirstPacket,
} from "../../../../appliance/entropy/first-packet.ts";

/** Four bits are set in each, none is printable. */
const EVEN = [0x87, 0xe1, 0xd2, 0x93, 0x8b];
const even = (length: number) => Array.from({ length }, (_, i) => EVEN[i % EVEN.length] as number);
/** Printable, four bits set. */
const letters = (length: number) => new Array<number>(length).fill(0x55);
const text = (line: string) => [...Buffer.from(line)];

const CASES: readonly (readonly [string, readonly number[], number])[] = [
  ["as many ones as zeros, nothing printable: blocked", even(100), 0],
  ["17 of 5 octets: 3.4 bits", [0x87, 0xe1, 0x93, 0xd2, 0x80], FIRST_BITS_BIASED],
  ["18 of 5 octets: 3.6 bits", [0x87, 0xe1, 0x93, 0xd2, 0x81], 0],
  ["23 of 5 octets: 4.6 bits", [0x87, 0xe1, 0x93, 0xd2, 0xfe], FIRST_BITS_BIASED],
  ["22 of 5 octets: 4.4 bits", [0x87, 0xe1, 0x93, 0xd2, 0xf9], 0],
  ["five printable octets first", [...letters(5), ...even(100)], 0],
  ["six printable octets first", [...letters(6), ...even(100)], FIRST_STARTS_PRINTABLE],
  ["six printable octets, not first", [...even(1), ...letters(6), ...even(100)], 0],
  ["half are printable", Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 0x87 : 0x55)), 0],
  [
    "more than half are printable",
    [...Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 0x87 : 0x55)), 0x55],
    FIRST_MOSTLY_PRINTABLE,
  ],
  ["20 printable octets in a row", [...even(50), ...letters(20), ...even(50)], 0],
  ["21 printable octets in a row", [...even(50), ...letters(21), ...even(50)], FIRST_PRINTABLE_RUN],
  ["21 printable octets in two runs", [...even(50), ...letters(10), 0x87, ...letters(11), ...even(50)], 0],
  ["the first and the last printable", [...even(50), 0x20, 0x7e, 0x1f, 0x7f, ...even(50)], 0],
  ["TLS, handshake", [0x16, 3, 1, ...even(100)], FIRST_TLS_OR_HTTP],
  ["TLS, data, the last version", [0x17, 3, 9, ...even(100)], FIRST_TLS_OR_HTTP],
  ["a later version than TLS has", [0x17, 3, 10, ...even(100)], 0],
  ["another type of record", [0x15, 3, 1, ...even(100)], 0],
  ["TLS, cut", [0x16, 3], FIRST_BITS_BIASED],
  ["HTTP, GET", [...text("GET "), ...even(100)], FIRST_TLS_OR_HTTP],
  ["HTTP, HEAD", [...text("HEAD "), ...even(100)], FIRST_TLS_OR_HTTP],
  ["HTTP, without a space", [...text("GET"), ...even(100)], 0],
  ["HTTP, a method that isn't known", [...text("PATC"), ...even(100)], 0],
  [
    "a request, 3.38 bits",
    text("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"),
    FIRST_BITS_BIASED | FIRST_STARTS_PRINTABLE | FIRST_MOSTLY_PRINTABLE | FIRST_TLS_OR_HTTP,
  ],
  [
    "letters",
    text("g".repeat(40)),
    FIRST_BITS_BIASED | FIRST_STARTS_PRINTABLE | FIRST_MOSTLY_PRINTABLE | FIRST_PRINTABLE_RUN,
  ],
  ["zeros", new Array<number>(30).fill(0), FIRST_BITS_BIASED],
];

for (const [name, octets, expected] of CASES)
  test(`gfwFirstPacket: ${name}`, () => {
    const around = Uint8Array.of(0x55, 0x55, ...octets, 0x55, 0x55);
    assert.equal(gfwFirstPacket(around, 2, 2 + octets.length), expected);
  });
