import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Deliver, parse, Submit } from "node-pdu";
import { malformed, ok, truncated } from "../../../core/decoded.ts";
import { decodeDeliverPdu, decodeSubmitPdu, encodeDeliverPdu, encodeSubmitPdu } from "../../../core/sms/pdu.ts";
import { decodeSeptets } from "../../../core/sms/septets.ts";

const HELLO = Uint8Array.fromHex("c8329bfd6681ee6f399b1c02");
const EIGHT_BIT = { alphabet: "8bit", hasHeader: false } as const;

test("encodeSubmitPdu: three octets to an odd number of digits", () => {
  assert.deepEqual(encodeSubmitPdu("+441632960", Uint8Array.of(1, 2, 255)), {
    pdu: "000100099144612369F000040301" + "02FF",
    tpduLengthBytes: 15,
  });
});

for (const { name, hex, expected } of [
  {
    name: "8 bit",
    hex: "000100099144612369F00004030102FF",
    expected: ok({
      number: "+441632960",
      reference: 0,
      userData: Uint8Array.of(1, 2, 255),
      userDataLength: 3,
      ...EIGHT_BIT,
    }),
  },
  {
    name: "7 bit, with a validity period and a service centre",
    hex: `07919730071111F111050C91${"999999999999"}0000A70D${HELLO.toHex()}`,
    expected: ok({
      number: "+999999999999",
      reference: 5,
      userData: HELLO,
      userDataLength: 13,
      alphabet: "7bit" as const,
      hasHeader: false,
    }),
  },
  { name: "empty", hex: "", expected: truncated(0) },
  { name: "half an octet", hex: "0001000", expected: truncated(7) },
  { name: "no hexadecimal", hex: "0001zz", expected: malformed(4) },
  { name: "data ends early", hex: "000100099144612369F00004030102", expected: truncated(15) },
  { name: "an octet too many", hex: "000100099144612369F00004030102FF00", expected: malformed(16) },
  { name: "a digit that is none", hex: "0001000991446123FFF00004030102FF", expected: malformed(8) },
  { name: "a number of 21 digits", hex: `0001001591${"11".repeat(11)}00040101`, expected: malformed(3) },
  { name: "a service centre of 12 octets", hex: `0C91${"11".repeat(11)}0100`, expected: malformed(0) },
  { name: "141 octets", hex: `000100099144612369F000048D${"00".repeat(141)}`, expected: malformed(12) },
  { name: "compressed", hex: "000100099144612369F00024030102FF", expected: malformed(11) },
  { name: "a DELIVER", hex: "000000099144612369F00004030102FF", expected: malformed(1) },
  { name: "over-long", hex: "00".repeat(1000), expected: malformed(352) },
])
  test(`decodeSubmitPdu: ${name}`, () => assert.deepEqual(decodeSubmitPdu(hex), expected));

for (const { name, hex, expected } of [
  {
    name: "7 bit, from a telephone",
    hex: "07919730071111F1000B919746121611F10000811170021222230DC8329BFD6681EE6F399B1C02",
    expected: ok({
      from: "+79642161111",
      atMs: Date.UTC(2018, 10, 7, 20, 21, 22) - 8 * 3_600_000,
      userData: HELLO,
      userDataLength: 13,
      alphabet: "7bit" as const,
      hasHeader: false,
    }),
  },
  {
    name: "8 bit, from a name, an hour west of Greenwich",
    hex: "0004" + "07D0C2F0BC0C" + "0004" + "62114251039048" + "0101",
    expected: ok({
      from: "Base",
      atMs: Date.UTC(2026, 10, 24, 15, 30, 9) + 3_600_000,
      userData: Uint8Array.of(1),
      userDataLength: 1,
      ...EIGHT_BIT,
    }),
  },
  { name: "month 13", hex: "0004028121000462314251039000" + "0101", expected: malformed(8) },
  { name: "30 February", hex: "0004028121000462200351039000" + "0101", expected: malformed(8) },
  { name: "a SUBMIT", hex: "00010281210004621142510390000101", expected: malformed(1) },
  { name: "ends in the time", hex: "00040281210004621142", expected: truncated(10) },
])
  test(`decodeDeliverPdu: ${name}`, () => assert.deepEqual(decodeDeliverPdu(hex), expected));

