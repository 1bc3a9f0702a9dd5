/* SPDX-License-Identifier: ISC */
#include "page.h"

#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/print.h>

const char page_style[] =
        ":root{--paper:#fbfbf9;--card:#fff;--ink:#1b2430;--soft:#64707d;--line:#e3e6e8;--accent:#"
        "0a6c74;--accent-ink:#fff;"
        "--warn:#a3261c;--warn-paper:#fdecea}\n"
        "@media(prefers-color-scheme:dark){:root{--paper:#12171c;--card:#1a2128;--ink:#e8ecef;--"
        "soft:#98a4af;--line:#2b343c;"
        "--accent:#4fb8c0;--accent-ink:#06282b;--warn:#ffb4ab;--warn-paper:#3b1a17}}\n"
        "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/"
        "1.5 system-ui,sans-serif}\n"
        "header{position:sticky;top:0;background:var(--card);border-bottom:1px solid "
        "var(--line);z-index:1}\n"
        "header nav,main{max-width:40rem;margin:0 auto;padding:0 1rem}\n"
        "header nav{display:flex;gap:1rem;align-items:center;height:3.5rem}header "
        ".brand{font-weight:700;font-size:1.15rem;margin-right:auto;"
        "color:var(--accent)}\n"
        "a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}main{padding-"
        "top:1.25rem;padding-bottom:3rem}\n"
        "h1{font-size:1.4rem;margin:.25rem 0 1rem}h2{font-size:1.05rem;margin:0 0 "
        ".75rem}p{margin:.5rem 0}\n"
        ".card{background:var(--card);border:1px solid "
        "var(--line);border-radius:.75rem;padding:1rem;margin:0 0 1rem}\n"
        ".post "
        "header{position:static;background:none;border:0;display:flex;gap:.5rem;align-items:"
        "baseline}\n"
        ".post header a{font-weight:600}.post time,.soft{color:var(--soft);font-size:.875rem}\n"
        ".post p{white-space:pre-wrap;overflow-wrap:anywhere;margin:.25rem 0 0}\n"
        "textarea,input{width:100%;font:inherit;color:inherit;background:var(--paper);border:1px "
        "solid var(--line);border-radius:.5rem;"
        "padding:.6rem .75rem}textarea{min-height:5.5rem;resize:vertical}\n"
        "textarea:focus,input:focus,button:focus-visible,a:focus-visible{outline:2px solid "
        "var(--accent);outline-offset:1px}\n"
        "label{display:block;font-size:.875rem;color:var(--soft);margin:.5rem 0 .25rem}\n"
        "button{font:inherit;font-weight:600;border:0;border-radius:999px;padding:.5rem "
        "1.1rem;background:var(--accent);color:var(--accent-ink);"
        "cursor:pointer}button.quiet{background:none;color:var(--soft);padding:.5rem "
        "0;font-weight:400}\n"
        ".row{display:flex;justify-content:space-between;align-items:center;gap:1rem;margin-top:."
        "75rem;flex-wrap:wrap}\n"
        ".two{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr))}\n"
        ".bad{background:var(--warn-paper);color:var(--warn);border-radius:.5rem;padding:.6rem "
        ".9rem;margin:0 0 1rem}\n"
        ".stats{display:flex;gap:1.5rem;margin:.25rem 0 0}.stats "
        "b{font-variant-numeric:tabular-nums}\n";

const char page_icon[] = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect "
                         "width=\"32\" height=\"32\" "
                         "rx=\"8\" fill=\"#0a6c74\"/><path d=\"M7 8h18a2 2 0 0 1 2 2v10a2 2 0 0 "
                         "1-2 2H15l-6 5v-5H7a2 2 0 0 1-2-2V10a2 "
                         "2 0 0 1 2-2z\" fill=\"#fff\"/><path d=\"M10 13h12M10 17h8\" "
                         "stroke=\"#0a6c74\" stroke-width=\"2\" "
                         "stroke-linecap=\"round\"/></svg>\n";

