#compdef ampoule
# SPDX-License-Identifier: ISC
# Zsh completion for ampoule(1). Verbs, options and what an option takes are read from the command's own help, so they
# are those of the ampoule that was typed: a line "  verb  what it does" is a verb, and "  -o, --option VALUE  ..." an option.
_ampoule()
{
	local command=${(Q)words[1]} verb=${words[2]} part line value previous=${words[CURRENT - 1]}
	local -a lines verbs options described

	if (( CURRENT == 2 )) || [[ CURRENT -eq 3 && $verb == help ]]; then
		lines=("${(@f)$(_call_program verbs ${(q)command} --help 2>/dev/null)}")
		verbs=(help)
		options=(--help --version)
	else
		lines=("${(@f)$(_call_program options ${(q)command} help ${verb} 2>/dev/null)}")
	fi
	for line in $lines; do
		if [[ $line =~ '^  ([a-z]+)  +[^ ]' ]]; then
			verbs+=($match[1])
		elif [[ $line =~ '^ +(-[a-zA-Z]), (--[a-z-]+)' ]]; then
			options+=($match[1] $match[2])
		elif [[ $line =~ '^ +(-[a-zA-Z]|--[a-z-]+)([ ]|$)' ]]; then
			options+=($match[1])
		fi
		# What the option before this word takes: "kvm|sandbox", FILE, NAME=VALUE.
		if [[ $previous == -* && $line =~ "^ +(-[a-zA-Z], )?(-[a-zA-Z-]+) ([A-Za-z[][^ ]*)" &&
			( $match[2] == $previous || $match[1] == "$previous, " ) ]]; then
			value=$match[3]
		fi
	done
	options=(${(u)options})

	case $value in
	'') ;;
	FILE | KEY) _files; return ;;
	FOLDER) _files -/; return ;;
	[a-z]*'|'[a-z]*) compadd -- ${(s:|:)value}; return ;;
	*) return ;;
	esac
	if [[ $PREFIX == -* ]]; then
		compadd -- $options
	elif (( CURRENT == 2 )) || [[ CURRENT -eq 3 && $verb == help ]]; then
		compadd -- $verbs
	elif (( CURRENT == 3 && $#verbs )); then
		compadd -- $verbs
	else
		case $verb in
		build) _files -/ ;;
		run | inspect | verify) _files -g '*.amp' ;;
		*) _files ;;
		esac
	fi
}
_ampoule "$@"
