/* SPDX-License-Identifier: ISC */
#include "session.h"

#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/print.h>

#define BODY_NS (20ull * 1000000000)

static bool is_token(const char *bytes, uint32_t size)
{
	for (uint32_t k = 0; k < size; k++)
		if (!(bytes[k] >= '0' && bytes[k] <= '9') && !(bytes[k] >= 'a' && bytes[k] <= 'f'))
			return false;
	return size == TOKEN_SIZE;
}

/* The value of the cookie "session" (RFC 6265 §5.4); null bytes: there is none. */
static struct http_text cookie(struct http_text t)
{
	static const char name[] = "session=";
	for (uint32_t at = 0; at < t.size;) {
		uint32_t end = at;
		while (end < t.size && t.bytes[end] != ';')
			end++;
		if (end - at >= sizeof name - 1 && !memcmp(t.bytes + at, name, sizeof name - 1))
			return (struct http_text){ t.bytes + at + sizeof name - 1,
				                   end - at - (uint32_t)sizeof name + 1 };
		for (at = end + 1; at < t.size && t.bytes[at] == ' ';)
			at++;
	}
	return (struct http_text){ 0 };
}

int session_find(struct http_exchange *x, struct session *s)
{
	static const char digits[] = "0123456789abcdef", bearer[] = "Bearer ";
	struct http_text t = http_header(x, "authorization");
	uint8_t sum[SHA256_SIZE];
	memset(s, 0, sizeof *s);
	if (t.bytes && t.size > sizeof bearer - 1 && !memcmp(t.bytes, bearer, sizeof bearer - 1)) {
		t = (struct http_text){ t.bytes + sizeof bearer - 1,
			                t.size - (uint32_t)sizeof bearer + 1 };
		s->bearer = true;
	} else {
		t = http_header(x, "cookie");
		t = t.bytes ? cookie(t) : t;
	}
	if (!t.bytes || !is_token(t.bytes, t.size))
		return OK;
	memcpy(s->token, t.bytes, TOKEN_SIZE);
	int error = model_session(s->token, s->name);
	if (error)
		s->name[0] = 0;
	sha256_hmac(sum, s->token, TOKEN_SIZE, "form", 4);
	for (uint32_t k = 0; k < TOKEN_SIZE / 2; k++) {
		s->form[2 * k] = digits[sum[k] >> 4];
		s->form[2 * k + 1] = digits[sum[k] & 15];
	}
	return error == ERR_ABSENT ? OK : error;
}

bool session_same_origin(const struct http_exchange *x)
{
	struct http_text origin = http_header(x, "origin"), host = http_host(x),
	                 site = http_header(x, "sec-fetch-site");
	/* "none" is the user's own doing; a sibling of our host's name ("same-site") is another's. */
	if (site.bytes && !http_text_is(site, "same-origin") && !http_text_is(site, "none"))
		return false;
	if (!origin.bytes)
		return true;
	for (uint32_t k = 0; k + 2 < origin.size; k++)
		if (!memcmp(origin.bytes + k, "://", 3))
			return origin.size - k - 3 == host.size &&
			       !memcmp(origin.bytes + k + 3, host.bytes, host.size);
	return false;
}

bool session_form(const struct session *s, struct http_text form)
{
	char value[TOKEN_SIZE + 1] = { 0 };
	return http_form_value(form, "form", value, sizeof value) == TOKEN_SIZE &&
	       bytes_same(value, s->form, TOKEN_SIZE);
}

int session_set(struct http_exchange *x, const char *token)
{
	char value[160];
	print_text(value, sizeof value, "session=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%u",
	           token, (unsigned)(SESSION_NS / 1000000000));
	return http_set(x, "Set-Cookie", value);
}

int session_clear(struct http_exchange *x)
{
	return http_set(x, "Set-Cookie", "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
}

int64_t body_read(struct http_exchange *x, char to[BODY_MAX + 1])
{
	uint64_t deadline = clock_now() + BODY_NS;
	uint32_t size = 0;
	uint64_t told = http_body_size(x);
	if (told != HTTP_UNKNOWN && told > BODY_MAX) {
		http_fail(x, 413);
		return -1;
	}
	for (;;) {
		char more;
		/* One byte more than there is room for tells that it is too large. */
		int64_t n = size < BODY_MAX ? http_read(x, to + size, BODY_MAX - size, deadline)
		                            : http_read(x, &more, 1, deadline);
		if (n < 0)
			return -1;
		if (!n)
			break;
		if (size == BODY_MAX) {
			http_fail(x, 413);
			return -1;
		}
		size += (uint32_t)n;
	}
	to[size] = 0;
	return size;
}
