/* SPDX-License-Identifier: ISC */
/* Proofs that a name is this server's: HTTP-01 (RFC 8555 §8.3) and TLS-ALPN-01 (RFC 8737). */
#include <app/acme/internal.h>

#include <string.h>

#include <core/error.h>
#include <core/log.h>
#include <core/print.h>

#include <app/http/http.h>
#include <app/tls/internal.h>

static const char path[] = "/.well-known/acme-challenge/:token";

static const char *word(enum acme_challenges kind)
{
	return kind == ACME_TLS_ALPN_01 ? "tls-alpn-01" : "http-01";
}

static const struct json_value *find(const struct json_value *authorization,
                                     enum acme_challenges kind)
{
	const struct json_value *list = json_member_of(authorization, "challenges", JSON_ARRAY),
	                        *one;
	for (uint32_t k = 0; list && (one = json_element(list, k)); k++) {
		const struct json_value *type = json_member_of(one, "type", JSON_STRING);
		if (type && strcmp(type->text, word(kind)) == 0)
			return one;
	}
	return NULL;
}

static bool show_by_tls(struct acme *a, const char *name)
{
	uint8_t digest[SHA256_SIZE], bytes[ACME_PROOF_MAX];
	struct acme_der d = { .bytes = bytes, .room = sizeof bytes };
	struct acme_key key;
	sha256(digest, a->proofs.answer, strlen(a->proofs.answer));
	if (acme_key_new(&key))
		return false;
	bool fine = acme_proof(&d, &key, name, digest) &&
	            tls_validation_show(a->options.tls, name, bytes, d.size, key.pair) == OK;
	acme_key_forget(&key);
	return fine;
}

bool acme_challenge_begin(struct acme *a, const struct json_value *authorization, const char *name,
                          char url[ACME_URL_MAX])
{
	enum acme_challenges first = a->options.challenges, other = ACME_ANY;
	char thumbprint[ACME_THUMBPRINT_MAX];
	if (first == ACME_ANY) {
		first = a->is_retried ? ACME_TLS_ALPN_01 : ACME_HTTP_01;
		other = a->is_retried ? ACME_HTTP_01 : ACME_TLS_ALPN_01;
	}
	a->kind = first;
	const struct json_value *c = find(authorization, first);
	if (!c && other) {
		a->kind = other;
		c = find(authorization, other);
	}
	struct acme_proofs *p = &a->proofs;
	if (!c || !acme_ca_text(c, "token", p->token, sizeof p->token) ||
	    !acme_base64url_is(p->token, (uint32_t)strlen(p->token)) ||
	    !acme_ca_url(c, "url", url)) {
		p->token[0] = '\0';
		return false;
	}
	acme_thumbprint(thumbprint, &a->account_key);
	print_text(p->answer, sizeof p->answer, "%s.%s", p->token, thumbprint);
	if (a->kind != ACME_TLS_ALPN_01 || show_by_tls(a, name))
		return true;
	p->token[0] = '\0';
	return false;
}

void acme_challenge_end(struct acme *a)
{
	a->proofs.token[0] = '\0';
	tls_validation_hide(a->options.tls);
}

static void answer(struct http_exchange *x, void *context)
{
	const struct acme *a = context;
	if (a->proofs.token[0] && http_text_is(http_parameter(x, "token"), a->proofs.token))
		http_reply(x, 200, "application/octet-stream", a->proofs.answer,
		           (uint32_t)strlen(a->proofs.answer));
	else
		http_fail(x, 404);
}

int acme_answer(struct acme *a, struct http_server *server)
{
	return http_route(server, "GET", path, answer, a);
}
