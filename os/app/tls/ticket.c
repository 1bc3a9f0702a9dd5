/* SPDX-License-Identifier: ISC */
/*
 * Session tickets (RFC 5077 §4 for their form, RFC 8446 §4.6.1): AES-256-CBC under HMAC-SHA-256, by keys that are drawn when
 * the image starts and again each period. The one before opens tickets for a period more. No key is ever written down, so that
 * what was recorded cannot be read once its keys are gone. A snapshot writes them down: a clone forgets them.
 */
#include <app/tls/internal.h>

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <core/clock.h>
#include <core/clone.h>
#include <core/error.h>
#include <core/random.h>

static void renew(struct tls_tickets *t)
{
	bool is_same = t->generation == clone_generation();
	t->before = t->now;
	t->has_before = is_same && t->renew_at != 0 && clock_now() < t->renew_at + t->period_ns;
	if (!t->has_before)
		OPENSSL_cleanse(&t->before, sizeof t->before);
	t->generation = clone_generation();
	random_bytes(&t->now, sizeof t->now);
	t->renew_at = clock_now() + t->period_ns;
}

int tls_tickets_start(struct tls_tickets *t, uint64_t period_ns)
{
	t->period_ns = period_ns;
	t->aes = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	renew(t);
	return t->aes ? OK : ERR_MEMORY;
}

static int set_keys(struct tls_tickets *t, struct tls_ticket_key *k, unsigned char *iv,
                    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypts)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof k->mac),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	return EVP_CipherInit_ex(cipher, t->aes, NULL, k->cipher, iv, encrypts) > 0 &&
	       EVP_MAC_CTX_set_params(mac, params) > 0;
}

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) says: 0: a full handshake; 1; 2: and a new ticket. */
static int use_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac, int encrypts)
{
	struct tls_tickets *t = &tls_of_context(SSL_get_SSL_CTX(ssl))->tickets;
	if (clock_now() >= t->renew_at || t->generation != clone_generation())
		renew(t);
	if (encrypts) {
		memcpy(name, t->now.name, sizeof t->now.name);
		random_bytes(iv, EVP_CIPHER_get_iv_length(t->aes) > 0 ? 16 : 0);
		return set_keys(t, &t->now, iv, cipher, mac, 1) ? 1 : -1;
	}
	if (memcmp(name, t->now.name, sizeof t->now.name) == 0)
		return set_keys(t, &t->now, iv, cipher, mac, 0) ? 1 : -1;
	if (t->has_before && memcmp(name, t->before.name, sizeof t->before.name) == 0)
		return set_keys(t, &t->before, iv, cipher, mac, 0) ? 2 : -1;
	return 0;
}

void tls_tickets_use(SSL_CTX *c)
{
	SSL_CTX_set_tlsext_ticket_key_evp_cb(c, use_key);
	SSL_CTX_set_num_tickets(c, 1);
}
