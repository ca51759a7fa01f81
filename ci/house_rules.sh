#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks what a compiler does not: banned calls, includes that go upwards, missing licence lines, unfinished work.
# Prints file:line: rule, one line a finding, and exits 1 when there is any.
#   ci/house_rules.sh           check the tree that the script lies in
#   ci/house_rules.sh headers   check instead that every header compiles alone (CC, default cc)
set -u
cd "$(dirname "$0")/.." || exit 2

# Sources of the tree: not build folders, not data that tests and scenarios bring along.
list() {
	find . \( -path ./.git -o -path './build*' -o -path ./tests/data -o -path './tests/*/data' -o -path './tests/fuzz/corpus' \) \
		-prune -o -type f \( "$@" \) -print | LC_ALL=C sort
}

check_headers() {
	cc=${CC:-cc}
	libpq=$(pkg-config --cflags-only-I libpq)
	export cc libpq
	list -name '*.h' | xargs -P 2 -I {} sh -c '
		if ! out=$("$cc" -std=gnu17 -D_GNU_SOURCE -DPROVSIM_VERSION=\"0\" -DTEST_DATA_DIR=\".\" \
			-fsyntax-only -Wall -Wextra -Werror -Ilib -Imocks -I. -Iscenarios -Isimdevice \
			$libpq -I"$(dirname "$1")" -include "$1" -x c /dev/null 2>&1); then
			printf "%s:1: does not compile alone:\n%s\n" "${1#./}" "$out"
			exit 1
		fi' sh {}
}

if [ "${1:-}" = headers ]; then
	check_headers || exit 1
	exit 0
fi

list -name '*.c' -o -name '*.h' -o -name CMakeLists.txt -o -name '*.cmake' -o -name '*.sh' -o -name '*.py' | xargs awk '
function finding(rule) {
	printf "%s:%d: %s\n", file, FNR, rule
	found = 1
}

# The line without strings, character constants and comments; a /* comment may span lines.
function code_of(line,    out, c, i, n, quote) {
	out = ""
	n = length(line)
	for (i = 1; i <= n; i++) {
		c = substr(line, i, 1)
		if (in_comment) {
			if (c == "*" && substr(line, i + 1, 1) == "/") {
				in_comment = 0
				i++
			}
		} else if (quote != "") {
			if (c == "\\")
				i++
			else if (c == quote)
				quote = ""
		} else if (c == "\"" || c == "\047") {
			quote = c
			out = out c
		} else if (c == "/" && substr(line, i + 1, 1) == "/") {
			break
		} else if (c == "/" && substr(line, i + 1, 1) == "*") {
			in_comment = 1
			i++
		} else {
			out = out c
		}
	}
	return out
}

function calls(code, name) {
	return code ~ ("(^|[^A-Za-z0-9_>.])" name "[ \t]*\\(")
}

# Which of our folders a header belongs to; "" for headers of the same folder.
function check_include(name,    top, own) {
	if (name ~ /\.\.\//) {
		finding("include by ..: name the header from its root")
		return
	}
	if (name !~ /\//)
		return
	top = name
	sub(/\/.*/, "", top)
	if (layer != "") {
		if (index(" " allowed[layer] " ", " " top " ") == 0)
			finding("include goes upwards: lib/" layer " may use only lib/{" allowed[layer] "}")
	} else if (program != "" && (top in program_folder) && top != program && !(in_mocks && top == "common")) {
		finding("include of another program: " program " and " top " share only the wire")
	}
}

function check_line_of_c(code, i) {
	if (match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]*"/)) {
		name = $0
		sub(/^[^"]*"/, "", name)
		sub(/".*/, "", name)
		if (!in_tests)
			check_include(name)
		return
	}
	for (i = 1; i <= n_banned; i++) {
		if (index(code, banned[i]) && calls(code, banned[i]))
			finding(banned[i] "() is banned: " instead[banned[i]])
	}
	if (!in_base) {
		for (i = 1; i <= n_clock; i++) {
			if (index(code, clock[i]) && calls(code, clock[i]))
				finding(clock[i] "() outside lib/base: use base/clock.h")
		}
	}
	if (!in_tests && file !~ /(^|\/)(main|log)\.c$/ && code ~ /fprintf[ \t]*\([ \t]*stderr/)
		finding("fprintf(stderr): programs log by base/log.h")
}

function begin_file() {
	file = FILENAME
	sub(/^\.\//, "", file)
	is_c = file ~ /\.[ch]$/
	is_header = file ~ /\.h$/
	in_tests = file ~ /^tests\//
	in_base = file ~ /^lib\/base\//
	in_mocks = file ~ /^mocks\//
	in_comment = 0
	layer = ""
	program = ""
	if (file ~ /^lib\//) {
		layer = file
		sub(/^lib\//, "", layer)
		sub(/\/.*/, "", layer)
		if (!(layer in allowed))
			layer = ""
	} else {
		program = file
		sub(/^(mocks|scenarios)\//, "", program)
		sub(/\/.*/, "", program)
		if (!(program in program_folder))
			program = ""
	}
	has_spdx = has_pragma = 0
}

function end_file() {
	if (file == "")
		return
	if (!has_spdx)
		printf "%s:1: no SPDX-License-Identifier in the first two lines\n", file
	if (is_header && !has_pragma)
		printf "%s:1: header without #pragma once\n", file
	if (is_c && lines > 700)
		printf "%s:%d: %d lines: more than 700, split it by subject\n", file, lines, lines
	if (!has_spdx || (is_header && !has_pragma) || (is_c && lines > 700))
		found = 1
}

function ban(name, why) {
	banned[++n_banned] = name
	instead[name] = why
}

BEGIN {
	ban("strcpy", "it knows no size; use buf_append or memcpy")
	ban("strcat", "it knows no size; use buf_append")
	ban("sprintf", "it knows no size; use snprintf or buf_printf")
	ban("vsprintf", "it knows no size; use vsnprintf")
	ban("gets", "it knows no size")
	ban("atoi", "it knows no errors; use strtol with checks")
	ban("atol", "it knows no errors; use strtol with checks")
	ban("strtok", "it keeps a hidden state; use strcspn or strsep")
	ban("rand", "it does not replay; use base/rng.h")
	ban("srand", "it does not replay; use base/rng.h")
	ban("system", "no shells; use loop/child.h")
	ban("popen", "no shells; use loop/child.h")
	ban("sleep", "nothing blocks a loop; use a timer")
	ban("usleep", "nothing blocks a loop; use a timer")
	n_clock = split("time gmtime gmtime_r localtime localtime_r gettimeofday clock_gettime", clock, " ")
	allowed["base"] = "base"
	allowed["loop"] = "base loop"
	allowed["net"] = "base loop net"
	allowed["stepca"] = "base loop net pki stepca"
	allowed["pki"] = "base pki"
	allowed["mqtt"] = "base mqtt"
	allowed["wg"] = "base wg"
	n = split("bridge simdevice runner common step-ca thingsboard hawkbit wireguard", names, " ")
	for (i = 1; i <= n; i++)
		program_folder[names[i]] = 1
	unfinished = "(^|[^A-Za-z])(TO" "DO|FIX" "ME|XX" "X)([^A-Za-z]|$)"
}

FNR == 1 {
	end_file()
	begin_file()
}

{
	lines = FNR
	if (FNR <= 2 && /SPDX-License-Identifier: Apache-2.0/)
		has_spdx = 1
	if (/^#pragma once/)
		has_pragma = 1
	if ($0 ~ unfinished)
		finding("unfinished work: finish it or say it in an issue")
	if (is_c)
		check_line_of_c(code_of($0))
}

END {
	end_file()
	exit found
}'
status=$?
[ $status -eq 0 ] && exit 0
exit 1
