#!/bin/sh
# Runs a program inside the tools tree, with /proc, /dev and a work folder mounted in a mount namespace of its own.
#   in-tools.sh TOOLS WORK PROGRAM ARGUMENT…
# A folder named by CEPA_KEYS is there as /keys, to be read only.
# It also works in a plain chroot, whose / is no mount point and can't be made private. The tree is mounted at a place of this run's
# own, which can: so two runs don't see each other's work, and what may be seen outside is undone.
set -eu
[ "${CEPA_MOUNTS:-}" = own ] || exec env CEPA_MOUNTS=own unshare --mount --propagation unchanged sh "$0" "$@"
tools=$1 work=$2
shift 2
mount --make-rprivate / 2>/dev/null || true
tree=$(mktemp -d)
trap 'umount -l "$tree" 2>/dev/null; rmdir "$tree"' EXIT
mount --bind "$tools" "$tree"
mount --make-private "$tree"
mkdir -p "$tree/work"
mount --rbind "$work" "$tree/work"
if [ -n "${CEPA_KEYS:-}" ]; then
  mkdir -p "$tree/keys"
  mount --bind "$CEPA_KEYS" "$tree/keys"
  mount -o remount,bind,ro "$tree/keys"
fi
mount --rbind /dev "$tree/dev"
mount -t proc proc "$tree/proc"
chroot "$tree" env -u CEPA_MOUNTS -u CEPA_KEYS PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 HOME=/ "$@"
