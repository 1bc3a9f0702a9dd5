/* SPDX-License-Identifier: ISC */
/* All figures are in one list of groups, which three printers go through. */
#include <app/status/status.h>

#include <stdarg.h>
#include <string.h>

#include <app/http/http.h>
#include <core/clock.h>
#include <core/clone.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/loop.h>
#include <core/print.h>
#include <net/interface.h>
#include <net/tcp.h>

#define TEXT_SIZE 16384u

struct figure {
	const char *group, *name;
	uint64_t value;
};

struct figures {
	struct figure list[128];
	uint32_t count;
};

static struct status_options options;
static struct http_server *server;
static char text[TEXT_SIZE]; /* handlers on the loop run one at a time */
static uint32_t size;

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	int n = print_text_list(text + size, TEXT_SIZE - size, format, ap);
	va_end(ap);
	if (n > 0)
		size = (uint32_t)n < TEXT_SIZE - size ? size + (uint32_t)n : TEXT_SIZE - 1;
}

static void add(struct figures *f, const char *group, const char *name, uint64_t value)
{
	if (f->count < sizeof f->list / sizeof *f->list)
		f->list[f->count++] = (struct figure){ group, name, value };
}

static void gather(struct figures *f)
{
	f->count = 0;
	add(f, "appliance", "uptime_seconds", clock_now() / NS_PER_S);
	add(f, "appliance", "generation", clone_generation());
	if (options.http) {
		struct http_counters h;
		http_counters(options.http, &h);
		add(f, "http", "connections_now", h.connections_now);
		add(f, "http", "connections", h.connections);
		add(f, "http", "connections_refused", h.connections_refused);
		add(f, "http", "requests", h.requests);
		static const char *const classes[] = { "aborted",       "responses_1xx",
			                               "responses_2xx", "responses_3xx",
			                               "responses_4xx", "responses_5xx" };
		for (uint32_t k = 0; k < 6; k++)
			add(f, "http", classes[k], h.responses[k]);
		add(f, "http", "body_bytes_out", h.bytes_out);
		add(f, "http", "malformed", h.malformed);
		add(f, "http", "timed_out", h.timed_out);
		add(f, "http", "too_large", h.too_large);
	}
	for (uint32_t k = 0; k < TCP_COUNT_MAX; k++)
		add(f, "tcp", tcp_counter_name(k), tcp_counter(k));
	const struct interface *i = options.interface ? options.interface : interface_find(NULL);
	for (uint32_t k = 0; i && k < interface_counter_total(); k++)
		add(f, "interface", interface_counter_name(k), interface_counter(i, k));
	struct heap_figures heap = heap_figures();
	add(f, "memory", "heap_bytes", heap.total);
	add(f, "memory", "used_bytes", heap.used);
	add(f, "memory", "peak_bytes", heap.peak);
	add(f, "memory", "failures", heap.failures);
	struct loop_figures loop = loop_figures();
	add(f, "loop", "turns", loop.turns);
	add(f, "loop", "waits", loop.waits);
	add(f, "loop", "waited_ms", loop.waited_ns / NS_PER_MS);
	add(f, "loop", "polled_ms", loop.polled_ns / NS_PER_MS);
}

static bool opens(const struct figures *f, uint32_t k)
{
	return !k || strcmp(f->list[k].group, f->list[k - 1].group) != 0;
}

static bool ends(const struct figures *f, uint32_t k)
{
	return k + 1 == f->count || strcmp(f->list[k].group, f->list[k + 1].group) != 0;
}

/* The application's text: numeric references mean the same in HTML's text and, as \u, in JSON's
 * strings. */
static void put_name(const char *before, const char *after)
{
	for (const char *p = options.name ? options.name : "appliance"; *p; p++) {
		uint8_t c = (uint8_t)*p;
		if (c < 0x20 || c == 0x7f || strchr("\"\\&<>'", c))
			put("%s%04x%s", before, c, after);
		else
			put("%c", c);
	}
}

static void reply(struct http_exchange *x, const char *type)
{
	http_set(x, "Cache-Control", "no-store");
	http_reply(x, 200, type, text, size);
}

static void page(struct http_exchange *x, void *context)
{
	struct figures f;
	(void)context;
	gather(&f);
	size = 0;
	put("<!DOCTYPE html>\n<html lang=en><meta charset=utf-8><meta http-equiv=refresh content=5>"
	    "<meta name=viewport content='width=device-width'><title>");
	put_name("&#x", ";");
	put("%s", "</title>\n<style>"
	          "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;"
	          "padding:0 1rem;color:#222}"
	          "main{columns:20rem;gap:2rem}section{break-inside:avoid}"
	          "h2{font-size:1rem;margin:1rem 0 0}table{width:100%;border-collapse:collapse}"
	          "td{padding:.1rem 0;border-bottom:1px solid #ddd}"
	          "td+td{text-align:right;font-variant-numeric:tabular-nums}.z{color:#999}"
	          "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}"
	          "td{border-color:#333}a{color:#8cf}}</style>\n<h1>");
	put_name("&#x", ";");
	put("</h1>\n<p>Refreshed every 5 seconds. The same as <a href=/status.json>JSON</a>, "
	    "and for <a href=/metrics>Prometheus</a>.</p>\n<main>\n");
	for (uint32_t k = 0; k < f.count; k++) {
		const struct figure *g = &f.list[k];
		if (opens(&f, k))
			put("<section><h2>%s</h2><table>\n", g->group);
		put("<tr%s><td>%s<td>%llu\n", g->value ? "" : " class=z", g->name,
		    (unsigned long long)g->value);
		if (ends(&f, k))
			put("</table></section>\n");
	}
	put("</main>\n</html>\n");
	reply(x, "text/html; charset=utf-8");
}

static void json(struct http_exchange *x, void *context)
{
	struct figures f;
	(void)context;
	gather(&f);
	size = 0;
	put("{\"name\":\"");
	put_name("\\u", "");
	put("\"");
	for (uint32_t k = 0; k < f.count; k++) {
		const struct figure *g = &f.list[k];
		put(opens(&f, k) ? ",\"%s\":{" : ",", g->group);
		put("\"%s\":%llu", g->name, (unsigned long long)g->value);
		if (ends(&f, k))
			put("}");
	}
	put("}\n");
	reply(x, "application/json");
}

static void metrics(struct http_exchange *x, void *context)
{
	struct figures f;
	(void)context;
	gather(&f);
	size = 0;
	for (uint32_t k = 0; k < f.count; k++) {
		const struct figure *g = &f.list[k];
		put("ampoule_%s_%s %llu\n", g->group, g->name, (unsigned long long)g->value);
	}
	reply(x, "text/plain; version=0.0.4; charset=utf-8");
}

int status_serve(const struct status_options *o)
{
	if (!o->port)
		return OK;
	options = *o;
	int error = http_serve(
	        &server, &(struct http_options){ .port = o->port, .interface = o->interface });
	error = error ? error : http_route(server, "GET", "/", page, NULL);
	error = error ? error : http_route(server, "GET", "/status.json", json, NULL);
	return error ? error : http_route(server, "GET", "/metrics", metrics, NULL);
}
