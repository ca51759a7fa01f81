#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A client that shows a certificate of another CA must be told so by a TLS alert, every time: the diagnosis stands on it.
# A server that closes at once loses that race to its own RST (4 of 60 arrived before it waited).
#   tls_alert.sh BIN_DIR
set -eu
for tool in curl openssl; do
  command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
bin=$1
run=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null || true; rm -rf "$run"' EXIT
openssl ecparam -name prime256v1 -genkey -noout -out "$run/key.pem"
openssl req -x509 -new -key "$run/key.pem" -subj /CN=stranger -days 2 -out "$run/cert.pem" 2>/dev/null
: >"$run/log"
STEP_CA_PROVISIONER_PASSWORD=bridge-secret "$bin/mock-step-ca" --listen 127.0.0.1:0 >"$run/log" 2>&1 &
pid=$!
tries=0
until grep -q '"ev":"mock.ready"' "$run/log"; do
  kill -0 $pid 2>/dev/null || { echo "mock-step-ca ended:"; cat "$run/log"; exit 1; }
  tries=$((tries + 1))
  [ $tries -lt 100 ] || { echo "mock-step-ca did not come up:"; cat "$run/log"; exit 1; }
  sleep 0.1
done
address=$(sed -n 's/.*"variable":"X_HTTPS","value":"\([^"]*\)".*/\1/p' "$run/log")
round=0
while [ $round -lt 60 ]; do
  round=$((round + 1))
  said=$(curl -sSk --http1.1 --cert "$run/cert.pem" --key "$run/key.pem" "https://$address/health" 2>&1 || true)
  case $said in
  *alert*) ;;
  *) echo "round $round: no alert: $said"; exit 1 ;;
  esac
done
echo "alert seen in $round of $round tries"
