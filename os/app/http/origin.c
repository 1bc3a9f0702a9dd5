/* SPDX-License-Identifier: ISC */
#include <app/http/origin.h>

#include <app/http/http_internal.h>

#include <string.h>

#include <core/print.h>

#define MAX_AGE_S 600u

bool http_same_origin(const struct http_exchange *x)
{
	struct http_text origin = http_header(x, "origin"), host = http_host(x),
	                 site = http_header(x, "sec-fetch-site");
	/* "none" is the user's own doing. */
	if (site.bytes && !http_text_is(site, "same-origin") && !http_text_is(site, "none"))
		return false;
	if (!origin.bytes)
		return true;
	for (uint32_t k = 0; k + 3 <= origin.size; k++) {
		if (memcmp(origin.bytes + k, "://", 3) == 0)
			return origin.size - k - 3 == host.size && host.size &&
			       memcmp(origin.bytes + k + 3, host.bytes, host.size) == 0;
	}
	return false;
}

/* What the answer says to this origin; null: nothing. */
static const char *allowed(const struct http_cors *c, struct http_text origin)
{
	for (const char *const *o = c->origins; o && *o; o++) {
		if (http_text_is(origin, *o))
			return *o;
	}
	return c->origins || !origin.bytes ? NULL : "*";
}

/* What a browser asked before. */
static void reply_asked(struct http_exchange *x, const struct http_cors *c)
{
	char age[12];
	if (c->methods)
		http_set(x, "Access-Control-Allow-Methods", c->methods);
	if (c->fields)
		http_set(x, "Access-Control-Allow-Headers", c->fields);
	print_text(age, sizeof age, "%u", c->max_age_s ? c->max_age_s : MAX_AGE_S);
	http_set(x, "Access-Control-Max-Age", age);
	http_reply(x, 204, NULL, NULL, 0);
}

bool http_cors_before(struct http_exchange *x, void *cors)
{
	const struct http_cors *c = cors;
	struct http_text origin = http_header(x, "origin");
	bool asks = http_text_is(http_method(x), "OPTIONS") && origin.bytes &&
	            http_header(x, "access-control-request-method").bytes;
	const char *may = allowed(c, origin);
	if (c->origins) /* caches must not give one origin's answer to another */
		http_set(x, "Vary", "Origin");
	if (may)
		http_set(x, "Access-Control-Allow-Origin", may);
	if (may && c->origins && c->credentials)
		http_set(x, "Access-Control-Allow-Credentials", "true");
	if (may && !asks && c->exposed)
		http_set(x, "Access-Control-Expose-Headers", c->exposed);
	if (!asks)
		return true;
	if (may)
		reply_asked(x, c);
	else
		http_reply(x, 204, NULL, NULL, 0);
	return false;
}
