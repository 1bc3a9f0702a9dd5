/* SPDX-License-Identifier: ISC */
/* The pages, and what their forms do: that answers with a redirection (303), so that a reload asks
 * nothing twice. */
#include <string.h>

#include <app/http/origin.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/print.h>

#include "attempt.h"
#include "page.h"
#include "tweet.h"

static void store_failed(struct http_exchange *x, const struct session *s)
{
	struct page p;
	page_begin(&p, "Out of order", s);
	page_text(&p, "<h1>Out of order</h1><p>The store could not be read or written. Nothing of "
	              "what you see elsewhere is lost; "
	              "try again later.</p>");
	page_reply(&p, x, 503);
}

static void go_to(struct http_exchange *x, const char *where)
{
	http_set(x, "Location", where);
	http_set(x, "Cache-Control", "no-store");
	http_reply(x, 303, NULL, "", 0);
}

static void show_posts(struct page *p, const struct posts *posts, const char *path)
{
	for (uint32_t k = 0; k < posts->count; k++) {
		const struct post *post = &posts->all[k];
		page_text(p, "<article class=\"card post\"><header><a href=\"/u/");
		page_escaped(p, post->author);
		page_text(p, "\">@");
		page_escaped(p, post->author);
		page_text(p, "</a>");
		page_time(p, post->time);
		page_text(p, "</header><p>");
		page_escaped(p, post->text);
		page_text(p, "</p></article>\n");
	}
	if (!posts->count)
		page_text(p, "<p class=\"soft\">Nothing here yet.</p>");
	if (posts->next) {
		page_text(p, "<p><a href=\"");
		page_escaped(p, path);
		page_text(p, "?before=");
		page_number(p, posts->next);
		page_text(p, "\">Older posts</a></p>");
	}
}

static uint64_t before(const struct http_exchange *x)
{
	char text[24];
	uint64_t v = 0;
	if (http_form_value(http_query(x), "before", text, sizeof text) <= 0)
		return 0;
	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || v > (UINT64_MAX - 9) / 10)
			return 0;
		v = v * 10 + (uint64_t)(*c - '0');
	}
	return v;
}

/* ---- Home ---- */

static void welcome(struct page *p, const char *bad, const char *name)
{
	page_text(p, "<h1>Say it in 280 characters</h1><p class=\"soft\">A small Twitter in a "
	             "unikernel: this page, its web server, its "
	             "store and its network stack are one sealed image.</p>");
	if (bad) {
		page_text(p, "<p class=\"bad\" role=\"alert\">");
		page_text(p, bad);
		page_text(p, "</p>");
	}
	page_text(p, "<div class=\"two\"><form class=\"card\" method=\"post\" "
	             "action=\"/login\"><h2>Log in</h2><label for=\"ln\">Name</label>"
	             "<input id=\"ln\" name=\"name\" required maxlength=\"20\" "
	             "autocomplete=\"username\" value=\"");
	page_escaped(p, name);
	page_text(p, "\"><label for=\"lp\">Password</label><input id=\"lp\" type=\"password\" "
	             "name=\"password\" required maxlength=\"200\" "
	             "autocomplete=\"current-password\"><div class=\"row\"><button>Log "
	             "in</button></div></form>\n"
	             "<form class=\"card\" method=\"post\" action=\"/signup\"><h2>Join</h2><label "
	             "for=\"sn\">Name: a to z, 0 to 9, _</label>"
	             "<input id=\"sn\" name=\"name\" required minlength=\"2\" maxlength=\"20\" "
	             "pattern=\"[a-z0-9_]+\" autocomplete=\"username\" value=\"");
	page_escaped(p, name);
	page_text(p, "\"><label for=\"sp\">Password: 8 characters or more</label><input id=\"sp\" "
	             "type=\"password\" name=\"password\" required "
	             "minlength=\"8\" maxlength=\"200\" autocomplete=\"new-password\"><div "
	             "class=\"row\"><button>Join</button></div></form></div>\n");
}

