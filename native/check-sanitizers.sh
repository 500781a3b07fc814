#!/bin/bash
# Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer, beside the real one, and drives all of it.
# Exits with an error on any report. `make build` wipes what this leaves behind.
set -euo pipefail

cd "$(dirname "$0")/.."
. .ci/node-headers
root=$PWD/native/build/sanitizers
# The layout of the repository, so that src/base/native/addon.ts finds the addon that is under test.
rm -rf "$root"
mkdir -p "$root/native"
cp native/binding.gyp native/*.cc native/*.h "$root/native/"
echo '{ "type": "module" }' > "$root/package.json"

CXXFLAGS='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g' \
LDFLAGS='-fsanitize=address,undefined' \
  node_modules/.bin/node-gyp rebuild -C "$root/native" --loglevel=error
node_modules/.bin/tsc -p test/native/tsconfig.json --outDir "$root"

# Node is not built with the sanitizers, hence the preload; and it leaves memory behind on purpose, hence no leak
# detection: the program counts our own objects and watches the size of the process. A small quarantine keeps that size
# meaningful.
exercise="env LD_PRELOAD=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)
  ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8 UBSAN_OPTIONS=print_stacktrace=1
  node --expose-gc $root/test/native/exercise.js"

if [ "$(id -u)" -eq 0 ] && ip netns add "vpn-asan$$" 2>/dev/null; then
  trap 'ip netns delete "vpn-asan$$"' EXIT
  # Not quoted: it is a command and its arguments.
  ip netns exec "vpn-asan$$" $exercise --queue
else
  echo 'not root: the queue is left out' >&2
  $exercise
fi
