/* SPDX-License-Identifier: ISC */
/* All amounts stay below RATE_MAX times a second, so that products of rate and time fit 128 bits easily. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/args.h>
#include <tender/device/rate.h>

#define SECOND_NS 1000000000ull
/* The least that a hold lasts: not each packet is worth a wake-up. */
#define HOLD_NS 1000000ull

/* The word `name` of those at the end of the text, "name=value"; null: there is none. A word is lower-case letters, and what
 * follows them up to a comma; before the first that is none, names begin. */
static char *find_word(char *text, const char *name)
{
	char *found = NULL, *end = text + strlen(text);
	for (;;) {
		char *comma = end;
		while (comma > text && comma[-1] != ',')
			comma--;
		if (comma == text)
			return found;
		size_t letters = strspn(comma, "abcdefghijklmnopqrstuvwxyz");
		if (!letters || comma + letters > end ||
		    (comma[letters] != '=' && comma + letters != end))
			return found;
		if (!strncmp(comma, name, strlen(name)) && comma[strlen(name)] == '=')
			found = comma;
		end = comma - 1;
	}
}

/* Takes one word out of the text; 0 where it is not there. */
static int take(char *text, const char *name, uint32_t type, uint64_t most, uint64_t *to,
                struct defect *why)
{
	char value[32], *word = find_word(text, name);
	struct defect what;
	*to = 0;
	if (!word)
		return 0;
	const char *from = word + strlen(name) + 1;
	size_t n = strcspn(from, ",");
	if (n >= sizeof value)
		return defect_set(why, "%s is too long", word);
	memcpy(value, from, n);
	value[n] = 0;
	if (arg_parse(type, value, to, &what) || !*to || *to > most)
		return defect_set(why, "%s=%s: want %s from 1 to %llu a second", name, value,
		                  type == AMP_ARG_SIZE
		                          ? "bytes, digits and nothing or one of K M G,"
		                          : "a number",
		                  (unsigned long long)most);
	memmove(word - 1, from + n, strlen(from + n) + 1);
	if (find_word(text, name))
		return defect_set(why, "%s is given twice", name);
	return 0;
}

int rate_take_words(char *text, uint64_t *bytes, uint64_t *ops, struct defect *why)
{
	*ops = 0;
	return take(text, "rate", AMP_ARG_SIZE, RATE_MAX, bytes, why) ||
	                       take(text, "iops", AMP_ARG_U32, UINT32_MAX, ops, why)
	               ? -1
	               : 0;
}

static int64_t burst(uint64_t per_second)
{
	uint64_t n = (uint64_t)((unsigned __int128)per_second * RATE_BURST_NS / SECOND_NS);
	return n ? (int64_t)n : 1;
}

int rate_open(struct rate *r, uint64_t first, uint64_t second, struct defect *why)
{
	*r = (struct rate){ .timer = -1 };
	if (!first && !second)
		return 0;
	r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (r->timer < 0)
		return defect_set(why, "cannot make a timer: %s", strerror(errno));
	r->set = true;
	r->buckets[0].per_second = first;
	r->buckets[1].per_second = second;
	for (unsigned i = 0; i < RATE_BUCKETS; i++)
		r->buckets[i].left = burst(r->buckets[i].per_second);
	return 0;
}

void rate_close(struct rate *r)
{
	if (r->set)
		close(r->timer);
	r->set = false;
}

void rate_fill(struct rate *r, uint64_t now)
{
	for (unsigned i = 0; i < RATE_BUCKETS; i++) {
		uint64_t rate = r->buckets[i].per_second, since = r->buckets[i].since;
		int64_t most = burst(rate);
		if (!rate || now <= since)
			continue;
		unsigned __int128 came =
		        since ? (unsigned __int128)rate * (now - since) / SECOND_NS : 0;
		__int128 left = (__int128)r->buckets[i].left + (__int128)came;
		r->buckets[i].left = left > most ? most : (int64_t)left;
		/* What was too little for a whole one stays time, rounded to the host's favour. */
		r->buckets[i].since =
		        since && left <= most
		                ? since + (uint64_t)((came * SECOND_NS + rate - 1) / rate)
		                : now;
	}
}

uint64_t rate_left(const struct rate *r, enum rate_bucket b)
{
	if (!r->buckets[b].per_second)
		return RATE_NONE;
	return r->buckets[b].left > 0 ? (uint64_t)r->buckets[b].left : 0;
}

void rate_spend(struct rate *r, enum rate_bucket b, uint64_t amount)
{
	if (r->buckets[b].per_second)
		r->buckets[b].left -= (int64_t)amount;
}

bool rate_hold(struct rate *r)
{
	uint64_t wait = 0;
	for (unsigned i = 0; i < RATE_BUCKETS; i++) {
		uint64_t rate = r->buckets[i].per_second;
		if (!rate || r->buckets[i].left > 0)
			continue;
		uint64_t debt = (uint64_t)(1 - r->buckets[i].left);
		uint64_t ns = (uint64_t)((unsigned __int128)debt * SECOND_NS / rate) + 1;
		if (!wait || ns < wait)
			wait = ns;
	}
	if (!wait)
		return false;
	if (wait < HOLD_NS)
		wait = HOLD_NS;
	const struct itimerspec at = { .it_value = { (time_t)(wait / SECOND_NS),
		                                     (long)(wait % SECOND_NS) } };
	timerfd_settime(r->timer, 0, &at, NULL);
	r->holds++;
	return true;
}

void rate_woke(const struct rate *r)
{
	uint64_t times;
	if (r->set)
		(void)!read(r->timer, &times, sizeof times);
}

void rate_allow(const struct rate *r, struct filter *f)
{
	const struct filter_arg relative = { 1, FILTER_EQUAL, 0 };
	if (!r->set)
		return;
	filter_allow_on(f, SYS_timerfd_settime, r->timer, &relative, 1);
	filter_allow_on(f, SYS_read, r->timer, NULL, 0);
}
