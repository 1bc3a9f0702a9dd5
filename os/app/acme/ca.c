/* SPDX-License-Identifier: ISC */
/*
 * A conversation with an authority (RFC 8555 §6). Everything that it says is bounded: an answer's bytes and its time, the number of
 * times that a nonce may be refused. Texts of its own are taken as far as there is room.
 */
#include <app/acme/internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/print.h>

#define CLOCK_OFF_S 3600 /* a clock that differs by more from the authority's is worth a line */

static const char agent[] = "User-Agent: ampoule-acme\r\n";
static const char problem_kinds[] = "urn:ietf:params:acme:error:";

int acme_ca_fail(struct acme_ca *ca, int error, const char *why)
{
	print_text(ca->reason, sizeof ca->reason, "%s", why);
	return error;
}

void acme_ca_close(struct acme_ca *ca)
{
	http_client_close(ca->http);
	ca->http = NULL;
}

/* ---- Texts of answers ---- */

bool acme_ca_text(const struct json_value *object, const char *key, char *to, uint32_t room)
{
	const struct json_value *v = json_member_of(object, key, JSON_STRING);
	if (!v || v->text_size >= room || memchr(v->text, '\0', v->text_size))
		return false;
	memcpy(to, v->text, v->text_size);
	to[v->text_size] = '\0';
	return true;
}

bool acme_ca_url(const struct json_value *object, const char *key, char to[ACME_URL_MAX])
{
	struct acme_url u;
	return acme_ca_text(object, key, to, ACME_URL_MAX) && acme_url_read(&u, to);
}

static bool take_field(const struct acme_ca *ca, const char *name, char *to, uint32_t room)
{
	struct http_text t = http_client_header(ca->http, name);
	to[0] = '\0';
	if (!t.bytes || t.size >= room)
		return false;
	memcpy(to, t.bytes, t.size);
	to[t.size] = '\0';
	return true;
}

/* ---- Answers ---- */

/* Seconds, or a date (RFC 9110 §10.2.3). */
static uint32_t retry_after(const struct acme_ca *ca)
{
	struct http_text t = http_client_header(ca->http, "Retry-After");
	uint64_t s = 0;
	int64_t date;
	if (!t.bytes)
		return 0;
	if (!json_to_unsigned(t.bytes, t.size, &s))
		s = http_date_parse(t, &date) == OK && date > acme_now()
		            ? (uint64_t)(date - acme_now())
		            : 0;
	return s < ACME_RETRY_AFTER_MAX_S ? (uint32_t)s : ACME_RETRY_AFTER_MAX_S;
}

static void look_at_clock(const struct acme_ca *ca)
{
	static bool is_said;
	char here[ACME_TIME_TEXT], there[ACME_TIME_TEXT];
	int64_t date, now = acme_now();
	struct http_text t = http_client_header(ca->http, "Date");
	if (is_said || !t.bytes || http_date_parse(t, &date) != OK ||
	    (date - now < CLOCK_OFF_S && now - date < CLOCK_OFF_S))
		return;
	is_said = true;
	log_warning("acme",
	            "the clock says %s, and the authority's %s: certificates are renewed at the "
	            "wrong time if the host's is wrong",
	            acme_time_print(here, now), acme_time_print(there, date));
}

static int read_body(struct acme_ca *ca, uint64_t deadline_ns)
{
	ca->size = 0;
	for (;;) {
		int64_t n = http_client_read(ca->http, ca->body + ca->size,
		                             ACME_BODY_MAX + 1 - ca->size, deadline_ns);
		if (n < 0)
			return (int)n;
		if (!n)
			return OK;
		ca->size += (uint32_t)n;
		if (ca->size > ACME_BODY_MAX)
			return ERR_TOO_BIG;
	}
}

static bool says_json(const struct acme_ca *ca)
{
	struct http_text t = http_client_header(ca->http, "Content-Type");
	while (t.size && memchr(t.bytes, ';', t.size))
		t.size = (uint32_t)((const char *)memchr(t.bytes, ';', t.size) - t.bytes);
	return http_text_is_nocase(t, "application/json") ||
	       http_text_is_nocase(t, "application/problem+json");
}

static int take_answer(struct acme_ca *ca, uint64_t deadline_ns)
{
	char nonce[ACME_NONCE_MAX];
	/* A nonce is good for one message, and the newest is the one that is least likely to be refused. */
	if (take_field(ca, "Replay-Nonce", nonce, sizeof nonce) &&
	    acme_base64url_is(nonce, (uint32_t)strlen(nonce)))
		memcpy(ca->nonce, nonce, sizeof nonce);
	take_field(ca, "Location", ca->location, sizeof ca->location);
	ca->retry_s = retry_after(ca);
	ca->is_json = says_json(ca);
	look_at_clock(ca);
	int error = read_body(ca, deadline_ns);
	if (error || !ca->is_json)
		return error;
	error = json_parse(ca->values, ACME_VALUES_MAX, ca->body, ca->size, NULL);
	error = error || ca->values->kind == JSON_OBJECT ? error : ERR_MALFORMED;
	if (!error || ca->status / 100 == 2)
		return error;
	ca->is_json = false; /* the status says enough */
	return OK;
}

/* ---- Requests ---- */

