/* SPDX-License-Identifier: ISC */
#include <app/http/auth.h>

#include <app/http/http_internal.h>

#include <string.h>

#include <core/base64.h>
#include <core/print.h>

#define CREDENTIALS_MAX 768u /* bytes of a name and a password */

/* What stands behind a scheme's name; null bytes: it is another scheme. */
static struct http_text credentials(const struct http_exchange *x, const char *scheme)
{
	struct http_text t = http_header(x, "authorization");
	uint32_t size = (uint32_t)strlen(scheme);
	if (!t.bytes || t.size <= size || t.bytes[size] != ' ' ||
	    !http_text_is_nocase((struct http_text){ t.bytes, size }, scheme))
		return (struct http_text){ NULL, 0 };
	while (size < t.size && t.bytes[size] == ' ')
		size++;
	return (struct http_text){ t.bytes + size, t.size - size };
}

static int copy(char *to, uint32_t room, const char *from, uint32_t size)
{
	if (size >= room)
		return ERR_TOO_BIG;
	memcpy(to, from, size);
	to[size] = 0;
	return OK;
}

int http_basic(const struct http_exchange *x, char *user, uint32_t user_room, char *password,
               uint32_t password_room)
{
	struct http_text t = credentials(x, "Basic");
	char both[CREDENTIALS_MAX];
	if (!t.bytes)
		return ERR_ABSENT;
	if (t.size > BASE64_SIZE(CREDENTIALS_MAX))
		return ERR_TOO_BIG;
	uint32_t size = base64_decode(both, t.bytes, t.size);
	const char *colon = memchr(both, ':', size);
	if (!colon)
		return ERR_MALFORMED;
	for (uint32_t k = 0; k < size; k++) {
		if ((uint8_t)both[k] < 0x20 || both[k] == 0x7f)
			return ERR_MALFORMED;
	}
	uint32_t name = (uint32_t)(colon - both);
	int error = copy(user, user_room, both, name);
	return error ? error : copy(password, password_room, colon + 1, size - name - 1);
}

struct http_text http_bearer(const struct http_exchange *x)
{
	struct http_text t = credentials(x, "Bearer");
	uint32_t k = 0;
	/* b64token: RFC 6750 §2.1 */
	while (k < t.size && (http_hex(t.bytes[k]) < 16 ||
	                      (http_lower(t.bytes[k]) >= 'a' && http_lower(t.bytes[k]) <= 'z') ||
	                      (t.bytes[k] && strchr("-._~+/", t.bytes[k]))))
		k++;
	if (!k)
		return (struct http_text){ NULL, 0 };
	while (k < t.size && t.bytes[k] == '=')
		k++;
	return k == t.size ? t : (struct http_text){ NULL, 0 };
}

static int demand(struct http_exchange *x, const char *format, const char *realm, const char *error)
{
	char value[320];
	int n = print_text(value, sizeof value, format, realm, error ? error : "");
	if (strpbrk(realm, "\"\\") || (error && strpbrk(error, "\"\\")) || n >= (int)sizeof value)
		return ERR_INVALID;
	int bad = http_set(x, "WWW-Authenticate", value);
	return bad ? bad : http_fail(x, 401);
}

int http_demand_basic(struct http_exchange *x, const char *realm)
{
	return demand(x, "Basic realm=\"%s\", charset=\"UTF-8\"", realm, NULL);
}

int http_demand_bearer(struct http_exchange *x, const char *realm, const char *error)
{
	return demand(x, error ? "Bearer realm=\"%s\", error=\"%s\"" : "Bearer realm=\"%s\"", realm,
	              error);
}
