import assert from "node:assert/strict";
import { test } from "node:test";
import { BpfProgram } from "../../../../appliance/capture/bpf-program.ts";

/** Instructions as `tcpdump -y EN10MB -ddd EXPRESSION` prints them: code, jt, jf, k. */
function programOf(text: string): BpfProgram {
  const lines = text.split(";").map((line) => line.trim().split(" ").map(Number));
  const view = new DataView(new ArrayBuffer(lines.length * 8));
  lines.forEach(([code = 0, jt = 0, jf = 0, k = 0], index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  });
  return new BpfProgram(view.buffer);
}

const TCP_PORT_80 =
  "40 0 0 12;21 0 6 34525;48 0 0 20;21 0 15 6;40 0 0 54;21 12 0 80;40 0 0 56;21 10 11 80;21 0 10 2048;48 0 0 23;" +
  "21 0 8 6;40 0 0 20;69 6 0 8191;177 0 0 14;72 0 0 14;21 2 0 80;72 0 0 16;21 0 1 80;6 0 0 262144;6 0 0 0";
const LONGER_THAN_60 = "128 0 0 0;37 0 1 60;6 0 0 262144;6 0 0 0";
const ETHERNET = "020000000002020000000001";
const TO_80 = `${ETHERNET}0800460000300000000040060000c0000201c000020201010101c3500050`;

for (const { name, program, hex, originalBytes, kept } of [
  { name: "TCP to port 80 behind IP options", program: TCP_PORT_80, hex: TO_80, originalBytes: 62, kept: 262144 },
  {
    name: "another port",
    program: TCP_PORT_80,
    hex: TO_80.replace("c3500050", "c3500051"),
    originalBytes: 62,
    kept: 0,
  },
  {
    name: "a later fragment has no ports",
    program: TCP_PORT_80,
    hex: TO_80.replace("0000000040", "0000000140"),
    originalBytes: 62,
    kept: 0,
  },
  { name: "cut before the port", program: TCP_PORT_80, hex: TO_80.slice(0, -2), originalBytes: 62, kept: 0 },
  { name: "an empty frame", program: TCP_PORT_80, hex: "", originalBytes: 0, kept: 0 },
  { name: "the length is that on the wire", program: LONGER_THAN_60, hex: "00", originalBytes: 61, kept: 262144 },
  { name: "and not longer", program: LONGER_THAN_60, hex: "00".repeat(70), originalBytes: 60, kept: 0 },
  { name: "a division by zero", program: "0 0 0 5;60 0 0 0;22 0 0 0", hex: "00", originalBytes: 1, kept: 0 },
  {
    name: "scratch, arithmetic, and the accumulator as answer",
    program: "0 0 0 7;2 0 0 3;0 0 0 2;7 0 0 0;96 0 0 3;12 0 0 0;36 0 0 3;22 0 0 0",
    hex: "",
    originalBytes: 0,
    kept: 27,
  },
  { name: "a program that runs off its end", program: "0 0 0 1", hex: "", originalBytes: 0, kept: 0 },
  { name: "a loop that never ends", program: "5 0 0 4294967295;6 0 0 1", hex: "", originalBytes: 0, kept: 0 },
])
  test(`BpfProgram: ${name}`, () => {
    const bytes = new Uint8Array(Buffer.from(`ff${hex}ff`, "hex"));
    assert.equal(programOf(program).run(bytes, 1, bytes.length - 2, originalBytes), kept);
  });

test("BpfProgram: a loop is seen", () => {
  assert.deepEqual([programOf("5 0 0 4294967295;6 0 0 1").hasLoop(), programOf(TCP_PORT_80).hasLoop()], [true, false]);
});

test("BpfProgram: not a program", () => {
  for (const sizeBytes of [0, 7, 9, 8 * 4097])
    assert.throws(() => new BpfProgram(new ArrayBuffer(sizeBytes)), RangeError);
});