static void put(struct page *p, const char *bytes, size_t size)
{
	if (p->failed)
		return;
	if (size > p->room - p->size) {
		uint32_t room = 2 * (p->size + (uint32_t)size) + 8192;
		char *more = heap_resize(p->bytes, room);
		if (!more) {
			p->failed = true;
			return;
		}
		p->bytes = more;
		p->room = room;
	}
	memcpy(p->bytes + p->size, bytes, size);
	p->size += (uint32_t)size;
}

void page_text(struct page *p, const char *html)
{
	put(p, html, strlen(html));
}

void page_escaped(struct page *p, const char *text)
{
	for (const char *c = text; *c; c++) {
		switch (*c) {
		case '<':
			page_text(p, "&lt;");
			break;
		case '>':
			page_text(p, "&gt;");
			break;
		case '&':
			page_text(p, "&amp;");
			break;
		case '"':
			page_text(p, "&quot;");
			break;
		case '\'':
			page_text(p, "&#39;");
			break;
		default:
			put(p, c, 1);
		}
	}
}

void page_number(struct page *p, uint64_t n)
{
	char text[24];
	print_text(text, sizeof text, "%llu", (unsigned long long)n);
	page_text(p, text);
}

void page_form(struct page *p, const struct session *s)
{
	page_text(p, "<input type=\"hidden\" name=\"form\" value=\"");
	page_text(p, s->form);
	page_text(p, "\">");
}

void page_time(struct page *p, int64_t seconds)
{
	char date[HTTP_DATE_SIZE];
	int64_t ago = clock_wall() / 1000000000 - seconds;
	http_date_print(date, seconds);
	page_text(p, "<time title=\"");
	page_text(p, date);
	page_text(p, "\">");
	if (ago < 60) {
		page_text(p, "now");
	} else if (ago < 7 * 86400) {
		page_number(p, (uint64_t)(ago < 3600    ? ago / 60
		                          : ago < 86400 ? ago / 3600
		                                        : ago / 86400));
		page_text(p, ago < 3600 ? " min" : ago < 86400 ? " h" : " d");
	} else {
		date[16] = 0; /* "Mon, 23 Nov 2026" */
		page_text(p, date + 5);
	}
	page_text(p, "</time>");
}

void page_begin(struct page *p, const char *title, const struct session *s)
{
	memset(p, 0, sizeof *p);
	page_text(p, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
	             "name=\"viewport\" "
	             "content=\"width=device-width, initial-scale=1\"><title>");
	page_escaped(p, title);
	page_text(p, " &middot; Tweet</title><link rel=\"stylesheet\" "
	             "href=\"/style.css\"><link rel=\"icon\" type=\"image/svg+xml\" "
	             "href=\"/favicon.svg\"></head>\n<body><header><nav>"
	             "<a class=\"brand\" href=\"/\">Tweet</a><a href=\"/all\">Everybody</a>");
	if (s && *s->name) {
		page_text(p, "<a href=\"/u/");
		page_escaped(p, s->name);
		page_text(p, "\">@");
		page_escaped(p, s->name);
		page_text(p, "</a><form method=\"post\" action=\"/logout\">");
		page_form(p, s);
		page_text(p, "<button class=\"quiet\">Log out</button></form>");
	}
	page_text(p, "</nav></header>\n<main>\n");
}

void page_reply(struct page *p, struct http_exchange *x, uint32_t status)
{
	page_text(p, "</main></body></html>\n");
	http_set(x, "Cache-Control", "no-store");
	http_set(x, "Content-Security-Policy",
	         "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
	         "base-uri 'none'; "
	         "frame-ancestors 'none'");
	http_set(x, "X-Content-Type-Options", "nosniff");
	http_set(x, "Referrer-Policy", "same-origin");
	if (p->failed)
		http_fail(x, 503);
	else
		http_reply(x, status, "text/html; charset=utf-8", p->bytes, p->size);
	heap_free(p->bytes);
}

void page_error(struct http_exchange *x, const struct session *s, uint32_t status, const char *text)
{
	struct page p;
	page_begin(&p, http_reason(status), s);
	page_text(&p, "<h1>");
	page_text(&p, http_reason(status));
	page_text(&p, "</h1><p>");
	page_text(&p, text);
	page_text(&p, "</p><p><a href=\"/\">Home</a></p>");
	page_reply(&p, x, status);
}
