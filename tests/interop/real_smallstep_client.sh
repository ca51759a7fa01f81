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
STEP_CA_PROVISIONER_PASSWORD=bridge-secret "$bin/mock-step-ca" --listen 127.0.0.1:0 --admin 127.0.0.1:0 \
  --state "$run/ca" >"$run/log" 2>&1 &
pid=$!
tries=0
until grep -q '"ev":"daemon.ready"' "$run/log"; do
  kill -0 $pid 2>/dev/null || { echo "mock-step-ca ended:"; cat "$run/log"; exit 1; }
  tries=$((tries + 1))
  [ $tries -lt 100 ] || { echo "mock-step-ca did not come up:"; cat "$run/log"; exit 1; }
  sleep 0.1
done
ready=$(grep '"ev":"daemon.ready"' "$run/log")
url=https://$(echo "$ready" | sed 's/.*"X_HTTPS":"\([^"]*\)".*/\1/')
fingerprint=$(echo "$ready" | sed 's/.*"X_FINGERPRINT":"\([^"]*\)".*/\1/')
"$work/kit/steptool" enrol "$url" "$fingerprint" iot-bridge bridge-secret dev-1 dev-1 | tee "$run/out"
for what in "roots 1" "sign serial" "renew serial" "rekey serial" "revoke ok"; do
  grep -q "^$what" "$run/out" || { echo "missing: $what"; exit 1; }
done
