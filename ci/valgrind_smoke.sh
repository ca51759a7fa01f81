#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The lifecycle with every program under valgrind: what the sanitizers cannot see is in the libraries.
#   valgrind_smoke.sh BIN_DIR SOURCE_DIR
set -eu
command -v valgrind >/dev/null || { echo "skipped: valgrind is not installed"; exit 77; }
bin=$(cd "$1" && pwd)
source=$(cd "$2" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir "$out/bin"
for program in mock-step-ca mock-thingsboard mock-hawkbit mock-wireguard iot-bridge simdevice; do
  cat >"$out/bin/$program" <<X
#!/bin/sh
exec valgrind -q --suppressions=$source/ci/valgrind.supp --trace-children=no --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \\
  --log-file=$out/$program.%p.valgrind "$bin/$program" "\$@"
X
  chmod +x "$out/bin/$program"
done
status=0
PROVSIM_BIN_DIR="$out/bin" "$bin/provsim" run --keep none --out "$out/run" "$source/scenarios/lifecycle.yaml" || status=$?
if cat "$out"/*.valgrind | grep -q '^=='; then
  cat "$out"/*.valgrind
  exit 1
fi
exit $status
