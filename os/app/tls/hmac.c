/* SPDX-License-Identifier: ISC */
/*
 * HMAC (RFC 2104) and TLS 1.3's key schedule (RFC 8446 §7.1) by SHA-256 and SHA-384. A handshake derives some twenty keys; libcrypto fetches
 * a digest, makes three contexts of it and copies them for each. Here they are three structs on the stack.
 *
 * The schedule is the algorithm TLS13-KDF of our provider (provider.c), for libssl: everything it derives from is given with the call, and
 * a context keeps nothing. EVP_Q_mac, which Finished and HKDF's first half are made with, comes here and goes on to libcrypto's own for
 * any other digest.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA384_Init and its like: the digests without contexts on the heap */
#include <app/tls/internal.h>

#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/sha.h>

#define BLOCK_MAX  128u
#define DIGEST_MAX SHA384_DIGEST_LENGTH
#define LABEL_MAX  255u
#define DATA_MAX   EVP_MAX_MD_SIZE

/* ---- Digests ---- */
struct digest {
	uint32_t size, block;
	bool is_long;
};
static const struct digest sha256 = { SHA256_DIGEST_LENGTH, SHA256_CBLOCK, false };
static const struct digest sha384 = { SHA384_DIGEST_LENGTH, SHA512_CBLOCK, true };

union state {
	SHA256_CTX sha256;
	SHA512_CTX sha384;
};

static const struct digest *digest_named(const char *name)
{
	if (!name)
		return NULL;
	if (strcmp(name, "SHA2-384") == 0 || strcmp(name, "SHA384") == 0)
		return &sha384;
	return strcmp(name, "SHA2-256") == 0 || strcmp(name, "SHA256") == 0 ? &sha256 : NULL;
}

static void start(const struct digest *d, union state *s)
{
	if (d->is_long)
		SHA384_Init(&s->sha384);
	else
		SHA256_Init(&s->sha256);
}

static void add(const struct digest *d, union state *s, const void *bytes, size_t size)
{
	if (d->is_long)
		SHA384_Update(&s->sha384, bytes, size);
	else
		SHA256_Update(&s->sha256, bytes, size);
}

static void finish(const struct digest *d, union state *s, uint8_t *to)
{
	if (d->is_long)
		SHA384_Final(to, &s->sha384);
	else
		SHA256_Final(to, &s->sha256);
}

/* ---- HMAC ---- */
struct keyed { /* both digests, once the key has gone into them */
	const struct digest *digest;
	union state inner, outer;
};

static void key_start(struct keyed *k, const struct digest *d, const uint8_t *key, size_t size)
{
	uint8_t pad[BLOCK_MAX] = { 0 };
	k->digest = d;
	if (size > d->block) {
		start(d, &k->inner);
		add(d, &k->inner, key, size);
		finish(d, &k->inner, pad);
	} else if (size) {
		memcpy(pad, key, size);
	}
	for (uint32_t i = 0; i < d->block; i++)
		pad[i] ^= 0x36;
	start(d, &k->inner);
	add(d, &k->inner, pad, d->block);
	for (uint32_t i = 0; i < d->block; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	start(d, &k->outer);
	add(d, &k->outer, pad, d->block);
	OPENSSL_cleanse(pad, sizeof pad);
}

/* Ends what was added to `inner`, a copy of the key's. */
static void key_finish(const struct keyed *k, union state *inner, uint8_t *to)
{
	union state outer = k->outer;
	finish(k->digest, inner, to);
	add(k->digest, &outer, to, k->digest->size);
	finish(k->digest, &outer, to); /* which erases it */
}

static void hmac(const struct digest *d, const uint8_t *key, size_t key_size, const uint8_t *bytes,
                 size_t size, uint8_t *to)
{
	struct keyed k;
	key_start(&k, d, key, key_size);
	add(d, &k.inner, bytes, size);
	key_finish(&k, &k.inner, to);
	OPENSSL_cleanse(&k, sizeof k);
}

unsigned char *tls_quick_mac(OSSL_LIB_CTX *, const char *name, const char *properties,
                             const char *digest, const OSSL_PARAM *, const void *key,
                             size_t key_size, const unsigned char *bytes, size_t size,
                             unsigned char *to, size_t room,
                             size_t *used) __asm__("__wrap_EVP_Q_mac");
unsigned char *tls_quick_mac_any(OSSL_LIB_CTX *, const char *name, const char *properties,
                                 const char *digest, const OSSL_PARAM *, const void *key,
                                 size_t key_size, const unsigned char *bytes, size_t size,
                                 unsigned char *to, size_t room,
                                 size_t *used) __asm__("__real_EVP_Q_mac");

unsigned char *tls_quick_mac(OSSL_LIB_CTX *c, const char *name, const char *properties,
                             const char *digest, const OSSL_PARAM *params, const void *key,
                             size_t key_size, const unsigned char *bytes, size_t size,
                             unsigned char *to, size_t room, size_t *used)
{
	const struct digest *d = strcmp(name, "HMAC") == 0 ? digest_named(digest) : NULL;
	if (!d || params || !key || !to || room < d->size)
		return tls_quick_mac_any(c, name, properties, digest, params, key, key_size, bytes,
		                         size, to, room, used);
	hmac(d, key, key_size, bytes, size, to);
	if (used)
		*used = d->size;
	return to;
}

/* ---- The key schedule ---- */
struct bytes {
	const uint8_t *at;
	size_t size;
};

/* Of a parameter; nothing where it is not there. */
static struct bytes bytes_of(const OSSL_PARAM *params, const char *name)
{
	const void *at = NULL;
	size_t size = 0;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);
	if (!p || !OSSL_PARAM_get_octet_string_ptr(p, &at, &size))
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ at, size };
}

