#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The bridge's three ways to a WireGuard server against Debian's wireguard-go and wg(8), in a network
# namespace of its own: set, replace and remove a peer beside one that is somebody else's.
# Usage: wg_tool_backend.sh WG_BACKEND      exit 77: something is missing (says what).
set -u
backend=${1:?WG_BACKEND}

skip() { echo "SKIP: $*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "needs root for network namespaces"
[ -c /dev/net/tun ] || skip "needs /dev/net/tun"
for tool in wireguard-go wg wg-quick ip; do
	command -v $tool >/dev/null || skip "needs $tool (wireguard-go wireguard-tools iproute2)"
done

dir=$(mktemp -d) || exit 1
ns=wgb-$$ if=wgb$$
pid=
end() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null
	wait
	ip netns del $ns 2>/dev/null
	rm -f /var/run/wireguard/$if.sock
	rm -rf "$dir"
}
trap end EXIT
fail() { echo "FAIL: $*"; wg show $if allowed-ips; exit 1; }
wait_for() { # seconds, command...
	local tries=$(($1 * 20)); shift
	for _ in $(seq $tries); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	return 1
}

ip netns add $ns || skip "network namespaces cannot be made here"
LOG_LEVEL=error ip netns exec $ns wireguard-go -f $if >"$dir/server.log" 2>&1 </dev/null &
pid=$!
wait_for 5 wg show $if || fail "wireguard-go does not start: $(cat "$dir/server.log")"
umask 077
wg genkey >"$dir/srv.key"
old=$(wg genkey | wg pubkey) new=$(wg genkey | wg pubkey) other=$(wg genkey | wg pubkey)
wg set $if private-key "$dir/srv.key" peer "$other" allowed-ips 10.8.0.99/32,fd00::/64 || fail "wg set"
foreign=$(printf '%s\t%s' "$other" "10.8.0.99/32 fd00::/64")

expect() { # what is tried, wanted lines of allowed-ips beside the foreign peer's
	local want; want=$(printf '%s\n%s\n' "$foreign" "$2" | sed '/^$/d' | sort)
	[ "$(wg show $if allowed-ips | sort)" = "$want" ] || fail "$1: wanted $want"
	echo "ok: $1"
}

# --- wg: and uapi: change the interface itself ---
for server in "wg:$if" "uapi:/var/run/wireguard/$if.sock"; do
	"$backend" "$server" set dev-1 "$old" 10.8.0.2 || fail "$server: set"
	expect "$server sets a peer" "$(printf '%s\t10.8.0.2/32' "$old")"
	"$backend" "$server" peers | grep -qxF "$old - 10.8.0.2" || fail "$server: peers"
	"$backend" "$server" peers | grep -qF "$(cat "$dir/srv.key")" && fail "$server: prints the private key"
	"$backend" "$server" set dev-1 "$new" 10.8.0.2 "$old" || fail "$server: replace"
	expect "$server replaces it" "$(printf '%s\t10.8.0.2/32' "$new")"
	"$backend" "$server" remove dev-1 10.8.0.2 "$old" "$new" || fail "$server: remove"
	expect "$server removes it" ""
done

# --- file: changes the file that the interface is made equal to ---
conf=$dir/$if.conf
{ wg showconf $if; echo "# the end"; } >"$conf"
cp "$conf" "$dir/before"
sync_file() { wg-quick strip "$conf" >"$dir/stripped" && wg syncconf $if "$dir/stripped" || fail "wg syncconf refuses the file"; }
"$backend" "file:$conf" set dev-1 "$old" 10.8.0.2 || fail "file: set"
sync_file; expect "file: sets a peer" "$(printf '%s\t10.8.0.2/32' "$old")"
"$backend" "file:$conf" set dev-1 "$new" 10.8.0.2 "$old" || fail "file: replace"
sync_file; expect "file: replaces it" "$(printf '%s\t10.8.0.2/32' "$new")"
"$backend" "file:$conf" peers | grep -qxF "$new dev-1 10.8.0.2" || fail "file: peers"
"$backend" "file:$conf" remove dev-1 10.8.0.2 "$new" || fail "file: remove"
sync_file; expect "file: removes it" ""
cmp "$conf" "$dir/before" || fail "file: the rest of the file has changed"

# --- without the interface ---
kill $pid; wait $pid; pid=
out=$("$backend" "wg:$if" set dev-1 "$old" 10.8.0.2) && fail "a peer is set on no interface"
case $out in *"there is no such interface"*) echo "ok: $out" ;; *) fail "unclear: $out" ;; esac
echo PASS
