/* SPDX-License-Identifier: ISC */
/* The table of invariants (check.h), which the linker gathers, and a list of what comes and goes. */
#include <core/check.h>

#ifdef AMPOULE_CHECKED
#include <core/panic.h>

/* The linker's: the section's bounds. */
extern const struct check __start_check[], __stop_check[];

static struct {
	const void *of;
	check_fn *is_valid;
	const char *library, *invariant;
} watched[CHECK_WATCHED_MAX];
static unsigned count;

void check_watch(const void *of, check_fn *is_valid, const char *library, const char *invariant)
{
	if (count == CHECK_WATCHED_MAX)
		return;
	watched[count].of = of;
	watched[count].is_valid = is_valid;
	watched[count].library = library;
	watched[count++].invariant = invariant;
}

void check_forget(const void *of)
{
	for (unsigned i = count; i-- > 0;)
		if (watched[i].of == of)
			watched[i] = watched[--count];
}

static void require(bool holds, const char *library, const char *invariant)
{
	if (!holds)
		panic("invariant of %s does not hold: %s", library, invariant);
}

void check_all(void)
{
	for (const struct check *c = __start_check; c < __stop_check; c++)
		require(c->is_valid(), c->library, c->invariant);
	for (unsigned i = 0; i < count; i++)
		require(watched[i].is_valid(watched[i].of), watched[i].library,
		        watched[i].invariant);
}
#endif
