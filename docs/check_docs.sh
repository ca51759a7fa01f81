#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Holds the pages against the programs: groff has nothing to say about a page, a page has exactly
# the options of --help, the bridge's page all its variables, and the shell completes the same
# options. Exits 77 when groff is missing.
#   docs/check_docs.sh FOLDER-OF-THE-PROGRAMS
set -u
bin=${1:?usage: docs/check_docs.sh FOLDER-OF-THE-PROGRAMS}
cd "$(dirname "$0")" || exit 2
command -v groff >/dev/null || exit 77
failed=0

finding()
{
	printf '%s\n' "$*"
	failed=1
}

# The long options that a help text lists.
help_options()
{
	"$@" --help | sed -nE 's/^ {2,8}(-[A-Za-z?], )?(--[a-z][a-z-]*)(=|  |$).*/\2/p'
}

# The long options that have an entry in a page.
page_options()
{
	grep -A1 '^\.TP' "$1" | sed 's/\\-/-/g' | grep '^\.B' | grep -o -- '--[a-z][a-z-]*'
}

check_warnings()
{
	local said
	said=$(groff -Tutf8 -man -ww "$1" 2>&1 >/dev/null)
	[ -z "$said" ] || finding "$1: $said"
}

# compare PAGE HELP-OPTIONS: both ways.
compare()
{
	local page=$1 helped=$2 option
	for option in $helped; do
		page_options "$page" | grep -qx -- "$option" || grep -q -- "${option//-/\\\\-}" "$page" ||
			finding "$page: $option of --help is not there"
	done
	for option in $(page_options "$page"); do
		grep -qx -- "$option" <<<"$helped" || finding "$page: the program has no $option"
	done
}

check_variables()
{
	local name
	for name in $("$bin/iot-bridge" --help-config | grep -oE '^[A-Z][A-Z_]+'); do
		grep -qw "$name" man/iot-bridge.8 || finding "man/iot-bridge.8: $name is not there"
	done
}

# check_completion FILE FUNCTION PROGRAM COMMAND
check_completion()
{
	local option offered
	# shellcheck source=/dev/null
	. "completion/$1"
	COMP_WORDS=("$3" "$4" --) COMP_CWORD=2
	"$2"
	offered=$(printf '%s\n' "${COMPREPLY[@]}" | sed 's/=$//')
	for option in $(help_options "$3" "$4"); do
		grep -qx -- "$option" <<<"$offered" ||
			finding "completion/$1: '$(basename "$3") $4' does not offer $option"
	done
}

[ -x "$bin/provsim" ] || {
	echo "$bin: no programs there; build them first"
	exit 1
}
for page in man/*; do
	check_warnings "$page"
done
for page in man/iot-bridge.8 man/mock-*.1; do
	program=$(basename "$page")
	compare "$page" "$(help_options "$bin/${program%.*}")"
done
provsim_commands=$("$bin/provsim" --help | sed -n 's/^  \([a-z]\{2,\}\)  .*/\1/p')
compare man/provsim.1 "$(for command in $provsim_commands; do help_options "$bin/provsim" "$command"; done)"
for command in $provsim_commands; do
	grep -q "^\.BI\{0,1\} $command" man/provsim.1 || finding "man/provsim.1: no command $command"
	check_completion provsim.bash _provsim "$bin/provsim" "$command"
done
compare man/simdevice.1 "--control
$(help_options "$bin/simdevice" run; help_options "$bin/simdevice" fleet)"
for command in run fleet; do
	check_completion simdevice.bash _simdevice "$bin/simdevice" "$command"
done
check_variables
exit $failed
