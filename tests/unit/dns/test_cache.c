/* SPDX-License-Identifier: ISC */
/* Memoised answers: the same bytes as without, whatever was asked before. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/dns/cache.h>

static const char zone[] =
        "$TTL 3600\n@ SOA ns host 1 2 3 4 5\n@ NS ns\n@ MX 10 mail\nns A 192.0.2.1\n"
        "mail A 192.0.2.2\nmail AAAA 2001:db8::2\nwww CNAME mail\n*.wild A 192.0.2.3\n"
        "sub NS ns1.sub\nsub NS ns2.sub\nns1.sub A 192.0.2.4\nns2.sub A 192.0.2.5\n"
        "old DNAME sub\ngone DNAME wild\n"
        "big TXT \"0123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "big TXT \"1123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "big TXT \"2123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "*.wide TXT \"w123456789012345678901234567890123456789012345678901234567890123456789\" "
        "\"x123456789012345678901234567890123456789012345678901234567890123456789\" "
        "\"y123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "mid TXT \"0123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "big TXT \"3123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "big TXT \"4123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "big TXT \"5123456789012345678901234567890123456789012345678901234567890123456789\"\n";
static const char *const zones[] = { "example.", zone, NULL };

static struct world w;
static struct dns_cache cache;
static void *memory;

static int setup(void **state)
{
	static const uint64_t key[2] = { 0x0123456789abcdef, 0xfedcba9876543210 };
	uint64_t size = dns_cache_size(DNS_CACHE_BYTES_MIN * 2);

	(void)state;
	world_open(&w, zones);
	memory = aligned_alloc(64, (size + 63) / 64 * 64);
	assert_non_null(memory);
	memset(memory, 0xa5, size); /* what is not initialised must not matter */
	dns_cache_init(&cache, memory, size, key);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&w);
	free(memory);
	return 0;
}

/* Asks with and without the cache; the responses must be the same but for nothing. */
static uint32_t ask_both(const uint8_t *query, uint32_t size)
{
	static uint8_t plain[4096], cached[4096];
	uint32_t a = dns_answer(&w.responder, query, size, plain, sizeof plain);
	uint32_t b = dns_answer_cached(&w.responder, &cache, query, size, cached, sizeof cached);

	assert_int_equal(a, b);
	if (a && memcmp(plain, cached, a) != 0) {
		static char x[65536], y[65536];
		world_render(x, sizeof x, plain, a);
		world_render(y, sizeof y, cached, b);
		fail_msg("without cache:\n%s\nwith:\n%s", x, y);
	}
	return a;
}

static void ask(const char *text)
{
	uint8_t query[600];

	ask_both(query, world_query(query, text));
}

static void hits_after_the_first_time(void **state)
{
	(void)state;
	ask("mail.example. A");
	assert_int_equal(cache.hits, 0);
	assert_int_equal(cache.misses, 1);
	ask("mail.example. A");
	assert_int_equal(cache.hits, 1);
	ask("mail.example. AAAA");          /* another type, */
	ask("mail.example. A CH");          /* class, */
	ask("ns.example. A");               /* name, */
	ask("mail.example. A edns=512");    /* with EDNS, */
	ask("mail.example. A edns=512 do"); /* with DO */
	assert_int_equal(cache.hits, 1);
}

static void ignores_id_case_and_flags(void **state)
{
	(void)state;
	ask("www.example. A");
	ask("www.example. A id=7");
	ask("WwW.exAMPle. A id=8");
	ask("www.example. A rd");
	ask("www.example. A rd ad cd zbit tc aa ra");
	ask("WWW.EXAMPLE. A");
	assert_int_equal(cache.misses, 1);
	assert_int_equal(cache.hits, 5);
}

static void
keeps_no_flags_of_the_first_query(void **state) /* or one odd query would poison all that follow */
{
	(void)state;
	ask("www.example. A rd ad cd zbit tc aa ra id=99");
	ask("www.example. A");
	assert_int_equal(cache.hits, 1);
}

static void serves_a_complete_response_to_all_sizes_that_hold_it(void **state)
{
	(void)state;
	ask("mid.example. TXT edns=4096");
	ask("mid.example. TXT edns=512");
	ask("mid.example. TXT edns=1");
	ask("mid.example. TXT edns=700");
	assert_int_equal(cache.hits, 3);
}

static void
keeps_truncation_to_the_size_that_it_was_for(void **state) /* RFC 8906 §6: whole-answer caches */
{
	(void)state;
	ask("big.example. TXT"); /* 512: TC */
	ask("big.example. TXT edns=4096");
	ask("big.example. TXT");
	ask("big.example. TXT edns=512");
	ask("big.example. TXT edns=513");
	ask("big.example. TXT edns=4096");
	ask("big.example. TXT edns=512");
	assert_int_equal(cache.hits, 1);
	for (unsigned size = 400; size < 700; size++) {
		char text[64];
		snprintf(text, sizeof text, "big.example. TXT edns=%u", size);
		ask(text);
	}
}

static void passes_by_what_is_not_a_plain_query(void **state)
{
	uint8_t query[600];
	uint32_t size;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		ask("mail.example. A edns=1232 version=1");
		size = world_query(query, "mail.example. A");
		query[2] = 15 << 3;
		ask_both(query, size);
		size = world_query(query, "mail.example. A");
		query[5] = 2;
		ask_both(query, size);
		assert_int_equal(ask_both(query, 5), 0);
	}
	assert_int_equal(cache.hits + cache.misses, 0);
}

static void gives_what_is_hit_a_second_chance(void **state)
{
	unsigned kept = 0;

	(void)state;
	/* A few names asked for again and again, among many that are asked for once. */
	for (unsigned i = 0; i < 4000; i++) {
		char text[64];
		uint64_t hits = cache.hits;
		ask("mail.example. A");
		kept += cache.hits > hits;
		snprintf(text, sizeof text, "once%u.example. A", i);
		ask(text);
	}
	assert_true(kept > 3900);
}

