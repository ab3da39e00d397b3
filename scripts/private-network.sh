#!/bin/bash
# Runs a command in a network namespace of its own, where only the loopback interface is: nothing that it does touches the
# network of this machine. Needs root.
#   scripts/private-network.sh COMMAND ARG…
set -eu
if [ "$(id -u)" != 0 ]; then
  echo "private-network.sh: a private network needs root; run it with sudo" >&2
  exit 1
fi
exec unshare --net -- bash -c 'ip link set lo up && exec "$@"' private-network "$@"
