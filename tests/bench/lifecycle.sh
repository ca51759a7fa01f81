#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# CPU of the lifecycle scenario split by process, the harness's own share, and the cold start of the stack: median of several runs
# beside the cryptographic floor of the same run. Run it alone on the machine.
#   tests/bench/lifecycle.sh BUILD_DIR [RUNS]
set -eu
build=$1
runs=${2:-9}
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
i=0
while [ $i -lt "$runs" ]; do
  i=$((i + 1))
  "$build/bin/provsim" run --out "$out/run$i" --keep none "$here/../../scenarios/lifecycle.yaml" >"$out/log"
  sed -n 's/.*CPU ms: *//p' "$out/log" | tr ' ' '\n' | paste - - >>"$out/figures"
  sed -n 's/^passed .* own CPU \([0-9.]*\) ms/provsim \1/p' "$out/log" >>"$out/figures"
  sed -n 's/^  ok *\([0-9.]*\) ms  start the stack/cold-start \1/p' "$out/log" >>"$out/figures"
done
floor=$("$build/tests/bench_floor" --total)
echo "lifecycle.yaml: enrolls twice, connects twice, two tunnels; $runs runs"
sort "$out/figures" | awk -v floor="$floor" '
  function flush() { if (n) { m = v[int((n + 1) / 2)]; printf "%-14s %8.1f ms  (%.1f to %.1f)\n", name, m, v[1], v[n]
      if (name != "cold-start") total += m } n = 0 }
  $1 != name { flush(); name = $1 }
  { n++; k = n; while (k > 1 && v[k - 1] > $2 + 0) { v[k] = v[k - 1]; k-- } v[k] = $2 + 0 }
  END { flush(); printf "%-14s %8.1f ms  CPU of all processes, start and stop of the stack included\n", "all", total
        printf "%-14s %8.1f ms  cryptographic floor of one lifecycle\n", "floor", floor / 1000 }'
