/* SPDX-License-Identifier: ISC */
/*
 * For the tests of answers: zones from text, queries from text, responses to text. What it prints
 * of a response is the whole of it, decoded here, with checks of its own (pointers go backwards,
 * nothing follows the last record), so that a test compares all flags, sections and records at
 * once.
 */
#ifndef TEST_DNS_WORLD_H
#define TEST_DNS_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <app/dns/answer.h>
#include <app/dns/builder.h>

struct world {
	uint8_t *blob;
	uint64_t size;
	struct dns_database db;
	struct dns_responder responder;
	char report[8192]; /* what the builder said: lines of file:line: text */
	unsigned report_size;
};

/* For the builders from now on. */
extern struct dns_builder_rules world_rules;

/* Builds a database from pairs of origin and master file text, ended by null. Returns the builder's
 * result; with 0, the database is open and the responder ready. The file of origin X is named X in
 * messages. */
int world_build(struct world *, const char *const *zones);
/* The same, and it must succeed. */
void world_open(struct world *, const char *const *zones);
void world_close(struct world *);

/* A query from text: NAME TYPE, then any of: CH, ANY, CLASSn (class); edns=SIZE, do, version=N,
 * option=N, keepalive, z (EDNS); rd, ad, cd, zbit, tc, aa, ra (header flags); id=N. Returns its
 * size. */
uint32_t world_query(uint8_t *to, const char *text);

/* A response as text: RCODE and flags, then a line a record with AN, NS or AR before it, and OPT.
 */
void world_render(char *to, size_t room, const uint8_t *message, uint32_t size);

/* Asks, and compares what world_render makes of the response. */
void world_expect(struct world *, const char *query, const char *response);

/* Asks; the response's size. */
uint32_t world_ask(struct world *, const char *query, uint8_t response[4096]);

/* A generator for tests that repeats: xorshift. */
uint32_t world_random(uint64_t *state);

#endif
