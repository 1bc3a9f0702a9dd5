/* SPDX-License-Identifier: ISC */
/* An order (RFC 8555 §7.4): names that are validated one after the other, then a certificate. */
#include <app/acme/internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/print.h>
#include <core/task.h>

#define PAYLOAD_MAX                                                                                \
	(ACME_BASE64URL_SIZE(ACME_CSR_MAX) + 64u) /* which is more than all names need */

struct order {
	char url[ACME_URL_MAX], finalize[ACME_URL_MAX], certificate[ACME_URL_MAX];
	char status[16];
	uint32_t count; /* of authorizations */
	char authorizations[ACME_NAMES_MAX][ACME_URL_MAX];
	char payload[PAYLOAD_MAX];
};

/* ---- What the authority says of an order ---- */

static int take(struct acme_ca *ca, struct order *o)
{
	const struct json_value *v = ca->values, *list, *one;
	if (!ca->is_json || !acme_ca_text(v, "status", o->status, sizeof o->status) ||
	    !acme_ca_url(v, "finalize", o->finalize))
		return acme_ca_fail(ca, ERR_MALFORMED,
		                    "its order has no status, or no https URL to finalize it");
	if (!acme_ca_url(v, "certificate", o->certificate))
		o->certificate[0] = '\0';
	list = json_member_of(v, "authorizations", JSON_ARRAY);
	o->count = 0;
	for (uint32_t k = 0; list && (one = json_element(list, k)); k++) {
		struct acme_url u;
		if (k == ACME_NAMES_MAX || one->kind != JSON_STRING ||
		    one->text_size >= ACME_URL_MAX || !acme_url_read(&u, one->text))
			return acme_ca_fail(ca, ERR_MALFORMED,
			                    "its order has too many authorizations, or one that is "
			                    "no https URL");
		memcpy(o->authorizations[o->count++], one->text, one->text_size + 1);
	}
	return OK;
}

/* Why an order or a challenge has failed, as its `error` says. */
static int told_why(struct acme_ca *ca, const struct json_value *v, const char *what)
{
	const struct json_value *e = v ? json_member_of(v, "error", JSON_OBJECT) : NULL;
	char type[128] = "", detail[256] = "";
	const struct json_value *text = e ? json_member_of(e, "detail", JSON_STRING) : NULL;
	if (e && !acme_ca_text(e, "type", type, sizeof type))
		type[0] = '\0';
	if (text)
		print_text(detail, sizeof detail, "%.*s",
		           (int)(text->text_size < 250 ? text->text_size : 250), text->text);
	const char *kind = strrchr(type, ':');
	print_text(ca->reason, sizeof ca->reason, "%s%s%s%s%s", what, type[0] ? ": " : "",
	           kind ? kind + 1 : type, detail[0] ? ": " : "", detail);
	return ERR_FAILED;
}

/* Until the authority wants to be asked again, or as long as the span before and one second. False: the deadline is there. */
static bool pause_before(struct acme_ca *ca, uint32_t *seconds, uint64_t deadline_ns)
{
	uint32_t s = ca->retry_s ? ca->retry_s : ++*seconds;
	s = s < ACME_POLL_MAX_S ? s : ACME_POLL_MAX_S;
	uint64_t until = clock_now() + s * NS_PER_S;
	if (until >= deadline_ns)
		return false;
	task_sleep_until(until);
	return true;
}

/* ---- Steps ---- */

static int print_new(struct acme *a, struct order *o, uint32_t *size)
{
	struct json_writer w;
	json_writer_open(&w, o->payload, sizeof o->payload);
	json_object(&w);
	json_key(&w, "identifiers");
	json_array(&w);
	for (uint32_t k = 0; k < a->names.count; k++) {
		json_object(&w);
		json_key(&w, "type");
		json_string(&w, "dns");
		json_key(&w, "value");
		json_string(&w, a->names.at[k]);
		json_object_end(&w);
	}
	json_array_end(&w);
	if (a->ca->directory.renewal_info[0] && a->life.id[0]) { /* RFC 9773 §5 */
		json_key(&w, "replaces");
		json_string(&w, a->life.id);
	}
	json_object_end(&w);
	*size = w.size;
	return json_writer_end(&w);
}

