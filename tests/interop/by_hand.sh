#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `provsim up` prints works by hand: openssl, curl, mosquitto_pub and wg against the running stack.
#   by_hand.sh BIN_DIR
set -eu
for tool in curl openssl jq mosquitto_pub wg; do
  command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
bin=$1
run=$(mktemp -d)
link=/var/run/wireguard/pvbh$$.sock
trap 'kill -INT "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; rm -rf "$run"; rm -f "$link" 2>/dev/null || true' EXIT
: >"$run/out"
"$bin/provsim" up --out "$run/up" >"$run/out" 2>&1 &
pid=$!
tries=0
until grep -q '^Logs: ' "$run/out"; do
  kill -0 $pid 2>/dev/null || { echo "provsim up ended:"; cat "$run/out"; exit 1; }
  tries=$((tries + 1))
  [ $tries -lt 100 ] || { echo "provsim up did not come up:"; cat "$run/out"; exit 1; }
  sleep 0.1
done
set -a
. "$run/up/env"
set +a
cd "$run/up"
fail() { echo "FAILED: $1"; exit 1; }

# Enroll by hand, with the very lines that `up` prints.
sed -n '/^Enroll a device by hand/,/^$/p' "$run/out" | sed 1d | sed 's/^  //' >"$run/enroll.sh"
sh -eu "$run/enroll.sh" >"$run/enroll.log" 2>&1 || { cat "$run/enroll.log"; fail "the printed enroll commands"; }
grep -q 'dev-1.crt: OK' "$run/enroll.log" || fail "openssl verify"
[ "$(jq -r .device_id dev-1.json)" = dev-1 ] || fail "enroll answer"
ip=$(jq -r .wg_ip dev-1.json)

# Connect by MQTT with the printed line.
sed -n '/^Connect and publish/,/^$/p' "$run/out" | sed 1d | sed 's/^  //' >"$run/connect.sh"
sh -eu "$run/connect.sh" >"$run/connect.log" 2>&1 || { cat "$run/connect.log"; fail "the printed connect commands"; }
curl -sS "$THINGSBOARD_ADMIN_URL/state?device=dev-1" >"$run/tb.json"
[ "$(jq -r '.devices["dev-1"].attributes.wg_ip' "$run/tb.json")" = "$ip" ] || fail "wg_ip attribute"
[ "$(jq -r '.devices["dev-1"].telemetry.temperature' "$run/tb.json")" = 21.5 ] || fail "telemetry"
curl -sSf -u "$HAWKBIT_USER:$HAWKBIT_PASSWORD" "$HAWKBIT_URL/rest/v1/targets/dev-1" | jq -e '.controllerId == "dev-1"' >/dev/null ||
  fail "hawkBit target"

# The same by MQTT 5; and a device without a certificate is refused.
port=${THINGSBOARD_MQTT_URL##*:}
mosquitto_pub -V mqttv5 -h 127.0.0.1 -p "$port" --cafile root.pem --cert dev-1.crt --key dev-1.key -i dev-1 -q 1 \
  -t v1/devices/me/telemetry -m '{"temperature": 22}' || fail "MQTT 5"
if mosquitto_pub -h 127.0.0.1 -p "$port" --cafile root.pem -i dev-1 -q 1 -t t -m '{}' 2>/dev/null; then
  fail "a device without certificate was let in"
fi

# wg show on the mock's socket, where the tool looks for it.
if [ "$(id -u)" -eq 0 ]; then
  mkdir -p /var/run/wireguard
  ln -sf "$WG_UAPI" "$link"
  wg show "$(basename "$link" .sock)" allowed-ips | grep -q "$ip/32" || fail "wg show"
fi

# Decommission by hand.
curl -sSf --cacert root.pem -H "Authorization: Bearer $BRIDGE_ADMIN_TOKEN" -X DELETE "$BRIDGE_URL/devices/dev-1" |
  jq -e '.status == "decommissioned"' >/dev/null || fail "decommission"
[ "$(curl -s -o /dev/null -w '%{http_code}' -u "$HAWKBIT_USER:$HAWKBIT_PASSWORD" "$HAWKBIT_URL/rest/v1/targets/dev-1")" = 404 ] ||
  fail "the target is still there"
echo "curl, openssl, mosquitto_pub and wg work against provsim up"
