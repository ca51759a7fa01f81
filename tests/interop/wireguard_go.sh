#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Our WireGuard against Debian's wireguard-go, both ways round, in two network namespaces of its own:
# a real client with mock-wireguard as its server, and lib/wg's engine with a real server.
# Usage: wireguard_go.sh BIN_DIR WG_PING      exit 77: something is missing (says what).
set -u
bin=${1:?BIN_DIR} wg_ping=${2:?WG_PING}

skip() { echo "SKIP: $*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "needs root for network namespaces"
[ -c /dev/net/tun ] || skip "needs /dev/net/tun"
for tool in wireguard-go wg ip ping curl python3; do
	command -v $tool >/dev/null || skip "needs $tool (wireguard-go wireguard-tools iproute2 iputils-ping curl python3)"
done

dir=$(mktemp -d) || exit 1
srv=wgm-srv-$$ cli=wgm-cli-$$ if_srv=wgms$$ if_cli=wgmc$$
pids=()

end() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
	wait
	ip netns del $srv 2>/dev/null; ip netns del $cli 2>/dev/null
	rm -f /var/run/wireguard/$if_srv.sock /var/run/wireguard/$if_cli.sock
	rm -rf "$dir"
}
trap end EXIT
fail() { echo "FAIL: $*"; for f in "$dir"/*.log; do echo "--- $f"; tail -5 "$f"; done; exit 1; }
# For short commands; what runs in the background is started by ip itself, so that $! is its own pid.
on_srv() { ip netns exec $srv "$@"; }
on_cli() { ip netns exec $cli "$@"; }
wait_for() { # seconds, command...
	local tries=$(($1 * 20)); shift
	for _ in $(seq $tries); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	return 1
}
state() { # python expression over the mock's state s
	on_srv curl -s "http://$admin/state" | python3 -c "import json,sys; s=json.load(sys.stdin); p=next(iter(s['peers'].values()),None); print($1)"
}
check() { [ "$(state "$1")" = True ] || fail "$1: $(on_srv curl -s "http://$admin/state")"; echo "ok: $1"; }

ip netns add $srv && ip netns add $cli || skip "network namespaces cannot be made here"
ip link add wgmv0 netns $srv type veth peer name wgmv1 netns $cli || skip "veth cannot be made here"
ip -n $srv addr add 10.77.0.1/24 dev wgmv0; ip -n $srv link set wgmv0 up; ip -n $srv link set lo up
ip -n $cli addr add 10.77.0.2/24 dev wgmv1; ip -n $cli link set wgmv1 up; ip -n $cli link set lo up
umask 077
wg genkey >"$dir/srv.key"; wg pubkey <"$dir/srv.key" >"$dir/srv.pub"
wg genkey >"$dir/cli.key"; wg pubkey <"$dir/cli.key" >"$dir/cli.pub"
wg genpsk >"$dir/psk"

# --- a real client, our server ---
ip netns exec $srv "$bin/mock-wireguard" --listen 10.77.0.1:51820 --uapi /var/run/wireguard/$if_srv.sock \
	--admin 127.0.0.1:0 --private-key "$dir/srv.key" >"$dir/mock.log" 2>&1 &
mock=$!; pids+=($mock)
wait_for 5 grep -q mock.ready "$dir/mock.log" || fail "mock-wireguard does not start"
admin=$(grep -o '"X_ADMIN","value":"[^"]*' "$dir/mock.log" | sed 's/.*"//')
wg set $if_srv peer "$(cat "$dir/cli.pub")" preshared-key "$dir/psk" allowed-ips 10.8.0.5/32 || fail "wg set"

LOG_LEVEL=error ip netns exec $cli wireguard-go -f $if_cli >"$dir/client.log" 2>&1 </dev/null &
pids+=($!)
wait_for 5 wg show $if_cli || fail "wireguard-go does not start"
cat >"$dir/cli.conf" <<END
[Interface]
PrivateKey = $(cat "$dir/cli.key")
[Peer]
PublicKey = $(cat "$dir/srv.pub")
PresharedKey = $(cat "$dir/psk")
Endpoint = 10.77.0.1:51820
AllowedIPs = 10.8.0.0/24
END
wg setconf $if_cli "$dir/cli.conf" || fail "wg setconf"
ip -n $cli addr add 10.8.0.5/24 dev $if_cli; ip -n $cli link set mtu 1420 up dev $if_cli
on_cli ping -q -c 3 -i 0.2 -W 5 10.8.0.1 >/dev/null || fail "ping through the mock"
on_cli ping -q -c 2 -i 0.2 -W 5 -s 1392 10.8.0.1 >/dev/null || fail "ping of the full MTU"
check "p['handshakes'] == 1 and p['echoes'] == 5"
check "sum(s['drops'].values()) == 0"
[ "$(wg show $if_srv latest-handshakes | cut -f2)" -gt 0 ] || fail "wg show: no handshake"
echo "ok: wg show sees the handshake"

before=$(state "p['endpoint']")
wg set $if_cli listen-port 40001
on_cli ping -q -c 1 -W 5 10.8.0.1 >/dev/null || fail "ping after roaming"
check "p['endpoint'] == '10.77.0.2:40001' and '$before' != p['endpoint'] and p['handshakes'] == 1"

ip -n $cli addr add 10.8.0.77/24 dev $if_cli
on_cli ping -q -c 1 -W 1 -I 10.8.0.77 10.8.0.1 >/dev/null && fail "a foreign source was answered"
check "s['drops']['bad-source'] >= 1"

wg set $if_srv peer "$(cat "$dir/cli.pub")" remove
on_cli ping -q -c 1 -W 1 10.8.0.1 >/dev/null && fail "a removed peer was answered"
check "s['drops']['unknown-index'] >= 1 and p is None"
wg set $if_srv peer "$(cat "$dir/cli.pub")" preshared-key "$dir/psk" allowed-ips 10.8.0.5/32 \
	endpoint 10.77.0.2:40001 persistent-keepalive 25
wait_for 10 eval '[ "$(state "p[\"handshakes\"]")" -ge 1 ]' || fail "the server's own handshake"
on_cli ping -q -c 1 -W 5 10.8.0.1 >/dev/null || fail "ping after the server's handshake"
echo "ok: the server begins a handshake and it works"
kill $mock; wait $mock || fail "mock-wireguard ended with $?"
[ ! -e /var/run/wireguard/$if_srv.sock ] || fail "the socket file is left"

# --- our engine, a real server ---
LOG_LEVEL=verbose ip netns exec $srv wireguard-go -f $if_srv >"$dir/server.log" 2>&1 </dev/null &
pids+=($!)
wait_for 5 wg show $if_srv || fail "wireguard-go does not start as a server"
wg set $if_srv listen-port 51820 private-key "$dir/srv.key" \
	peer "$(cat "$dir/cli.pub")" preshared-key "$dir/psk" allowed-ips 10.8.0.5/32
ip -n $srv addr add 10.8.0.1/24 dev $if_srv; ip -n $srv link set mtu 1420 up dev $if_srv
sed -i "s|^PrivateKey.*|&\nAddress = 10.8.0.5/24|; s|^AllowedIPs.*|&\nPersistentKeepalive = 25|" "$dir/cli.conf"
wait_for 5 on_srv ping -q -c 1 -W 1 10.8.0.1 || fail "the server's interface does not come up"
out=$(on_cli "$wg_ping" "$dir/cli.conf" 10.8.0.1 5) || fail "wg_ping: $out"
echo "ok: $out"
[ "$(wg show $if_srv latest-handshakes | cut -f2)" -gt 0 ] || fail "the real server counts no handshake"

# the real server begins: it pings a device that has only kept its session
ip netns exec $cli "$wg_ping" "$dir/cli.conf" 10.8.0.1 1 6 >"$dir/ping.out" &
device=$!
wait_for 5 on_srv ping -q -c 1 -W 1 10.8.0.5 || fail "the server cannot ping the device"
on_srv ping -q -c 2 -i 0.2 -W 2 10.8.0.5 >/dev/null || fail "the server cannot ping the device"
wait $device || fail "wg_ping: $(cat "$dir/ping.out")"
echo "ok: $(cat "$dir/ping.out")"

# a wrong preshared key is told apart from silence
wg genpsk >"$dir/psk2"
wg set $if_srv peer "$(cat "$dir/cli.pub")" preshared-key "$dir/psk2"
out=$(on_cli "$wg_ping" "$dir/cli.conf" 10.8.0.1 1) && fail "another preshared key works"
case $out in *'"bad_responses":0'*) fail "no bad response: $out" ;; *) echo "ok: $out" ;; esac
echo PASS
