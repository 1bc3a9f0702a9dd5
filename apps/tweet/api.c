/* SPDX-License-Identifier: ISC */
/*
 * The same for programs, in JSON:
 *
 *	POST /api/signup {"name": N, "password": P}   201
 *	POST /api/login  {"name": N, "password": P}   200 {"token": T}, which goes into a field
 *	                                                  Authorization: Bearer T
 *	POST /api/logout                              204
 *	GET  /api/timeline, /api/posts, /api/users/N/posts
 *	                                              200 {"posts": [{"id", "author", "time",
 *	                                                  "text"}...], "next": ID or null};
 *	                                                  ?before=ID gives the next page
 *	POST /api/posts  {"text": T}                  201 {"id": ID}
 *	GET  /api/users/N                             200 {"name", "since", "followers",
 *	                                                  "following", "followed"}
 *	PUT, DELETE /api/following/N                  204
 *
 * Errors are {"error": "in words"}; 429 comes with Retry-After.
 */
#include <string.h>

#include <app/http/form.h>
#include <app/http/origin.h>
#include <app/json/json.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/print.h>

#include "attempt.h"
#include "session.h"
#include "tweet.h"

#define JSON_TYPE "application/json"
#define REPLY_ROOM                                                                                 \
	(PAGE_POSTS * (6 * TEXT_MAX_ + 200) + 200) /* each byte of a text may become six */
#define VALUES_MAX 32u

static void refuse(struct http_exchange *x, uint32_t status, const char *why)
{
	char to[200];
	struct json_writer w;
	json_writer_open(&w, to, sizeof to);
	json_object(&w);
	json_key(&w, "error");
	json_string(&w, why);
	json_object_end(&w);
	if (json_writer_end(&w))
		http_fail(x, status);
	else
		http_reply(x, status, JSON_TYPE, to, w.size);
}

static void refuse_error(struct http_exchange *x, int error)
{
	switch (error) {
	case ERR_ABSENT:
		refuse(x, 404, "there is no such person");
		break;
	case ERR_EXISTS:
		refuse(x, 409, "the name is taken");
		break;
	case ERR_INVALID:
		refuse(x, 400, "that is not possible");
		break;
	case ERR_REFUSED:
		refuse(x, 401, "name and password do not belong together");
		break;
	case ERR_TOO_BIG:
		refuse(x, 409, "that is too many, or the store is full");
		break;
	default:
		refuse(x, 503, "the store could not be read or written");
		break;
	}
}

static void refuse_for_now(struct http_exchange *x, uint32_t seconds)
{
	char number[12];
	print_text(number, sizeof number, "%u", seconds);
	http_set(x, "Retry-After", number);
	refuse(x, 429, "that was tried too often from this address; Retry-After says when again");
}

/* Who asks, for what needs somebody; false: it is answered. A browser's cookie does not do for
 * changes: then the page that sent it must be ours. */
static bool somebody(struct http_exchange *x, struct session *s)
{
	int error = session_find(x, s);
	if (error)
		refuse_error(x, error);
	else if (!*s->name)
		refuse(x, 401, "log in first: POST /api/login, then Authorization: Bearer TOKEN");
	else if (!s->bearer && !http_same_origin(x))
		refuse(x, 403, "the request comes from another page");
	else
		return true;
	return false;
}

/* The body's object; false: it is answered. */
static bool object(struct http_exchange *x, char body[BODY_MAX + 1],
                   struct json_value values[VALUES_MAX])
{
	struct json_defect d;
	/* Forms of other pages cannot say so. */
	if (!http_type_is(x, JSON_TYPE)) {
		refuse(x, 415, "the body must be application/json");
		return false;
	}
	int64_t size = http_read_all(x, body, BODY_MAX + 1, clock_now() + BODY_NS);
	if (size < 0)
		return false;
	if (json_parse(values, VALUES_MAX, body, (uint32_t)size, &d) ||
	    values[0].kind != JSON_OBJECT) {
		refuse(x, 400, "the body is not a JSON object");
		return false;
	}
	return true;
}

/* A member's text without NUL in it; null: it is not there. */
static const char *text_of(const struct json_value *v, const char *key)
{
	const struct json_value *m = json_member_of(v, key, JSON_STRING);
	return m && strlen(m->text) == m->text_size ? m->text : NULL;
}

