#!/bin/sh
# Joins Intel's and AMD's updates for processors into one archive, which the kernel reads before it has drivers (its documentation,
# x86/microcode), and takes them out of the tree. SOURCE_DATE_EPOCH dates the archive.
#   join-microcode.sh TREE OUTPUT
set -eu
firmware=$1/usr/lib/firmware output=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/kernel/x86/microcode"
cat "$firmware"/intel-ucode/* >"$work/kernel/x86/microcode/GenuineIntel.bin"
cat "$firmware"/amd-ucode/microcode_amd*.bin >"$work/kernel/x86/microcode/AuthenticAMD.bin"
rm -r "$firmware/intel-ucode" "$firmware/amd-ucode"
find "$work" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
(cd "$work" && find . -print0 | LC_ALL=C sort -z | cpio --quiet --null -o -H newc --reproducible --owner 0:0) >"$output"
