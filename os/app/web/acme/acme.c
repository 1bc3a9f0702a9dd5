/* SPDX-License-Identifier: ISC */
/* HTTPS whose certificate an authority signs while the service runs. */
#include <app/web/acme/acme.h>

#include <string.h>

#include <core/error.h>
#include <core/log.h>

#include <app/web/tls/internal.h>

static int refuse(const char *why)
{
	log_error("web", "%s", why);
	return ERR_INVALID;
}

/* What can be answered: HTTP-01 needs HTTP. */
static int choose(struct acme_options *to, const char *word, bool has_http)
{
	if (strcmp(word, "any") == 0 || strcmp(word, "tls-alpn-01") == 0)
		to->challenges = word[0] == 't' || !has_http ? ACME_TLS_ALPN_01 : ACME_ANY;
	else if (strcmp(word, "http-01") != 0)
		return refuse("acme-challenge is any, http-01 or tls-alpn-01");
	else if (!has_http)
		return refuse(
		        "acme-challenge is http-01, and port is 0: there is no HTTP to answer by");
	else
		to->challenges = ACME_HTTP_01;
	return OK;
}

int web_acme_serve(struct http_server **to, const struct web_options *o,
                   const struct web_tls_options *t, const struct web_acme_options *w)
{
	struct acme_options options = w->acme;
	struct http_server *http;
	struct acme *acme;
	bool has_domains = options.domains && options.domains[0];
	if (has_domains && w->names.size)
		return refuse("acme-domain and acme-names are given: one of them has all names");
	if (w->names.size)
		options.domains = w->names.bytes;
	else if (!has_domains)
		return web_tls_serve(to, o, t);
	if (t->certificate.bytes || t->key.bytes || t->renewal.bytes)
		return refuse(
		        "names for ACME have certificates signed and renewed: certificate, key "
		        "and renewal are not given beside it");
	int error = choose(&options, w->challenge, o->http.port);
	error = error ? error : web_tls_open(&options.tls);
	error = error ? error : acme_open(&acme, &options);
	error = error ? error : web_tls_listen(to, &http, options.tls, o, t);
	if (!error && http)
		error = acme_answer(acme, http);
	return error ? error : acme_start(acme);
}
