/* SPDX-License-Identifier: ISC */
#include <app/http/pool.h>

#include <string.h>

#include <app/http/http_internal.h>
#include <core/heap.h>

#define HOST_MAX 256u

struct kept {
	struct http_client *client;
	uint64_t since;
};

struct http_pool {
	struct http_pool_options options;
	uint16_t port;
	uint32_t count;
	char host[HOST_MAX];
	struct kept kept[]; /* the one that was given last is the last */
};

int http_pool_open(struct http_pool **to, const char *host, uint16_t port,
                   const struct http_pool_options *o)
{
	static const struct http_pool_options none;
	o = o ? o : &none;
	uint32_t most = o->kept_max ? o->kept_max : HTTP_POOL_KEPT_DEFAULT;
	if (!*host || strlen(host) >= HOST_MAX)
		return ERR_INVALID;
	struct http_pool *p = heap_alloc_zero(1, sizeof *p + most * sizeof *p->kept);
	if (!p)
		return ERR_MEMORY;
	p->options = *o;
	p->options.kept_max = most;
	p->options.idle_ns = o->idle_ns ? o->idle_ns : HTTP_POOL_IDLE_NS;
	p->port = port;
	strcpy(p->host, host);
	*to = p;
	return OK;
}

void http_pool_close(struct http_pool *p)
{
	while (p && p->count)
		http_client_close(p->kept[--p->count].client);
	heap_free(p);
}

/* Those that have idled too long are the first ones. */
static void expire(struct http_pool *p)
{
	uint64_t now = clock_now();
	uint32_t old = 0;
	while (old < p->count && now - p->kept[old].since > p->options.idle_ns)
		http_client_close(p->kept[old++].client);
	p->count -= old;
	memmove(p->kept, p->kept + old, p->count * sizeof *p->kept);
}

int http_pool_take(struct http_pool *p, struct http_client **to, bool fresh, uint64_t deadline_ns)
{
	expire(p);
	while (!fresh && p->count) {
		struct http_client *c = p->kept[--p->count].client;
		*to = c;
		if (http_client_kept(c))
			return OK;
		http_client_close(c);
	}
	return http_client_open_over(to, p->host, p->port, p->options.layer, p->options.context,
	                             deadline_ns);
}

void http_pool_give(struct http_pool *p, struct http_client *c)
{
	bool keep = http_client_kept(c); /* others may run meanwhile */
	if (!keep || p->count == p->options.kept_max) {
		http_client_close(c);
		return;
	}
	p->kept[p->count++] = (struct kept){ c, clock_now() };
}