static void home_page(struct http_exchange *x, const struct session *s, uint32_t status,
                      const char *bad, const char *text)
{
	struct posts *posts = heap_alloc(sizeof *posts);
	struct page p;
	bool in = *s->name;
	int error = !posts ? ERR_MEMORY
	            : in   ? model_timeline(s->name, before(x), posts)
	                   : model_all(0, posts);
	if (error) {
		heap_free(posts);
		store_failed(x, s);
		return;
	}
	page_begin(&p, in ? "Home" : "Welcome", s);
	if (!in) {
		welcome(&p, bad, text);
		page_text(&p, "<h2>Lately</h2>");
	} else {
		if (bad) {
			page_text(&p, "<p class=\"bad\" role=\"alert\">");
			page_text(&p, bad);
			page_text(&p, "</p>");
		}
		page_text(&p, "<form class=\"card\" method=\"post\" action=\"/post\">");
		page_form(&p, s);
		page_text(&p, "<label for=\"text\">What is happening?</label><textarea id=\"text\" "
		              "name=\"text\" required maxlength=\"280\">\n");
		page_escaped(&p, text);
		page_text(&p, "</textarea><div class=\"row\"><span class=\"soft\">280 characters "
		              "at most</span><button>Post</button></div></form>\n");
	}
	show_posts(&p, posts, "/");
	page_reply(&p, x, status);
	heap_free(posts);
}

static void home(struct http_exchange *x, void *context)
{
	struct session s;
	(void)context;
	if (session_find(x, &s))
		store_failed(x, NULL);
	else
		home_page(x, &s, 200, NULL, "");
}

static void everybody(struct http_exchange *x, void *context)
{
	struct posts *posts = heap_alloc(sizeof *posts);
	struct session s;
	struct page p;
	(void)context;
	if (!posts || session_find(x, &s) || model_all(before(x), posts)) {
		store_failed(x, NULL);
	} else {
		page_begin(&p, "Everybody", &s);
		page_text(&p, "<h1>Everybody</h1>");
		show_posts(&p, posts, "/all");
		page_reply(&p, x, 200);
	}
	heap_free(posts);
}

/* ---- Profiles ---- */

static bool parameter(const struct http_exchange *x, const char *name, char *to, uint32_t room)
{
	struct http_text t = http_parameter(x, name);
	if (t.size >= room || memchr(t.bytes, 0, t.size))
		return false;
	memcpy(to, t.bytes, t.size);
	to[t.size] = 0;
	return true;
}

static void profile_page(struct http_exchange *x, const struct session *s,
                         const struct profile *who, const struct posts *posts)
{
	struct page p;
	char path[64], date[HTTP_DATE_SIZE];
	page_begin(&p, who->name, s);
	page_text(&p, "<section class=\"card\"><div class=\"row\" style=\"margin:0\"><h1>@");
	page_escaped(&p, who->name);
	page_text(&p, "</h1>");
	if (*s->name && strcmp(s->name, who->name)) {
		page_text(&p, who->followed ? "<form method=\"post\" action=\"/unfollow\">"
		                            : "<form method=\"post\" action=\"/follow\">");
		page_form(&p, s);
		page_text(&p, "<input type=\"hidden\" name=\"name\" value=\"");
		page_escaped(&p, who->name);
		page_text(&p, who->followed ? "\"><button>Unfollow</button></form>"
		                            : "\"><button>Follow</button></form>");
	}
	http_date_print(date, who->since);
	date[16] = 0;
	page_text(&p, "</div><p class=\"soft\">Here since ");
	page_text(&p, date + 5);
	page_text(&p, "</p><p class=\"stats\"><span><b>");
	page_number(&p, who->followers);
	page_text(&p, who->followers == 1 ? "</b> follower</span><span><b>"
	                                  : "</b> followers</span><span><b>");
	page_number(&p, who->following);
	page_text(&p, "</b> following</span></p></section>\n");
	print_text(path, sizeof path, "/u/%s", who->name);
	show_posts(&p, posts, path);
	page_reply(&p, x, 200);
}

