#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Holds the systemd unit and its settings against systemd and the program: the unit is one, every
# variable of the example exists, and with a password the example is a configuration that works.
# Exits 77 when systemd-analyze is missing.
#   docs/check_unit.sh FOLDER-OF-THE-PROGRAMS
set -u
bin=${1:?usage: docs/check_unit.sh FOLDER-OF-THE-PROGRAMS}
cd "$(dirname "$0")/systemd" || exit 2
command -v systemd-analyze >/dev/null || exit 77
[ -x "$bin/iot-bridge" ] || {
	echo "$bin: no iot-bridge there; build it first"
	exit 1
}
failed=0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT

# As installed, but for what is not: the program's place and its manual page.
sed -e "s|^ExecStart=/usr/bin|ExecStart=$bin|" -e '/^Documentation=/d' iot-bridge.service >"$folder/iot-bridge.service"
# A key that systemd does not know is only a warning to it.
said=$(systemd-analyze verify "$folder/iot-bridge.service" 2>&1) && [ -z "$said" ] || {
	echo "$said"
	failed=1
}

for name in $(sed -nE 's/^#?([A-Z][A-Z_]+)=.*/\1/p' iot-bridge.env); do
	"$bin/iot-bridge" --help-config | grep -qE "^${name%_FILE}  " || {
		echo "iot-bridge.env: $name is no variable of the bridge"
		failed=1
	}
done

set -a
. ./iot-bridge.env
STEP_CA_PROVISIONER_PASSWORD=any
"$bin/iot-bridge" --check-config >/dev/null || failed=1
exit $failed
