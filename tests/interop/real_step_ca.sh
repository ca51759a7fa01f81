#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A real step-ca stands in for the mock: the same scenarios must stay green on it.
#   real_step_ca.sh BIN_DIR WORK_DIR SCENARIO...
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$1 work=$2
shift 2
"$here/step-ca/kit.sh" build "$work/kit"
run=$(mktemp -d)
trap '"$here/step-ca/kit.sh" stop "$run/ca"; rm -rf "$run"' EXIT
"$here/step-ca/kit.sh" start "$work/kit" "$run/ca"
"$bin/provsim" run --against "$run/ca/env" --out "$run/out" "$@"
