/* SPDX-License-Identifier: ISC */
/* When to renew, and when to try again. */
#include <app/acme/internal.h>

#define JITTER_PARTS  30 /* of a certificate's life: this part of it earlier or later */
#define BACKOFF_TIMES 4u

static int64_t part(int64_t span, uint32_t random)
{
	return (int64_t)((__int128)span * random >> 32);
}

/*
 * At two thirds of its life. A clock behind its begin is wrong, or the authority's is: then the life is counted from now on. A clock
 * that has passed two thirds is wrong, too, since the certificate is new: half of what is left is waited for, and no certificate
 * is asked for again at once.
 */
int64_t acme_renewal_at(const struct acme_life *l, int64_t now, uint32_t random)
{
	int64_t life = l->to - l->from, jitter = life / JITTER_PARTS;
	int64_t begin = now < l->from ? now : l->from,
	        at = begin + life / 3 * 2 - jitter + part(2 * jitter, random);
	int64_t least = now + (l->to - now) / 2;
	return now >= l->from && at < least ? least : at;
}

uint64_t acme_backoff_s(uint64_t first_s, uint32_t failures, uint32_t random)
{
	uint64_t s = first_s;
	for (uint32_t k = 1; k < failures && s < ACME_RETRY_MAX_S; k++)
		s *= BACKOFF_TIMES;
	s = s > ACME_RETRY_MAX_S ? ACME_RETRY_MAX_S : s;
	/* Those that failed together do not come back together. */
	return s + (s * random >> 34);
}

bool acme_renewal_in_window(const struct json_value *answer, uint32_t random, int64_t *to)
{
	const struct json_value *window = json_member_of(answer, "suggestedWindow", JSON_OBJECT);
	const struct json_value *start =
	        window ? json_member_of(window, "start", JSON_STRING) : NULL;
	const struct json_value *end = window ? json_member_of(window, "end", JSON_STRING) : NULL;
	int64_t from, until;
	if (!start || !end || !acme_time_read(start->text, &from) ||
	    !acme_time_read(end->text, &until) || until <= from)
		return false;
	*to = from + part(until - from, random);
	return true;
}
