import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT, finalsOf, harness, OK, REQUEST, SERVER, START } from "../../../support/engine-harness.ts";
import { ACK, RST, SYN, tcpPacket, udpPacket } from "../../../support/ip-packets.ts";

test("Engine: a SYN in the midst of a session that nobody answers hides nothing of what follows", () => {
  for (const ahead of [100, 1_000_000, 2 ** 30]) {
    const h = harness();
    h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 0 }));
    h.feed(tcpPacket({ ...SERVER, flags: SYN | ACK, sequence: 0 }));
    const say = (count: number) => {
      h.feed(tcpPacket({ ...CLIENT, sequence: 1 + count * REQUEST.length, payload: REQUEST }));
      h.feed(tcpPacket({ ...SERVER, sequence: 1 + count * OK.length, payload: OK }));
    };
    say(0);
    h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: REQUEST.length + ahead }));
    h.feed(tcpPacket({ ...CLIENT, sequence: REQUEST.length + ahead + 1, payload: "x" }));
    for (let count = 1; count < 4; count++) say(count);
    h.engine.finish();
    assert.deepEqual(
      h.requests.map(({ status }) => status),
      [200, 200, 200, 200],
      `${ahead} ahead`,
    );
  }
});

test("Engine: a SYN in the midst of a session begins another once it is answered, and counts to that", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 0 }));
  h.feed(tcpPacket({ ...SERVER, flags: SYN | ACK, sequence: 0, acknowledgment: 1 }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 1, payload: REQUEST }));
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 77_000 }));
  h.feed(tcpPacket({ ...SERVER, sequence: 1, acknowledgment: 1 + REQUEST.length }));
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 99_000 }));
  h.feed(tcpPacket({ ...SERVER, flags: SYN | ACK, sequence: 500, acknowledgment: 99_001 }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 99_001, payload: REQUEST }));
  h.feed(tcpPacket({ ...SERVER, sequence: 501, payload: OK }));
  const finals = finalsOf(h);
  assert.deepEqual(
    finals.map(({ src_ip, src_pkts, dst_pkts }) => [src_ip, src_pkts, dst_pkts]),
    [
      ["10.0.0.9", 3, 2], // the SYN that nobody answered is one of the three
      ["10.0.0.9", 2, 2],
    ],
  );
  assert.deepEqual(
    h.requests.map(({ session_id, status }) => [session_id, status]),
    [
      [finals[0]?.id, null],
      [finals[1]?.id, 200],
    ],
  );
});

test("Engine: a SYN in the midst of a session of which one direction is seen begins another once it goes on", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 0 }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 1, payload: REQUEST }));
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 99_000 }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 99_001, payload: REQUEST }));
  assert.deepEqual(
    finalsOf(h).map(({ src_pkts }) => src_pkts),
    [2, 2],
  );
  assert.equal(h.requests.length, 2);
});

test("Engine: a new SYN after the end, or with another number, is a new session; a repeated one is not", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 1 }));
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 1 }));
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 999 }));
  h.feed(tcpPacket({ ...SERVER, flags: RST | ACK, acknowledgment: 1000 }));
  h.feed(tcpPacket({ ...CLIENT, flags: SYN, sequence: 999 }));
  assert.deepEqual(
    finalsOf(h).map(({ id, src_pkts, dst_pkts }) => [id, src_pkts, dst_pkts]),
    [
      [41, 2, 0],
      [43, 1, 1],
      [45, 1, 0],
    ],
  );
});

test("Engine: idle sessions end, each kind in its time", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, fromPort: 50_001, flags: SYN, sequence: 1 })); // never answered
  h.feed(tcpPacket({ ...CLIENT, fromPort: 50_002 }));
  h.feed(tcpPacket({ ...CLIENT, fromPort: 50_003 }));
  h.feed(tcpPacket({ ...CLIENT, fromPort: 50_003, flags: RST }));
  h.feed(udpPacket({ ...CLIENT, fromPort: 50_004 }));
  const ended: [number, number][] = [];
  for (let seconds = 1; seconds < 400; seconds++) {
    h.engine.advance((START + seconds) * 1000);
    for (const { record, final } of h.sessions.splice(0)) if (final) ended.push([record.src_port, seconds]);
  }
  assert.deepEqual(ended.sort(), [
    [50_001, 60],
    [50_002, 300],
    [50_003, 10],
    [50_004, 60],
  ]);
  assert.equal(h.engine.counters.sessionsActive, 0);
});

test("Engine: a session that goes on is reported under one id, and not when nothing came", () => {
  const h = harness();
  for (let seconds = 0; seconds <= 130; seconds += 10) h.feed(tcpPacket({ ...CLIENT, payload: "x" }), seconds);
  for (let seconds = 131; seconds <= 500; seconds++) h.engine.advance((START + seconds) * 1000);
  assert.deepEqual(
    h.sessions.map(({ record, final }) => [record.id, record.src_pkts, final]),
    [
      [41, 6, false], // time moves on before the packet of that second counts
      [41, 12, false],
      [41, 14, false],
      [41, 14, true],
    ],
  );
});

test("Engine: a full table gives up the session that was silent for longest, and counts it", () => {
  const h = harness({ maxSessions: 4 });
  for (let i = 1; i <= 4; i++) h.feed(udpPacket({ ...CLIENT, fromPort: 50_000 + i }), i);
  h.feed(udpPacket({ ...CLIENT, fromPort: 50_005 }), 50);
  h.feed(udpPacket({ ...CLIENT, fromPort: 50_006 }), 51);
  assert.deepEqual(
    h.sessions.map(({ record }) => record.src_port),
    [50_001, 50_002],
  );
  assert.equal(h.engine.counters.sessionsEvicted, 2);
  assert.equal(h.engine.counters.sessionsActive, 4);
});

test("Engine: the clock is set back: sessions go on, and end in time", () => {
  const h = harness();
  h.feed(udpPacket(CLIENT), 1_000_000);
  h.engine.advance((START + 100) * 1000);
  h.feed(udpPacket(CLIENT), 101);
  h.engine.advance((START + 150) * 1000);
  assert.equal(h.sessions.filter(({ final }) => final).length, 0);
  h.engine.advance((START + 162) * 1000);
  assert.deepEqual(
    h.sessions.filter(({ final }) => final).map(({ record }) => record.src_pkts),
    [2],
  );
});