static bool credentials(struct http_exchange *x, char *body, struct json_value *values,
                        const char **name, const char **password)
{
	if (!object(x, body, values))
		return false;
	*name = text_of(values, "name");
	*password = text_of(values, "password");
	if (*name && *password)
		return true;
	refuse(x, 400, "name and password are needed, as strings");
	return false;
}

static void sign_up(struct http_exchange *x, void *context)
{
	char body[BODY_MAX + 1];
	struct json_value values[VALUES_MAX];
	const char *name, *password;
	(void)context;
	if (!credentials(x, body, values, &name, &password))
		return;
	uint32_t seconds;
	int error = attempt_sign_up(x, name, password, &seconds);
	if (error == ERR_AGAIN)
		refuse_for_now(x, seconds);
	else if (error == ERR_INVALID)
		refuse(x, 400,
		       "a name has 2 to 20 of a to z, 0 to 9 and _; a password has 8 to 200 "
		       "characters");
	else if (error)
		refuse_error(x, error);
	else
		http_reply(x, 201, JSON_TYPE, "{}", 2);
}

static void log_in(struct http_exchange *x, void *context)
{
	char body[BODY_MAX + 1], token[TOKEN_SIZE + 1], to[80];
	struct json_value values[VALUES_MAX];
	struct json_writer w;
	const char *name, *password;
	(void)context;
	if (!credentials(x, body, values, &name, &password))
		return;
	uint32_t seconds;
	int error = attempt_log_in(x, name, password, token, &seconds);
	if (error == ERR_AGAIN) {
		refuse_for_now(x, seconds);
		return;
	}
	if (error) {
		refuse_error(x, error);
		return;
	}
	json_writer_open(&w, to, sizeof to);
	json_object(&w);
	json_key(&w, "token");
	json_string(&w, token);
	json_object_end(&w);
	json_writer_end(&w);
	http_set(x, "Cache-Control", "no-store");
	http_reply(x, 200, JSON_TYPE, to, w.size);
}

static void log_out(struct http_exchange *x, void *context)
{
	struct session s;
	(void)context;
	if (!somebody(x, &s))
		return;
	int error = model_log_out(s.token);
	if (error)
		refuse_error(x, error);
	else
		http_reply(x, 204, NULL, "", 0);
}

/* ---- Posts ---- */

static uint64_t before(const struct http_exchange *x)
{
	char text[24];
	uint64_t v = 0;
	int size = http_form_value(http_query(x), "before", text, sizeof text);
	return size > 0 && json_to_unsigned(text, (uint32_t)size, &v) ? v : 0;
}

static void reply_posts(struct http_exchange *x, int error, const struct posts *posts)
{
	struct json_writer w;
	char *to = error ? NULL : heap_alloc(REPLY_ROOM);
	if (!to) {
		refuse_error(x, error ? error : ERR_MEMORY);
		return;
	}
	json_writer_open(&w, to, REPLY_ROOM);
	json_object(&w);
	json_key(&w, "posts");
	json_array(&w);
	for (uint32_t k = 0; k < posts->count; k++) {
		const struct post *p = &posts->all[k];
		json_object(&w);
		json_key(&w, "id");
		json_unsigned(&w, p->id);
		json_key(&w, "author");
		json_string(&w, p->author);
		json_key(&w, "time");
		json_integer(&w, p->time);
		json_key(&w, "text");
		json_string_bytes(&w, p->text, p->size);
		json_object_end(&w);
	}
	json_array_end(&w);
	json_key(&w, "next");
	if (posts->next)
		json_unsigned(&w, posts->next);
	else
		json_null(&w);
	json_object_end(&w);
	http_set(x, "Cache-Control", "no-store");
	if (json_writer_end(&w))
		refuse_error(x, ERR_MEMORY);
	else
		http_reply(x, 200, JSON_TYPE, to, w.size);
	heap_free(to);
}

static void all(struct http_exchange *x, void *context)
{
	struct posts *posts = heap_alloc(sizeof *posts);
	(void)context;
	reply_posts(x, posts ? model_all(before(x), posts) : ERR_MEMORY, posts);
	heap_free(posts);
}

static void timeline(struct http_exchange *x, void *context)
{
	struct posts *posts;
	struct session s;
	(void)context;
	if (!somebody(x, &s))
		return;
	posts = heap_alloc(sizeof *posts);
	reply_posts(x, posts ? model_timeline(s.name, before(x), posts) : ERR_MEMORY, posts);
	heap_free(posts);
}

