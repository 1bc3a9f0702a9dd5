/* SPDX-License-Identifier: ISC */
/* Whatever is registered as a metric, by three printers: HTML, JSON and Prometheus' text. */
#include <app/status/status.h>

#include <stdarg.h>
#include <string.h>

#include <app/http/http.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/metric.h>
#include <core/print.h>

#define TEXT_FIRST  16384u
#define TEXT_MAX    (1u << 20) /* bytes of a page; a longer one is refused with 503 */
#define NAME_MAX    256u       /* bytes of the appliance's name that are shown */
#define KEY_MAX     80u
#define NS_DECIMALS 1000000000ull

static struct status_options options;
static struct http_server *server;

/* A page in the making. After a failure nothing more is added. */
static struct {
	char *bytes;
	uint32_t size, room;
	bool failed;
} text; /* handlers on the loop run one at a time */

static void text_begin(void)
{
	text.size = 0;
	text.room = TEXT_FIRST;
	text.bytes = heap_alloc(text.room);
	text.failed = !text.bytes;
}

static bool text_grow(void)
{
	char *more = text.room < TEXT_MAX ? heap_resize(text.bytes, text.room * 2) : NULL;
	text.failed = !more;
	if (!more)
		return false;
	text.bytes = more;
	text.room *= 2;
	return true;
}

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...)
{
	while (!text.failed) {
		va_list ap;
		va_start(ap, format);
		int n = print_text_list(text.bytes + text.size, text.room - text.size, format, ap);
		va_end(ap);
		if (n < 0) {
			text.failed = true;
		} else if ((uint32_t)n < text.room - text.size) {
			text.size += (uint32_t)n;
			return;
		} else {
			text_grow();
		}
	}
}

static void reply(struct http_exchange *x, const char *type)
{
	http_set(x, "Cache-Control", "no-store");
	if (text.failed)
		http_fail(x, 503);
	else
		http_reply(x, 200, type, text.bytes, text.size);
	heap_free(text.bytes);
	text.bytes = NULL;
}

/* ---- Figures ---- */

struct figures {
	_Alignas(8) uint8_t bytes[METRIC_FIGURES_MAX];
};

static void read_figures(struct figures *f, const struct metric_source *s)
{
	memset(f, 0, sizeof *f);
	s->group->read(s->of, f->bytes);
}

static uint64_t figure_at(const struct figures *f, const struct metric *m)
{
	uint64_t value;
	memcpy(&value, f->bytes + m->at, sizeof value);
	return value;
}

static const struct metric_histogram *histogram_at(const struct figures *f, const struct metric *m)
{
	return (const struct metric_histogram *)(uintptr_t)figure_at(f, m);
}

static uint64_t histogram_count(const struct metric_histogram *h)
{
	uint64_t n = 0;
	for (uint32_t k = 0; k <= h->bound_count; k++)
		n += h->counts[k];
	return n;
}

static void put_value(const struct metric *m, uint64_t value)
{
	if (m->unit == METRIC_NS)
		put("%llu.%09llu", (unsigned long long)(value / NS_DECIMALS),
		    (unsigned long long)(value % NS_DECIMALS));
	else
		put("%llu", (unsigned long long)value);
}

/* ---- JSON and HTML ---- */

/* "responses_total{class="2xx"}" is responses_2xx here. */
static void key_of(char to[KEY_MAX], const struct metric *m)
{
	static const char total[] = "_total";
	size_t n = strcspn(m->name, "{"), tail = sizeof total - 1;
	const char *value = strchr(m->name, '"');
	size_t plain = n > tail && !memcmp(m->name + n - tail, total, tail) ? n - tail : n;
	print_text(to, KEY_MAX, "%.*s%s%.*s", (int)plain, m->name, value ? "_" : "",
	           value ? (int)strcspn(value + 1, "\"") : 0, value ? value + 1 : "");
}

/* Text of others: numeric references mean the same in HTML's text and, as \u, in JSON's strings. */
static void put_escaped(const char *p, uint32_t most, const char *before, const char *after)
{
	for (; *p && most; p++, most--) {
		uint8_t c = (uint8_t)*p;
		if (c < 0x20 || c == 0x7f || strchr("\"\\&<>'", c))
			put("%s%04x%s", before, c, after);
		else
			put("%c", c);
	}
}

static void put_name(const char *before, const char *after)
{
	put_escaped(options.name ? options.name : "appliance", NAME_MAX, before, after);
}

/* The first source of a group goes by its name, others by their label, too. */
static void put_group(const struct metric_source *s, bool first, const char *before,
                      const char *after)
{
	put("%s", s->group->name);
	if (first)
		return;
	put(" ");
	if (s->is)
		put_escaped(s->is, NAME_MAX, before, after);
	else
		put("%u", s->number);
}

struct form {
	const char *before, *after; /* of a character that is escaped */
	const char *open, *opened, *close;
	/* The k-th of its group. */
	void (*figure)(uint32_t k, const char *key, const char *suffix, const struct metric *,
	               uint64_t value);
};

