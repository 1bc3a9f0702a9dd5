/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <ampoule_abi.h>
#include <oci/log.h>
#include <oci/words.h>

void words_add(struct words *w, const char *format, ...)
{
	va_list args;
	w->all = realloc(w->all, (w->count + 2) * sizeof *w->all);
	va_start(args, format);
	if (!w->all || vasprintf(&w->all[w->count], format, args) < 0) {
		log_error("out of memory");
		exit(AMP_EXIT_TENDER);
	}
	va_end(args);
	w->all[++w->count] = NULL;
}
