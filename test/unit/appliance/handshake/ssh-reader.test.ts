import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { HandshakeFacts } from "../../../../appliance/handshake/handshake-facts.ts";
import { zeroSshCounters } from "../../../../appliance/handshake/ssh-counters.ts";
import { SshReader } from "../../../../appliance/handshake/ssh-reader.ts";

const LISTS = {
  client: ["curve25519-sha256", "ssh-ed25519", "aes256-ctr", "aes128-ctr", "hmac-a", "hmac-b", "none", "zlib", "", ""],
  server: ["ecdh-sha2-nistp256", "rsa-sha2-512", "aes128-gcm", "aes256-gcm", "mac-1", "mac-2", "zlib", "none", "", ""],
};

/** RFC 4253, sections 6 and 7.1. */
function kexInit(lists: readonly string[]): Buffer {
  const fields = lists.flatMap((list) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(list.length);
    return [length, Buffer.from(list, "latin1")];
  });
  const payload = Buffer.concat([Buffer.from([20]), Buffer.alloc(16, 7), ...fields, Buffer.alloc(5)]);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(payload.length + 1 + 6);
  header[4] = 6;
  return Buffer.concat([header, payload, Buffer.alloc(6)]);
}

const CLIENT = Buffer.concat([Buffer.from("SSH-2.0-Client_1\r\n"), kexInit(LISTS.client)]);
const SERVER = Buffer.concat([Buffer.from("hello\nSSH-2.0-Server_2 note\n"), kexInit(LISTS.server)]);
const HASSH = hash("md5", "curve25519-sha256;aes256-ctr;hmac-a;none");
const HASSH_SERVER = hash("md5", "ecdh-sha2-nistp256;aes256-gcm;mac-2;none");

function read(parts: readonly (readonly [number, Uint8Array])[], clientSide = 1): HandshakeFacts[] {
  const all: HandshakeFacts[] = [];
  const reader = new SshReader((facts) => all.push(facts), clientSide);
  for (const [side, bytes] of parts) reader.data(side, bytes, 0, bytes.length, 5);
  reader.end();
  reader.end();
  assert.equal(reader.done, true);
  return all;
}

function said({
  clientSide,
  timeUs,
  protocol,
  clientBanner,
  serverBanner,
  hassh,
  hasshServer,
}: HandshakeFacts): unknown[] {
  return [protocol, clientSide, timeUs, clientBanner, serverBanner, hassh, hasshServer];
}

const WHOLE = ["SSH", 1, 5, "SSH-2.0-Client_1", "SSH-2.0-Server_2 note", HASSH, HASSH_SERVER];

test("SshReader: banners and offers of both sides, split anywhere", () => {
  for (let at = 0; at <= SERVER.length; at++) {
    const cut = Math.min(at, CLIENT.length);
    const facts = read([
      [0, SERVER.subarray(0, at)],
      [1, CLIENT.subarray(0, cut)],
      [0, SERVER.subarray(at)],
      [1, CLIENT.subarray(cut)],
    ]);
    assert.deepEqual(facts.map(said), [WHOLE]);
  }
});

test("SshReader: one side only, a banner only, a lost octet, a KEXINIT that is too long or too short", () => {
  assert.deepEqual(read([[0, SERVER]]).map(said), [["SSH", 1, 5, null, WHOLE[4], null, HASSH_SERVER]]);
  assert.deepEqual(read([[1, CLIENT.subarray(0, 20)]]).map(said), [["SSH", 1, 5, WHOLE[3], null, null, null]]);
  assert.deepEqual(read([[1, Buffer.from("GET / HTTP/1.1\r\n")]]), []);
  const tooLong = Buffer.from(CLIENT);
  tooLong.writeUInt32BE(0x7fff_ffff, 18);
  assert.deepEqual(read([[1, tooLong]]).map(said), [["SSH", 1, 5, WHOLE[3], null, null, null]]);
  const listTooLong = Buffer.from(CLIENT);
  listTooLong.writeUInt32BE(0x7fff_ffff, 18 + 5 + 17);
  assert.deepEqual(read([[1, listTooLong]]).map(said), [["SSH", 1, 5, WHOLE[3], null, null, null]]);
});

test("SshReader: what is too long to be kept is counted", () => {
  const tooLong = Buffer.from(CLIENT);
  tooLong.writeUInt32BE(35_001, 18);
  const endless = Buffer.alloc(50_000, "a");
  const counters = zeroSshCounters();
  const facts: HandshakeFacts[] = [];
  const reader = new SshReader((fact) => facts.push(fact), 1, counters);
  reader.data(1, tooLong, 0, tooLong.length, 5);
  assert.equal(reader.done, false);
  for (let at = 0; at < endless.length; at += 100) reader.data(0, endless, at, at + 100, 5);
  assert.equal(reader.done, true);
  assert.deepEqual(facts.map(said), [["SSH", 1, 5, WHOLE[3], null, null, null]]);
  assert.deepEqual(counters, { sshSidesGivenUp: 2 });
});

test("SshReader: whatever comes, nothing is thrown and one record at most is made", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1), fc.uint8Array({ maxLength: 200 })), { maxLength: 30 }),
      fc.nat(CLIENT.length - 1),
      fc.nat(255),
      (parts, at, octet) => {
        const mutated = Buffer.from(CLIENT);
        mutated[at] = octet;
        assert.ok(read([[1, mutated], ...parts]).length <= 1);
        assert.ok(read(parts).length <= 1);
      },
    ),
    { numRuns: 300, seed: 1 },
  );
});
