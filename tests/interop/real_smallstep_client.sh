#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The real smallstep client library walks bootstrap, key, token, sign, renew, rekey and revoke against mock-step-ca.
#   real_smallstep_client.sh BIN_DIR WORK_DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$1 work=$2
"$here/step-ca/kit.sh" build "$work/kit"
run=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null || true; rm -rf "$run"' EXIT
: >"$run/log"
STEP_CA_PROVISIONER_PASSWORD=bridge-secret "$bin/mock-step-ca" --listen 127.0.0.1:0 --admin 127.0.0.1:0 \
  --state "$run/ca" >"$run/log" 2>&1 &
pid=$!
tries=0
until grep -q '"ev":"mock.ready"' "$run/log"; do
  kill -0 $pid 2>/dev/null || { echo "mock-step-ca ended:"; cat "$run/log"; exit 1; }
  tries=$((tries + 1))
  [ $tries -lt 100 ] || { echo "mock-step-ca did not come up:"; cat "$run/log"; exit 1; }
  sleep 0.1
done
value() { sed -n "s/.*\"variable\":\"$1\",\"value\":\"\([^\"]*\)\".*/\1/p" "$run/log"; }
url=https://$(value X_HTTPS)
fingerprint=$(value X_FINGERPRINT)
"$work/kit/steptool" enrol "$url" "$fingerprint" iot-bridge bridge-secret dev-1 dev-1 | tee "$run/out"
for what in "roots 1" "sign serial" "renew serial" "rekey serial" "revoke ok"; do
  grep -q "^$what" "$run/out" || { echo "missing: $what"; exit 1; }
done
