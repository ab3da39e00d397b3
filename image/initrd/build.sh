#!/bin/sh
# Makes the initrd from the programs of the tree that it runs in and the modules of another.
#   build.sh INIT ROOT KERNEL-VERSION MODULES-FILE OUTPUT
# SOURCE_DATE_EPOCH dates its files.
set -eu
init=$1 root=$2 kernel=$3 modules=$4 output=$5
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
for folder in usr/bin usr/sbin usr/lib usr/lib64 dev proc sys run sysroot; do mkdir -p "$tree/$folder"; done
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$tree/$folder"; done
install -m 755 "$init" "$tree/init"

for program in sh cat sleep mkdir mount umount nice chroot switch_root findfs modprobe veritysetup; do
  found=$(command -v "$program")
  install -m 755 "$(readlink -f "$found")" "$tree/usr/bin/$program"
  ldd "$found" | sed -n "s/^[^/]*\(\/[^ ]*\) (0x.*/\1/p" | while read -r library; do
    target=$tree$(readlink -f "$(dirname "$library")")/$(basename "$library")
    [ -e "$target" ] || { mkdir -p "$(dirname "$target")"; install -m 755 "$(readlink -f "$library")" "$target"; }
  done
done
# OpenSSL looks for its configuration; none is needed.
for module in $(sed 's/#.*//' "$modules"); do
  modprobe -d "$root" -S "$kernel" --show-depends "$module"
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
  target=$tree/usr/lib/modules/$kernel/$(basename "${file%.xz}")
  mkdir -p "$(dirname "$target")"
  case $file in
    *.xz) xz -dc "$file" >"$target" ;;
    *) cp "$file" "$target" ;;
  esac
done
cp "$root/usr/lib/modules/$kernel/modules.builtin" "$root/usr/lib/modules/$kernel/modules.builtin.modinfo" \
  "$tree/usr/lib/modules/$kernel/"
: >"$tree/usr/lib/modules/$kernel/modules.order"
depmod -b "$tree" "$kernel"
find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
(cd "$tree" && find . -print0 | LC_ALL=C sort -z | cpio --quiet --null -o -H newc --reproducible --owner 0:0) |
  zstd -q -19 -T0 -o "$output"
