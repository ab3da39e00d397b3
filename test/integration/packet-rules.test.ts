import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { renderPacketRules } from "../../appliance/network/packet-rules.ts";
import { runInNamespace } from "../../scripts/rig/net-namespace.ts";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";

const TEST = join(import.meta.dirname, "..");
const RULES = join(TEST, "../overlay/usr/lib/cepa/nftables.conf");
const SENSOR = join(TEST, "../dist/cepa-sensor");
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

/**
 * With ARP and an address, which the box never has, on span0: what a packet socket there sees of an ARP request and a ping from the far
 * side, and how many answers reach that; first without the rules, then with those of what comes in.
 */
const ASK = `set -e
nft -f ${RULES}
nft add rule inet cepa input icmp type echo-request accept
nft add rule inet cepa output accept
for end in span0 span0-far; do ip link set $end arp on; done
ip address add 192.0.2.1/24 dev span0
near=$(cat /sys/class/net/span0/address)
far=$(cat /sys/class/net/span0-far/address)
ip neighbour add 192.0.2.2 lladdr $far dev span0
ask='import socket, sys
ETH_P_ALL = 3
def listen(port):
    packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    packet.bind((port, ETH_P_ALL))
    packet.settimeout(0.5)
    return packet
def incoming(packet):
    seen = []
    try:
        while True:
            frame, address = packet.recvfrom(2048)
            if address[2] != socket.PACKET_OUTGOING: seen.append(frame)
    except TimeoutError: return seen
def checksum(octets):
    total = sum(octets[at] << 8 | octets[at + 1] for at in range(0, len(octets), 2))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return (~total & 0xffff).to_bytes(2, "big")
near, far = (bytes.fromhex(text.replace(":", "")) for text in sys.argv[1:3])
there, here = socket.inet_aton("192.0.2.1"), socket.inet_aton("192.0.2.2")
arp = bytes([255] * 6) + far + bytes.fromhex("08060001080006040001") + far + here + bytes(6) + there
head = bytes.fromhex("4500001c000100004001") + bytes(2) + here + there
ping = near + far + bytes.fromhex("0800") + head[:10] + checksum(head) + head[12:] + bytes.fromhex("0800f7ff00000000")
ring, outside = listen("span0"), listen("span0-far")
for frame in arp, ping: outside.send(frame)
seen = [frame for frame in incoming(ring) if frame in (arp, ping)]
print(len(seen), "seen,", len(incoming(outside)), "answered")'
/usr/bin/python3 -c "$ask" $near $far
nft -f "$1"
nft delete chain netdev span egress
/usr/bin/python3 -c "$ask" $near $far`;

test("frames that come in by a SPAN port reach packet sockets, and nothing else of the kernel", async () => {
  const rules = join(folder, "rules-in");
  writeFileSync(rules, renderPacketRules(["span0"], ["span0"], undefined));
  const printed = await runInNamespace(["span0"], ["bash", "-c", ASK, "ask", rules], 60_000);
  assert.equal(printed, "2 seen, 2 answered\n2 seen, 0 answered\n");
});

test("a ring has every frame of a SPAN port all the same", async () => {
  const rules = join(folder, "rules-ring");
  writeFileSync(rules, renderPacketRules(["span0"], ["span0"], undefined));
  const farSide = [process.execPath, join(TEST, "support/ring-far-side.ts")];
  const capture = join(TEST, "captures/office-minute/input.pcap");
  const words = [...farSide, capture, "", "65535"];
  const command = ["bash", "-c", `nft -f ${RULES} && nft -f "$1" && shift && exec "$@"`, "ring", rules, ...words];
  const { received } = JSON.parse(await runInNamespace(["span0"], command, 60_000));
  assert.deepEqual(
    received.map(({ hex }: { hex: string }) => hex),
    framesOfPcap(readFileSync(capture)).map(({ bytes }) => Buffer.from(bytes).toString("hex")),
  );
});

/** The command, with what /sys says of two ports of a box, and an nft that works or refuses what it is given. */
const COMMAND = `set -e
mount -t tmpfs tmpfs /sys/class/net
for port in up0 span0; do
  mkdir -p /sys/class/net/$port/device
  echo 1 >/sys/class/net/$port/type
  echo 02:00:00:00:00:0\${#port} >/sys/class/net/$port/address
done
mkdir -p "$1/bin" "$1/state"
echo '{"uplink":"02:00:00:00:00:03"}' >"$1/state/network.json"
run() {
  status=0
  PATH=$1/bin:$PATH "$2" network --state "$1/state" --run "$1/run" --networkd "$1/networkd" 2>"$1/errors" || status=$?
  echo "$status $(cat "$1/run/ports.json") $(ls "$1/networkd" | tr '\n' ' ')"
}
printf '#!/bin/sh\ncat >/dev/null\n' >"$1/bin/nft"
chmod +x "$1/bin/nft"
run "$1" "$2"
printf '#!/bin/sh\ncat >/dev/null\nexit 1\n' >"$1/bin/nft"
run "$1" "$2"
cat "$1/errors"`;

test("a SPAN port whose rules are refused does not come up; the uplink does", async () => {
  const args = ["bash", "-c", COMMAND, "command", join(folder, "box"), SENSOR];
  const [before, refused, ...errors] = (await runInNamespace(["up0", "span0"], args, 60_000)).split("\n");
  assert.equal(before, '0 {"uplink":"up0","span":["span0"]} 10-cepa-uplink.network 20-cepa-span-0.network ');
  assert.equal(refused, '1 {"uplink":"up0","span":[]} 10-cepa-uplink.network ');
  assert.match(errors.join("\n"), /the rules are refused, so no SPAN port comes up \(span0\)/);
});
