/* SPDX-License-Identifier: ISC */
#include <app/proxy/internal.h>

#include <string.h>

#include <app/http/http_internal.h>
#include <core/heap.h>
#include <core/log.h>

/* ---- Which one ---- */

static bool is_up(const struct proxy_upstream *u)
{
	return u->down_until <= clock_coarse();
}

struct proxy_upstream *proxy_upstream_next(struct proxy *p, uint32_t *tried)
{
	for (int down = 0; down < 2; down++) {
		for (uint32_t k = 0; k < p->count; k++) {
			uint32_t at = (p->next + k) % p->count;
			if ((*tried >> at & 1) || (!down && !is_up(&p->upstreams[at])))
				continue;
			p->next = (at + 1) % p->count;
			*tried |= 1u << at;
			return &p->upstreams[at];
		}
	}
	return NULL;
}

static bool is_checked(const struct proxy *p)
{
	return p->options.health && *p->options.health;
}

void proxy_upstream_failed(struct proxy *p, struct proxy_upstream *u)
{
	if (is_up(u))
		log_warning("proxy", "%s:%u is down", u->host, u->port);
	u->down_until = is_checked(p) ? CLOCK_NEVER : clock_now() + p->options.health_ns;
}

void proxy_counters(const struct proxy *p, struct proxy_counters *to)
{
	*to = p->counters;
	to->upstreams = p->count;
	for (uint32_t k = 0; k < p->count; k++)
		to->up += is_up(&p->upstreams[k]);
}

/* ---- Health ---- */

static bool is_well(const struct proxy *p, struct proxy_upstream *u)
{
	uint64_t deadline = clock_now() + p->options.connect_ns;
	struct http_response response = { .status = 0 };
	struct http_client *c;
	if (http_client_open_over(&c, u->host, u->port, p->options.layer, p->options.layer_context,
	                          deadline))
		return false;
	int error = http_client_get(c, p->options.health, &response, deadline);
	http_client_close(c);
	return !error && response.status >= 200 && response.status < 400;
}

static void check(void *context)
{
	struct proxy *p = context;
	for (;;) {
		for (uint32_t k = 0; k < p->count; k++) {
			struct proxy_upstream *u = &p->upstreams[k];
			if (!is_well(p, u)) {
				proxy_upstream_failed(p, u);
				continue;
			}
			if (!is_up(u))
				log_info("proxy", "%s:%u is up again", u->host, u->port);
			u->down_until = 0;
		}
		task_sleep_until(clock_now() + p->options.health_ns);
	}
}

/* ---- The list ---- */

static int add(struct proxy *p, struct http_text element)
{
	struct proxy_upstream *u = &p->upstreams[p->count];
	struct http_text host;
	uint64_t port = 80;
	if (p->count == PROXY_UPSTREAMS_MAX || !http_authority_split(element, &host) || !host.size)
		return ERR_INVALID;
	struct http_text digits = { host.bytes + host.size + 1, element.size - host.size - 1 };
	if (host.size < element.size && (!http_number(digits, &port) || !port))
		return ERR_INVALID;
	u->port = (uint16_t)port;
	u->host = heap_alloc(host.size + 1);
	if (!u->host)
		return ERR_MEMORY;
	memcpy(u->host, host.bytes, host.size);
	u->host[host.size] = 0;
	p->count++;
	return http_pool_open(&u->pool, u->host, u->port,
	                      &(struct http_pool_options){ .layer = p->options.layer,
	                                                   .context = p->options.layer_context,
	                                                   .kept_max = p->options.kept_max });
}

static void defaults(struct proxy_options *o)
{
	o->health_ns = o->health_ns ? o->health_ns : PROXY_HEALTH_NS;
	o->connect_ns = o->connect_ns ? o->connect_ns : PROXY_CONNECT_NS;
	o->answer_ns = o->answer_ns ? o->answer_ns : PROXY_ANSWER_NS;
	o->tries = o->tries ? o->tries : PROXY_TRIES;
}

static void give_up(struct proxy *p)
{
	for (uint32_t k = 0; k < p->count; k++) {
		http_pool_close(p->upstreams[k].pool);
		heap_free(p->upstreams[k].host);
	}
	heap_free(p);
}

int proxy_open(struct proxy **to, const struct proxy_options *o)
{
	struct http_text rest = { o->upstreams, (uint32_t)strlen(o->upstreams) }, element;
	struct proxy *p = heap_alloc_zero(1, sizeof *p);
	int error = p ? OK : ERR_MEMORY;
	if (p) {
		p->options = *o;
		defaults(&p->options);
	}
	while (!error && http_list_next(&rest, &element))
		error = add(p, element);
	if (!error && !p->count)
		error = ERR_INVALID;
	if (!error && is_checked(p) && (*o->health != '/' || !task_spawn("proxy health", check, p)))
		error = *o->health != '/' ? ERR_INVALID : ERR_MEMORY;
	if (error) {
		log_error("proxy", "servers \"%s\", health \"%s\": %s", o->upstreams,
		          o->health ? o->health : "", error_text(error));
		if (p)
			give_up(p);
		return error;
	}
	if (metric_shown)
		proxy_metrics_add(p);
	*to = p;
	return OK;
}
