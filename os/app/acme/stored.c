/* SPDX-License-Identifier: ISC */
/*
 * What outlives the image, in a B-tree. A record's key is the authority's directory, a line feed and its name, so that an account at one
 * authority is not taken for one at another, nor a certificate of a trial for a real one:
 *
 *   account-key   PEM            account       its URL
 *   chain         PEM            key           PEM, of the chain's first certificate
 *   plan          when to renew, to ask, and to try again
 */
#include <app/acme/internal.h>

#include <string.h>

#include <core/error.h>
#include <core/log.h>
#include <core/print.h>
#include <store/block.h>
#include <store/btree/btree.h>

#define RECORDS_MAX 4u

static uint32_t key_of(const struct acme_store *s, const char *name, char to[BTREE_KEY_MAX])
{
	return (uint32_t)print_text(to, BTREE_KEY_MAX, "%s\n%s", s->directory, name);
}

static void damage(void *of, uint64_t page, const char *what)
{
	(void)of;
	log_error("acme", "page %llu of the block device is damaged: %s", (unsigned long long)page,
	          what);
}

int acme_store_open(struct acme_store *s, const char *device, const char *directory)
{
	struct block *b = block_find(device);
	*s = (struct acme_store){ .directory = directory };
	if (!b) {
		log_warning("acme",
		            "there is no block device \"%s\": account and certificate are in "
		            "memory only, and each start asks the "
		            "authority for new ones",
		            device);
		return OK;
	}
	int error = btree_open(&s->tree, b,
	                       &(struct btree_options){ .create = true, .damage = damage });
	if (error)
		log_error("acme", "block device \"%s\": %s%s", device, error_text(error),
		          error == ERR_MALFORMED ? ": it holds something else; give it a device of "
		                                   "its own, of zeroes"
		                                 : "");
	return error;
}

int acme_store_put(struct acme_store *s, const struct acme_record *r, uint32_t count)
{
	char keys[RECORDS_MAX][BTREE_KEY_MAX];
	struct btree_change changes[RECORDS_MAX];
	if (!s->tree)
		return OK;
	if (count > RECORDS_MAX)
		return ERR_INVALID;
	for (uint32_t k = 0; k < count; k++)
		changes[k] = (struct btree_change){ .key = keys[k],
			                            .key_size = key_of(s, r[k].name, keys[k]),
			                            .value = r[k].value,
			                            .value_size = r[k].size };
	int error = btree_apply(s->tree, changes, count);
	if (error)
		log_error("acme",
		          "the block device does not take \"%s\": %s: it is lost with the image",
		          r[0].name, error_text(error));
	return error;
}

int64_t acme_store_get(struct acme_store *s, const char *name, char *to, uint32_t room)
{
	char key[BTREE_KEY_MAX];
	uint32_t size = 0;
	if (!s->tree)
		return ERR_ABSENT;
	int error = btree_get(s->tree, key, key_of(s, name, key), to, room - 1, &size);
	if (!error && size >= room)
		error = ERR_TOO_BIG;
	if (error && error != ERR_ABSENT)
		log_error("acme", "the block device does not give \"%s\": %s", name,
		          error_text(error));
	to[error ? 0 : size] = '\0';
	return error ? error : (int64_t)size;
}

/* ---- Plans: decimal numbers with a space in between ---- */

uint32_t acme_plan_print(const struct acme_plan *p, char to[ACME_PLAN_TEXT])
{
	return (uint32_t)print_text(to, ACME_PLAN_TEXT, "%lld %lld %lld %u", (long long)p->renew_at,
	                            (long long)p->ask_at, (long long)p->not_before, p->failures);
}

static bool read_number(const char **at, int64_t *to)
{
	uint32_t n = 0;
	while ((*at)[n] && (*at)[n] != ' ')
		n++;
	if (!json_to_integer(*at, n, to) || *to < 0 || *to > INT64_MAX / 4)
		return false;
	*at += n;
	if (**at == ' ')
		(*at)++;
	return true;
}

bool acme_plan_read(struct acme_plan *p, const char *text)
{
	int64_t failures;
	if (!read_number(&text, &p->renew_at) || !read_number(&text, &p->ask_at) ||
	    !read_number(&text, &p->not_before) || !read_number(&text, &failures) || *text ||
	    failures > 1000)
		return false;
	p->failures = (uint32_t)failures;
	return true;
}
