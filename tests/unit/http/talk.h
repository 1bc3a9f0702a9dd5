/* SPDX-License-Identifier: ISC */
/* Talking with the server of app.h over one connection, `c`. Included behind cmocka. */
#ifndef TEST_HTTP_TALK_H
#define TEST_HTTP_TALK_H

#include <stdio.h>
#include <string.h>

#include "app.h"
#include "fake.h"

static struct tcp_connection *c;

static inline void begin(const struct http_options *o)
{
	fake_start();
	app_start(o);
	c = fake_accept();
}

static inline int set_up(void **state)
{
	(void)state;
	begin(NULL);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	if (c && fake_open(c))
		fake_queue_fin(c);
	if (c)
		fake_run(c);
	fake_advance(200 * SECOND);
	app_stop();
	int left = (int)fake.allocated;
	fake_stop();
	return left;
}

static inline void send(const char *text)
{
	fake_queue(c, text, strlen(text));
	fake_run(c);
}

static inline void queue(const char *text)
{
	fake_queue(c, text, strlen(text));
}

/* What came since the last time. */
static inline const char *answer(void)
{
	static struct tcp_connection *of;
	static uint64_t before;
	if (of != c || before > c->out_size)
		before = 0;
	of = c;
	const char *p = c->out + before;
	before = c->out_size;
	return p;
}

static inline const char *get(const char *target)
{
	char text[9000];
	c = fake_open(c) ? c : fake_accept();
	answer();
	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
	send(text);
	return answer();
}

static inline const char *body_of(const char *response)
{
	const char *p = strstr(response, "\r\n\r\n");
	return p ? p + 4 : "(none)";
}

#define assert_starts(text_, start_)                                                               \
	do {                                                                                       \
		const char *got_ = (text_);                                                        \
		if (strncmp(got_, start_, strlen(start_)) != 0)                                    \
			fail_msg("wanted %s..., got:\n%s", start_, got_);                          \
	} while (0)
#define assert_has(text_, part_)                                                                   \
	do {                                                                                       \
		const char *got_ = (text_);                                                        \
		if (!strstr(got_, part_))                                                          \
			fail_msg("no %s in:\n%s", part_, got_);                                    \
	} while (0)
#define assert_lacks(text_, part_)                                                                 \
	do {                                                                                       \
		const char *got_ = (text_);                                                        \
		if (strstr(got_, part_))                                                           \
			fail_msg("%s in:\n%s", part_, got_);                                       \
	} while (0)

#endif