/* HKDF-Expand-Label: RFC 5869 §2.3 with RFC 8446 §7.1's info. False: it is too long. */
static bool expand(const struct digest *d, struct bytes secret, struct bytes prefix,
                   struct bytes label, struct bytes context, uint8_t *to, size_t size)
{
	uint8_t info[2 + 1 + LABEL_MAX + 1 + DATA_MAX + 1], block[DIGEST_MAX];
	size_t n = 0, before = 0;
	struct keyed k;
	if (prefix.size + label.size > LABEL_MAX || context.size > DATA_MAX ||
	    size > 255u * d->size)
		return false;
	info[n++] = (uint8_t)(size >> 8);
	info[n++] = (uint8_t)size;
	info[n++] = (uint8_t)(prefix.size + label.size);
	memcpy(info + n, prefix.at, prefix.size), n += prefix.size;
	memcpy(info + n, label.at, label.size), n += label.size;
	info[n++] = (uint8_t)context.size;
	if (context.size)
		memcpy(info + n, context.at, context.size), n += context.size;
	info[n++] = 0;
	key_start(&k, d, secret.at, secret.size);
	while (size) {
		size_t part = size < d->size ? size : d->size;
		union state inner = k.inner;
		info[n - 1]++;
		add(d, &inner, block, before);
		add(d, &inner, info, n);
		key_finish(&k, &inner, block);
		memcpy(to, block, part);
		to += part;
		size -= part;
		before = d->size;
	}
	OPENSSL_cleanse(&k, sizeof k);
	OPENSSL_cleanse(block, sizeof block);
	return true;
}

/* HKDF-Extract with the secret before as its salt, derived by the label from a hash of nothing; the first has none before it. */
static bool extract(const struct digest *d, struct bytes before, struct bytes in,
                    struct bytes prefix, struct bytes label, uint8_t *to, size_t size)
{
	static const uint8_t zeros[DIGEST_MAX];
	uint8_t nothing[DIGEST_MAX], salt[DIGEST_MAX];
	bool has_salt = before.at;
	if (size != d->size)
		return false;
	if (!in.at)
		in = (struct bytes){ zeros, d->size };
	if (has_salt) {
		union state s;
		start(d, &s);
		finish(d, &s, nothing);
		if (!expand(d, before, prefix, label, (struct bytes){ nothing, d->size }, salt,
		            d->size))
			return false;
	}
	hmac(d, salt, has_salt ? d->size : 0, in.at, in.size, to);
	OPENSSL_cleanse(salt, sizeof salt);
	return true;
}

/* ---- As TLS13-KDF (provider-kdf(7)) ---- */

static void *new_context(void *provider)
{
	return provider;
}

static void free_context(void *context)
{
	(void)context;
}

static int derive(void *context, unsigned char *to, size_t size, const OSSL_PARAM params[])
{
	(void)context;
	const OSSL_PARAM *p;
	const char *name = NULL;
	int mode = -1;
	if ((p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_DIGEST)))
		OSSL_PARAM_get_utf8_string_ptr(p, &name);
	if ((p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_MODE)))
		OSSL_PARAM_get_int(p, &mode);
	const struct digest *d = digest_named(name);
	struct bytes key = bytes_of(params, OSSL_KDF_PARAM_KEY),
	             prefix = bytes_of(params, OSSL_KDF_PARAM_PREFIX),
	             label = bytes_of(params, OSSL_KDF_PARAM_LABEL);
	if (!d || !prefix.at || !label.at)
		return 0;
	if (mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
		return extract(d, bytes_of(params, OSSL_KDF_PARAM_SALT), key, prefix, label, to,
		               size);
	return mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY && key.at &&
	       expand(d, key, prefix, label, bytes_of(params, OSSL_KDF_PARAM_DATA), to, size);
}

const OSSL_DISPATCH tls_schedule_functions[] = {
	{ OSSL_FUNC_KDF_NEWCTX, (void (*)(void))new_context },
	{ OSSL_FUNC_KDF_FREECTX, (void (*)(void))free_context },
	{ OSSL_FUNC_KDF_RESET, (void (*)(void))free_context },
	{ OSSL_FUNC_KDF_DERIVE, (void (*)(void))derive },
	{ 0, NULL },
};
