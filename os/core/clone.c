/* SPDX-License-Identifier: ISC */
/* What a clone does first: the records of all libraries in their order, then the handlers. */
#include <core/clone.h>

#include <core/boot.h>
#include <core/cold.h>
#include <core/log.h>

/* From the linker script (host/builder). Weak: a unit test may have no record at all. */
extern const struct clone_record __start_on_clone[] __attribute__((weak)),
        __stop_on_clone[] __attribute__((weak));

static struct clone_handler *first, **last = &first;

COLD void clone_on(struct clone_handler *h)
{
	h->next = NULL;
	*last = h;
	last = &h->next;
}

static bool ready;

COLD void clone_ready(void)
{
	ready = true;
}

COLD bool clone_is_ready(void)
{
	return ready;
}

COLD uint64_t clone_generation(void)
{
	return boot_info->generation;
}

COLD bool clone_is_moved(void)
{
	return boot_info->flags & AMP_BOOT_MOVED;
}

COLD void clone_begin(void)
{
	ready = false;
	const struct clone_record *from = __start_on_clone, *to = __stop_on_clone;
	for (uint64_t order = 0, next; order != UINT64_MAX; order = next) {
		next = UINT64_MAX;
		for (const struct clone_record *r = from; r < to; r++) {
			if (r->order == order)
				r->fn();
			else if (r->order > order && r->order < next)
				next = r->order;
		}
	}
	for (struct clone_handler *h = first; h; h = h->next)
		h->begin(h);
	log_info("clone", "generation %llu %s", (unsigned long long)boot_info->generation,
	         clone_is_moved() ? "goes on in its original's place" : "begins");
}
