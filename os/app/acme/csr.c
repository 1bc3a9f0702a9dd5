/* SPDX-License-Identifier: ISC */
/* What is signed with a certificate's own key: a request for one (RFC 2986), and the proof of TLS-ALPN-01 (RFC 8737 §3). */
#include <app/acme/internal.h>

#include <string.h>

#include <core/random.h>

#define SEQUENCE    0x30
#define SET         0x31
#define OID         0x06
#define OCTETS      0x04
#define BITS        0x03
#define INTEGER     0x02
#define BOOLEAN     0x01
#define UTF8        0x0c
#define CONTEXT(n_) (0xa0 | (n_)) /* constructed */
#define DNS_NAME    0x82          /* RFC 5280 §4.2.1.6 */
#define SKEW_S      86400         /* who looks at a proof may have another clock */

static const uint8_t ecdsa_sha256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2 };
static const uint8_t public_key[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1 };
static const uint8_t curve[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
static const uint8_t extension_request[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 14 };
static const uint8_t alternative_name[] = { 0x55, 0x1d, 0x11 };
static const uint8_t acme_identifier[] = { 0x2b, 6, 1, 5, 5, 7, 1, 31 };
static const uint8_t common_name[] = { 0x55, 4, 3 };

static void oid(struct acme_der *d, const uint8_t *bytes, uint32_t size)
{
	acme_der_value(d, OID, bytes, size);
}
#define PUT_OID(d_, of_) oid(d_, of_, sizeof of_)

static void algorithm(struct acme_der *d)
{
	uint32_t all = acme_der_begin(d, SEQUENCE);
	PUT_OID(d, ecdsa_sha256);
	acme_der_end(d, all);
}

/* A bit string of whole octets. */
static void bits(struct acme_der *d, const void *bytes, uint32_t size)
{
	uint32_t all = acme_der_begin(d, BITS);
	acme_der_bytes(d, "", 1);
	acme_der_bytes(d, bytes, size);
	acme_der_end(d, all);
}

/* SubjectPublicKeyInfo (RFC 5480 §2). */
static void public_part(struct acme_der *d, const struct acme_key *k)
{
	uint32_t all = acme_der_begin(d, SEQUENCE), of = acme_der_begin(d, SEQUENCE);
	PUT_OID(d, public_key);
	PUT_OID(d, curve);
	acme_der_end(d, of);
	bits(d, k->point, ACME_POINT_SIZE);
	acme_der_end(d, all);
}

/* `names` lie ACME_HOST_MAX bytes from each other. */
static void names_extension(struct acme_der *d, const char *names, uint32_t count)
{
	uint32_t all = acme_der_begin(d, SEQUENCE);
	PUT_OID(d, alternative_name);
	uint32_t octets = acme_der_begin(d, OCTETS), list = acme_der_begin(d, SEQUENCE);
	for (; count--; names += ACME_HOST_MAX)
		acme_der_value(d, DNS_NAME, names, (uint32_t)strlen(names));
	acme_der_end(d, list);
	acme_der_end(d, octets);
	acme_der_end(d, all);
}

/* Ends what began at `all`: what is there in it is signed, which is all of it. */
static bool sign(struct acme_der *d, uint32_t all, const struct acme_key *k)
{
	uint8_t signature[ACME_SIGNATURE_DER];
	int size = d->failed ? -1 : acme_key_sign_der(k, d->bytes + all, d->size - all, signature);
	if (size < 0)
		return false;
	algorithm(d);
	bits(d, signature, (uint32_t)size);
	acme_der_end(d, all);
	return !d->failed;
}

/* The subject is empty: names stand where they are looked for (RFC 8555 §7.4). */
bool acme_csr(struct acme_der *d, const struct acme_key *k, const struct acme_names *n)
{
	uint32_t all = acme_der_begin(d, SEQUENCE), info = acme_der_begin(d, SEQUENCE);
	acme_der_value(d, INTEGER, "", 1);
	acme_der_value(d, SEQUENCE, "", 0);
	public_part(d, k);
	uint32_t attributes = acme_der_begin(d, CONTEXT(0)),
	         attribute = acme_der_begin(d, SEQUENCE);
	PUT_OID(d, extension_request);
	uint32_t set = acme_der_begin(d, SET), extensions = acme_der_begin(d, SEQUENCE);
	names_extension(d, n->at[0], n->count);
	acme_der_end(d, extensions);
	acme_der_end(d, set);
	acme_der_end(d, attribute);
	acme_der_end(d, attributes);
	acme_der_end(d, info);
	return sign(d, all, k);
}

static void name(struct acme_der *d)
{
	static const char text[] = "ACME challenge";
	uint32_t all = acme_der_begin(d, SEQUENCE), set = acme_der_begin(d, SET),
	         one = acme_der_begin(d, SEQUENCE);
	PUT_OID(d, common_name);
	acme_der_value(d, UTF8, text, sizeof text - 1);
	acme_der_end(d, one);
	acme_der_end(d, set);
	acme_der_end(d, all);
}

bool acme_proof(struct acme_der *d, const struct acme_key *k, const char *of,
                const uint8_t digest[SHA256_SIZE])
{
	static const uint8_t v3 = 2, yes = 0xff;
	uint8_t serial[16];
	int64_t now = acme_now();
	random_bytes(serial, sizeof serial);
	serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, and of all 16 bytes */
	uint32_t all = acme_der_begin(d, SEQUENCE), body = acme_der_begin(d, SEQUENCE),
	         version = acme_der_begin(d, CONTEXT(0));
	acme_der_value(d, INTEGER, &v3, 1);
	acme_der_end(d, version);
	acme_der_value(d, INTEGER, serial, sizeof serial);
	algorithm(d);
	name(d);
	uint32_t life = acme_der_begin(d, SEQUENCE);
	acme_der_time(d, now - SKEW_S);
	acme_der_time(d, now + SKEW_S);
	acme_der_end(d, life);
	name(d);
	public_part(d, k);
	uint32_t tagged = acme_der_begin(d, CONTEXT(3)), extensions = acme_der_begin(d, SEQUENCE);
	names_extension(d, of, 1);
	uint32_t extension = acme_der_begin(d, SEQUENCE);
	PUT_OID(d, acme_identifier);
	acme_der_value(d, BOOLEAN, &yes, 1);
	uint32_t octets = acme_der_begin(d, OCTETS);
	acme_der_value(d, OCTETS, digest, SHA256_SIZE);
	acme_der_end(d, octets);
	acme_der_end(d, extension);
	acme_der_end(d, extensions);
	acme_der_end(d, tagged);
	acme_der_end(d, body);
	return sign(d, all, k);
}