static int connect(struct acme_ca *ca, const struct acme_url *u, uint64_t deadline_ns)
{
	if (ca->http && (strcmp(u->host, ca->at.host) != 0 || u->port != ca->at.port ||
	                 !http_client_kept(ca->http)))
		acme_ca_close(ca);
	if (ca->http)
		return OK;
	ca->at = *u;
	int error = http_client_open_over(&ca->http, u->host, u->port, &tls_client_layer, ca->trust,
	                                  deadline_ns);
	if (!error)
		return OK;
	const char *why = error == ERR_REFUSED || error == ERR_FAILED || error == ERR_MALFORMED
	                          ? tls_client_reason(ca->trust)
	                          : "";
	char now[ACME_TIME_TEXT];
	bool is_late = strstr(why, "not yet valid") || strstr(why, "expired");
	print_text(ca->reason, sizeof ca->reason, "%s:%u cannot be connected: %s%s%s%s%s", u->host,
	           u->port, error_text(error), why[0] ? ": " : "", why,
	           is_late ? "; the clock says " : "",
	           is_late ? acme_time_print(now, acme_now()) : "");
	return error;
}

static int request(struct acme_ca *ca, const char *method, const char *url, const char *body,
                   uint32_t size)
{
	struct acme_url u;
	struct http_response response;
	uint64_t deadline_ns = clock_now() + ACME_REQUEST_NS;
	ca->status = ca->retry_s = 0;
	ca->location[0] = ca->problem[0] = '\0';
	if (!acme_url_read(&u, url))
		return acme_ca_fail(ca, ERR_MALFORMED, "it names a URL that is not of https");
	int error = connect(ca, &u, deadline_ns);
	if (error)
		return error;
	error = http_client_request(ca->http, method, u.target, agent,
	                            body ? "application/jose+json" : NULL, body, size, &response,
	                            deadline_ns);
	if (!error) {
		ca->status = response.status;
		error = take_answer(ca, deadline_ns);
	}
	if (error) {
		print_text(ca->reason, sizeof ca->reason, "%s %s: %s%s", method, u.target,
		           ca->status ? "its answer: " : "", error_text(error));
		acme_ca_close(ca);
	}
	return error;
}

/* What is no 2xx, in words: a problem (RFC 9457) has a type and details. */
static int judge(struct acme_ca *ca)
{
	char type[128], detail[256];
	size_t prefix = sizeof problem_kinds - 1;
	if (ca->status >= 200 && ca->status < 300)
		return OK;
	if (ca->status >= 300 && ca->status < 400) {
		print_text(ca->reason, sizeof ca->reason,
		           "it answers %u: redirections are not followed", ca->status);
		return ERR_FAILED;
	}
	const struct json_value *text =
	        ca->is_json ? json_member_of(ca->values, "detail", JSON_STRING) : NULL;
	if (ca->is_json && acme_ca_text(ca->values, "type", type, sizeof type) &&
	    strncmp(type, problem_kinds, prefix) == 0)
		print_text(ca->problem, sizeof ca->problem, "%s", type + prefix);
	print_text(detail, sizeof detail, "%.*s",
	           text ? (int)(text->text_size < 250 ? text->text_size : 250) : 0,
	           text ? text->text : "");
	print_text(ca->reason, sizeof ca->reason, "it answers %u%s%s%s%s", ca->status,
	           ca->problem[0] ? " " : "", ca->problem, detail[0] ? ": " : "", detail);
	return ERR_FAILED;
}

int acme_ca_get(struct acme_ca *ca, const char *url)
{
	int error = request(ca, "GET", url, NULL, 0);
	return error ? error : judge(ca);
}

static int get_nonce(struct acme_ca *ca)
{
	int error = request(ca, "HEAD", ca->directory.new_nonce, NULL, 0);
	error = error ? error : judge(ca);
	if (!error && !ca->nonce[0])
		return acme_ca_fail(ca, ERR_MALFORMED, "it gives no nonce");
	return error;
}

static int post_once(struct acme_ca *ca, const char *url, const char *payload,
                     uint32_t payload_size)
{
	uint32_t size;
	int error = ca->nonce[0] ? OK : get_nonce(ca);
	if (error)
		return error;
	const struct acme_jws message = { .key = ca->key,
		                          .account = ca->account && ca->account[0] ? ca->account
		                                                                   : NULL,
		                          .nonce = ca->nonce,
		                          .url = url,
		                          .payload = payload,
		                          .payload_size = payload_size };
	char *text = acme_jws_print(&message, &size);
	if (!text)
		return acme_ca_fail(ca, ERR_MEMORY,
		                    "a message to it cannot be made for want of memory");
	ca->nonce[0] = '\0';
	error = request(ca, "POST", url, text, size);
	heap_free(text);
	return error ? error : judge(ca);
}

int acme_ca_post(struct acme_ca *ca, const char *url, const char *payload, uint32_t size)
{
	int error = ERR_FAILED;
	for (uint32_t k = 0; k < ACME_NONCE_TRIES; k++) {
		error = post_once(ca, url, payload, size);
		if (error != ERR_FAILED || strcmp(ca->problem, "badNonce") != 0)
			return error;
		ca->refused_nonces++;
	}
	return error;
}

int acme_ca_directory(struct acme_ca *ca, const char *url)
{
	const char *missing;
	if (ca->has_directory)
		return OK;
	int error = acme_ca_get(ca, url);
	if (error)
		return error;
	if (!ca->is_json)
		return acme_ca_fail(ca, ERR_MALFORMED, "it has no directory of ACME at that URL");
	if (!acme_directory_read(&ca->directory, ca->values, &missing)) {
		print_text(ca->reason, sizeof ca->reason, "its directory has no https URL as %s",
		           missing);
		return ERR_MALFORMED;
	}
	ca->has_directory = true;
	return OK;
}
