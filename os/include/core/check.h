/* SPDX-License-Identifier: ISC */
/*
 * Invariants that run. In an image of `ampoule build --checked` the loop asks after each of its turns whether what is
 * registered here is valid, and ends the image with a line that names library and invariant if something is not. Other images
 * carry nothing of it.
 *
 * What there is once is registered where it stands:
 *
 *	CHECK("core", "timers hang where the wheel looks for them", wheel_holds)
 *	{
 *		return timer_is_valid();
 *	}
 *
 * What comes and goes, while it lives: check_watch(tree, is_valid, "store/btree", "pages in memory ..."), check_forget(tree).
 *
 * Such a function only looks: it changes nothing, blocks nowhere and allocates nothing. One by CHECK is also called before its
 * library has been started, and where nobody uses it.
 */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

#include <stdbool.h>

typedef bool check_fn(const void *of);

#ifdef AMPOULE_CHECKED
struct check {
	bool (*is_valid)(void);
	const char *library, *invariant;
};
#define CHECK(library_, invariant_, fn_)                                                           \
	static bool fn_(void);                                                                     \
	static const struct check check_##fn_                                                      \
	        __attribute__((used, retain, section(".check"))) = { fn_, library_, invariant_ };   \
	static bool fn_(void)

#define CHECK_WATCHED_MAX 64u /* more are not looked at */
void check_watch(const void *of, check_fn *, const char *library, const char *invariant);
void check_forget(const void *of); /* not watched: no harm */

/* For the loop. Does not return if an invariant does not hold. */
void check_all(void);
#else
#define CHECK(library_, invariant_, fn_) static inline __attribute__((unused)) bool fn_(void)

static inline void check_watch(const void *of, check_fn *is_valid, const char *library,
                               const char *invariant)
{
	(void)of, (void)is_valid, (void)library, (void)invariant;
}

static inline void check_forget(const void *of)
{
	(void)of;
}

static inline void check_all(void)
{
}
#endif

#endif
