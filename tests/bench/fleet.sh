#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 1 000 devices through the whole stack: lifecycles a second, CPU milliseconds of each process for one lifecycle, and the ratio to the
# cryptographic floor measured in the same run. Run it alone on the machine.
#   tests/bench/fleet.sh BUILD_DIR [SCENARIO]
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$build/tests/bench_floor"
"$build/bin/provsim" run --out "$out/run" --keep none "${2:-$here/thousand.yaml}" | tee "$out/log"
floor=$("$build/tests/bench_floor" --total)
sed -n 's/.*CPU per lifecycle: //p' "$out/log" | tr ',' '\n' | awk -v floor="$floor" '
  { ms = $(NF - 1); name = $1; total += ms; printf "%-14s %6.2f ms\n", name, ms }
  END { printf "%-14s %6.2f ms = %.2f x the floor of %.2f ms (with decommissioning, which the floor has not)\n",
        "all", total, total * 1000 / floor, floor / 1000 }'
