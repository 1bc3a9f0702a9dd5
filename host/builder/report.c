/* SPDX-License-Identifier: ISC */
/* Diagnostics with a place, collected and sorted (report.h). */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <builder/report.h>
#include <builder/text.h>

#define REPORT_MAX 200u /* lines; more help nobody */

struct report_entry {
	const char *file;
	unsigned file_rank, rank;
	int line, column;
	char *text;
};

void report_at(struct report *r, const char *file, int line, int column, const char *format, ...)
{
	struct report_entry *e = keep(sizeof *e);
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	/* The text may quote the input, which must not make lines of its own. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	e->file = file;
	e->line = line;
	e->column = column;
	e->text = keep_text(text, strlen(text));
	e->rank = r->count;
	e->file_rank = r->count;
	for (unsigned i = 0; i < r->count; i++)
		if (strcmp(r->entries[i]->file, file) == 0) {
			e->file_rank = r->entries[i]->file_rank;
			break;
		}
	list_add(&r->entries, &r->count, e);
}

static int order(const void *a, const void *b)
{
	const struct report_entry *x = *(struct report_entry *const *)a,
	                          *y = *(struct report_entry *const *)b;

	if (x->file_rank != y->file_rank)
		return x->file_rank < y->file_rank ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->rank < y->rank ? -1 : 1;
}

unsigned report_print(const struct report *r, FILE *to)
{
	if (r->count > 1)
		qsort(r->entries, r->count, sizeof *r->entries, order);
	for (unsigned i = 0; i < r->count && i < REPORT_MAX; i++) {
		const struct report_entry *e = r->entries[i];

		if (e->line && !e->column)
			fprintf(to, "%s:%d: %s\n", e->file, e->line, e->text);
		else if (e->line)
			fprintf(to, "%s:%d:%d: %s\n", e->file, e->line, e->column, e->text);
		else
			fprintf(to, "%s: %s\n", e->file, e->text);
	}
	if (r->count > REPORT_MAX)
		fprintf(to, "and %u more\n", r->count - REPORT_MAX);
	return r->count;
}
