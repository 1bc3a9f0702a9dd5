# SPDX-License-Identifier: ISC
# Fish completion for ampoule(1). Verbs, options and what an option takes are read from the command's own help, so they
# are those of the ampoule that was typed: a line "  verb  what it does" is a verb, and "  -o, --option VALUE  ..." an option.
function __ampoule_complete
	set -l words (commandline -opc)
	set -l current (commandline -ct)
	set -l previous $words[-1]
	set -l verb $words[2]
	set -l own (command -v -- $words[1]); or return
	set -l lines
	set -l value

	if test (count $words) = 1; or test "$words[2..-1]" = help
		set lines ($own --help 2>/dev/null) '  help  tell more about a verb' '  --version  the version'  '  --help  the verbs'
	else
		set lines ($own help $verb 2>/dev/null)
		for line in $lines
			set -l found (string match -rg -- '^ +(?:(-[a-zA-Z]), )?(-[a-zA-Z-]+) ([A-Za-z[][^ ]*)' $line); or continue
			contains -- $previous $found[1..-2]; and set value $found[-1]
		end
	end
	switch "$value"
	case ''
	case FILE KEY
		__fish_complete_path $current
		return
	case FOLDER
		__fish_complete_directories $current
		return
	case '*|*'
		string match -qr '^[a-z|]+$' -- $value; and string split '|' -- $value
		return
	case '*'
		return
	end
	if string match -q -- '-*' $current
		for line in $lines
			set -l found (string match -rg -- '^ +(?:(-[a-zA-Z]), )?(-[a-zA-Z-]+)(?: |$)' $line); or continue
			set -l text (string replace -r -- '^ +[^ ].*?(  +|$)' '' $line)
			for option in $found
				test -n "$option"; and printf '%s\t%s\n' $option $text
			end
		end
	else if test (count $words) -le 2; and string match -qr '^  [a-z]+  +[^ ]' -- $lines
		string replace -rf -- '^  ([a-z]+)  +([^ ].*)$' '$1\t$2' $lines
	else
		switch $verb
		case build
			__fish_complete_directories $current
		case run inspect verify
			__fish_complete_suffix $current .amp
		case '*'
			__fish_complete_path $current
		end
	end
end
complete -c ampoule -f -a '(__ampoule_complete)'
