import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { Deliver, parse } from "node-pdu";
import { AtChannel, type ModemError } from "../../appliance/phone-home/at-channel.ts";
import { initialiseModem, readModem, recoverModem, sendPdu } from "../../appliance/phone-home/modem.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { openNodeSerial } from "../../core/node/serial.ts";
import { decodeDeliverPdu, encodeSubmitPdu } from "../../core/sms/pdu.ts";
import { decodeSeptets } from "../../core/sms/septets.ts";
import { type ModemEmulator, startModemEmulator } from "../../scripts/rig/modem-emulator.ts";

const run = promisify(execFile);
const USER_DATA = Uint8Array.from({ length: 108 }, (_, index) => 255 - index);
const SUBMIT = encodeSubmitPdu("+441632960961", USER_DATA);
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-modem-"));
});

after(() => rm(folder, { recursive: true }));

async function withModem(
  use: (channel: AtChannel, emulator: ModemEmulator, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(120_000)]);
  const emulator = await startModemEmulator({ path: join(folder, "modem") }, signal);
  const line = await openNodeSerial(emulator.path, 115_200);
  const channel = new AtChannel(line, nodeClock);
  const running = channel.run();
  try {
    await initialiseModem(channel, signal);
    await use(channel, emulator, signal);
  } finally {
    await line.close();
    await running.catch(() => {});
    stop.abort();
  }
}

test("a message goes out octet for octet, and its receiver gets it as an SMS-DELIVER", async () => {
  await withModem(async (channel, emulator, signal) => {
    assert.deepEqual(await readModem(channel, signal), {
      condition: "ready",
      signalQuality: 21,
      network: { mcc: 234, mnc: 15, mncDigits: 2 },
      cellId: 0x01a2d001,
    });
    assert.equal(await sendPdu(channel, SUBMIT, signal), 1);
    const message = await emulator.message(0, signal);
    assert.deepEqual([message.pdu, message.submit.number], [SUBMIT.pdu, "+441632960961"]);
    const { from, pdu } = emulator.deliver(message);
    const delivered = decodeDeliverPdu(pdu);
    assert.ok(delivered.ok);
    assert.deepEqual([delivered.value.from, delivered.value.userData], [from, USER_DATA]);
    assert.ok(parse(pdu) instanceof Deliver);
  });
});

test("a locked SIM and a modem without a network are told apart", async () => {
  await withModem(async (channel, emulator, signal) => {
    emulator.state.registration = 2;
    assert.equal((await readModem(channel, signal)).condition, "notRegistered");
    emulator.state.simReady = false;
    assert.equal((await readModem(channel, signal)).condition, "simLocked");
    emulator.state.simReady = true;
    emulator.state.registration = 5;
    assert.equal((await readModem(channel, signal)).condition, "ready");
  });
});

test("lines that nobody asked for, in the middle of anything, are no answers", async () => {
  await withModem(async (channel, emulator, signal) => {
    const unsolicited = ['+CMTI: "SM",1', '+CREG: 1,"00C3","0001",7', "RING", "+CSQ", "^RSSI: 20"];
    for (const line of unsolicited) {
      emulator.faults.push({ command: /CREG\?/, kind: { name: "unsolicited", line } });
      assert.equal((await readModem(channel, signal)).cellId, 0x01a2d001);
      emulator.faults.push({ command: /CMGS/, kind: { name: "unsolicited", line } });
      await sendPdu(channel, SUBMIT, signal);
    }
    assert.equal(emulator.sent.length, unsolicited.length);
    assert.deepEqual([...new Set(channel.unsolicited)].sort(), [...unsolicited].sort());
  });
});

test("a refusal is an error of its own, and the next command is answered", async () => {
  await withModem(async (channel, emulator, signal) => {
    emulator.faults.push({ command: /CMGS/, kind: { name: "error", code: 500 } });
    await assert.rejects(sendPdu(channel, SUBMIT, signal), { code: "refused", message: /CM[ES] ERROR: 500/ });
    emulator.state.registration = 0;
    await assert.rejects(sendPdu(channel, SUBMIT, signal), { code: "refused", message: /\+CMS ERROR: 331/ });
    emulator.state.registration = 1;
    await sendPdu(channel, SUBMIT, signal);
  });
});

test("an answer that comes too late is not taken for that of the next command", async () => {
  await withModem(async (channel, emulator, signal) => {
    const silent = (error: ModemError) => error.code === "silent";
    emulator.faults.push({ command: /CSQ/, kind: { name: "late", delayMs: 700 } });
    await assert.rejects(channel.command("AT+CSQ", 300, signal), silent);
    assert.deepEqual(await channel.command("AT+COPS?", 5_000, signal), ['+COPS: 0,2,"23415",7']);
    for (const delayMs of [350, 500, 900, 3000]) {
      emulator.faults.push({ command: /CSQ/, kind: { name: "late", delayMs } });
      await assert.rejects(channel.command("AT+CSQ", 300, signal), silent);
      assert.deepEqual(await channel.command("AT+CPIN?", 5_000, signal), ["+CPIN: READY"]);
      assert.deepEqual(await channel.command("AT+CSQ", 5_000, signal), ["+CSQ: 21,99"]);
    }
    emulator.faults.push({ command: /CSQ/, kind: { name: "hang" } });
    await assert.rejects(channel.command("AT+CSQ", 300, signal), silent);
    assert.deepEqual(await channel.command("AT+CSQ", 5_000, signal), ["+CSQ: 21,99"]);
  });
});

test("a modem left at its prompt by another takes the first command, and no message", async () => {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)]);
  const emulator = await startModemEmulator({ path: join(folder, "prompt") }, signal);
  const first = await openNodeSerial(emulator.path, 115_200);
  await first.write("AT+CMGS=20\r", signal);
  await first.close();
  const line = await openNodeSerial(emulator.path, 115_200);
  const channel = new AtChannel(line, nodeClock);
  const running = channel.run();
  await initialiseModem(channel, signal);
  await recoverModem(channel, "radio", nodeClock, signal);
  assert.equal((await readModem(channel, signal)).condition, "ready");
  assert.deepEqual(emulator.sent, []);
  await line.close();
  await running;
  await assert.rejects(channel.command("AT", 1_000, signal), { code: "gone" });
  stop.abort();
});

test("gammu sends a message through the emulator, and reads one that came in", async () => {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(120_000)]);
  const emulator = await startModemEmulator({ path: join(folder, "gammu") }, signal);
  const config = join(folder, "gammurc");
  await writeFile(config, `[gammu]\ndevice = ${emulator.path}\nconnection = at115200\n`);
  const gammu = (...args: string[]) => run("gammu", ["-c", config, ...args], { signal, timeout: 60_000 });
  await gammu("sendsms", "TEXT", "+441632960961", "-text", "help is on its way");
  const { submit } = await emulator.message(0, signal);
  assert.deepEqual([submit.number, submit.alphabet], ["+441632960961", "7bit"]);
  assert.equal(decodeSeptets(submit.userData, submit.userDataLength), "help is on its way");
  const text = "07919730071111F1000B919746121611F10000811170021222230DC8329BFD6681EE6F399B1C02";
  emulator.receive(text);
  assert.match((await gammu("getallsms")).stdout, /\+79642161111[\s\S]*Hello, world!/);
  stop.abort();
});
