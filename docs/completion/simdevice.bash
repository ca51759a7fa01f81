# SPDX-License-Identifier: Apache-2.0
# bash completion for simdevice. Option names come from the program's own --help, so that they fit
# the version that is installed.

_simdevice_options()
{
	"$@" --help 2>/dev/null |
		sed -nE 's/^ {2,8}(-[A-Za-z?], )?(--[a-z][a-z-]*)(=|  |$).*/\2\3/p' | sort -u
}

# Completes the value $2 of option $1; false when that is no option with a value we know.
_simdevice_value()
{
	case $1 in
	--dir)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$2")
		;;
	--admin-token-file | --json)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$2")
		;;
	--dialect)
		mapfile -t COMPREPLY < <(compgen -W 'runbook cdm native' -- "$2")
		;;
	--wg-key)
		mapfile -t COMPREPLY < <(compgen -W 'device bridge' -- "$2")
		;;
	--arrivals)
		mapfile -t COMPREPLY < <(compgen -W 'constant poisson ramp' -- "$2")
		;;
	--log-level)
		mapfile -t COMPREPLY < <(compgen -W 'debug info warn error off' -- "$2")
		;;
	--bridge | --fingerprint | --mqtt | --step-ca | --id | --hold | --retries | --timeout | \
		--devices | --rate | --ramp | --in-flight | --phases | --prefix | --seed | --shard | \
		--workers | --control) ;;
	*)
		return 1
		;;
	esac
}

_simdevice()
{
	local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]:-}
	local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W 'run enroll connect up fleet
			--control --dump-lifecycle --help --version' -- "$current")
		return
	fi
	[[ $option == = ]] && option=${COMP_WORDS[COMP_CWORD - 2]}
	[[ $current == = ]] && current=
	_simdevice_value "$option" "$current" && return
	mapfile -t COMPREPLY < <(compgen -W "$(_simdevice_options "$program" "$command")" -- "$current")
	[[ ${COMPREPLY[0]:-} == *= ]] && compopt -o nospace 2>/dev/null
}

complete -F _simdevice simdevice
