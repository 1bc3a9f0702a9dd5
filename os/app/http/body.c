/* SPDX-License-Identifier: ISC */
/* Whole bodies, for tasks that want no part of one. */
#include <app/http/form.h>

#include <app/http/http_internal.h>

static int64_t refuse(struct http_exchange *x, int64_t error)
{
	http_fail(x, error == ERR_TOO_BIG ? 413 : error == ERR_TIMEOUT ? 408 : 400);
	return error;
}

int64_t http_read_all(struct http_exchange *x, char *to, uint32_t room, uint64_t deadline_ns)
{
	uint64_t told = http_body_size(x);
	uint32_t size = 0;
	char more;
	if (!room || (told != HTTP_UNKNOWN && told >= room))
		return refuse(x, ERR_TOO_BIG);
	for (;;) {
		/* One byte more than there is room for tells that it is too large. */
		bool full = size == room - 1;
		int64_t n = http_read(x, full ? &more : to + size, full ? 1 : room - 1 - size,
		                      deadline_ns);
		if (n < 0 || (n && full))
			return refuse(x, n < 0 ? n : ERR_TOO_BIG);
		if (!n)
			break;
		size += (uint32_t)n;
	}
	to[size] = 0;
	return size;
}

bool http_type_is(const struct http_exchange *x, const char *type)
{
	struct http_text t = http_header(x, "content-type");
	uint32_t n = 0;
	while (n < t.size && t.bytes[n] != ';')
		n++;
	while (n && (t.bytes[n - 1] == ' ' || t.bytes[n - 1] == '\t'))
		n--;
	return http_text_is_nocase((struct http_text){ t.bytes, n }, type);
}

int64_t http_form_read(struct http_exchange *x, char *to, uint32_t room, uint64_t deadline_ns)
{
	if (!http_type_is(x, "application/x-www-form-urlencoded")) {
		http_fail(x, 415);
		return ERR_INVALID;
	}
	return http_read_all(x, to, room, deadline_ns);
}
