import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isAnswerTo,
  isSimReady,
  parseFinalResult,
  parseMessageReference,
  parseOperator,
  parseRegistration,
  parseSignalQuality,
} from "../../../../appliance/phone-home/at-line.ts";
import { LineSplitter } from "../../../../appliance/phone-home/line-splitter.ts";

for (const [line, expected] of [
  ["OK", { ok: true }],
  ["ERROR", { ok: false, message: "ERROR" }],
  ["+CME ERROR: 10", { ok: false, message: "+CME ERROR: 10" }],
  ["+CMS ERROR: 500", { ok: false, message: "+CMS ERROR: 500" }],
  ["+CMS ERROR: SIM not inserted", { ok: false, message: "+CMS ERROR: SIM not inserted" }],
  ["+CMTI: 1", undefined],
  ["OKAY", undefined],
  ["", undefined],
] as const)
  test(`parseFinalResult: ${line}`, () => assert.deepEqual(parseFinalResult(line), expected));

for (const [command, line, expected] of [
  ["AT+CSQ", "+CSQ: 21,99", true],
  ["AT+CSQ", '+CMTI: "SM",1', false],
  ["AT+CSQ", "+CSQ", false],
  ["AT+CREG?", "+CREG: 2,1", true],
  ["AT+CREG?", '+CREG: 2,1,"00C3","01A2D001",7', true],
  ["AT+CREG?", "+CREG: 1", false],
  ["AT+CREG?", '+CREG: 1,"00C3","01A2D001",7', false],
  ["AT+CEREG?", "+CREG: 2,1", false],
  ["AT+CMGS=120", "+CMGS: 7", true],
  ["ATE0", "+CREG: 1", false],
] as const)
  test(`isAnswerTo: ${command} ${line}`, () => assert.equal(isAnswerTo(command, line), expected));

test("registrations, signal, operator, SIM and reference, whole and broken", () => {
  assert.deepEqual(parseRegistration("+CREG: 0,1"), { registered: true, cellId: null });
  assert.deepEqual(parseRegistration('+CREG: 2,5,"00C3","01A2D001",7'), { registered: true, cellId: 0x01a2d001 });
  assert.deepEqual(parseRegistration("+CEREG: 2,1,00c3,1a2d001,7"), { registered: true, cellId: 0x01a2d001 });
  assert.deepEqual(parseRegistration('+CREG: 2,2,"FFFF","FFFFFFFF"'), { registered: false, cellId: null });
  assert.deepEqual(parseRegistration("+CREG: 0,3"), { registered: false, cellId: null });
  for (const line of ["", "+CREG:", "+CREG: 1", "+CREG: a,b", "+CSQ: 1,1"])
    assert.equal(parseRegistration(line), undefined, line);
  assert.deepEqual([parseSignalQuality("+CSQ: 31,99"), parseSignalQuality("+CSQ: 0,0")], [31, 0]);
  for (const line of ["+CSQ: 99,99", "+CSQ: 32,0", "+CSQ: -1,0", "+CSQ:", ""])
    assert.equal(parseSignalQuality(line), null);
  assert.deepEqual(parseOperator('+COPS: 0,2,"23415",7'), { mcc: 234, mnc: 15, mncDigits: 2 });
  assert.deepEqual(parseOperator('+COPS: 0,2,"310004",7'), { mcc: 310, mnc: 4, mncDigits: 3 });
  for (const line of ["+COPS: 0", '+COPS: 0,0,"Cepa"', '+COPS: 0,2,"0001"', '+COPS: 0,2,"00001"', ""])
    assert.equal(parseOperator(line), null, line);
  assert.deepEqual(["+CPIN: READY", "+CPIN: SIM PIN", "+CPIN: READY2"].map(isSimReady), [true, false, false]);
  assert.deepEqual(["+CMGS: 255", "+CMGS: 256", "+CMGS:", "OK"].map(parseMessageReference), [
    255,
    undefined,
    undefined,
    undefined,
  ]);
});

test("LineSplitter: any ends, any chunks, over-long lines dropped and counted, a start inside binary octets", () => {
  const octets = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
  const splitter = new LineSplitter(8);
  const lines = ["\r\nO", "K\r\n", "", "\n\r\r", "abc\rdef\n", "123456789\nnext\n", "12345678\n> "].flatMap((chunk) =>
    splitter.push(octets(chunk)),
  );
  assert.deepEqual(lines, ["OK", "abc", "def", "next", "12345678"]);
  assert.deepEqual([splitter.partial, splitter.dropped], ["> ", 1]);
  splitter.clear();
  assert.deepEqual(splitter.push(octets("x\n")), ["x"]);
  const nmea = new LineSplitter(8, "$");
  assert.deepEqual(nmea.push(octets("\xba\xce\x00binary without end$GPA*00\r\n$GP$GPB*11\n")), ["$GPA*00", "$GPB*11"]);
});
