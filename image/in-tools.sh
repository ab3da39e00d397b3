#!/bin/sh
# Runs a program inside the tools tree, with /proc, /dev and a work folder mounted in a mount namespace of its own.
#   in-tools.sh TOOLS WORK PROGRAM ARGUMENT…
# A folder named by CEPA_KEYS is there as /keys, to be read only.
# It also works in a plain chroot, whose / is no mount point: there the mounts may be seen outside, so they are undone.
set -eu
[ "${CEPA_MOUNTS:-}" = own ] || exec env CEPA_MOUNTS=own unshare --mount --propagation unchanged sh "$0" "$@"
tools=$1 work=$2
shift 2
mount --make-rprivate / 2>/dev/null || true
mkdir -p "$tools/work"
mount --rbind "$work" "$tools/work"
if [ -n "${CEPA_KEYS:-}" ]; then
  mkdir -p "$tools/keys"
  mount --bind "$CEPA_KEYS" "$tools/keys"
  mount -o remount,bind,ro "$tools/keys"
fi
mount --rbind /dev "$tools/dev"
mount -t proc proc "$tools/proc"
status=0
chroot "$tools" env -u CEPA_MOUNTS -u CEPA_KEYS PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 HOME=/ "$@" || status=$?
umount -l "$tools/proc" "$tools/dev" "$tools/work" ${CEPA_KEYS:+"$tools/keys"} 2>/dev/null || true
exit "$status"