static int begin(struct acme *a, struct order *o)
{
	struct acme_ca *ca = a->ca;
	struct acme_url u;
	uint32_t size;
	int error = print_new(a, o, &size);
	error = error ? error : acme_ca_post(ca, ca->directory.new_order, o->payload, size);
	/* What was to be replaced is unknown there, or was replaced: that is no reason to go without. */
	if (error == ERR_FAILED && a->life.id[0] &&
	    (strcmp(ca->problem, "alreadyReplaced") == 0 ||
	     strcmp(ca->problem, "malformed") == 0)) {
		a->life.id[0] = '\0';
		error = print_new(a, o, &size);
		error = error ? error : acme_ca_post(ca, ca->directory.new_order, o->payload, size);
	}
	if (error)
		return error;
	memcpy(o->url, ca->location, sizeof o->url);
	if (!acme_url_read(&u, o->url))
		return acme_ca_fail(ca, ERR_MALFORMED, "it names no https URL of the order");
	return take(ca, o);
}

/* The name that an authorization is for, copied. False: it is none that was asked for. */
static bool name_of(struct acme *a, char to[ACME_HOST_MAX])
{
	const struct json_value *id =
	        a->ca->is_json ? json_member_of(a->ca->values, "identifier", JSON_OBJECT) : NULL;
	return id && acme_ca_text(id, "value", to, ACME_HOST_MAX) && acme_names_have(&a->names, to);
}

/* An authorization that is not valid: the challenge that was answered says why. */
static int refused(struct acme *a, const char *name, const char *status)
{
	char what[ACME_HOST_MAX + 96];
	const struct json_value *list = json_member_of(a->ca->values, "challenges", JSON_ARRAY),
	                        *one, *with = NULL;
	for (uint32_t k = 0; list && (one = json_element(list, k)); k++)
		with = json_member(one, "error") ? one : with;
	print_text(what, sizeof what, "%s is not validated by %s (%s)", name,
	           a->kind == ACME_TLS_ALPN_01 ? "tls-alpn-01" : "http-01", status);
	return told_why(a->ca, with, what);
}

/* From what the challenge was answered until the authority has looked. */
static int wait_valid(struct acme *a, const char *url, const char *name)
{
	uint64_t deadline_ns = clock_now() + ACME_VALIDATION_NS;
	uint32_t seconds = 0;
	char status[16];
	while (pause_before(a->ca, &seconds, deadline_ns)) {
		int error = acme_ca_post(a->ca, url, NULL, 0);
		if (error)
			return error;
		if (!a->ca->is_json ||
		    !acme_ca_text(a->ca->values, "status", status, sizeof status))
			return acme_ca_fail(a->ca, ERR_MALFORMED,
			                    "its authorization has no status");
		if (strcmp(status, "valid") == 0)
			return OK;
		if (strcmp(status, "pending") != 0 && strcmp(status, "processing") != 0)
			return refused(a, name, status);
	}
	return acme_ca_fail(a->ca, ERR_TIMEOUT,
	                    "it has not looked whether the name is ours in time");
}

