/* SPDX-License-Identifier: ISC */
#include "session.h"

#include <string.h>

#include <app/http/auth.h>
#include <app/http/cookie.h>
#include <core/clock.h>
#include <core/error.h>

static bool is_token(const char *bytes, uint32_t size)
{
	for (uint32_t k = 0; k < size; k++)
		if (!(bytes[k] >= '0' && bytes[k] <= '9') && !(bytes[k] >= 'a' && bytes[k] <= 'f'))
			return false;
	return size == TOKEN_SIZE;
}

int session_find(struct http_exchange *x, struct session *s)
{
	static const char digits[] = "0123456789abcdef";
	struct http_text t = http_bearer(x);
	uint8_t sum[SHA256_SIZE];
	memset(s, 0, sizeof *s);
	s->bearer = t.bytes != NULL;
	if (!s->bearer)
		t = http_cookie(x, "session");
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

bool session_form(const struct session *s, struct http_text form)
{
	char value[TOKEN_SIZE + 1] = { 0 };
	return http_form_value(form, "form", value, sizeof value) == TOKEN_SIZE &&
	       bytes_same(value, s->form, TOKEN_SIZE);
}

/* Plain: it is served by HTTP, too. */
static const struct http_cookie cookie = { .name = "session",
	                                   .max_age_s = SESSION_NS / NS_PER_S,
	                                   .plain = true };

int session_set(struct http_exchange *x, const char *token)
{
	struct http_cookie c = cookie;
	c.value = token;
	return http_cookie_set(x, &c);
}

int session_clear(struct http_exchange *x)
{
	return http_cookie_clear(x, &cookie);
}