static void evicts_within_its_memory(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		char text[64];
		snprintf(text, sizeof text, "n%u.example. A", i % 5000);
		ask(text);
	}
}

/* Entries of one slot and of two take each other's places. */
static void mixes_wide_entries_and_others(void **state)
{
	unsigned draw = 1;

	(void)state;
	for (unsigned i = 0; i < 30000; i++) {
		char text[64];
		draw = draw * 1103515245u + 12345u;
		unsigned n = draw >> 16 & 1023;
		if (draw >> 8 & 1)
			snprintf(text, sizeof text, "n%u.wide.example. TXT", n % 100);
		else
			snprintf(text, sizeof text, "n%u.wild.example. A", n % 300);
		ask(text);
	}
	assert_true(cache.hits > 1000);
	uint64_t before = cache.hits;
	ask("last.wide.example. TXT");
	ask("last.wide.example. TXT");
	assert_int_equal(cache.hits, before + 1);
}

static void memoises_a_share_only_where_hardly_anything_is_asked_twice(void **state)
{
	char text[64];

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(text, sizeof text, "once%u.example. A", i);
		ask(text);
	}
	uint64_t before = cache.hits + cache.misses;
	for (unsigned i = 0; i < 4000; i++) {
		snprintf(text, sizeof text, "more%u.example. A", i);
		ask(text);
	}
	uint64_t looked = cache.hits + cache.misses - before;
	assert_in_range(looked, 100, 500); /* a sixteenth of them */
	/* And takes it up again when the same names come again and again. */
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(text, sizeof text, "few%u.example. A", i % 50);
		ask(text);
	}
	before = cache.hits;
	for (unsigned i = 0; i < 50; i++) {
		snprintf(text, sizeof text, "few%u.example. A", i);
		ask(text);
	}
	assert_in_range(cache.hits - before, 40, 50);
}

static void leaves_out_what_is_too_big_for_two_slots(void **state)
{
	(void)state;
	ask("big.example. TXT edns=1232");
	ask("big.example. TXT edns=1232");
	assert_int_equal(cache.hits, 0);
}

static void equals_uncached_answers_over_random_queries(void **state)
{
	static const char *const names[] = { "example.",        "mail.example.",   "www.example.",
		                             "a.wild.example.", "b.wild.example.", "wild.example.",
		                             "sub.example.",    "x.sub.example.",  "y.old.example.",
		                             "z.gone.example.", "big.example.",    "no.example.",
		                             "other.",          "mid.example.",    "q.w.e.r.t.y.",
		                             "ns1.sub.example." };
	static const char *const types[] = { "A",     "AAAA", "NS",    "MX",  "TXT",
		                             "CNAME", "ANY",  "DNAME", "SOA", "TYPE999" };
	static const char *const more[] = { "",           " rd",
		                            " edns=1232", " edns=512 do",
		                            " edns=600",  " edns=4096 do rd",
		                            " id=77 cd",  " ad zbit edns=0",
		                            " CH",        " ANY" };
	uint64_t random = 88172645463325252;
	(void)state;
	for (unsigned i = 0; i < 40000; i++) {
		char text[128];
		snprintf(text, sizeof text, "%s %s%s", names[world_random(&random) % 16],
		         types[world_random(&random) % 10], more[world_random(&random) % 10]);
		for (char *p = text; *p != ' '; p++)
			if (*p >= 'a' && *p <= 'z' && world_random(&random) % 3 == 0)
				*p -= 32;
		ask(text);
	}
	assert_true(cache.hits > 1000);
	assert_true(cache.misses > 1000);
}

static void keeps_mutated_queries_apart(void **state)
{
	uint64_t random = 1234567;
	(void)state;
	for (unsigned i = 0; i < 40000; i++) {
		uint8_t query[600];
		uint32_t size = world_query(query, i % 2 ? "www.example. A edns=1232 option=3"
		                                         : "sub.example. MX");
		for (unsigned n = world_random(&random) % 3; n; n--)
			query[2 + world_random(&random) % (size - 2)] =
			        (uint8_t)world_random(&random);
		ask_both(query, size);
	}
}

static void has_a_size_within_what_was_asked_for(void **state)
{
	(void)state;
	assert_int_equal(dns_cache_size(0), 0);
	assert_int_equal(dns_cache_size(DNS_CACHE_BYTES_MIN - 1), 0);
	for (uint64_t bytes = DNS_CACHE_BYTES_MIN; bytes < 1ull << 33; bytes = bytes * 5 / 3) {
		assert_true(dns_cache_size(bytes) <= bytes);
		assert_true(dns_cache_size(bytes) > 0);
	}
}

int main(void)
{
#define FRESH(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)
	const struct CMUnitTest tests[] = {
		FRESH(hits_after_the_first_time),
		FRESH(ignores_id_case_and_flags),
		FRESH(keeps_no_flags_of_the_first_query),
		FRESH(serves_a_complete_response_to_all_sizes_that_hold_it),
		FRESH(keeps_truncation_to_the_size_that_it_was_for),
		FRESH(passes_by_what_is_not_a_plain_query),
		FRESH(gives_what_is_hit_a_second_chance),
		FRESH(evicts_within_its_memory),
		FRESH(mixes_wide_entries_and_others),
		FRESH(memoises_a_share_only_where_hardly_anything_is_asked_twice),
		FRESH(leaves_out_what_is_too_big_for_two_slots),
		FRESH(equals_uncached_answers_over_random_queries),
		FRESH(keeps_mutated_queries_apart),
		cmocka_unit_test(has_a_size_within_what_was_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
