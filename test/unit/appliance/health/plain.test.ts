import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseAnonymousBytes,
  parseImageVersion,
  parseInterfaces,
  parseLoadAverage1,
  parseMemoryInfo,
  parseRootHash,
  parseUptimeMs,
} from "../../../../appliance/health/plain.ts";

test("/proc and os-release, as a sensor has them", () => {
  assert.deepEqual(parseMemoryInfo("MemTotal:        2013600 kB\nMemFree:  1 kB\nMemAvailable:    1234568 kB\n"), {
    totalBytes: 2_061_926_400,
    availableBytes: 1_264_197_632,
  });
  assert.equal(parseLoadAverage1("0.42 0.30 0.10 1/123 4567\n"), 0.42);
  assert.equal(parseUptimeMs("350735.47 234388.90\n"), 350_735_470);
  assert.equal(parseImageVersion('NAME="Cepa"\nIMAGE_VERSION="0.1.0"\n'), "0.1.0");
  assert.equal(parseImageVersion("IMAGE_VERSION=0.1.0\n"), "0.1.0");
  assert.equal(parseRootHash(`quiet roothash=${"ab".repeat(32)} ro\n`), "ab".repeat(32));
});

test("texts that are not as expected", () => {
  assert.deepEqual(parseMemoryInfo("x"), { totalBytes: 0, availableBytes: 0 });
  assert.deepEqual([parseLoadAverage1(""), parseUptimeMs("-")], [0, 0]);
  assert.equal(parseImageVersion('IMAGE_VERSION="a b"'), "unknown");
  for (const line of ["", "roothash=", "roothash=xyz", "usrroothash=abcd"])
    assert.equal(parseRootHash(line), "unknown");
});

const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  332844     385    0    0    0     0          0         0   332844     385    0    0    0     0       0          0
enp0s2: 1000 10 0 1 0 0 0 0 2000 20 0 0 0 0 0 0
  tun0:5 4 0 3 0 0 0 0 2 1 0 0 0 0 0 0
`;

test("/proc/net/dev without the loopback", () => {
  assert.deepEqual(parseInterfaces(NET_DEV, new Set(["enp0s2"])), [
    {
      name: "enp0s2",
      carrier: true,
      receivedBytes: 1000,
      sentBytes: 2000,
      receivedFrames: 10,
      sentFrames: 20,
      receivedDropped: 1,
    },
    {
      name: "tun0",
      carrier: false,
      receivedBytes: 5,
      sentBytes: 2,
      receivedFrames: 4,
      sentFrames: 1,
      receivedDropped: 3,
    },
  ]);
  assert.deepEqual(parseInterfaces("", new Set()), []);
});

test("parseAnonymousBytes: of a control group; nothing where it is not", () => {
  assert.equal(parseAnonymousBytes("anon 19800064\nfile 4096\nanon_thp 0\n"), 19_800_064);
  assert.equal(parseAnonymousBytes("file 4096\nanon_thp 7\n"), undefined);
  assert.equal(parseAnonymousBytes(""), undefined);
});
