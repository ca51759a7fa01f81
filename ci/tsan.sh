#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the lifecycle and the load scenario with every program built under ThreadSanitizer. A report in any log fails.
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# glibc's and OpenSSL's own locking is not instrumented; what is suppressed stands in the file with its reason.
export TSAN_OPTIONS="halt_on_error=0 exitcode=66 suppressions=$PWD/ci/tsan.supp"
status=0
build/tsan/bin/provsim run --keep all --out "$out/run" scenarios/lifecycle.yaml scenarios/load/smoke.yaml || status=$?
if grep -rl 'WARNING: ThreadSanitizer' "$out" >"$out/reports"; then
  echo "ThreadSanitizer reported in:"
  cat "$out/reports"
  grep -rh -A 25 'WARNING: ThreadSanitizer' "$out/run" | head -80
  exit 1
fi
exit $status
