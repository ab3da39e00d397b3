import assert from "node:assert/strict";
import { test } from "node:test";
import { type FiveTupleRecord, matchSession, parseAddress } from "../../../../appliance/roles/session-match.ts";

for (const { text, hex } of [
  { text: "192.0.2.1", hex: "c0000201" },
  { text: "::", hex: "00".repeat(16) },
  { text: "::1", hex: `${"00".repeat(15)}01` },
  { text: "2001:db8::", hex: `20010db8${"00".repeat(12)}` },
  { text: "2001:db8::1:0:ffff", hex: "20010db800000000000000010000ffff" },
  { text: "fe80:1:2:3:4:5:6:7", hex: "fe800001000200030004000500060007" },
])
  test(`parseAddress: ${text}`, () => assert.equal(Buffer.from(parseAddress(text)).toString("hex"), hex));

const ETHERNET = "020000000002020000000001";
const UDP = "c35000350010000068656c6c6f212121"; // 50000 → 53, 8 octets
const IPV4 = `4500002400010000401100000a0000010a000002${UDP}`;
const SESSION: FiveTupleRecord = { proto: 17, src_ip: "10.0.0.1", src_port: 50000, dst_ip: "10.0.0.2", dst_port: 53 };
const SESSION6: FiveTupleRecord = { ...SESSION, src_ip: "2001:db8::1", dst_ip: "2001:db8::2" };

for (const { name, session, linkType, hex, matches } of [
  { name: "plain", session: SESSION, linkType: 1, hex: `${ETHERNET}0800${IPV4}`, matches: true },
  {
    name: "the other direction",
    session: { ...SESSION, src_ip: "10.0.0.2", src_port: 53, dst_ip: "10.0.0.1", dst_port: 50000 },
    linkType: 1,
    hex: `${ETHERNET}0800${IPV4}`,
    matches: true,
  },
  {
    name: "ports exchanged",
    session: { ...SESSION, src_port: 53, dst_port: 50000 },
    linkType: 1,
    hex: `${ETHERNET}0800${IPV4}`,
    matches: false,
  },
  {
    name: "another port",
    session: { ...SESSION, dst_port: 54 },
    linkType: 1,
    hex: `${ETHERNET}0800${IPV4}`,
    matches: false,
  },
  {
    name: "another protocol",
    session: { ...SESSION, proto: 6 },
    linkType: 1,
    hex: `${ETHERNET}0800${IPV4}`,
    matches: false,
  },
  {
    name: "in two VLANs",
    session: SESSION,
    linkType: 1,
    hex: `${ETHERNET}88a8000781000006${"0800"}${IPV4}`,
    matches: true,
  },
  {
    name: "in GRE between others",
    session: SESSION,
    linkType: 1,
    hex: `${ETHERNET}08004500003c00010000402f0000c0000201c000020200000800${IPV4}`,
    matches: true,
  },
  { name: "raw IP", session: SESSION, linkType: 101, hex: IPV4, matches: true },
  {
    name: "a later fragment between the two",
    session: SESSION,
    linkType: 101,
    hex: "4500001c00010010401100000a0000020a0000016c6f6e67657221212121".slice(0, 56),
    matches: true,
  },
  {
    name: "a later fragment between others",
    session: SESSION,
    linkType: 101,
    hex: "4500001c00010010401100000a0000030a0000016c6f6e6765722121",
    matches: false,
  },
  {
    name: "IPv6",
    session: SESSION6,
    linkType: 101,
    hex: `6000000000101140${"20010db8000000000000000000000001"}${"20010db8000000000000000000000002"}${UDP}`,
    matches: true,
  },
  {
    name: "ARP",
    session: SESSION,
    linkType: 1,
    hex: `${ETHERNET}0806000108000604000102000000000a0a000001`,
    matches: false,
  },
  { name: "an empty frame", session: SESSION, linkType: 1, hex: "", matches: false },
  { name: "an unknown link type", session: SESSION, linkType: 65000, hex: IPV4, matches: false },
])
  test(`matchSession: ${name}`, () => {
    const bytes = new Uint8Array(Buffer.from(hex, "hex"));
    const frame = {
      bytes,
      offsetBytes: 0,
      capturedBytes: bytes.length,
      originalBytes: bytes.length,
      timeSeconds: 0,
      timeNanoseconds: 0,
      next: () => false,
    };
    assert.equal(matchSession(session, linkType)(frame), matches);
  });
