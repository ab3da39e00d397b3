import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addMessage,
  ENTRIES_MAX,
  nextDue,
  noteAttempt,
  noteInDoubt,
  noteSent,
  type Outbox,
  openOutbox,
  renderOutbox,
} from "../../../../appliance/phone-home/outbox.ts";

const NOW_MS = 1_790_000_000_000;
const MINUTE_MS = 60_000;
const message = (octet: number) => octet.toString(16).padStart(2, "0").repeat(108);

function send(outbox: Outbox, atMs: number): Outbox {
  const entry = nextDue(outbox, atMs);
  assert.ok(entry !== undefined, `nothing is due at ${atMs - NOW_MS}`);
  return noteSent(noteAttempt(outbox, entry, atMs, 0), entry, atMs);
}

test("a boot counts up once, a restart of the role not, and messages that wait are kept", () => {
  let outbox = addMessage(openOutbox(undefined, "boot a"), message(1), ["vpnLost"], NOW_MS);
  assert.deepEqual([outbox.bootCounter, outbox.nextSequence], [1, 1]);
  assert.deepEqual(openOutbox(renderOutbox(outbox), "boot a"), outbox);
  outbox = openOutbox(renderOutbox(outbox), "boot b");
  assert.deepEqual([outbox.bootCounter, outbox.nextSequence], [2, 0]);
  outbox = addMessage(outbox, message(2), ["moved"], NOW_MS);
  assert.deepEqual(
    outbox.entries.map((entry) => [entry.bootCounter, entry.sequence]),
    [
      [1, 0],
      [2, 0],
    ],
  );
  assert.equal(openOutbox(renderOutbox({ ...outbox, bootCounter: 65535 }), "boot c").bootCounter, 0);
});

for (const [name, text] of [
  ["empty", ""],
  ["no JSON", "{"],
  ["another's", '{"a":1}'],
  ["null", "null"],
] as const)
  test(`openOutbox: a file that is ${name} counts as none`, () =>
    assert.deepEqual(openOutbox(text, "boot"), openOutbox(undefined, "boot")));

test("the same octets and sequence at each try, 15 s to 30 min apart with jitter", () => {
  let outbox = addMessage(openOutbox(undefined, "boot"), message(1), ["vpnLost"], NOW_MS);
  let atMs = NOW_MS;
  const gapsS: number[] = [];
  for (let attempt = 0; attempt < 9; attempt++) {
    const entry = nextDue(outbox, atMs);
    assert.ok(entry !== undefined);
    assert.deepEqual([entry.sequence, entry.message, entry.attempts], [0, message(1), attempt]);
    outbox = noteAttempt(outbox, entry, atMs, 0);
    assert.equal(nextDue(outbox, atMs + 14_999), undefined);
    const dueAtMs = outbox.entries[0]?.dueAtMs ?? 0;
    gapsS.push((dueAtMs - atMs) / 1000);
    atMs = dueAtMs;
  }
  assert.deepEqual(gapsS, [15, 30, 60, 120, 240, 480, 900, 900, 900]);
  const [entry] = outbox.entries;
  assert.ok(entry !== undefined);
  assert.equal((noteAttempt(outbox, entry, atMs, 0.999999).entries[0]?.dueAtMs ?? 0) - atMs, 1_799_999);
});

test("six an hour; a new reason does not wait for the hour; thirty a day", () => {
  let outbox = openOutbox(undefined, "boot");
  for (let sequence = 0; sequence < 40; sequence++) outbox = addMessage(outbox, message(sequence), ["vpnLost"], NOW_MS);
  let atMs = NOW_MS;
  for (let sent = 0; sent < 6; sent++) outbox = send(outbox, ++atMs);
  assert.equal(nextDue(outbox, atMs), undefined);
  outbox = send(addMessage(outbox, message(99), ["caseOpen", "vpnLost"], atMs), atMs);
  assert.equal(
    outbox.entries.find((entry) => entry.message === message(99)),
    undefined,
  );
  outbox = addMessage(outbox, message(98), ["caseOpen"], atMs);
  assert.equal(nextDue(outbox, atMs), undefined, "the second of a reason waits");
  for (let hour = 1; hour <= 4; hour++)
    for (let sent = 0; sent < 6 && outbox.sent < 30; sent++)
      outbox = send(outbox, NOW_MS + hour * 61 * MINUTE_MS + sent);
  assert.equal(outbox.sent, 30);
  outbox = addMessage(outbox, message(97), ["powerLost"], atMs);
  assert.equal(nextDue(outbox, NOW_MS + 23 * 60 * MINUTE_MS), undefined);
  assert.notEqual(nextDue(outbox, NOW_MS + 25 * 60 * MINUTE_MS), undefined);
});

test("a try in doubt counts against the limits, and the message stays", () => {
  let outbox = addMessage(openOutbox(undefined, "boot"), message(1), ["vpnLost"], NOW_MS);
  outbox = noteInDoubt(outbox, NOW_MS);
  assert.deepEqual([outbox.entries.length, outbox.sent, outbox.sentAtMs], [1, 0, [NOW_MS]]);
});

test("a clock that went back does not hold a message for ever", () => {
  const outbox = addMessage(openOutbox(undefined, "boot"), message(1), ["vpnLost"], NOW_MS);
  assert.notEqual(nextDue({ ...outbox, sentAtMs: Array(30).fill(NOW_MS) }, NOW_MS - 24 * 60 * MINUTE_MS), undefined);
});

test("a full outbox drops its oldest and counts them", () => {
  let outbox = openOutbox(undefined, "boot");
  for (let sequence = 0; sequence < ENTRIES_MAX + 3; sequence++)
    outbox = addMessage(outbox, message(1), ["test"], NOW_MS);
  assert.deepEqual([outbox.entries.length, outbox.dropped, outbox.entries[0]?.sequence], [ENTRIES_MAX, 3, 3]);
});
