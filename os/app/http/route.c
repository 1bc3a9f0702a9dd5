/* SPDX-License-Identifier: ISC */
/* Routes are few: they are tried one by one, and the most literal one wins, segment by segment. */
#include <app/http/http_internal.h>

#include <string.h>

#include <core/heap.h>

#define SEGMENTS_MAX 30u

static struct http_text segment(const char **p, const char *end)
{
	const char *start = ++*p; /* behind the slash */
	while (*p < end && **p != '/')
		++*p;
	return (struct http_text){ start, (uint32_t)(*p - start) };
}

static bool pattern_fits(const char *pattern)
{
	const char *p = pattern, *end = p + strlen(p);
	uint32_t parameters = 0, segments = 0;
	if (*p != '/')
		return false;
	while (p < end) {
		struct http_text s = segment(&p, end);
		bool star = s.size && s.bytes[0] == '*', named = s.size && s.bytes[0] == ':';
		parameters += star || named;
		if ((named && s.size == 1) || (star && p < end) || ++segments > SEGMENTS_MAX)
			return false;
	}
	return parameters <= HTTP_PARAMETERS_MAX;
}

static int add(struct http_server *s, struct http_route route)
{
	if (!pattern_fits(route.pattern))
		return ERR_INVALID;
	for (const struct http_route *r = s->routes; r; r = r->next) {
		bool same = route.method ? r->method && strcmp(r->method, route.method) == 0
		                         : !r->method;
		if (same && strcmp(r->pattern, route.pattern) == 0)
			return ERR_EXISTS;
	}
	struct http_route *r = heap_alloc(sizeof *r);
	if (!r)
		return ERR_MEMORY;
	*r = route;
	r->next = s->routes;
	s->routes = r;
	return OK;
}

int http_route(struct http_server *s, const char *method, const char *pattern, http_handler_fn *fn,
               void *context)
{
	return add(s, (struct http_route){ .method = method,
	                                   .pattern = pattern,
	                                   .handler = fn,
	                                   .context = context });
}

int http_route_task(struct http_server *s, const char *method, const char *pattern,
                    http_handler_fn *fn, void *context)
{
	return add(s, (struct http_route){ .method = method,
	                                   .pattern = pattern,
	                                   .handler = fn,
	                                   .context = context,
	                                   .task = true,
	                                   .gather = s->options.gather_max });
}

static struct http_route *find(struct http_server *s, const char *method, const char *pattern)
{
	for (struct http_route *r = s->routes; r; r = r->next) {
		bool same = method ? r->method && strcmp(r->method, method) == 0 : !r->method;
		if (same && strcmp(r->pattern, pattern) == 0)
			return r;
	}
	return NULL;
}

int http_route_gather(struct http_server *s, const char *method, const char *pattern,
                      uint32_t bytes)
{
	struct http_route *r = find(s, method, pattern);
	if (!r || !r->task)
		return ERR_ABSENT;
	r->gather = r->body_max && r->body_max < bytes ? (uint32_t)r->body_max : bytes;
	return OK;
}

bool http_route_bounded;

int http_route_body(struct http_server *s, const char *method, const char *pattern, uint64_t bytes)
{
	struct http_route *r = find(s, method, pattern);
	if (!r || !bytes)
		return bytes ? ERR_ABSENT : ERR_INVALID;
	http_route_bounded = true;
	r->body_max = bytes;
	if (r->gather > bytes)
		r->gather = (uint32_t)bytes;
	return OK;
}

/* How well a pattern matches: two bits a segment, 3 literal, 2 parameter, 1 star; 0: not at all. */
static uint64_t match(const char *pattern, struct http_text path, struct http_parameter *parameters,
                      uint32_t *count)
{
	const char *p = pattern, *pattern_end = p + strlen(p), *q = path.bytes,
	           *end = q + path.size;
	uint64_t rank = 0;
	uint32_t shift = 62;
	*count = 0;
	while (p < pattern_end) {
		struct http_text want = segment(&p, pattern_end);
		uint64_t kind = 3;
		if (q >= end)
			return 0;
		if (want.size && want.bytes[0] == '*') {
			parameters[(*count)++] =
			        (struct http_parameter){ want.bytes + 1,
				                         (uint16_t)(want.size - 1),
				                         { q + 1, (uint32_t)(end - q - 1) } };
			return rank | 1ull << shift;
		}
		struct http_text got = segment(&q, end);
		if (want.size && want.bytes[0] == ':') {
			if (!got.size)
				return 0;
			kind = 2;
			parameters[(*count)++] =
			        (struct http_parameter){ want.bytes + 1, (uint16_t)(want.size - 1),
				                         got };
		} else if (want.size != got.size || memcmp(want.bytes, got.bytes, got.size) != 0) {
			return 0;
		}
		rank |= kind << shift;
		shift -= 2;
	}
	return q >= end ? rank : 0;
}

static bool method_fits(const struct http_route *r, struct http_text method)
{
	return !r->method || http_text_is(method, r->method) ||
	       (http_text_is(method, "HEAD") && strcmp(r->method, "GET") == 0);
}

const struct http_route *http_route_find(const struct http_server *s, struct http_text method,
                                         struct http_text path, struct http_parameter *parameters,
                                         uint32_t *count)
{
	const struct http_route *best = NULL;
	uint64_t best_rank = 0;
	*count = 0;
	for (const struct http_route *r = s->routes; r; r = r->next) {
		struct http_parameter found[HTTP_PARAMETERS_MAX] RAW;
		uint32_t n;
		uint64_t rank = method_fits(r, method) ? match(r->pattern, path, found, &n) : 0;
		/* Of equals, one that names the method. */
		if (rank > best_rank || (rank && rank == best_rank && !best->method)) {
			best = r;
			best_rank = rank;
			*count = n;
			memcpy(parameters, found, n * sizeof *found);
		}
	}
	return best;
}

static bool listed(const char *list, uint32_t size, const char *method)
{
	struct http_text rest = { list, size }, element;
	while (http_list_next(&rest, &element)) {
		if (http_text_is(element, method))
			return true;
	}
	return false;
}

static uint32_t append(char *to, uint32_t at, uint32_t size, const char *method)
{
	uint32_t n = (uint32_t)strlen(method);
	if (listed(to, at, method) || at + n + 2 > size)
		return at;
	if (at) {
		to[at++] = ',';
		to[at++] = ' ';
	}
	memcpy(to + at, method, n);
	return at + n;
}

uint32_t http_route_allowed(const struct http_server *s, struct http_text path, char *to,
                            uint32_t size)
{
	uint32_t at = 0, count;
	struct http_parameter ignored[HTTP_PARAMETERS_MAX];
	for (const struct http_route *r = s->routes; r; r = r->next) {
		if (!r->method || !match(r->pattern, path, ignored, &count))
			continue;
		at = append(to, at, size, r->method);
		if (strcmp(r->method, "GET") == 0)
			at = append(to, at, size, "HEAD");
	}
	return at;
}
