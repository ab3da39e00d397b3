import assert from "node:assert/strict";
import { test } from "node:test";
import type { FrameFields } from "../../../../appliance/capture/frame-cursor.ts";
import { type FiveTupleRecord, parseAddress, selectSession } from "../../../../appliance/roles/session-match.ts";

for (const { text, hex } of [
  { text: "192.0.2.1", hex: "c0000201" },
  { text: "::", hex: "00".repeat(16) },
  { text: "::1", hex: `${"00".repeat(15)}01` },
  { text: "2001:db8::", hex: `20010db8${"00".repeat(12)}` },
  { text: "2001:db8::1:0:ffff", hex: "20010db800000000000000010000ffff" },
  { text: "::ffff:192.0.2.1", hex: `${"00".repeat(10)}ffffc0000201` },
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
    name: "a later fragment of which the first never comes",
    session: SESSION,
    linkType: 101,
    hex: "4500001c00010010401100000a0000020a0000016c6f6e67657221212121".slice(0, 56),
    matches: false,
  },
  {
    name: "a first fragment of which the rest never comes",
    session: SESSION,
    linkType: 101,
    hex: `4500002400012000401100000a0000010a000002${UDP}`,
    matches: true,
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
  test(`selectSession: ${name}`, () => {
    assert.deepEqual(select(session, linkType, [hex]), matches ? [hex] : []);
  });

/** Frames a second apart, as hexadecimal; those that are chosen. */
function select(
  session: FiveTupleRecord,
  linkType: number,
  frames: readonly string[],
  fromMs = 0,
  toMs = 1e6,
): string[] {
  const chosen: string[] = [];
  const found = {
    append: ({ bytes, offsetBytes, capturedBytes }: FrameFields) =>
      void chosen.push(Buffer.from(bytes.subarray(offsetBytes, offsetBytes + capturedBytes)).toString("hex")),
  };
  const selector = selectSession({ session, fromMs, toMs, accepts: () => true }, linkType);
  frames.forEach((hex, i) => {
    const bytes = new Uint8Array(Buffer.from(hex, "hex"));
    const capturedBytes = bytes.length;
    selector.take(
      { bytes, offsetBytes: 0, capturedBytes, originalBytes: capturedBytes, timeSeconds: i, timeNanoseconds: 0 },
      found,
    );
  });
  selector.finish(found);
  return chosen;
}

/** IPv4 around `payload`, in fragments that end at these octets. */
function fragments(
  id: number,
  protocol: number,
  endpoints: string,
  payload: string,
  ends: readonly number[],
): string[] {
  const hex4 = (value: number) => value.toString(16).padStart(4, "0");
  const octets = payload.length / 2;
  return [...ends, octets].map((end, i, all) => {
    const from = all[i - 1] ?? 0;
    const flags = from / 8 + (end < octets ? 0x2000 : 0);
    const part = payload.slice(2 * from, 2 * end);
    return `4500${hex4(20 + end - from)}${hex4(id)}${hex4(flags)}40${hex4(protocol).slice(2)}0000${endpoints}${part}`;
  });
}

const BETWEEN = "0a0000010a000002";
const OTHERS = "c0000201c0000202";

test("selectSession: all fragments of a datagram, whichever comes first, and what came between in its order", () => {
  const [first = "", second = ""] = fragments(7, 17, BETWEEN, UDP, [8]);
  const stranger = IPV4.replace("0a000002", "0a000003");
  assert.deepEqual(select(SESSION, 101, [second, stranger, IPV4, first, IPV4]), [second, IPV4, first, IPV4]);
});

test("selectSession: fragments of a tunnel around the session, and of both", () => {
  const outer = fragments(1, 47, OTHERS, `00000800${IPV4}`, [8, 24]);
  assert.deepEqual(select(SESSION, 101, outer), outer);
  const [one = "", two = ""] = fragments(7, 17, BETWEEN, UDP, [8]);
  const both = [
    ...fragments(2, 47, OTHERS, `00000800${one}`, [16]),
    ...fragments(3, 47, OTHERS, `00000800${two}`, [16]),
  ];
  assert.deepEqual(select(SESSION, 101, both), both);
  assert.deepEqual(select({ ...SESSION, dst_port: 54 }, 101, both), []);
});

test("selectSession: of a datagram the time counts at which it became whole", () => {
  const parts = fragments(7, 17, BETWEEN, UDP, [8]);
  assert.deepEqual(select(SESSION, 101, [...parts, IPV4], 1000, 1000), parts);
  assert.deepEqual(select(SESSION, 101, [...parts, IPV4], 0, 0), []);
});

test("selectSession: a fragment that waits holds nothing back for longer than a datagram may take", () => {
  const [lone = ""] = fragments(9, 17, OTHERS, UDP, [8]);
  const frames = [lone, ...new Array<string>(40).fill(IPV4)];
  assert.deepEqual(select(SESSION, 101, frames), frames.slice(1));
});
