/* SPDX-License-Identifier: ISC */
/* HTML as it is put together. What people have written goes through page_escaped and nothing else. */
#ifndef TWEET_PAGE_H
#define TWEET_PAGE_H

#include <app/http/http.h>

#include "session.h"

struct page {
	char *bytes;
	uint32_t size, room;
	bool failed; /* there was no memory: answered with 503 */
};

/* Everything up to the content. `s` may be null. */
void page_begin(struct page *, const char *title, const struct session *s);
void page_text(struct page *, const char *html);
void page_escaped(struct page *, const char *text);
void page_number(struct page *, uint64_t);
void page_form(struct page *, const struct session *); /* the hidden field of its forms */
void page_time(struct page *, int64_t seconds);
/* The end of it, and the response. */
void page_reply(struct page *, struct http_exchange *, uint32_t status);

/* A page that says what went wrong, in the look of the others. */
void page_error(struct http_exchange *, const struct session *, uint32_t status, const char *text);

extern const char page_style[], page_icon[];

#endif
