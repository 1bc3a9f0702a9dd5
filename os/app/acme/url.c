/* SPDX-License-Identifier: ISC */
/* URLs of https (RFC 3986, RFC 9110 §4.2.2), as far as requests are sent to them. */
#include <app/acme/internal.h>

#include <string.h>

static const char scheme[] = "https://";

bool acme_url_read(struct acme_url *u, const char *text)
{
	size_t size = strlen(text);
	if (size >= ACME_URL_MAX || strncmp(text, scheme, sizeof scheme - 1) != 0)
		return false;
	for (size_t k = 0; k < size; k++)
		if (text[k] <= ' ' || text[k] >= 0x7f || strchr("\"\\<>^`{|}#", text[k]))
			return false;
	const char *host = text + sizeof scheme - 1, *end = strchr(host, '/');
	if (!end || memchr(host, '@', (size_t)(end - host)) ||
	    memchr(host, '?', (size_t)(end - host)))
		return false;
	const char *name_end = host[0] == '[' ? memchr(host, ']', (size_t)(end - host)) : NULL;
	if (host[0] == '[' && !name_end)
		return false;
	name_end = name_end ? name_end + 1 : memchr(host, ':', (size_t)(end - host));
	name_end = name_end ? name_end : end;
	uint32_t port = 443;
	if (name_end < end) {
		if (*name_end != ':' || name_end + 1 == end || end - name_end > 6)
			return false;
		port = 0;
		for (const char *p = name_end + 1; p < end; p++) {
			if (*p < '0' || *p > '9')
				return false;
			port = 10 * port + (uint32_t)(*p - '0');
		}
	}
	size_t name = (size_t)(name_end - host);
	if (!name || name >= sizeof u->host || !port || port > UINT16_MAX)
		return false;
	memcpy(u->host, host, name);
	u->host[name] = '\0';
	u->port = (uint16_t)port;
	u->target = end;
	return true;
}