static bool person(const struct http_exchange *x, char name[NAME_MAX_ + 1])
{
	struct http_text t = http_parameter(x, "name");
	if (t.size > NAME_MAX_)
		return false;
	memcpy(name, t.bytes, t.size);
	name[t.size] = 0;
	return name_is_good(name);
}

static void posts_of(struct http_exchange *x, void *context)
{
	struct posts *posts;
	struct profile who;
	char name[NAME_MAX_ + 1];
	(void)context;
	int error = person(x, name) ? model_profile(name, "", &who) : ERR_ABSENT;
	posts = error ? NULL : heap_alloc(sizeof *posts);
	if (!error)
		error = posts ? model_posts_of(name, before(x), posts) : ERR_MEMORY;
	reply_posts(x, error, posts);
	heap_free(posts);
}

static void post(struct http_exchange *x, void *context)
{
	char body[BODY_MAX + 1], to[40], text[BODY_MAX + 1];
	struct json_value values[VALUES_MAX];
	struct json_writer w;
	struct session s;
	uint64_t id;
	(void)context;
	if (!somebody(x, &s) || !object(x, body, values))
		return;
	const char *said = text_of(values, "text");
	if (said)
		strcpy(text, said);
	if (!said || !text_is_good(text)) {
		refuse(x, 400, "text is needed: a string of 1 to 280 characters");
		return;
	}
	int error = model_post(s.name, text, &id);
	if (error) {
		refuse_error(x, error);
		return;
	}
	json_writer_open(&w, to, sizeof to);
	json_object(&w);
	json_key(&w, "id");
	json_unsigned(&w, id);
	json_object_end(&w);
	json_writer_end(&w);
	http_reply(x, 201, JSON_TYPE, to, w.size);
}

/* ---- People ---- */

static void profile(struct http_exchange *x, void *context)
{
	struct session s;
	struct profile who;
	struct json_writer w;
	char name[NAME_MAX_ + 1], to[300];
	(void)context;
	int error = session_find(x, &s);
	if (!error)
		error = person(x, name) ? model_profile(name, s.name, &who) : ERR_ABSENT;
	if (error) {
		refuse_error(x, error);
		return;
	}
	json_writer_open(&w, to, sizeof to);
	json_object(&w);
	json_key(&w, "name");
	json_string(&w, who.name);
	json_key(&w, "since");
	json_integer(&w, who.since);
	json_key(&w, "followers");
	json_unsigned(&w, who.followers);
	json_key(&w, "following");
	json_unsigned(&w, who.following);
	json_key(&w, "followed");
	json_bool(&w, who.followed);
	json_object_end(&w);
	json_writer_end(&w);
	http_reply(x, 200, JSON_TYPE, to, w.size);
}

static void set_following(struct http_exchange *x, bool follow)
{
	struct session s;
	char name[NAME_MAX_ + 1];
	if (!somebody(x, &s))
		return;
	int error = person(x, name) ? model_follow(s.name, name, follow) : ERR_ABSENT;
	if (error)
		refuse_error(x, error);
	else
		http_reply(x, 204, NULL, "", 0);
}

static void follow(struct http_exchange *x, void *context)
{
	(void)context;
	set_following(x, true);
}

static void unfollow(struct http_exchange *x, void *context)
{
	(void)context;
	set_following(x, false);
}

static void nowhere(struct http_exchange *x, void *context)
{
	(void)context;
	refuse(x, 404, "there is no such thing in the API");
}

int api_route(struct http_server *s)
{
	return http_route_task(s, "POST", "/api/signup", sign_up, NULL) ||
	       http_route_task(s, "POST", "/api/login", log_in, NULL) ||
	       http_route_task(s, "POST", "/api/logout", log_out, NULL) ||
	       http_route_task(s, "GET", "/api/posts", all, NULL) ||
	       http_route_task(s, "POST", "/api/posts", post, NULL) ||
	       http_route_task(s, "GET", "/api/timeline", timeline, NULL) ||
	       http_route_task(s, "GET", "/api/users/:name", profile, NULL) ||
	       http_route_task(s, "GET", "/api/users/:name/posts", posts_of, NULL) ||
	       http_route_task(s, "PUT", "/api/following/:name", follow, NULL) ||
	       http_route_task(s, "DELETE", "/api/following/:name", unfollow, NULL) ||
	       http_route(s, "GET", "/api/*rest", nowhere, NULL);
}
