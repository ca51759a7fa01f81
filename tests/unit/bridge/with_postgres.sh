#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# with_postgres.sh COMMAND...: runs it beside a PostgreSQL server of its own, in a temporary folder
# and on a UNIX socket only. TEST_POSTGRES is the server's URL up to the name of the database.
set -eu

bin=
for dir in /usr/lib/postgresql/*/bin; do
  [ -x "$dir/initdb" ] && bin=$dir
done
[ -n "$bin" ] || { echo "SKIPPED: no PostgreSQL server here (Debian's package postgresql)"; exit 77; }

# The server refuses to run as root.
as_owner=
if [ "$(id -u)" -eq 0 ]; then
  id postgres >/dev/null 2>&1 || { echo "SKIPPED: root needs the user postgres to run the server"; exit 77; }
  as_owner="setpriv --reuid=postgres --regid=postgres --clear-groups"
fi

folder=$(mktemp -d /tmp/bridge-postgres-XXXXXX)
server=
cleanup() {
  status=$?
  trap - EXIT
  if [ -n "$server" ]; then
    kill -INT "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$folder"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
[ -z "$as_owner" ] || chown postgres:postgres "$folder"

cd "$folder"
$as_owner "$bin/initdb" -D "$folder/data" -A trust -U postgres -E UTF8 --no-locale -N >"$folder/log" 2>&1 ||
  { cat "$folder/log" >&2; exit 1; }
# Dies with this script, however that ends.
setpriv --pdeathsig QUIT ${as_owner#setpriv} "$bin/postgres" -D "$folder/data" -k "$folder" \
  -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=60 \
  -c shared_buffers=16MB -c autovacuum=off >>"$folder/log" 2>&1 &
server=$!
tries=0
until "$bin/pg_isready" -q -h "$folder"; do
  tries=$((tries + 1))
  if [ "$tries" -gt 300 ] || ! kill -0 "$server" 2>/dev/null; then
    cat "$folder/log" >&2
    exit 1
  fi
  sleep 0.1
done
cd "$OLDPWD"

TEST_POSTGRES="postgresql://postgres@$(echo "$folder" | sed 's|/|%2F|g')/"
export TEST_POSTGRES
"$@"
