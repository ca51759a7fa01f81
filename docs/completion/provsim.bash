# SPDX-License-Identifier: Apache-2.0
# bash completion for provsim. Option names come from the program's own --help, so that they fit
# the version that is installed.

_provsim_options()
{
	"$@" --help 2>/dev/null |
		sed -nE 's/^ {2,8}(-[A-Za-z?], )?(--[a-z][a-z-]*)(=|  |$).*/\2\3/p' | sort -u
}

_provsim_scenarios()
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -X '!*.y*ml' -- "$1"; compgen -d -- "$1")
}

# Completes the value $2 of option $1; false when that is no option with a value we know.
_provsim_value()
{
	case $1 in
	--out | -o)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$2")
		;;
	--against | -a | --junit | --tap | --json | --html | --stack | -f)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$2")
		;;
	--keep)
		mapfile -t COMPREPLY < <(compgen -W 'all failed none' -- "$2")
		;;
	--log-level | --child-log-level | -l)
		mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$2")
		;;
	--seed | -s | --tag | -t | --only | --jobs | -j) ;;
	*)
		return 1
		;;
	esac
}

_provsim()
{
	local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]:-}
	local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2>/dev/null |
			sed -n 's/^  \([a-z]\{2,\}\) .*/\1/p' | grep -vx provsim) --help --version" -- "$current")
		return
	fi
	[[ $option == = ]] && option=${COMP_WORDS[COMP_CWORD - 2]}
	[[ $current == = ]] && current=
	_provsim_value "$option" "$current" && return
	if [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_provsim_options "$program" "$command")" -- "$current")
		[[ ${COMPREPLY[0]:-} == *= ]] && compopt -o nospace 2>/dev/null
		return
	fi
	case $command in
	run | lint | list | fmt)
		_provsim_scenarios "$current"
		;;
	explain)
		mapfile -t COMPREPLY < <(compgen -W "$("$program" explain 2>/dev/null |
			sed -n 's/^  \([a-z][a-z0-9.-]*\) .*/\1/p')" -- "$current")
		;;
	esac
}

complete -F _provsim provsim
