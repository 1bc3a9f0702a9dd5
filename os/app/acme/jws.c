/* SPDX-License-Identifier: ISC */
/* Messages that a key signs: JWS in its flattened form (RFC 7515 §7.2.2), as RFC 8555 §6.2 asks for it. */
#include <app/acme/internal.h>

#include <string.h>

#include <core/error.h>
#include <core/heap.h>

#define HEADER_MAX (2 * ACME_URL_MAX + ACME_NONCE_MAX + 512u)

static void coordinate(struct json_writer *w, const char *name, const uint8_t bytes[32])
{
	char text[ACME_BASE64URL_SIZE(32)];
	json_key(w, name);
	json_string_bytes(w, text, acme_base64url_print(text, bytes, 32));
}

/* Members in the order that RFC 7638 §3.3 gives a thumbprint's. */
void acme_jwk_print(struct json_writer *w, const struct acme_key *k)
{
	json_object(w);
	json_key(w, "crv");
	json_string(w, "P-256");
	json_key(w, "kty");
	json_string(w, "EC");
	coordinate(w, "x", k->point + 1);
	coordinate(w, "y", k->point + 33);
	json_object_end(w);
}

void acme_thumbprint(char to[ACME_THUMBPRINT_MAX], const struct acme_key *k)
{
	char text[256];
	uint8_t digest[SHA256_SIZE];
	struct json_writer w;
	json_writer_open(&w, text, sizeof text);
	acme_jwk_print(&w, k);
	json_writer_end(&w);
	sha256(digest, text, w.size);
	acme_base64url_print(to, digest, sizeof digest);
}

/* The header's and the payload's base 64 with a dot in between, which is what is signed. Null: no memory. */
static char *signed_text(const char *header, uint32_t header_size, const char *payload,
                         uint32_t payload_size, uint32_t *first, uint32_t *size)
{
	char *text = heap_alloc(ACME_BASE64URL_SIZE(header_size) +
	                        ACME_BASE64URL_SIZE(payload_size) + 1);
	if (!text)
		return NULL;
	*first = acme_base64url_print(text, header, header_size);
	text[*first] = '.';
	*size = *first + 1 +
	        acme_base64url_print(text + *first + 1, payload ? payload : "", payload_size);
	return text;
}

static void print_parts(struct json_writer *w, const char *text, uint32_t first, uint32_t size,
                        const void *signature, uint32_t signature_size)
{
	char sign[ACME_BASE64URL_SIZE(ACME_SIGNATURE_SIZE)];
	json_object(w);
	json_key(w, "protected");
	json_string_bytes(w, text, first);
	json_key(w, "payload");
	json_string_bytes(w, text + first + 1, size - first - 1);
	json_key(w, "signature");
	json_string_bytes(w, sign, acme_base64url_print(sign, signature, signature_size));
	json_object_end(w);
}

static int print_header(struct json_writer *w, const struct acme_jws *j)
{
	json_object(w);
	json_key(w, "alg");
	json_string(w, "ES256");
	if (j->account) {
		json_key(w, "kid");
		json_string(w, j->account);
	} else {
		json_key(w, "jwk");
		acme_jwk_print(w, j->key);
	}
	json_key(w, "nonce");
	json_string(w, j->nonce);
	json_key(w, "url");
	json_string(w, j->url);
	json_object_end(w);
	return json_writer_end(w);
}

char *acme_jws_print(const struct acme_jws *j, uint32_t *size)
{
	char header[HEADER_MAX], *to = NULL;
	uint8_t signature[ACME_SIGNATURE_SIZE];
	uint32_t first, all;
	struct json_writer w;
	json_writer_open(&w, header, sizeof header);
	if (print_header(&w, j))
		return NULL;
	char *text = signed_text(header, w.size, j->payload, j->payload_size, &first, &all);
	if (text && acme_key_sign(j->key, text, all, signature) == OK &&
	    (to = heap_alloc(all + 256))) {
		json_writer_open(&w, to, all + 256);
		print_parts(&w, text, first, all, signature, sizeof signature);
		if (json_writer_end(&w)) {
			heap_free(to);
			to = NULL;
		}
		*size = w.size;
	}
	heap_free(text);
	return to;
}

bool acme_jws_bind(struct json_writer *to, const struct acme_key *k, const char *url,
                   const char *account, const void *mac_key, uint32_t mac_key_size)
{
	char header[HEADER_MAX], payload[256];
	uint8_t mac[SHA256_SIZE];
	uint32_t first, all;
	struct json_writer w, p;
	json_writer_open(&w, header, sizeof header);
	json_object(&w);
	json_key(&w, "alg");
	json_string(&w, "HS256");
	json_key(&w, "kid");
	json_string(&w, account);
	json_key(&w, "url");
	json_string(&w, url);
	json_object_end(&w);
	json_writer_open(&p, payload, sizeof payload);
	acme_jwk_print(&p, k);
	if (json_writer_end(&w) || json_writer_end(&p))
		return false;
	char *text = signed_text(header, w.size, payload, p.size, &first, &all);
	if (!text)
		return false;
	sha256_hmac(mac, mac_key, mac_key_size, text, all);
	print_parts(to, text, first, all, mac, sizeof mac);
	heap_free(text);
	return true;
}
