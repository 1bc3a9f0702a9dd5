/* SPDX-License-Identifier: ISC */
/* Request targets (RFC 9112 §3.2) and paths (RFC 3986 §5.2.4, 6.2.2). */
#include <app/http/http_internal.h>

#include <string.h>

static bool split_query(struct http_target *t, struct http_text path)
{
	const char *query = memchr(path.bytes, '?', path.size);
	t->query = (struct http_text){ path.bytes + path.size, 0 };
	if (query) {
		t->query = (struct http_text){ query + 1,
			                       path.size - (uint32_t)(query + 1 - path.bytes) };
		path.size = (uint32_t)(query - path.bytes);
	}
	t->raw_path = path;
	t->plain = true;
	//@ loop invariant k <= path.size; loop assigns k, t->plain;
	for (uint32_t k = 0; k < path.size; k++) {
		char c = path.bytes[k];
		bool dot = c == '/' && k + 1 < path.size && path.bytes[k + 1] == '.';
		t->plain = t->plain && c != '%' && !dot;
	}
	return true;
}

bool http_target_parse(struct http_target *t, struct http_text target, struct http_text method)
{
	*t = (struct http_target){ .plain = false };
	if (memchr(target.bytes, '#', target.size)) /* a fragment is never sent */
		return false;
	if (target.bytes[0] == '/')
		return split_query(t, target);
	if (http_text_is(target, "*") && http_text_is(method, "OPTIONS")) {
		t->asterisk = true;
		t->raw_path = target;
		return true;
	}
	/* §3.2.2: a server must take the absolute form, too. */
	if (target.size <= 7 ||
	    !http_text_is_nocase((struct http_text){ target.bytes, 7 }, "http://"))
		return false;
	struct http_text rest = { target.bytes + 7, target.size - 7 };
	uint32_t n = 0;
	//@ loop invariant n <= rest.size; loop assigns n;
	while (n < rest.size && rest.bytes[n] != '/' && rest.bytes[n] != '?')
		n++;
	t->authority = (struct http_text){ rest.bytes, n };
	struct http_text host; /* RFC 9110 §4.2.1, 4.2.4: not empty, and no user before it */
	if (!http_authority_split(t->authority, &host) || !host.size)
		return false;
	rest.bytes += n;
	rest.size -= n;
	if (rest.size && rest.bytes[0] == '/')
		return split_query(t, rest);
	t->raw_path = (struct http_text){ "/", 1 };
	t->query = rest.size ? (struct http_text){ rest.bytes + 1, rest.size - 1 } : rest;
	t->plain = true;
	return true;
}

uint32_t http_path_decode(char *to, struct http_text path)
{
	uint32_t out = 0;
	/*@ loop invariant out <= k <= path.size;
	    loop assigns k, out, to[0 .. path.size - 1]; */
	for (uint32_t k = 0; k < path.size;) {
		/* A slash, and the segment behind it. */
		uint32_t segment = out;
		to[out++] = '/';
		/*@ loop invariant segment < out <= k <= path.size;
		    loop assigns k, out, to[0 .. path.size - 1]; */
		for (k++; k < path.size && path.bytes[k] != '/'; k++) {
			char c = path.bytes[k];
			if (c == '%') {
				if (path.size - k < 3)
					return 0;
				uint8_t high = http_hex(path.bytes[k + 1]),
				        low = http_hex(path.bytes[k + 2]);
				c = (char)(high * 16 + low);
				if (high > 15 || low > 15 || c == '/' || c == 0)
					return 0;
				k += 2;
			}
			to[out++] = c;
		}
		uint32_t size = out - segment - 1;
		bool last = k >= path.size;
		if (size == 1 && to[segment + 1] == '.') {
			out = segment + (last ? 1 : 0);
		} else if (size == 2 && to[segment + 1] == '.' && to[segment + 2] == '.') {
			//@ loop invariant segment < k; loop assigns segment;
			while (segment > 0 && to[--segment] != '/')
				;
			out = segment + (last ? 1 : 0);
			to[segment] = '/';
		}
	}
	return out;
}
