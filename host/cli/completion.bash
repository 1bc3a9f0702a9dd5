# SPDX-License-Identifier: ISC
# Bash completion for ampoule(1).
_ampoule()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev= verb=${COMP_WORDS[1]-} word
	[ "$COMP_CWORD" -gt 0 ] && prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()

	if [ "$COMP_CWORD" = 1 ] || { [ "$COMP_CWORD" = 2 ] && [ "$verb" = help ]; }; then
		COMPREPLY=($(compgen -W "new build run inspect doctor help --help --version" -- "$cur"))
		return
	fi
	case $verb:$prev in
	run:--tender)
		COMPREPLY=($(compgen -W "kvm sandbox" -- "$cur"))
		return
		;;
	run:--block)
		return
		;;
	run:--net | run:--set | run:--memory | run:--stop-timeout | build:--seed)
		return
		;;
	build:--work)
		COMPREPLY=($(compgen -d -- "$cur"))
		return
		;;
	build:-o | build:--output | inspect:--debug)
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		case $verb in
		build) word="--output --seed --keep-seed --checked --work --verbose --quiet --help" ;;
		run) word="--net --block --set --memory --stop-timeout --tender --timing --verbose --help" ;;
		inspect) word="--json --debug --help" ;;
		doctor) word="--json --help" ;;
		*) word=--help ;;
		esac
		COMPREPLY=($(compgen -W "$word" -- "$cur"))
		return
	fi
	case $verb in
	build) COMPREPLY=($(compgen -d -- "$cur")) ;;
	run | inspect) COMPREPLY=($(compgen -f -X '!*.amp' -- "$cur") $(compgen -d -- "$cur")) ;;
	esac
}
complete -o filenames -F _ampoule ampoule
