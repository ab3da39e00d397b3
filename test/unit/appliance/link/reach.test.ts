import assert from "node:assert/strict";
import { test } from "node:test";
import { describeReach, nextContact, type Reach, readRemoteNames, triesOf } from "../../../../appliance/link/reach.ts";

const UP: Reach = {
  uplink: "eth0",
  carrier: true,
  addresses: ["192.0.2.9"],
  unresolvedName: undefined,
  tunnelUp: true,
};
for (const { reach, heard, expected } of [
  { reach: UP, heard: true, expected: ["up", "base answers at 10.213.0.1"] },
  {
    reach: UP,
    heard: false,
    expected: ["baseSilent", "the VPN has 10.213.1.1, but base does not answer at 10.213.0.1"],
  },
  {
    reach: { ...UP, tunnelUp: false },
    heard: false,
    expected: ["vpnDown", "eth0 has 192.0.2.9; the VPN does not come up"],
  },
  {
    reach: { ...UP, tunnelUp: false, addresses: [] },
    heard: false,
    expected: ["noAddress", "the uplink port eth0 has no address yet"],
  },
  {
    reach: { ...UP, tunnelUp: false, addresses: [], carrier: false },
    heard: false,
    expected: ["noUplink", "no link on the uplink port eth0: is the cable in?"],
  },
  {
    reach: { ...UP, tunnelUp: false, unresolvedName: "vpn.example.net" },
    heard: false,
    expected: ["vpnDown", "eth0 has 192.0.2.9, but the name vpn.example.net is not found"],
  },
  {
    reach: { uplink: undefined, carrier: false, addresses: [], unresolvedName: undefined, tunnelUp: false },
    heard: false,
    expected: ["noUplink", "there is no uplink port"],
  },
] as const)
  test(`describeReach: ${expected[0]}, ${expected[1]}`, () => {
    const { state, detail } = describeReach(reach, "10.213.1.1", "10.213.0.1", heard);
    assert.deepEqual([state, detail], expected);
  });

test("tries count the tens of seconds since base was lost, and start over when it is back", () => {
  const start = { up: false, sinceMs: 0 };
  assert.equal(triesOf(start, 9_999), 0);
  assert.equal(triesOf(nextContact(start, false, 30_000), 30_000), 3);
  const up = nextContact(start, true, 31_000);
  assert.equal(triesOf(up, 99_000), 0);
  assert.equal(triesOf(nextContact(up, false, 100_000), 110_000), 1);
});

test("readRemoteNames: names, not addresses, each once", () => {
  const configuration = "client\nremote vpn.example.net 1194 udp4\nremote 192.0.2.1 1194\nremote vpn.example.net 443\n";
  assert.deepEqual(readRemoteNames(`${configuration}#remote other.example\nremote-cert-tls server\n`), [
    "vpn.example.net",
  ]);
});
