import assert from "node:assert/strict";
import { test } from "node:test";
import type { Protocol } from "../../../../appliance/entropy/protocol.ts";
import { FORMAT_COMPRESSED, FORMAT_NONE, FORMAT_TEXT } from "../../../../appliance/entropy/recognise-format.ts";
import { PROTOCOLS, recogniseProtocol } from "../../../../appliance/entropy/recognise-protocol.ts";
import { type Evidence, judge } from "../../../../appliance/entropy/verdict.ts";
import { bytesOf } from "../../../support/decode-hex.ts";

const TCP = 6;
const UDP = 17;
const ZEROS = "00".repeat(200);

for (const [expected, name, ipProtocol, source, destination, payload] of [
  ["TLS", "a ClientHello", TCP, 40_000, 443, "1603010200010001fc0303"],
  ["TLS", "application data, on any port", TCP, 40_000, 9999, "1703030020aabb"],
  [undefined, "a record longer than any", TCP, 40_000, 443, "160301ffff0100"],
  ["SSH", "a banner", TCP, 22, 40_000, "5353482d322e302d"],
  ["HTTP", "a response", TCP, 80, 40_000, "485454502f312e3120323030"],
  ["BitTorrent", "a handshake", TCP, 1, 2, "13426974546f7272656e742070726f746f636f6c0000"],
  ["SMB", "SMB 2", TCP, 40_000, 445, "00000040fe534d4240"],
  ["SMTP", "a greeting", TCP, 25, 40_000, "323230206d61696c"],
  ["FTP", "a greeting", TCP, 21, 40_000, "323230206d61696c"],
  [undefined, "too short", TCP, 40_000, 443, "1603"],
  ["DTLS", "a ClientHello", UDP, 1, 2, `16fefd00000000000000000004${"01000000"}`],
  ["QUIC", "version 1", UDP, 40_000, 443, `c300000001${ZEROS}`],
  ["QUIC", "version 2", UDP, 40_000, 443, `d36b3343cf${ZEROS}`],
  ["QUIC", "Google's", UDP, 40_000, 443, `0d010203040506070851303433${ZEROS}`],
  ["WireGuard", "an initiation", UDP, 1, 2, `01000000${"ab".repeat(144)}`],
  [undefined, "an initiation of another length", UDP, 1, 2, `01000000${"ab".repeat(143)}`],
  ["IKE", "IKE_SA_INIT", UDP, 500, 500, `${"01".repeat(16)}21202208${"00000000"}0000001c`],
  ["ESP", "in UDP", UDP, 4500, 4500, "0102030400000001aabbccddeeff00112233445566778899"],
  ["IKE", "in UDP port 4500", UDP, 4500, 4500, `00000000${"01".repeat(16)}21202208${"00000000"}0000001c`],
  ["OpenVPN", "a hard reset", UDP, 40_000, 1194, "3801020304050607080000000000"],
  ["DNS", "a query", UDP, 40_000, 53, "123401000001000000000000076578616d706c6503636f6d0000010001"],
  ["NTP", "a request", UDP, 40_000, 123, `23${"00".repeat(47)}`],
  ["DHCP", "a discover", UDP, 68, 67, ZEROS + ZEROS],
  [undefined, "random octets", UDP, 40_000, 40_001, "a1b2c3d4e5f60718293a4b5c6d7e8f90"],
  ["ESP", "over IP", 50, 0, 0, ""],
  [undefined, "OSPF", 89, 0, 0, "0201002c"],
] as const)
  test(`recogniseProtocol: ${name}: ${expected ?? "none"}`, () => {
    const bytes = bytesOf(payload);
    const code = recogniseProtocol(bytes, 0, bytes.length, ipProtocol, source, destination);
    assert.equal(PROTOCOLS[code]?.name, expected);
  });

const TLS: Protocol = { name: "TLS", encrypts: true, content: "encrypted" };
const HTTP: Protocol = { name: "HTTP", encrypts: false, content: "plain" };

const BASE: Evidence = {
  randomness: null,
  flattest: null,
  entropyBitsPerByte: 3,
  format: FORMAT_NONE,
  windowFormat: FORMAT_NONE,
  odds: null,
};
const FLAT: Evidence = { ...BASE, randomness: 0.95, flattest: 0.95, entropyBitsPerByte: 7.99 };

for (const [name, expected, evidence, protocol] of [
  ["as flat as random, unknown", "encrypted", FLAT, undefined],
  [
    "a protocol that encrypts, its set-up in clear",
    "encrypted",
    { ...BASE, randomness: 4, entropyBitsPerByte: 6 },
    TLS,
  ],
  ["flat, but compressed by its magic", "compressed", { ...FLAT, format: FORMAT_COMPRESSED }, undefined],
  ["flat, but compressed by the look of it", "compressed", { ...FLAT, windowFormat: FORMAT_COMPRESSED }, undefined],
  ["flat, rather encrypted from within", "encrypted", { ...FLAT, odds: 0.9 }, undefined],
  ["flat, rather compressed from within", "unknown", { ...FLAT, odds: 0.1 }, undefined],
  ["a flat download", "compressed", FLAT, HTTP],
  ["a page", "plain", { ...BASE, randomness: 8, entropyBitsPerByte: 5, format: FORMAT_TEXT }, HTTP],
  ["text", "plain", { ...BASE, randomness: 6, entropyBitsPerByte: 4.5, format: FORMAT_TEXT }, undefined],
  ["nearly flat, nothing known", "unknown", { ...FLAT, randomness: 1.3, flattest: 1.3 }, undefined],
  ["flat further on", "unknown", { ...BASE, randomness: 5, flattest: 0.9, entropyBitsPerByte: 6 }, undefined],
  ["short", "unknown", BASE, undefined],
  ["short text", "plain", { ...BASE, format: FORMAT_TEXT }, undefined],
] as const)
  test(`judge: ${name}: ${expected}`, () => {
    const { kind, pEncrypted } = judge(evidence, protocol);
    assert.equal(kind, expected);
    assert.ok(expected === "encrypted" ? pEncrypted > 0.8 : pEncrypted <= 0.75, `${pEncrypted}`);
  });
