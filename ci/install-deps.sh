#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what provsim builds and tests with, from Debian's own packages, by name.
#   ci/install-deps.sh          what building and the tests need
#   ci/install-deps.sh --ci     also the real peers of the interop tests and the analysis tools
set -eu

build="build-essential cmake ninja-build pkg-config git ca-certificates
  libssl-dev libcurl4-openssl-dev libmosquitto-dev libmicrohttpd-dev libjansson-dev libuv1-dev
  libfyaml-dev libsqlite3-dev libpq-dev uthash-dev libcriterion-dev"
peers="curl openssl mosquitto-clients wireguard-tools jq
  golang-go golang-github-smallstep-certificates-dev
  postgresql wireguard-go iproute2 iputils-ping"
tools="clang clang-format clang-tidy libclang-rt-14-dev valgrind"

packages=$build
case "${1:-}" in
--ci) packages="$packages $peers $tools" ;;
"") ;;
*) echo "usage: $0 [--ci]" >&2; exit 2 ;;
esac

as_root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "$0: run it as root, or install sudo" >&2; exit 1; }
  as_root=sudo
fi

missing=
for package in $packages; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || { echo "all packages are installed"; exit 0; }
echo "installing:$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
