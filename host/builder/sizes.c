/* SPDX-License-Identifier: ISC */
/*
 * Sizes by library (sizes.h), from symbols and the source files that they come from: plan.c has
 * source paths mapped to ampoule/os/LIBRARY/..., generated/..., or the application's own. Code
 * without a source file is libc.a's; of it, what has a twin NAME.cfi is the jump table through
 * which NAME is called indirectly.
 */
#include <stdlib.h>
#include <string.h>

#include <builder/plan.h>
#include <builder/sizes.h>
#include <builder/text.h>

static bool has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Is there a function NAME.cfi? The sorted names are made once for a set of symbols. */
static bool has_twin(const struct symbols *s, const char *name)
{
	static const struct symbols *of;
	static const char **names;
	static size_t count;

	if (of != s) {
		of = s;
		count = 0;
		names = keep_array(s->count, sizeof *names);
		for (size_t i = 0; i < s->count; i++) {
			size_t n = strlen(s->list[i].name);
			if (n > 4 && strcmp(s->list[i].name + n - 4, ".cfi") == 0)
				names[count++] = keep_text(s->list[i].name, n - 4);
		}
		qsort(names, count, sizeof *names, by_name);
	}
	return bsearch(&name, names, count, sizeof *names, by_name) != NULL;
}

const char *sizes_part(const struct image *image, const struct symbols *all, const struct symbol *s)
{
	static const char root[] = "ampoule/os/";
	const char *best = NULL;

	if (!s->unit && (s->function || s->object)) {
		if (has_prefix(s->name, "file.") || strcmp(s->name, "files") == 0)
			return "files";
		return s->function && has_twin(all, s->name) ? "jump tables" : "libc";
	}
	if (!s->unit)
		return "(rest)";
	if (has_prefix(s->unit, "generated/"))
		return "generated";
	const char *inside = has_prefix(s->unit, root) ? s->unit + sizeof root - 1
	                     : has_prefix(s->unit, PLAN_OWN_LIBRARIES)
	                             ? s->unit + sizeof PLAN_OWN_LIBRARIES - 1
	                             : NULL;
	if (!inside)
		return "application";
	for (unsigned i = 0; i < image->note.library_count; i++) {
		const char *name = image->libraries[i].name;
		size_t n = strlen(name);
		if (has_prefix(inside, name) && inside[n] == '/' && (!best || n > strlen(best)))
			best = name;
	}
	return best ? best : "(rest)";
}

static struct size_entry *entry(struct sizes *z, const char *name)
{
	for (unsigned i = 0; i < z->count; i++)
		if (strcmp(z->list[i]->name, name) == 0)
			return z->list[i];
	if (z->count == sizeof z->list / sizeof *z->list)
		return z->list[z->count - 1];
	struct size_entry *e = keep(sizeof *e);
	e->name = name;
	return z->list[z->count++] = e;
}

static uint64_t *side(struct size_entry *e, uint32_t rights)
{
	return rights & RIGHT_X ? &e->code : rights & RIGHT_W ? &e->data : &e->constants;
}

static int by_size(const void *a, const void *b)
{
	const struct size_entry *x = *(struct size_entry *const *)a,
	                        *y = *(struct size_entry *const *)b;
	uint64_t m = x->code + x->constants + x->data, n = y->code + y->constants + y->data;

	return m != n ? m < n ? 1 : -1 : strcmp(x->name, y->name);
}

static void rank_function(struct sizes *z, const struct symbol *s)
{
	unsigned at = z->function_count;

	while (at > 0 && z->functions[at - 1]->size < s->size)
		at--;
	if (at == SIZES_FUNCTIONS)
		return;
	/* Other names of the same place. */
	if (at > 0 && z->functions[at - 1]->address == s->address)
		return;
	unsigned moved = z->function_count - at - (z->function_count == SIZES_FUNCTIONS);
	memmove(z->functions + at + 1, z->functions + at, moved * sizeof *z->functions);
	z->functions[at] = s;
	z->function_count += z->function_count < SIZES_FUNCTIONS;
}

void sizes_count(struct sizes *z, const struct image *image, const struct symbols *all)
{
	*z = (struct sizes){ 0 };
	for (unsigned k = 0; k < image->segment_count; k++) {
		const struct image_segment *g = &image->segments[k];
		uint64_t covered = g->at, named = 0;

		for (size_t i = 0; i < all->count; i++) {
			const struct symbol *s = &all->list[i];

			if (s->address < g->at || s->address - g->at >= g->size || !s->size)
				continue;
			uint64_t end = s->size < g->size - (s->address - g->at)
			                       ? s->address + s->size
			                       : g->at + g->size;
			uint64_t from = s->address > covered ? s->address : covered;
			/* Each byte counts once, for the first symbol that has it. */
			if (end > from) {
				*side(entry(z, sizes_part(image, all, s)), g->rights) += end - from;
				named += end - from;
				covered = end;
			}
			if (s->function && g->rights & RIGHT_X)
				rank_function(z, s);
		}
		*side(entry(z, "(rest)"), g->rights) += g->size - named;
	}
	qsort(z->list, z->count, sizeof *z->list, by_size);
}
