# SPDX-License-Identifier: ISC
# For long steps. `watched LOG COMMAND...` runs a command whose words go to a file, and shows the last of them on a terminal, in
# one line that is gone afterwards. Where standard error is no terminal, nothing is shown: logs stay as they are.
watched() {
	watched_log=$1 watched_by='' watched_status=0
	shift
	: >"$watched_log"
	if [ -t 2 ] && [ "${TERM:-dumb}" != dumb ]; then
		watched_width=$(stty size <&2 2>/dev/null | cut -d' ' -f2)
		[ "${watched_width:-0}" -ge 20 ] || watched_width=80	# a terminal that does not know its own
		# The command stays in front, so that ^C ends it; this ends with the script, whatever ends that.
		(
			while sleep 0.3 && kill -0 $$ 2>/dev/null; do
				printf '\r\033[K%s' "$(tail -n 1 "$watched_log" | LC_ALL=C tr -cd ' -~' | cut -c "1-$((watched_width - 1))")" >&2
			done
		) &
		watched_by=$!
	fi
	"$@" >"$watched_log" 2>&1 || watched_status=$?
	if [ -n "$watched_by" ]; then
		kill "$watched_by" 2>/dev/null || :
		wait "$watched_by" 2>/dev/null || :
		printf '\r\033[K' >&2
	fi
	return $watched_status
}
