# SPDX-License-Identifier: ISC
# What zsh would offer for the last word: zsh -f complete.zsh COMPLETION WORD... prints a word a line, "files" for files.
# The completion system's own functions, which need a terminal, are replaced by what prints.
completion=$1
shift
compadd() { shift; print -rl -- "$@" }
_files() { print -r -- files "$@" }
_call_program() { shift; eval "$*" }
words=("$@") CURRENT=$# PREFIX=${@[-1]}
source $completion
