/* SPDX-License-Identifier: ISC */
#include <app/http/fetch.h>

#include <string.h>

#include <core/error.h>

#define DROPPED_MAX 4096u

static bool is(const char *a, const char *b)
{
	return !strcmp(a, b);
}

static bool is_redirection(uint32_t status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* What another origin is not to see. */
static bool is_secret(struct http_text line)
{
	static const char *const names[] = { "authorization", "proxy-authorization", "cookie",
		                             "host" };
	struct http_text name = line;
	const char *colon = memchr(line.bytes, ':', line.size);
	if (colon)
		name.size = (uint32_t)(colon - line.bytes);
	for (uint32_t k = 0; k < sizeof names / sizeof *names; k++)
		if (http_text_is_nocase(name, names[k]))
			return true;
	return false;
}

/* The further fields without those. */
static int leave_out(const char *from, char to[HTTP_FETCH_FIELDS_MAX])
{
	size_t used = 0;
	for (const char *end; *from; from = end) {
		end = strstr(from, "\r\n");
		end = end ? end + 2 : from + strlen(from);
		size_t n = (size_t)(end - from);
		if (is_secret((struct http_text){ from, (uint32_t)n }))
			continue;
		if (n >= HTTP_FETCH_FIELDS_MAX - used)
			return ERR_TOO_BIG;
		memcpy(to + used, from, n);
		used += n;
	}
	to[used] = '\0';
	return OK;
}

static int connect(struct http_fetch *f, uint64_t deadline_ns)
{
	if (f->url.is_secure && !f->layer)
		return ERR_INVALID;
	return http_client_open_over(&f->client, f->url.host, f->url.port,
	                             f->url.is_secure ? f->layer : NULL, f->context, deadline_ns);
}

/* The few words of a redirection are read, so that the connection can be kept. */
static void drop_body(struct http_fetch *f, uint64_t size, uint64_t deadline_ns)
{
	char words[512];
	for (int64_t n = 1; n > 0 && size <= DROPPED_MAX; size -= (uint64_t)n)
		n = http_client_read(f->client, words, sizeof words, deadline_ns);
}

/* Goes to where the answer leads. Another origin, or a connection that is over: another client. */
static int follow(struct http_fetch *f, struct http_text location, bool *is_elsewhere)
{
	struct http_url next;
	int error = http_url_resolve(&next, &f->url, location.bytes, location.size);
	if (error)
		return error;
	if (f->url.is_secure && !next.is_secure)
		return ERR_REFUSED;
	*is_elsewhere = !http_url_same_origin(&f->url, &next);
	f->url = next;
	if (*is_elsewhere || !http_client_kept(f->client))
		http_fetch_close(f);
	return OK;
}

int http_fetch(struct http_fetch *f, const char *url, struct http_response *response,
               uint64_t deadline_ns)
{
	char kept[HTTP_FETCH_FIELDS_MAX];
	const char *method = f->method ? f->method : "GET", *fields = f->fields, *type = f->type;
	const void *body = f->body;
	uint32_t size = f->size,
	         most = f->redirections_max ? f->redirections_max : HTTP_REDIRECTIONS_MAX;
	bool is_elsewhere = false;
	f->client = NULL;
	f->redirections = 0;
	int error = http_url_read(&f->url, url, (uint32_t)strlen(url));
	while (!error) {
		if (!f->client && (error = connect(f, deadline_ns)))
			return error;
		error = http_client_request(f->client, method, f->url.target, fields, type, body,
		                            size, response, deadline_ns);
		struct http_text location = { NULL, 0 };
		if (!error && is_redirection(response->status))
			location = http_client_header(f->client, "Location");
		if (error || !location.bytes)
			return error;
		if (f->redirections++ >= most)
			return ERR_TOO_BIG;
		if ((response->status == 303 && !is(method, "HEAD")) ||
		    (response->status <= 302 && is(method, "POST"))) {
			method = "GET";
			type = NULL;
			body = NULL;
			size = 0;
		}
		drop_body(f, response->size, deadline_ns);
		error = follow(f, location, &is_elsewhere);
		if (!error && is_elsewhere && fields && fields != kept) {
			error = leave_out(fields, kept);
			fields = kept;
		}
	}
	return error;
}

void http_fetch_close(struct http_fetch *f)
{
	http_client_close(f->client);
	f->client = NULL;
}
