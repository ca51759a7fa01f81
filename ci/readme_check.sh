#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The README's scenario must be one, and the files and programs that it names must exist.
#   readme_check.sh BIN_DIR
set -eu
cd "$(dirname "$0")/.."
bin=$1
example=$(mktemp --suffix=.yaml)
trap 'rm -f "$example"' EXIT
sed -n '/^```yaml/,/^```/p' README.md | sed '1d;$d' >"$example"
"$bin/provsim" lint "$example"
for path in $(grep -o '\(scenarios\|tests\|ci\|docs\)/[A-Za-z0-9_./-]*[a-z]' README.md | sort -u); do
  [ -e "$path" ] || { echo "README.md names $path, which does not exist"; exit 1; }
done
for program in $(sed -n 's/^| `\([a-z-]*\)` | .*/\1/p' README.md); do
  [ -x "$bin/$program" ] || { echo "README.md names $program, which was not built"; exit 1; }
done