static void profile(struct http_exchange *x, void *context)
{
	struct posts *posts = heap_alloc(sizeof *posts);
	struct session s;
	struct profile who;
	char name[NAME_MAX_ + 1];
	(void)context;
	int error = !posts ? ERR_MEMORY : session_find(x, &s);
	if (!error)
		error = parameter(x, "name", name, sizeof name) ? model_profile(name, s.name, &who)
		                                                : ERR_ABSENT;
	if (!error)
		error = model_posts_of(name, before(x), posts);
	if (error == ERR_ABSENT)
		page_error(x, &s, 404, "There is nobody of that name.");
	else if (error)
		store_failed(x, NULL);
	else
		profile_page(x, &s, &who, posts);
	heap_free(posts);
}

/* ---- Forms ---- */

static void too_often(struct http_exchange *x, const char *name, uint32_t seconds)
{
	struct session nobody = { 0 };
	char text[120], number[12];
	print_text(number, sizeof number, "%u", seconds);
	http_set(x, "Retry-After", number);
	print_text(text, sizeof text,
	           "That was tried too often from your address. Try again in %u second%s.", seconds,
	           seconds == 1 ? "" : "s");
	home_page(x, &nobody, 429, text, name);
}

static void log_in_with(struct http_exchange *x, const char *name, const char *password)
{
	struct session nobody = { 0 };
	char token[TOKEN_SIZE + 1];
	uint32_t seconds;
	int error = attempt_log_in(x, name, password, token, &seconds);
	if (error == ERR_AGAIN) {
		too_often(x, name, seconds);
	} else if (error == ERR_REFUSED) {
		home_page(x, &nobody, 401, "Name and password do not belong together.", name);
	} else if (error) {
		store_failed(x, NULL);
	} else {
		session_set(x, token);
		go_to(x, "/");
	}
}

/* The name and password of a form; false: it is answered. */
static bool credentials(struct http_exchange *x, char *name, uint32_t name_room, char *password,
                        uint32_t password_room)
{
	struct session nobody = { 0 };
	char body[BODY_MAX + 1];
	int64_t size = http_read_all(x, body, BODY_MAX + 1, clock_now() + BODY_NS);
	if (size < 0)
		return false;
	struct http_text form = { body, (uint32_t)size };
	if (!http_same_origin(x)) {
		page_error(x, NULL, 403, "The form was sent by another site.");
		return false;
	}
	if (http_form_value(form, "name", name, name_room) < 0 ||
	    http_form_value(form, "password", password, password_room) < 0) {
		home_page(x, &nobody, 400, "A name and a password are needed.", "");
		return false;
	}
	return true;
}

static void log_in(struct http_exchange *x, void *context)
{
	char name[64], password[PASSWORD_MAX + 2];
	(void)context;
	if (credentials(x, name, sizeof name, password, sizeof password))
		log_in_with(x, name, password);
}

static void sign_up(struct http_exchange *x, void *context)
{
	struct session nobody = { 0 };
	char name[64], password[PASSWORD_MAX + 2];
	(void)context;
	if (!credentials(x, name, sizeof name, password, sizeof password))
		return;
	uint32_t seconds;
	int error = attempt_sign_up(x, name, password, &seconds);
	if (error == ERR_AGAIN)
		too_often(x, name, seconds);
	else if (error == ERR_EXISTS)
		home_page(x, &nobody, 409, "That name is taken.", name);
	else if (error == ERR_INVALID)
		home_page(x, &nobody, 400,
		          "A name has 2 to 20 of a to z, 0 to 9 and _; a password has 8 to 200 "
		          "characters.",
		          name);
	else if (error)
		store_failed(x, NULL);
	else
		log_in_with(x, name, password);
}

/* A form of a session; false: it is answered. */
static bool session_body(struct http_exchange *x, struct session *s, char body[BODY_MAX + 1],
                         struct http_text *form)
{
	int64_t size = http_read_all(x, body, BODY_MAX + 1, clock_now() + BODY_NS);
	if (size < 0)
		return false;
	*form = (struct http_text){ body, (uint32_t)size };
	if (session_find(x, s)) {
		store_failed(x, NULL);
		return false;
	}
	if (!*s->name) {
		go_to(x, "/");
		return false;
	}
	if (!http_same_origin(x) || !session_form(s, *form)) {
		page_error(x, s, 403, "The form does not come from a page of this session.");
		return false;
	}
	return true;
}