static void put_all(const struct form *form)
{
	const struct metric_group *group = NULL;
	for (const struct metric_source *s = NULL; (s = metric_next(s));) {
		struct figures f;
		uint32_t n = 0;
		read_figures(&f, s);
		put("%s", form->open);
		put_group(s, s->group != group, form->before, form->after);
		put("%s", form->opened);
		for (uint32_t k = 0; k < s->group->count; k++) {
			const struct metric *m = &s->group->metrics[k];
			char key[KEY_MAX];
			key_of(key, m);
			if (m->kind != METRIC_HISTOGRAM) {
				form->figure(n++, key, "", m, figure_at(&f, m));
				continue;
			}
			const struct metric_histogram *h = histogram_at(&f, m);
			static const struct metric one = { .unit = METRIC_ONE };
			form->figure(n++, key, "_count", &one, histogram_count(h));
			form->figure(n++, key, "_sum", m, h->sum);
		}
		put("%s", form->close);
		group = s->group;
	}
}

static void page_figure(uint32_t k, const char *key, const char *suffix, const struct metric *m,
                        uint64_t value)
{
	(void)k;
	put("<tr%s><td>%s%s<td>", value ? "" : " class=z", key, suffix);
	put_value(m, value);
	put("\n");
}

static void page(struct http_exchange *x, void *context)
{
	static const struct form form = {
		"&#x", ";", "<section><h2>", "</h2><table>\n", "</table></section>\n", page_figure
	};
	(void)context;
	text_begin();
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
	put_all(&form);
	put("</main>\n</html>\n");
	reply(x, "text/html; charset=utf-8");
}

static void json_figure(uint32_t k, const char *key, const char *suffix, const struct metric *m,
                        uint64_t value)
{
	put("%s\"%s%s\":", k ? "," : "", key, suffix);
	put_value(m, value);
}

static void json(struct http_exchange *x, void *context)
{
	static const struct form form = { "\\u", "", ",\"", "\":{", "}", json_figure };
	(void)context;
	text_begin();
	put("{\"name\":\"");
	put_name("\\u", "");
	put("\"");
	put_all(&form);
	put("}\n");
	reply(x, "application/json");
}

/* ---- Prometheus ---- */

static size_t base_size(const struct metric *m)
{
	return strcspn(m->name, "{");
}

static void put_label_value(const struct metric_source *s)
{
	if (!s->is) {
		put("%u", s->number);
		return;
	}
	for (const char *p = s->is; *p; p++) {
		if (*p == '\n')
			put("\\n");
		else
			put("%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
	}
}

/* A sample's name and labels: those of the source, of the metric, and one more. */
static void put_sample(const struct metric_source *s, const struct metric *m, const char *suffix,
                       bool bucket)
{
	const struct metric_group *g = s->group;
	const char *own = strchr(m->name, '{');
	int own_size = own ? (int)strcspn(own + 1, "}") : 0;
	const char *more = "";
	put("ampoule_%s_%.*s%s", g->name, (int)base_size(m), m->name, suffix);
	if (!g->label && !own && !bucket)
		return;
	put("{");
	if (g->label) {
		put("%s=\"", g->label);
		put_label_value(s);
		put("\"");
		more = ",";
	}
	if (own) {
		put("%s%.*s", more, own_size, own + 1);
		more = ",";
	}
	if (bucket)
		put("%sle=\"", more);
	else
		put("}");
}

static void put_histogram(const struct metric_source *s, const struct metric *m,
                          const struct metric_histogram *h)
{
	uint64_t n = 0;
	for (uint32_t k = 0; k <= h->bound_count; k++) {
		n += h->counts[k];
		put_sample(s, m, "_bucket", true);
		if (k < h->bound_count)
			put_value(m, h->bounds[k]);
		else
			put("+Inf");
		put("\"} %llu\n", (unsigned long long)n);
	}
	put_sample(s, m, "_sum", false);
	put(" ");
	put_value(m, h->sum);
	put("\n");
	put_sample(s, m, "_count", false);
	put(" %llu\n", (unsigned long long)n);
}

/* The metrics of one name: `count` rows from `at` on, of all sources of the group. */
static void put_family(const struct metric_source *first, uint32_t at, uint32_t count)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };
	const struct metric_group *g = first->group;
	const struct metric *rows = &g->metrics[at];
	put("# HELP ampoule_%s_%.*s %s\n# TYPE ampoule_%s_%.*s %s\n", g->name, (int)base_size(rows),
	    rows->name, rows->help, g->name, (int)base_size(rows), rows->name, kinds[rows->kind]);
	for (const struct metric_source *s = first; s && s->group == g; s = metric_next(s)) {
		struct figures f;
		read_figures(&f, s);
		for (const struct metric *m = rows; m < rows + count; m++) {
			if (m->kind == METRIC_HISTOGRAM) {
				put_histogram(s, m, histogram_at(&f, m));
				continue;
			}
			put_sample(s, m, "", false);
			put(" ");
			put_value(m, figure_at(&f, m));
			put("\n");
		}
	}
}

static void metrics(struct http_exchange *x, void *context)
{
	const struct metric_group *group = NULL;
	(void)context;
	text_begin();
	for (const struct metric_source *s = NULL; (s = metric_next(s));) {
		const struct metric_group *g = s->group;
		if (g == group)
			continue;
		group = g;
		for (uint32_t k = 0, n; k < g->count; k += n) {
			for (n = 1; k + n < g->count && !g->metrics[k + n].help; n++)
				;
			put_family(s, k, n);
		}
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
