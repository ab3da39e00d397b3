#!/bin/bash
# Real set-ups of DTLS and OpenVPN on the loopback interface of a network namespace of its own, captured into FOLDER/all.pcap.
#   unshare --net bash handshakes-far-side.sh FOLDER
set -eu
cd "$1"
ip link set lo up
mkfifo idle
exec 9<>idle # an input that says nothing, and doesn't end
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait' EXIT

wait_for() { # TEXT FILE
  for _ in $(seq 120); do
    grep -q -- "$1" "$2" 2>/dev/null && return
    sleep 0.25
  done
  echo "handshakes-far-side.sh: no \"$1\" in $2:" >&2
  cat "$2" >&2
  exit 1
}

new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2)
openssl req -x509 "${new_key[@]}" -keyout ca.key -out ca.crt -subj /CN=ca 2>openssl.log
for name in server client; do
  openssl req -x509 -CA ca.crt -CAkey ca.key "${new_key[@]}" -keyout "$name.key" -out "$name.crt" -subj "/CN=$name" 2>>openssl.log
done
openvpn --genkey secret ta.key

tcpdump -i lo -s 0 -U -Z root -w all.pcap 2>tcpdump.log &
dump=$!
started+=($dump)
wait_for "listening on" tcpdump.log

# A small MTU cuts the certificates into fragments.
openssl s_server -dtls1_2 -4 -accept 4433 -cert server.crt -key server.key -CAfile ca.crt -Verify 1 -mtu 300 \
  <idle >dtls-server.log 2>&1 &
started+=($!)
wait_for ACCEPT dtls-server.log
openssl s_client -dtls1_2 -connect 127.0.0.1:4433 -servername box.example -cert client.crt -key client.key -mtu 300 \
  <idle >dtls-client.log 2>&1 &
started+=($!)
wait_for "Verify return code" dtls-client.log

for proto in udp tcp; do
  role=([0]=udp [1]=udp)
  [ $proto = tcp ] && role=([0]=tcp-server [1]=tcp-client)
  common=(--dev null --ca ca.crt --verb 3 --tls-version-max 1.2 --ping 1)
  openvpn "${common[@]}" --cert server.crt --key server.key --tls-server --dh none --proto "${role[0]}" \
    --local 127.0.0.1 --port 1194 --tls-auth ta.key 0 >"openvpn-server-$proto.log" 2>&1 &
  server=$!
  started+=($server)
  wait_for "link local\|Listening for incoming" "openvpn-server-$proto.log"
  openvpn "${common[@]}" --cert client.crt --key client.key --tls-client --proto "${role[1]}" \
    --remote 127.0.0.1 1194 --nobind --tls-auth ta.key 1 >"openvpn-client-$proto.log" 2>&1 &
  client=$!
  started+=($client)
  wait_for "Initialization Sequence Completed" "openvpn-client-$proto.log"
  kill $client $server
  wait $client $server || true
done
sleep 0.5 # what was captured is written
kill $dump
wait $dump || true
