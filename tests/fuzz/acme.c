/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes an ACME client's authority: an input is its answers, each of a status, fields and a body, in the order in which they are asked
 * for. Whatever it says, attempts come to an end within bounds of time and requests, no challenge stays answered, and nothing leaks.
 */
#include <stdlib.h>
#include <string.h>

#include <core/error.h>
#include <app/tls/internal.h>
#include <core/heap.h>
#include <core/task.h>

#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUESTS_MAX 4000u

static const uint8_t *input;
static size_t left;
static char texts[4][512];

/* The next line, or all that is left. */
static const char *line(char *to)
{
	const uint8_t *end = left ? memchr(input, '\n', left) : NULL;
	size_t n = end ? (size_t)(end - input) : left, m = n < 511 ? n : 511;
	memcpy(to, input, m);
	to[m] = '\0';
	input += n + (end != NULL);
	left -= n + (end != NULL);
	return *to ? to : NULL;
}

/* Lines: status, Location, Retry-After, and the body: a JSON document in a line, or with '#' before it anything else. */
static void answer(const char *method, const char *target, const char *body, uint32_t size,
                   struct world_answer *a)
{
	static char document[4096];
	(void)method, (void)target, (void)body, (void)size;
	if (world_requests > REQUESTS_MAX)
		abort();
	const char *status = line(texts[0]);
	a->nonce = "abc";
	a->status = status ? (uint32_t)atoi(status) % 1000 : 500;
	a->location = line(texts[1]);
	a->retry_after = line(texts[2]);
	const uint8_t *end = left ? memchr(input, '\n', left) : NULL;
	size_t n = end ? (size_t)(end - input) : left,
	       m = n < sizeof document ? n : sizeof document;
	if (m)
		memcpy(document, input, m);
	input += n + (end != NULL);
	left -= n + (end != NULL);
	a->type =
	        m && document[0] == '#' ? "application/pem-certificate-chain" : "application/json";
	a->body = document + (m && document[0] == '#');
	a->size = (uint32_t)(m - (m && document[0] == '#'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls tls;
	struct acme *a;
	const struct acme_options o = { .tls = &tls,
		                        .domains = "a.example,b.example",
		                        .directory = "https://ca.example/dir",
		                        .terms_agreed = true };
	input = data;
	left = size;
	world_reset();
	world_now_ns = 1;
	world_authority = answer;
	long before = world_allocated;
	if (acme_open(&a, &o))
		abort();
	for (int k = 0; k < 6 && left; k++) {
		uint64_t began = world_now_ns;
		uint64_t wait = acme_step(a);
		if (world_now_ns - began > 33 * ACME_VALIDATION_NS + 2 * ACME_ISSUE_NS ||
		    a->proofs.token[0] || world_shown[0])
			abort();
		task_sleep_until(world_now_ns + (wait ? wait : a->not_before_ns));
	}
	acme_key_forget(&a->account_key);
	heap_free(a);
	if (world_allocated != before)
		abort();
	return 0;
}
