/* SPDX-License-Identifier: ISC */
/* Fuzzes what a frame asks of those who sleep behind a bridge: an answer is to who has asked, from who is asked, and bounded; what
 * is no question, and to many, wakes nobody; only who is awake hears a question, and only others' news are news. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <standby/asked.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define SLEEPERS  5u
#define ALL_NODES "\x33\x33\0\0\0\1"

static void require(int truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

/* With the addresses of the corpus: 02:aa:00:00:00:N, 10.0.0.2+N, fd00::1:N. */
static const struct sleepers *sleepers(void)
{
	static struct sleepers all;
	while (all.count < SLEEPERS) {
		uint8_t n = (uint8_t)all.count;
		struct filter_wish w = { .mac = { 2, 0xaa, 0, 0, 0, n },
			                 .ip4_count = 1,
			                 .ip6_count = 1,
			                 .ip4 = { 0x0a000002u + n } };
		w.ip6[0][0] = 0xfd;
		w.ip6[0][13] = 1;
		w.ip6[0][15] = n;
		require(sleepers_add(&all, &w, n, 0) == SLEEPERS_ADDED, "they differ");
		all.all[n].is_awake = n == 4;
	}
	return &all;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	const struct sleepers *s = sleepers();
	struct asked_frame a;
	memset(&a, 0, sizeof a);
	enum asked what = asked_of(s, input, size, &a);
	if (what == ASKED_NOTHING)
		return 0;
	if (what == ASKED_NEWS) {
		require(input[0] & 1, "news are said to many");
		require(sleepers_by_mac(s, input + 6) == SLEEPERS_NONE, "and by others");
		return 0;
	}
	require(a.sleeper < SLEEPERS, "somebody is asked");
	const struct sleeper *who = &s->all[a.sleeper];
	if (what == ASKED_TO_WAKE_UP) {
		require(!memcmp(input, who->mac, 6), "what wakes is for him alone");
		return 0;
	}
	if (what == ASKED_AWAKE) {
		require(who->is_awake, "whoever sleeps hears no questions");
		require(memcmp(input + 6, who->mac, 6) != 0, "and nobody his own");
		return 0;
	}
	require(a.answer_size && a.answer_size <= sizeof a.answer && a.answer_size <= size + 8,
	        "an answer is as short as a question");
	require(!who->is_awake, "whoever is awake answers himself");
	require(!memcmp(a.answer + 6, who->mac, 6), "it comes from who is asked");
	require(!memcmp(a.answer, what == ASKED_ALL ? (const uint8_t *)ALL_NODES : input + 6, 6),
	        "it goes to who has asked");
	require(what == ASKED_ALL || !(a.answer[0] & 1), "and to nobody else");
	/* It is no question, so that nobody answers it in turn. */
	struct asked_frame again;
	require(asked_of(s, a.answer, a.answer_size, &again) == ASKED_NOTHING ||
	                !memcmp(a.answer, s->all[again.sleeper].mac, 6),
	        "an answer asks nothing");
	return 0;
}
