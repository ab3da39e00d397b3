import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { renderPacketRules } from "../../appliance/network/packet-rules.ts";
import { runInNamespace } from "../../scripts/rig/net-namespace.ts";

const RULES = join(import.meta.dirname, "../../overlay/usr/lib/cepa/nftables.conf");
const folder = mkdtempSync(join(tmpdir(), "cepa-rules-"));
after(() => rmSync(folder, { recursive: true }));

/** Sends a frame by a packet socket: as root on both ports, then as the capture role on both; prints what arrived. */
const SEND = `set -e
nft -f ${RULES}
nft -f "$1"
nft -f "$1"
send='import socket, sys
packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
packet.bind((sys.argv[1], 0))
packet.send(bytes.fromhex("ffffffffffff02000000000188b5") + bytes(50))'
capture="setpriv --reuid 901 --clear-groups --inh-caps +net_raw --ambient-caps +net_raw --bounding-set -all,+net_raw"
arrived() { cat /sys/class/net/up0-far/statistics/rx_packets /sys/class/net/span0-far/statistics/rx_packets | tr '\\n' ' '; }
for port in up0 span0; do /usr/bin/python3 -c "$send" $port || true; done
arrived
for port in up0 span0; do $capture /usr/bin/python3 -c "$send" $port || true; done
arrived
nft list table netdev capture | grep -c 'packets 1 bytes'
nft list set inet cepa base | grep -c 'elements = { 10.8.0.1 }'`;

test("nothing leaves a SPAN port, whoever sends it; nothing of the capture role's leaves the uplink either; base is let in", async () => {
  const rules = join(folder, "rules");
  writeFileSync(rules, renderPacketRules(["up0", "span0"], ["span0"], "10.8.0.1"));
  const printed = await runInNamespace(["up0", "span0"], ["bash", "-c", SEND, "send", rules], 60_000);
  assert.equal(printed, "1 0 1 0 1\n1\n");
});