static int authorize(struct acme *a, const char *url)
{
	char name[ACME_HOST_MAX], status[16], challenge[ACME_URL_MAX];
	struct acme_ca *ca = a->ca;
	int error = acme_ca_post(ca, url, NULL, 0);
	if (error)
		return error;
	if (!name_of(a, name) || !acme_ca_text(ca->values, "status", status, sizeof status))
		return acme_ca_fail(ca, ERR_MALFORMED,
		                    "its authorization is for no name that was asked for");
	if (strcmp(status, "valid") == 0)
		return OK;
	if (strcmp(status, "pending") != 0)
		return refused(a, name, status);
	if (!acme_challenge_begin(a, ca->values, name, challenge))
		return acme_ca_fail(ca, ERR_FAILED, "it offers no challenge that can be answered");
	log_info("acme", "%s: %s", name, a->kind == ACME_TLS_ALPN_01 ? "tls-alpn-01" : "http-01");
	error = acme_ca_post(ca, challenge, "{}", 2);
	error = error ? error : wait_valid(a, url, name);
	acme_challenge_end(a);
	return error;
}

static int finalize(struct acme *a, struct order *o, const struct acme_key *key)
{
	struct json_writer w;
	struct acme_der d = { .bytes = heap_alloc(ACME_CSR_MAX), .room = ACME_CSR_MAX };
	char *text = heap_alloc(ACME_BASE64URL_SIZE(ACME_CSR_MAX));
	bool fine = d.bytes && text && acme_csr(&d, key, &a->names);
	json_writer_open(&w, o->payload, sizeof o->payload);
	json_object(&w);
	json_key(&w, "csr");
	if (fine)
		json_string_bytes(&w, text, acme_base64url_print(text, d.bytes, d.size));
	json_object_end(&w);
	heap_free(d.bytes);
	heap_free(text);
	if (!fine || json_writer_end(&w))
		return acme_ca_fail(
		        a->ca, ERR_MEMORY,
		        "a request for a certificate cannot be made for want of memory");
	int error = acme_ca_post(a->ca, o->finalize, o->payload, w.size);
	return error ? error : take(a->ca, o);
}

/* Until the order is what is wanted; ERR_FAILED: it has come to something else. */
static int wait_status(struct acme_ca *ca, struct order *o, const char *wanted,
                       const char *meanwhile, uint64_t deadline_ns)
{
	uint32_t seconds = 0;
	for (;;) {
		if (strcmp(o->status, wanted) == 0)
			return OK;
		if (strcmp(o->status, meanwhile) != 0) {
			char what[64];
			print_text(what, sizeof what, "its order is %s", o->status);
			return told_why(ca, ca->values, what);
		}
		if (!pause_before(ca, &seconds, deadline_ns))
			return acme_ca_fail(ca, ERR_TIMEOUT, "it has not signed in time");
		int error = acme_ca_post(ca, o->url, NULL, 0);
		error = error ? error : take(ca, o);
		if (error)
			return error;
	}
}

static int run(struct acme *a, struct order *o, const struct acme_key *key)
{
	struct acme_ca *ca = a->ca;
	int error = begin(a, o);
	for (uint32_t k = 0; !error && strcmp(o->status, "pending") == 0 && k < o->count; k++)
		error = authorize(a, o->authorizations[k]);
	uint64_t deadline_ns = clock_now() + ACME_ISSUE_NS;
	if (!error && strcmp(o->status, "pending") == 0) {
		ca->retry_s = 0;
		error = acme_ca_post(ca, o->url, NULL, 0);
		error = error ? error : take(ca, o);
	}
	error = error ? error : wait_status(ca, o, "ready", "pending", deadline_ns);
	error = error ? error : finalize(a, o, key);
	error = error ? error : wait_status(ca, o, "valid", "processing", deadline_ns);
	if (error)
		return error;
	if (!o->certificate[0])
		return acme_ca_fail(ca, ERR_MALFORMED,
		                    "its order is valid, and has no https URL of a certificate");
	return acme_ca_post(ca, o->certificate, NULL, 0);
}

int acme_order_run(struct acme *a, const struct acme_key *key)
{
	struct order *o = heap_alloc_zero(1, sizeof *o);
	if (!o)
		return acme_ca_fail(a->ca, ERR_MEMORY, "no memory is left for an order");
	int error = run(a, o, key);
	heap_free(o);
	return error;
}
