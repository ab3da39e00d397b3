#!/bin/bash
# Runs the files of test/e2e, two at a time, the longest first, each in a private network of its own. What a file printed comes whole
# when it has ended. Needs root.
#   scripts/e2e.sh COMMAND ARG…     the command gets a file's name as its last argument
set -u
cd "$(dirname "$0")/.."
AT_A_TIME=2
LONGEST=test/e2e/update.test.ts

if [ "${1:-}" = --one ]; then
  file=${!#}
  name=$(basename "$file" .test.ts)
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  echo "e2e: $name: starts"
  status=0
  bash scripts/private-network.sh "${@:2}" >"$log" 2>&1 || status=$?
  cat "$log"
  echo "e2e: $name: $([ $status = 0 ] && echo passed || echo "FAILED ($status)") after $SECONDS s"
  exit $status
fi
{
  echo $LONGEST
  printf '%s\n' test/e2e/*.test.ts | grep -vx $LONGEST
} | xargs -P $AT_A_TIME -n 1 bash "$0" --one "$@"
