# SPDX-License-Identifier: ISC
# Bash completion for ampoule(1).
_ampoule()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev= verb=${COMP_WORDS[1]-} word
	[ "$COMP_CWORD" -gt 0 ] && prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()

	if [ "$COMP_CWORD" = 1 ] || { [ "$COMP_CWORD" = 2 ] && [ "$verb" = help ]; }; then
		COMPREPLY=($(compgen -W "new build run clone standby ps logs snapshot secret fork stop kill rm wait restart attach stats up down generate inspect store sign pack verify image oci doctor help --help --version" -- "$cur"))
		return
	fi
	case $verb:$prev in
	run:--tender)
		COMPREPLY=($(compgen -W "kvm sandbox" -- "$cur"))
		return
		;;
	run:--restart)
		COMPREPLY=($(compgen -W "no on-failure always" -- "$cur"))
		return
		;;
	run:--env-file)
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	kill:-s | kill:--signal)
		COMPREPLY=($(compgen -W "TERM KILL INT HUP" -- "$cur"))
		return
		;;
	stop:-t | stop:--time | restart:-t | restart:--time | logs:-n | logs:--tail | logs:--since)
		return
		;;
	run:--jail)
		COMPREPLY=($(compgen -W "default strict" -- "$cur"))
		return
		;;
	run:--block)
		return
		;;
	standby:--keep-state)
		COMPREPLY=($(compgen -d -- "$cur"))
		return
		;;
	standby:--net | standby:--set | standby:--idle | standby:--wake | standby:--awake | standby:--hold | standby:-n | standby:--count)
		return
		;;
	standby:-f | standby:--file | run:--warm | snapshot:-o | snapshot:--output)
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	store:store)
		COMPREPLY=($(compgen -W "check dump load copy grow --help" -- "$cur"))
		return
		;;
	image:image)
		if [[ $cur != -* ]]; then
			COMPREPLY=($(compgen -W "build ls extract push pull" -- "$cur"))
			return
		fi
		;;
	image:--tag)
		return
		;;
	image:-o | image:--output)
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	oci:oci)
		COMPREPLY=($(compgen -W "create start run state kill delete list ps features --root --log --log-format --systemd-cgroup --help --version" -- "$cur"))
		return
		;;
	oci:--log-format)
		COMPREPLY=($(compgen -W "text json" -- "$cur"))
		return
		;;
	oci:-b | oci:--bundle | oci:--root)
		COMPREPLY=($(compgen -d -- "$cur"))
		return
		;;
	store:--as)
		COMPREPLY=($(compgen -W "btree sqlite" -- "$cur"))
		return
		;;
	store:--size)
		return
		;;
	run:-p | run:--publish | run:--name | run:--health* | run:--watchdog | run:--log-size | run:-m | run:--net | run:--set | run:--memory | run:--stop-timeout | run:--cpus | sign:--comment | generate:--idle | build:--seed | *:--warm-timeout)
		return
		;;
	build:--work)
		COMPREPLY=($(compgen -d -- "$cur"))
		return
		;;
	build:-o | build:--output | store:-o | store:--output | inspect:--debug | *:--key | *:--policy)
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		case $verb in
		build) word="--output --seed --keep-seed --warm --warm-timeout --checked --work --verbose --quiet --help" ;;
		run) word="-n --count -d --detach --name --restart --health --health-interval --health-timeout --health-retries --health-start-period --no-healthcheck --watchdog --log-size --rm --replace -p --publish --net --block --set -e --env --env-file --secret --memory --jail --cpus --key --policy --stop-timeout --tender --fixed-layout --warm --warm-timeout --timing --verbose --help" ;;
		clone) word="-n --count --keep-connections -d --detach --name --restart --health --health-interval --health-timeout --health-retries --health-start-period --no-healthcheck --watchdog --log-size --rm --replace -p --publish --net --block --set -e --env --env-file --secret --memory --jail --cpus --key --policy --stop-timeout --tender --fixed-layout --warm --warm-timeout --timing --verbose --help" ;;
		standby) word="-n --count -f --file --idle --keep-state --wake --awake --hold -d --detach --name --restart --log-size --rm --replace --health --health-interval --health-timeout --health-retries --health-start-period --no-healthcheck --watchdog --net --block --set -e --env --env-file --secret --memory --jail --cpus --key --policy --stop-timeout --tender --fixed-layout --warm --warm-timeout --timing --verbose --help" ;;
		snapshot) word="--output --stop --help" ;;
		secret) word="--help" ;;
		inspect) word="--json --audit --key --debug --help" ;;
		store)
			case ${COMP_WORDS[2]-} in
			dump) word="--raw --sql --salvage --output --help" ;;
			load) word="--size --as --force --help" ;;
			copy) word="--force --help" ;;
			*) word=--help ;;
			esac
			;;
		pack) word="--for --output --set --memory --metadata --seed --print-run --help" ;;
		sign) word="--new --no-password --comment --help" ;;
		verify) word="--key --policy --help" ;;
		image) word="--tag --output --help" ;;
		oci) word="--root --log --log-format --systemd-cgroup --bundle --pid-file --console-socket --detach --force --quiet --format --help --version" ;;
		ps) word="--all --quiet --json --project --help" ;;
		logs) word="--follow --timestamps --tail --since --help" ;;
		stop) word="--time --help" ;;
		kill) word="--signal --help" ;;
		rm) word="--force --help" ;;
		restart) word="--time --help" ;;
		attach) word="--sig-proxy --help" ;;
		stats) word="--watch --no-stream --json --help" ;;
		up) word="--file --timeout --detach --help" ;;
		down) word="--file --timeout --help" ;;
		generate) word="--user --socket --idle --standby --template --output --help" ;;
		doctor) word="--json --help" ;;
		new) word="--http --web --help" ;;
		*) word=--help ;;
		esac
		COMPREPLY=($(compgen -W "$word" -- "$cur"))
		return
	fi
	case $verb in
	logs | stop | kill | rm | wait | restart | attach | stats | snapshot | secret | fork)
		COMPREPLY=($(compgen -W "$(ampoule ps -a --json 2>/dev/null | sed -n 's/^    "name": "\(.*\)",*$/\1/p')" -- "$cur"))
		;;
	up | down) COMPREPLY=($(compgen -f -X '!*.yaml' -- "$cur") $(compgen -d -- "$cur")) ;;
	generate)
		[ "$COMP_CWORD" = 2 ] && COMPREPLY=($(compgen -W systemd -- "$cur")) || COMPREPLY=($(compgen -f -- "$cur"))
		;;
	build) COMPREPLY=($(compgen -d -- "$cur")) ;;
	store) COMPREPLY=($(compgen -f -- "$cur")) ;;
	sign | image) COMPREPLY=($(compgen -f -- "$cur")) ;;
	standby) COMPREPLY=($(compgen -f -X '!*.snap' -- "$cur") $(compgen -f -X '!*.amp' -- "$cur") $(compgen -d -- "$cur")) ;;
	clone) COMPREPLY=($(compgen -f -X '!*.snap' -- "$cur") $(compgen -d -- "$cur")) ;;
	run | inspect | verify) COMPREPLY=($(compgen -f -X '!*.amp' -- "$cur") $(compgen -d -- "$cur")) ;;
	esac
}
complete -o filenames -F _ampoule ampoule
