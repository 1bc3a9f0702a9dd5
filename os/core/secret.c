/* SPDX-License-Identifier: ISC */
/* New versions of secrets: a source of the loop. */
#include <core/secret.h>

#include <string.h>

#include <core/cold.h>
#include <core/error.h>
#include <core/log.h>
#include <core/loop.h>

static struct list listeners = LIST_INIT(listeners);

/* A clone's is elsewhere, or nowhere. */
static struct amp_secrets *box(void)
{
	return (struct amp_secrets *)boot_info->secrets;
}

static bool poll(struct loop_source *s)
{
	struct amp_secrets *b = box();
	int error = OK;
	(void)s;
	if (!b || __atomic_load_n(&b->sequence, __ATOMIC_ACQUIRE) == b->taken)
		return false;
	list_each (at, &listeners) {
		struct secret_listener *l = container_of(at, struct secret_listener, all);
		int own = l->renewed(l);
		error = error ? error : own;
	}
	if (error)
		log_error("secret", "new versions of secrets are not used: %s", error_text(error));
	for (uint32_t k = 0; k < b->count; k++)
		explicit_bzero(b->bytes + b->versions[k].at, b->versions[k].size);
	b->refused = error != OK;
	__atomic_store_n(&b->taken, b->sequence, __ATOMIC_RELEASE);
	return true;
}

static uint64_t events(struct loop_source *s)
{
	(void)s;
	return box() ? AMP_WAIT_SECRETS : 0;
}

static struct loop_source source = { .poll = poll, .events = events };

COLD void secret_listen(struct secret_listener *l)
{
	if (list_empty(&listeners))
		loop_add(&source);
	list_append(&listeners, &l->all);
}

COLD struct boot_secret secret_renewed(struct boot_secret of)
{
	struct amp_secrets *b = box();
	for (uint32_t k = 0; k < b->count; k++)
		if (b->versions[k].arg == of.arg)
			return (struct boot_secret){ (char *)b->bytes + b->versions[k].at,
				                     b->versions[k].size, of.arg };
	return (struct boot_secret){ NULL, 0, of.arg };
}
