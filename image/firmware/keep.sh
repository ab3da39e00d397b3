#!/bin/sh
# Removes firmware that no kernel module of a tree names, packed or not.
#   keep.sh TREE
set -eu
firmware=$1/usr/lib/firmware
[ -d "$firmware" ] || exit 0
names=$(mktemp)
trap 'rm -f "$names"' EXIT
find "$1/usr/lib/modules" -name '*.ko' -exec modinfo -F firmware {} + | sort -u >"$names"
cd "$firmware"
find . -type f -printf '%P\n' | while read -r file; do
  plain=${file%.xz}
  grep -qxF "${plain%.zst}" "$names" || rm "$file"
done
find . -xtype l -delete
find . -mindepth 1 -type d -empty -delete