test("node-pdu reads our SUBMIT and DELIVER of 108 octets as we meant them", () => {
  const userData = Uint8Array.from({ length: 108 }, (_, index) => (index * 7) & 255);
  const submit = parse(encodeSubmitPdu("+441632960961", userData).pdu);
  assert.ok(submit instanceof Submit);
  assert.deepEqual([submit.address.phone, submit.dataCodingScheme.textAlphabet], ["441632960961", 1]);
  assert.equal(submit.data.parts[0]?.data.toLowerCase(), userData.toHex());
  const atMs = Date.UTC(2026, 10, 24, 15, 30, 9);
  const deliver = parse(encodeDeliverPdu({ from: "+441632960961", atMs, userData }));
  assert.ok(deliver instanceof Deliver);
  assert.equal(deliver.address.phone, "441632960961");
  assert.equal(deliver.serviceCenterTimeStamp.time, atMs / 1000);
  assert.equal(deliver.data.parts[0]?.data.toLowerCase(), userData.toHex());
});

test("we read what node-pdu writes", () => {
  const decoded = decodeSubmitPdu(new Submit("+999999999999", "Hello everyone!").toString());
  assert.ok(decoded.ok);
  assert.equal(decoded.value.number, "+999999999999");
  assert.equal(decodeSeptets(decoded.value.userData, decoded.value.userDataLength), "Hello everyone!");
});

const NUMBER = fc.stringMatching(/^\+[1-9][0-9]{5,14}$/);
const USER_DATA = fc.uint8Array({ maxLength: 140 });

test("any number and data go there and back", () => {
  fc.assert(
    fc.property(NUMBER, USER_DATA, fc.integer({ min: 946_684_800, max: 4_102_444_799 }), (number, userData, second) => {
      const { pdu, tpduLengthBytes } = encodeSubmitPdu(number, userData);
      assert.equal(pdu.length, 2 * (1 + tpduLengthBytes));
      const length = { userDataLength: userData.length, ...EIGHT_BIT };
      assert.deepEqual(decodeSubmitPdu(pdu), ok({ number, reference: 0, userData, ...length }));
      const atMs = second * 1000;
      const deliver = encodeDeliverPdu({ from: number, atMs, userData });
      assert.deepEqual(decodeDeliverPdu(deliver), ok({ from: number, atMs, userData, ...length }));
    }),
  );
});

test("hostile PDUs are values, never exceptions", () => {
  const valid = encodeSubmitPdu("+441632960961", new Uint8Array(108)).pdu;
  const mutated = fc.tuple(fc.nat(valid.length - 1), fc.stringMatching(/^[0-9A-F]{1,6}$/), fc.nat(valid.length));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(?:[0-9A-F]{2}){0,180}$/), mutated), (input) => {
      const text =
        typeof input === "string"
          ? input
          : (valid.slice(0, input[0]) + input[1] + valid.slice(input[0])).slice(0, input[2]);
      assert.equal(typeof decodeSubmitPdu(text).ok, "boolean");
      assert.equal(typeof decodeDeliverPdu(text).ok, "boolean");
    }),
    { numRuns: 2000 },
  );
});

test("what has no such form is refused", () => {
  assert.throws(() => encodeSubmitPdu("+44 1632", new Uint8Array(1)), RangeError);
  assert.throws(() => encodeSubmitPdu("+441632960961", new Uint8Array(141)), RangeError);
  assert.throws(() => encodeDeliverPdu({ from: "+44", atMs: 0, userData: new Uint8Array(1) }), RangeError);
});