static void post(struct http_exchange *x, void *context)
{
	struct session s;
	struct http_text form;
	char body[BODY_MAX + 1], text[4 * TEXT_MAX_];
	uint64_t id;
	(void)context;
	if (!session_body(x, &s, body, &form))
		return;
	if (http_form_value(form, "text", text, sizeof text) < 0)
		home_page(x, &s, 400, "That cannot be posted: 280 characters at most.", "");
	else if (!text_is_good(text))
		home_page(x, &s, 400,
		          *text ? "That cannot be posted: 280 characters at most."
		                : "Say something first.",
		          "");
	else if (model_post(s.name, text, &id))
		store_failed(x, &s);
	else
		go_to(x, "/");
}

static void follow_form(struct http_exchange *x, bool follow)
{
	struct session s;
	struct http_text form;
	char body[BODY_MAX + 1], name[NAME_MAX_ + 1], path[64];
	if (!session_body(x, &s, body, &form))
		return;
	int size = http_form_value(form, "name", name, sizeof name);
	int error = size == ERR_MALFORMED ? ERR_INVALID
	            : size < 0            ? ERR_ABSENT
	                                  : model_follow(s.name, name, follow);
	if (error == ERR_ABSENT) {
		page_error(x, &s, 404, "There is nobody of that name.");
	} else if (error == ERR_INVALID) {
		page_error(x, &s, 400, "Nobody follows that.");
	} else if (error) {
		store_failed(x, &s);
	} else {
		print_text(path, sizeof path, "/u/%s", name);
		go_to(x, path);
	}
}

static void follow(struct http_exchange *x, void *context)
{
	(void)context;
	follow_form(x, true);
}

static void unfollow(struct http_exchange *x, void *context)
{
	(void)context;
	follow_form(x, false);
}

static void log_out(struct http_exchange *x, void *context)
{
	struct session s;
	struct http_text form;
	char body[BODY_MAX + 1];
	(void)context;
	if (!session_body(x, &s, body, &form))
		return;
	model_log_out(s.token);
	session_clear(x);
	go_to(x, "/");
}

static void style(struct http_exchange *x, void *context)
{
	(void)context;
	http_set(x, "Cache-Control", "max-age=3600");
	http_reply_static(x, 200, "text/css; charset=utf-8", page_style, strlen(page_style));
}

static void icon(struct http_exchange *x, void *context)
{
	(void)context;
	http_set(x, "Cache-Control", "max-age=86400");
	http_reply_static(x, 200, "image/svg+xml", page_icon, strlen(page_icon));
}

static void nowhere(struct http_exchange *x, void *context)
{
	struct session s;
	(void)context;
	if (session_find(x, &s))
		store_failed(x, NULL);
	else
		page_error(x, &s, 404, "There is no such page.");
}

int pages_route(struct http_server *s)
{
	return http_route_task(s, "GET", "/", home, NULL) ||
	       http_route_task(s, "GET", "/all", everybody, NULL) ||
	       http_route_task(s, "GET", "/u/:name", profile, NULL) ||
	       http_route_task(s, "POST", "/login", log_in, NULL) ||
	       http_route_task(s, "POST", "/signup", sign_up, NULL) ||
	       http_route_task(s, "POST", "/logout", log_out, NULL) ||
	       http_route_task(s, "POST", "/post", post, NULL) ||
	       http_route_task(s, "POST", "/follow", follow, NULL) ||
	       http_route_task(s, "POST", "/unfollow", unfollow, NULL) ||
	       http_route(s, "GET", "/style.css", style, NULL) ||
	       http_route(s, "GET", "/favicon.svg", icon, NULL) ||
	       http_route(s, "GET", "/favicon.ico", icon, NULL) || /* asked for unasked */
	       http_route_task(s, "GET", "/*rest", nowhere, NULL);
}
