/* SPDX-License-Identifier: ISC */
/*
 * Forms with files in them (multipart/form-data, RFC 7578), read as they come: nothing but a part's head is kept, so that a
 * file may be larger than memory. The parser is given bytes (from http_on_body on the loop), or reads them itself in a task:
 *
 *	static int begin(void *context, const struct http_part *part) { ... }
 *	static int data(void *context, const uint8_t *bytes, uint32_t size) { ... }
 *	static const struct http_part_handlers handlers = { .begin = begin, .data = data };
 *	if (http_multipart_read(x, &handlers, &upload, deadline) == OK)
 *		http_reply_text(x, 200, "Thank you\n");
 */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include <app/http/http.h>

#define HTTP_PARTS_MAX         256u  /* of a body; more: ERR_TOO_BIG */
#define HTTP_PART_HEAD_MAX     2048u /* bytes of a part's fields; more: ERR_TOO_BIG */
#define HTTP_PART_BOUNDARY_MAX 70u   /* RFC 2046 §5.1.1 */

struct http_part {            /* good while `begin` runs */
	const char *name;     /* NUL-terminated */
	const char *filename; /* null: no file. As the browser says: never a path to be opened */
	const char *type;     /* Content-Type; null: text/plain */
};
struct http_part_handlers { /* what is not 0 ends it, and is returned; a null does nothing */
	int (*begin)(void *context, const struct http_part *);
	int (*data)(void *context, const uint8_t *bytes, uint32_t size);
	int (*end)(void *context); /* of the part */
};

struct http_multipart { /* the caller's memory; nothing else is owned */
	const struct http_part_handlers *handlers;
	void *context;
	uint8_t state;
	bool in_part, by_handler; /* by_handler: the error is one's */
	uint32_t parts, matched, delimiter_size, head_size;
	int error;
	char delimiter[HTTP_PART_BOUNDARY_MAX + 5]; /* CR LF "--" and the boundary */
	char head[HTTP_PART_HEAD_MAX + 1];
};

/* Of a request's Content-Type. ERR_INVALID: it is another type, or has no boundary. */
int http_multipart_open(struct http_multipart *, const struct http_exchange *,
                        const struct http_part_handlers *, void *context);
/* The next bytes of the body. 0; ERR_MALFORMED, ERR_TOO_BIG, or what a handler returned; then the same again. */
int http_multipart_take(struct http_multipart *, const uint8_t *bytes, uint32_t size);
/* The body has ended. ERR_MALFORMED: before its last boundary. */
int http_multipart_end(const struct http_multipart *);

/* In a task: the whole body. 0; or a negative error, and the exchange is answered: 415, 413, 408 or 400; or what a handler
 * returned, which has to be answered by the caller. */
int http_multipart_read(struct http_exchange *, const struct http_part_handlers *, void *context,
                        uint64_t deadline_ns);

#endif
