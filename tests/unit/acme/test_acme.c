/* SPDX-License-Identifier: ISC */
/*
 * The client's parts, judged by OpenSSL's own readers, and all of it against an authority in this file, which answers by the
 * book but for what a test spoils. Times are the tests' own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <app/tls/internal.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>

#include "world.h"

/* ---- Forms ---- */

/* RFC 4648 §10, and the two characters that are others. */
static void base64url_is_without_padding(void **state)
{
	char text[16];
	uint8_t bytes[8];
	(void)state;
	assert_int_equal(acme_base64url_print(text, "f", 1), 2);
	assert_string_equal(text, "Zg");
	acme_base64url_print(text, "\xfb\xff\xfe", 3);
	assert_string_equal(text, "-__-");
	assert_int_equal(acme_base64url_read(bytes, sizeof bytes, "-__-", 4), 3);
	assert_memory_equal(bytes, "\xfb\xff\xfe", 3);
	assert_int_equal(acme_base64url_read(bytes, sizeof bytes, "Zm9vYg", 6), 4);
	for (const char *const *bad =
	             (const char *const[]){ "", "Zg==", "Z", "a+b/", "a b", "ab\n", NULL };
	     *bad; bad++)
		assert_int_equal(
		        acme_base64url_read(bytes, sizeof bytes, *bad, (uint32_t)strlen(*bad)), 0);
	assert_int_equal(acme_base64url_read(bytes, 3, "Zm9vYg", 6), 0);
}

static void urls_are_https_and_nothing_else(void **state)
{
	struct acme_url u;
	char longest[ACME_URL_MAX + 1] = "https://a/";
	(void)state;
	assert_true(acme_url_read(&u, "https://ca.example/a?b=c"));
	assert_string_equal(u.host, "ca.example");
	assert_string_equal(u.target, "/a?b=c");
	assert_int_equal(u.port, 443);
	assert_true(acme_url_read(&u, "https://[2001:db8::1]:14000/dir"));
	assert_string_equal(u.host, "[2001:db8::1]");
	assert_int_equal(u.port, 14000);
	for (const char *const *bad = (const char *const[]){ "",
	                                                     "https://",
	                                                     "https:///a",
	                                                     "http://a/",
	                                                     "https://a",
	                                                     "https://a@b/",
	                                                     "https://a:/",
	                                                     "https://a:0/",
	                                                     "https://a:65536/",
	                                                     "https://a:1x/",
	                                                     "https://a:000443/",
	                                                     "https://[::1/",
	                                                     "https://[::1]x/",
	                                                     "https://a/\r\nX: y",
	                                                     "https://a/ b",
	                                                     "https://a/#b",
	                                                     "https://a?b/",
	                                                     "HTTPS://a/",
	                                                     "https://a/\x80",
	                                                     "https://:443/",
	                                                     NULL };
	     *bad; bad++)
		assert_false(acme_url_read(&u, *bad));
	memset(longest + 10, 'a', ACME_URL_MAX - 11);
	assert_true(acme_url_read(&u, longest));
	longest[ACME_URL_MAX - 1] = 'a';
	assert_false(acme_url_read(&u, longest));
}

static void times_are_read_and_printed(void **state)
{
	char text[ACME_TIME_TEXT];
	int64_t t;
	(void)state;
	assert_true(acme_time_read("1970-01-01T00:00:00Z", &t) && t == 0);
	assert_true(acme_time_read("2001-09-09T01:46:40Z", &t) && t == 1000000000);
	for (int64_t s = 0; s < 253402300799; s += 86400 * 13 + 4567) {
		char rfc[ACME_TIME_TEXT + 2];
		int64_t back;
		acme_time_print(text, s);
		memcpy(rfc, text, 20);
		rfc[10] = 'T';
		strcpy(rfc + 19, "Z");
		assert_true(acme_time_read(rfc, &back));
		assert_int_equal(back, s);
	}
	assert_true(acme_time_read("2024-02-29t23:59:60.123+01:30", &t));
	assert_int_equal(t, acme_time(2024, 2, 29, 22, 30, 0));
	assert_int_equal(acme_time(2000, 3, 1, 0, 0, 0) - acme_time(2000, 2, 28, 0, 0, 0),
	                 2 * 86400);
	assert_int_equal(acme_time(2100, 3, 1, 0, 0, 0) - acme_time(2100, 2, 28, 0, 0, 0), 86400);
	assert_string_equal(acme_time_print(text, 951782400), "2000-02-29 00:00:00");
	for (const char *const *bad =
	             (const char *const[]){ "", "2026", "2026-13-01T00:00:00Z",
	                                    "2026-00-01T00:00:00Z", "2026-01-32T00:00:00Z",
	                                    "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
	                                    "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
	                                    "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00+1:00",
	                                    "1969-12-31T00:00:00Z", NULL };
	     *bad; bad++)
		assert_false(acme_time_read(*bad, &t));
}

static void names_are_those_of_hosts(void **state)
{
	static struct acme_names n;
	char many[400] = "";
	(void)state;
	assert_int_equal(acme_names_read(&n, "A.example, b.example,a.EXAMPLE"), OK);
	assert_int_equal(n.count, 2);
	assert_string_equal(n.at[0], "a.example");
	assert_true(acme_names_have(&n, "b.example") && !acme_names_have(&n, "c.example"));
	assert_int_equal(acme_names_read(&n, "a\r\nb\n\nc\n"), OK);
	assert_int_equal(n.count, 3);
	for (const char *const *bad =
	             (const char *const[]){ "",     ",",   "a,,b",     "a,",   "*.a",
	                                    "-a",   "a-",  "a-.b",     ".a",   "a.",
	                                    "a..b", "a b", "1.2.3.4",  "::1",  "a:1",
	                                    "a/b",  "a_b", "\xc3\xb6", "a\tb", NULL };
	     *bad; bad++) {
		world_logged = 0;
		assert_int_equal(acme_names_read(&n, *bad), ERR_INVALID);
		assert_int_equal(world_logged, 1);
	}
	for (int k = 0; k < (int)ACME_NAMES_MAX; k++)
		sprintf(many + strlen(many), "%sa%d.b", k ? "," : "", k);
	assert_int_equal(acme_names_read(&n, many), OK);
	strcat(many, ",c");
	assert_int_equal(acme_names_read(&n, many), ERR_INVALID);
}

static void der_lengths_are_the_shortest(void **state)
{
	uint8_t bytes[70000];
	(void)state;
	for (uint32_t size = 0; size < 66000; size += size < 300 ? 1 : 9973) {
		struct acme_der d = { .bytes = bytes, .room = sizeof bytes };
		uint32_t all = acme_der_begin(&d, 0x30), in = acme_der_begin(&d, 4);
		static const uint8_t zeroes[66000];
		acme_der_bytes(&d, zeroes, size);
		acme_der_end(&d, in);
		acme_der_end(&d, all);
		const uint8_t *at = bytes;
		long length;
		int tag, class;
		if (size > UINT16_MAX - 8) {
			assert_true(d.failed);
			continue;
		}
		assert_false(d.failed);
		ASN1_get_object(&at, &length, &tag, &class, d.size);
		assert_int_equal(length, d.size - (uint32_t)(at - bytes));
		ASN1_get_object(&at, &length, &tag, &class, length);
		assert_int_equal(length, size);
		assert_true(size >= 0x80 || at == bytes + 2 + 2 + (size + 2 >= 0x80) * 1);
	}
	struct acme_der small = { .bytes = bytes, .room = 100 };
	acme_der_value(&small, 4, bytes, 99);
	assert_true(small.failed);
}

/* ---- Keys and messages ---- */

static void keys_are_printed_and_read(void **state)
{
	char text[ACME_KEY_TEXT];
	struct acme_key k, again;
	(void)state;
	assert_int_equal(acme_key_new(&k), OK);
	int size = acme_key_print(&k, text);
	assert_true(size > 200 && text[size] == '\0');
	assert_int_equal(acme_key_read(&again, text, (uint32_t)size), OK);
	assert_memory_equal(k.point, again.point, ACME_POINT_SIZE);
	assert_int_equal(EVP_PKEY_eq(k.pair, again.pair), 1);
	acme_key_forget(&again);
	for (int cut = 0; cut < size - 30; cut += 7)
		assert_int_equal(acme_key_read(&again, text, (uint32_t)cut), ERR_MALFORMED);
	EVP_PKEY *other = EVP_EC_gen("P-384");
	BIO *out = BIO_new(BIO_s_mem());
	char *pem;
	PEM_write_bio_PrivateKey(out, other, NULL, NULL, 0, NULL, NULL);
	long n = BIO_get_mem_data(out, &pem);
	assert_int_equal(acme_key_read(&again, pem, (uint32_t)n), ERR_MALFORMED);
	BIO_free(out);
	EVP_PKEY_free(other);
	acme_key_forget(&k);
}

static bool verifies(EVP_PKEY *pair, const char *text, size_t size, const uint8_t raw[64])
{
	uint8_t der[80], *end = der;
	ECDSA_SIG *s = ECDSA_SIG_new();
	ECDSA_SIG_set0(s, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
	int n = i2d_ECDSA_SIG(s, &end);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, pair);
	bool fine = EVP_DigestVerify(c, der, (size_t)n, (const uint8_t *)text, size) == 1;
	EVP_MD_CTX_free(c);
	ECDSA_SIG_free(s);
	return fine;
}

/* The parts of a message, and whether its signature is good. */
static bool take_message(char *text, uint32_t size, EVP_PKEY *pair, char header[4096],
                         char payload[16384])
{
	struct json_value v[8];
	char both[32768];
	uint8_t signature[64];
	assert_int_equal(json_parse(v, 8, text, size, NULL), OK);
	const struct json_value *h = json_member_of(v, "protected", JSON_STRING),
	                        *p = json_member_of(v, "payload", JSON_STRING),
	                        *s = json_member_of(v, "signature", JSON_STRING);
	assert_true(h && p && s && v->count == 3);
	header[acme_base64url_read(header, 4095, h->text, h->text_size)] = '\0';
	payload[acme_base64url_read(payload, 16383, p->text, p->text_size)] = '\0';
	assert_int_equal(acme_base64url_read(signature, 64, s->text, s->text_size), 64);
	int n = snprintf(both, sizeof both, "%s.%s", h->text, p->text);
	return verifies(pair, both, (size_t)n, signature);
}

static void messages_are_signed(void **state)
{
	char header[4096], payload[16384], body[1000];
	struct acme_key k;
	uint32_t size;
	(void)state;
	assert_int_equal(acme_key_new(&k), OK);
	struct acme_jws j = { .key = &k,
		              .nonce = "abc",
		              .url = "https://a/b",
		              .payload = "{\"a\":1}",
		              .payload_size = 7 };
	char *text = acme_jws_print(&j, &size);
	assert_non_null(text);
	assert_true(take_message(text, size, k.pair, header, payload));
	assert_string_equal(payload, "{\"a\":1}");
	assert_non_null(strstr(
	        header, "\"alg\":\"ES256\",\"jwk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\""));
	assert_non_null(strstr(header, "\"nonce\":\"abc\",\"url\":\"https://a/b\""));
	heap_free(text);
	j.account = "https://a/1";
	j.payload = NULL;
	j.payload_size = 0;
	text = acme_jws_print(&j, &size);
	assert_true(take_message(text, size, k.pair, header, payload));
	assert_string_equal(payload, "");
	assert_non_null(strstr(header, "\"kid\":\"https://a/1\""));
	assert_null(strstr(header, "jwk"));
	heap_free(text);
	/* RFC 8555 §7.3.4: HS256 over the account's key. */
	struct json_writer w;
	json_writer_open(&w, body, sizeof body);
	assert_true(acme_jws_bind(&w, &k, "https://a/new", "kid-1", "key", 3));
	assert_int_equal(json_writer_end(&w), OK);
	struct json_value v[8];
	uint8_t mac[32], want[32];
	char both[1000];
	assert_int_equal(json_parse(v, 8, body, w.size, NULL), OK);
	snprintf(both, sizeof both, "%s.%s", json_member(v, "protected")->text,
	         json_member(v, "payload")->text);
	sha256_hmac(want, "key", 3, both, strlen(both));
	acme_base64url_read(mac, 32, json_member(v, "signature")->text,
	                    json_member(v, "signature")->text_size);
	assert_memory_equal(mac, want, 32);
	acme_key_forget(&k);
}

/* RFC 7638's thumbprint: SHA-256 of the members in order, here by hand. */
static void thumbprints_are_those_of_the_key(void **state)
{
	char print[ACME_THUMBPRINT_MAX], text[300], x[44], y[44], want[44];
	uint8_t digest[32];
	struct acme_key k;
	(void)state;
	assert_int_equal(acme_key_new(&k), OK);
	acme_base64url_print(x, k.point + 1, 32);
	acme_base64url_print(y, k.point + 33, 32);
	int n = snprintf(text, sizeof text,
	                 "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
	sha256(digest, text, (size_t)n);
	acme_base64url_print(want, digest, 32);
	acme_thumbprint(print, &k);
	assert_string_equal(print, want);
	acme_key_forget(&k);
}

static void requests_for_certificates_are_read_by_others(void **state)
{
	static struct acme_names n;
	static uint8_t bytes[ACME_CSR_MAX];
	struct acme_key k;
	(void)state;
	assert_int_equal(acme_key_new(&k), OK);
	n.count = ACME_NAMES_MAX;
	for (uint32_t i = 0; i < n.count; i++) {
		memset(n.at[i], 'a' + (int)(i % 26), ACME_HOST_MAX - 1);
		n.at[i][ACME_HOST_MAX - 1] = '\0';
	}
	for (; n.count; n.count /= 2) {
		struct acme_der d = { .bytes = bytes, .room = sizeof bytes };
		assert_true(acme_csr(&d, &k, &n));
		const uint8_t *at = bytes;
		X509_REQ *r = d2i_X509_REQ(NULL, &at, d.size);
		assert_true(r && at == bytes + d.size);
		EVP_PKEY *pair = X509_REQ_get_pubkey(r);
		assert_int_equal(X509_REQ_verify(r, pair), 1);
		STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(r);
		GENERAL_NAMES *names = X509V3_get_d2i(list, NID_subject_alt_name, NULL, NULL);
		assert_int_equal(sk_GENERAL_NAME_num(names), n.count);
		assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(r)), 0);
		GENERAL_NAMES_free(names);
		sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
		EVP_PKEY_free(pair);
		X509_REQ_free(r);
	}
	acme_key_forget(&k);
}

/* RFC 8737 §3. */
static void proofs_have_one_name_and_the_digest(void **state)
{
	uint8_t bytes[ACME_PROOF_MAX], digest[32] = { 1, 2, 3 };
	struct acme_key k;
	char name[ACME_HOST_MAX];
	(void)state;
	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_int_equal(acme_key_new(&k), OK);
	struct acme_der d = { .bytes = bytes, .room = sizeof bytes };
	assert_true(acme_proof(&d, &k, name, digest));
	const uint8_t *at = bytes;
	X509 *x = d2i_X509(NULL, &at, d.size);
	assert_true(x && at == bytes + d.size);
	assert_int_equal(X509_verify(x, k.pair), 1);
	assert_int_equal(X509_get_version(x), 2);
	assert_true(ASN1_TIME_cmp_time_t(X509_get0_notBefore(x), world_wall) < 0 &&
	            ASN1_TIME_cmp_time_t(X509_get0_notAfter(x), world_wall) > 0);
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	int i = X509_get_ext_by_OBJ(x, oid, -1);
	assert_true(i >= 0);
	X509_EXTENSION *e = X509_get_ext(x, i);
	assert_int_equal(X509_EXTENSION_get_critical(e), 1);
	ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(e);
	assert_int_equal(ASN1_STRING_length(value), 34);
	assert_memory_equal(ASN1_STRING_get0_data(value), "\x04\x20\1\2\3", 5);
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(names), 1);
	GENERAL_NAMES_free(names);
	ASN1_OBJECT_free(oid);
	X509_free(x);
	acme_key_forget(&k);
}

/* ---- Times to renew and to wait ---- */

static void two_thirds_of_a_life_pass_before_a_renewal(void **state)
{
	struct acme_life l = { .from = 1000000, .to = 1000000 + 90 * 86400 };
	(void)state;
	for (uint64_t r = 0; r <= UINT32_MAX; r += 0x0fffffff) {
		int64_t at = acme_renewal_at(&l, 1000000 + 3600, (uint32_t)r);
		assert_in_range(at, l.from + 57 * 86400, l.from + 63 * 86400);
	}
	assert_true(acme_renewal_at(&l, 1000000, 0) != acme_renewal_at(&l, 1000000, UINT32_MAX));
}

static void a_wrong_clock_makes_no_storm_of_renewals(void **state)
{
	struct acme_life l = { .from = 1000000, .to = 1000000 + 90 * 86400 };
	(void)state;
	/* It is ahead: half of what is left. */
	int64_t now = l.from + 80 * 86400;
	assert_int_equal(acme_renewal_at(&l, now, 0), now + 5 * 86400);
	/* It is behind by years: the life is counted from its own now. */
	now = 5000;
	assert_in_range(acme_renewal_at(&l, now, 1), now + 57 * 86400, now + 63 * 86400);
}

static void waits_grow_to_a_day(void **state)
{
	uint64_t before = 0;
	(void)state;
	for (uint32_t n = 1; n < 1000; n++) {
		uint64_t s = acme_backoff_s(60, n, 0), most = acme_backoff_s(60, n, UINT32_MAX);
		assert_true(s >= before && s <= ACME_RETRY_MAX_S && most >= s && most <= s + s / 4);
		before = s;
	}
	assert_int_equal(acme_backoff_s(60, 1, 0), 60);
	assert_int_equal(acme_backoff_s(60, 4, 0), 3840);
	assert_int_equal(before, ACME_RETRY_MAX_S);
	assert_int_equal(acme_backoff_s(UINT64_MAX / 5, 1000, 0), ACME_RETRY_MAX_S);
}

static bool window(const char *json, int64_t *to)
{
	static char text[300];
	static struct json_value v[16];
	strcpy(text, json);
	assert_int_equal(json_parse(v, 16, text, (uint32_t)strlen(text), NULL), OK);
	return acme_renewal_in_window(v, UINT32_MAX / 2, to);
}

static void windows_of_renewal_are_read(void **state)
{
	int64_t at;
	(void)state;
	assert_true(window("{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\",\"end\":"
	                   "\"2025-01-03T04:00:00Z\"}}",
	                   &at));
	assert_in_range(at, acme_time(2025, 1, 2, 15, 59, 0), acme_time(2025, 1, 2, 16, 1, 0));
	assert_false(window("{\"suggestedWindow\":{\"start\":\"2025-01-03T04:00:00Z\",\"end\":"
	                    "\"2025-01-02T04:00:00Z\"}}",
	                    &at));
	assert_false(window("{\"suggestedWindow\":{\"start\":\"2025-01-03T04:00:00Z\"}}", &at));
	assert_false(window("{\"suggestedWindow\":{\"start\":1,\"end\":2}}", &at));
	assert_false(window("{\"suggestedWindow\":[]}", &at));
	assert_false(window("{}", &at));
}

static void plans_are_stored(void **state)
{
	struct acme_plan p = { 1, 2, 3, 4 }, q;
	char text[ACME_PLAN_TEXT];
	(void)state;
	acme_plan_print(&p, text);
	assert_true(acme_plan_read(&q, text) && q.renew_at == 1 && q.ask_at == 2 &&
	            q.not_before == 3 && q.failures == 4);
	for (const char *const *bad =
	             (const char *const[]){ "", "1 2 3", "1 2 3 4 5", "a 2 3 4", "-1 2 3 4",
	                                    "1 2 3 -4", "1 2 3 1001", "99999999999999999999 2 3 4",
	                                    "9223372036854775807 2 3 4", NULL };
	     *bad; bad++)
		assert_false(acme_plan_read(&q, *bad));
}

/* ---- Certificates ---- */

static void certificates_are_looked_at(void **state)
{
	static struct acme_names n;
	char chain[4096], key[ACME_KEY_TEXT], other[ACME_KEY_TEXT];
	struct acme_key k, stranger;
	struct acme_life life;
	(void)state;
	acme_key_new(&k);
	acme_key_new(&stranger);
	acme_names_read(&n, "a.example,b.a.example");
	uint32_t size = (uint32_t)acme_key_print(&k, key),
	         other_size = (uint32_t)acme_key_print(&stranger, other);
	world_make_chain(chain, sizeof chain, k.pair,
	                 (const char *const[]){ "a.example", "*.a.example", NULL },
	                 world_wall - 100, world_wall + 1000);
	assert_int_equal(
	        acme_certificate_look(&life, chain, (uint32_t)strlen(chain), key, size, &n), OK);
	assert_int_equal(life.from, world_wall - 100);
	assert_int_equal(life.to, world_wall + 1000);
	assert_string_equal(
	        life.id, "c2lnbmVy.AIdlQyE"); /* the serial number's sign octet is a part of it */
	assert_int_equal(
	        acme_certificate_look(&life, chain, (uint32_t)strlen(chain), other, other_size, &n),
	        ERR_INVALID);
	assert_int_equal(acme_certificate_look(&life, chain, 200, key, size, &n), ERR_MALFORMED);
	assert_int_equal(acme_certificate_look(&life, "", 0, key, size, &n), ERR_MALFORMED);
	world_make_chain(chain, sizeof chain, k.pair, (const char *const[]){ "a.example", NULL },
	                 world_wall - 100, world_wall + 1000);
	assert_int_equal(
	        acme_certificate_look(&life, chain, (uint32_t)strlen(chain), key, size, &n),
	        ERR_INVALID);
	world_make_chain(chain, sizeof chain, k.pair,
	                 (const char *const[]){ "a.example", "b.a.example", NULL },
	                 world_wall - 100, world_wall);
	assert_int_equal(
	        acme_certificate_look(&life, chain, (uint32_t)strlen(chain), key, size, &n),
	        ERR_INVALID);
	acme_key_forget(&k);
	acme_key_forget(&stranger);
}

/* ---- All of it ---- */
#define CA   "https://ca.example"
#define JSON "application/json"

static struct {
	uint32_t orders, accounts, posts, windows;
	bool is_answered; /* the challenge is */
	EVP_PKEY *key;    /* of the request */
	int64_t life;
	int64_t window; /* 0: it says nothing */
	char chain[4096], body[2048], nonce[16];
	/* What a test spoils: true, if it has answered. */
	bool (*spoil)(const char *method, const char *target, struct world_answer *);
} ca;

static void say(struct world_answer *a, uint32_t status, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	a->size = (uint32_t)vsnprintf(ca.body, sizeof ca.body, format, list);
	va_end(list);
	a->status = status;
	a->body = ca.body;
	a->type = JSON;
}

static void take_request(const char *body, uint32_t size)
{
	static char copy[65536], payload[16384];
	struct json_value v[8], p[64];
	memcpy(copy, body, size);
	assert_int_equal(json_parse(v, 8, copy, size, NULL), OK);
	const struct json_value *t = json_member(v, "payload");
	uint32_t n = acme_base64url_read(payload, sizeof payload - 1, t->text, t->text_size);
	assert_int_equal(json_parse(p, 64, payload, n, NULL), OK);
	static uint8_t der[8192];
	const struct json_value *csr = json_member_of(p, "csr", JSON_STRING);
	const uint8_t *at = der;
	n = acme_base64url_read(der, sizeof der, csr->text, csr->text_size);
	X509_REQ *r = d2i_X509_REQ(NULL, &at, n);
	assert_non_null(r);
	EVP_PKEY_free(ca.key);
	ca.key = X509_REQ_get_pubkey(r);
	X509_REQ_free(r);
}

static void answer_by_the_book(const char *method, const char *target, const char *body,
                               uint32_t size, struct world_answer *a)
{
	snprintf(ca.nonce, sizeof ca.nonce, "n%u", world_requests);
	a->nonce = ca.nonce;
	ca.posts += method[0] == 'P';
	if (ca.spoil && ca.spoil(method, target, a))
		return;
	if (!strcmp(target, "/dir")) {
		say(a, 200,
		    "{\"newNonce\":\"" CA "/n\",\"newAccount\":\"" CA "/a\",\"newOrder\":\"" CA
		    "/o\"%s}",
		    ca.window ? ",\"renewalInfo\":\"" CA "/r\"" : "");
	} else if (!strcmp(target, "/n")) {
		a->size = 0;
	} else if (!strcmp(target, "/a")) {
		ca.accounts++;
		say(a, 201, "{\"status\":\"valid\"}");
		a->location = CA "/a/1";
	} else if (!strcmp(target, "/o")) {
		ca.orders++;
		ca.is_answered = false;
		EVP_PKEY_free(ca.key);
		ca.key = NULL;
		say(a, 201,
		    "{\"status\":\"pending\",\"finalize\":\"" CA "/f\",\"authorizations\":[\"" CA
		    "/z\"]}");
		a->location = CA "/o/1";
	} else if (!strcmp(target, "/z")) {
		say(a, 200,
		    "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},"
		    "\"challenges\":[{\"type\":\"http-01\",\"url\":\"" CA
		    "/c\",\"token\":\"tok\"},{\"type\":\"tls-alpn-01\",\"url\":\"" CA
		    "/c\",\"token\":\"tok\"}]}",
		    ca.is_answered ? "valid" : "pending");
	} else if (!strcmp(target, "/c")) {
		ca.is_answered = true;
		say(a, 200, "{\"status\":\"processing\"}");
	} else if (!strcmp(target, "/f") || !strcmp(target, "/o/1")) {
		if (target[1] == 'f')
			take_request(body, size);
		say(a, 200,
		    "{\"status\":\"%s\",\"finalize\":\"" CA "/f\",\"authorizations\":[\"" CA
		    "/z\"]%s}",
		    ca.key ? "valid" : "ready", ca.key ? ",\"certificate\":\"" CA "/k\"" : "");
	} else if (!strcmp(target, "/k")) {
		world_make_chain(ca.chain, sizeof ca.chain, ca.key,
		                 (const char *const[]){ "a.example", NULL }, world_wall,
		                 world_wall + ca.life);
		a->body = ca.chain;
		a->size = (uint32_t)strlen(ca.chain);
		a->type = "application/pem-certificate-chain";
	} else if (!strncmp(target, "/r/", 3)) {
		char from[ACME_TIME_TEXT], to[ACME_TIME_TEXT];
		ca.windows++;
		acme_time_print(from, ca.window);
		acme_time_print(to, ca.window + 2);
		say(a, 200, "{\"suggestedWindow\":{\"start\":\"%sZ\",\"end\":\"%sZ\"}}", from, to);
	} else {
		fail_msg("%s %s", method, target);
	}
}

static struct tls tls;
static struct acme *start(void)
{
	struct acme *a;
	memset(&tls, 0, sizeof tls);
	const struct acme_options o = {
		.tls = &tls, .domains = "a.example", .directory = CA "/dir", .terms_agreed = true
	};
	assert_int_equal(acme_open(&a, &o), OK);
	return a;
}

/* As when an image ends: what it has is gone, but for the device. */
static void stop(struct acme *a)
{
	acme_key_forget(&a->account_key);
	for (uint32_t k = 0; k < tls.count; k++) {
		SSL_CTX_free(tls.contexts[k]);
		X509_free(tls.certificates[k]);
	}
	heap_free(a);
}

static int begin(void **state)
{
	(void)state;
	world_reset();
	EVP_PKEY_free(ca.key);
	memset(&ca, 0, sizeof ca);
	ca.life = 90 * 86400;
	world_authority = answer_by_the_book;
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_reset();
	EVP_PKEY_free(ca.key);
	ca.key = NULL;
	return 0;
}

/* Goes on for so many seconds. */
static void pass(struct acme *a, int64_t seconds)
{
	int64_t until = world_wall + seconds;
	for (uint64_t wait = 0; world_wall < until;) {
		wait = acme_step(a);
		if (world_wall + (int64_t)(wait / NS_PER_S) > until) {
			task_sleep_until(world_now_ns + (uint64_t)(until - world_wall) * NS_PER_S);
			return;
		}
		task_sleep_until(world_now_ns + wait);
	}
}

static void a_certificate_is_had_and_renewed(void **state)
{
	(void)state;
	struct acme *a = start();
	assert_int_equal(tls.count, 0);
	acme_step(a);
	assert_int_equal(tls.count, 1);
	assert_int_equal(ca.orders, 1);
	pass(a, 56 * 86400);
	assert_int_equal(ca.orders, 1);
	pass(a, 8 * 86400);
	assert_int_equal(ca.orders, 2);
	assert_int_equal(ca.accounts, 1);
	assert_int_equal(a->proofs.token[0], '\0');
	stop(a);
}

static void a_start_anew_asks_for_nothing_that_is_there(void **state)
{
	(void)state;
	struct acme *a = start();
	acme_step(a);
	stop(a);
	uint32_t before = world_requests;
	a = start();
	assert_int_equal(tls.count, 1);
	pass(a, 86400);
	assert_int_equal(world_requests, before);
	pass(a, 65 * 86400);
	assert_int_equal(ca.orders, 2);
	assert_int_equal(ca.accounts, 1);
	stop(a);
}

static bool refuse(const char *method, const char *target, struct world_answer *a)
{
	(void)method;
	if (strcmp(target, "/o") != 0)
		return false;
	ca.orders++;
	say(a, 403, "{\"type\":\"urn:ietf:params:acme:error:unauthorized\",\"detail\":\"no\"}");
	return true;
}

static void failures_wait_longer_each_time_and_over_restarts(void **state)
{
	(void)state;
	ca.spoil = refuse;
	struct acme *a = start();
	pass(a, 3600);
	assert_in_range(ca.orders, 3, 4); /* at 0, 60, 300, 1260 s, and up to a quarter later */
	pass(a, 30 * 86400);
	assert_in_range(ca.orders, 26, 40);
	uint32_t before = ca.orders;
	for (int k = 0; k < 100; k++) { /* an image that starts again and again */
		stop(a);
		a = start();
		pass(a, 60);
	}
	assert_in_range(ca.orders, before, before + 1);
	ca.spoil = NULL;
	pass(a, 2 * 86400);
	assert_int_equal(tls.count, 1);
	stop(a);
}

/* An image that ends amid each of its attempts counts them all the same. */
static void an_attempt_that_is_cut_off_counts(void **state)
{
	(void)state;
	struct acme *a = start();
	a->plan.failures = 3;
	world_has_device = true;
	ca.spoil = refuse;
	acme_step(a);
	stop(a);
	uint32_t before = ca.orders;
	a = start();
	assert_true(a->plan.failures == 4);
	pass(a, 3600);
	assert_int_equal(ca.orders, before);
	stop(a);
}

static bool limit(const char *method, const char *target, struct world_answer *a)
{
	bool refused = refuse(method, target, a);
	a->retry_after = refused ? "999999999999" : NULL;
	return refused;
}

static void retry_after_is_heeded_up_to_a_week(void **state)
{
	(void)state;
	ca.spoil = limit;
	struct acme *a = start();
	pass(a, 7 * 86400 - 60);
	assert_int_equal(ca.orders, 1);
	pass(a, 120);
	assert_int_equal(ca.orders, 2);
	stop(a);
}

static void a_clock_that_is_set_back_stops_nothing(void **state)
{
	(void)state;
	ca.spoil = refuse;
	struct acme *a = start();
	acme_step(a);
	world_wall -= 5 * 365 * 86400;
	ca.spoil = NULL;
	pass(a, 300);
	assert_int_equal(tls.count, 1);
	stop(a);
}

static void the_authority_may_ask_for_an_early_renewal(void **state)
{
	(void)state;
	ca.window = world_wall + 10 * 86400;
	struct acme *a = start();
	pass(a, 9 * 86400);
	assert_int_equal(ca.orders, 1);
	assert_in_range(ca.windows, 30, 45); /* each 6 h */
	pass(a, 86400 + 10);
	assert_int_equal(ca.orders, 2);
	/* It goes on to say "now", and is not believed more often than once in an hour. */
	pass(a, 10 * 3600 - 60);
	assert_in_range(ca.orders, 3, 12);
	stop(a);
}

static void a_window_beyond_the_life_of_a_certificate_is_cut(void **state)
{
	(void)state;
	ca.window = world_wall + 1000 * 86400;
	struct acme *a = start();
	pass(a, 80 * 86400);
	assert_int_equal(ca.orders, 1);
	pass(a, 2 * 86400);
	assert_int_equal(ca.orders, 2);
	stop(a);
}

static bool endless(const char *method, const char *target, struct world_answer *a)
{
	(void)method;
	static const char spaces[4096] = { [0 ... 4095] = ' ' };
	if (strcmp(target, "/dir") != 0)
		return false;
	a->body = spaces;
	a->size = sizeof spaces;
	a->endless = true;
	return true;
}

static bool no_nonce_is_good(const char *method, const char *target, struct world_answer *a)
{
	(void)target;
	if (method[0] != 'P')
		return false;
	say(a, 400, "{\"type\":\"urn:ietf:params:acme:error:badNonce\",\"detail\":\"never\"}");
	return true;
}

static bool waits_for_ever(const char *method, const char *target, struct world_answer *a)
{
	(void)method;
	if (strcmp(target, "/z") != 0 || !ca.is_answered)
		return false;
	say(a, 200, "{\"status\":\"pending\",\"identifier\":{\"value\":\"a.example\"}}");
	a->retry_after = "999999";
	return true;
}

static void what_an_authority_may_take_is_bounded(void **state)
{
	(void)state;
	ca.spoil = endless;
	struct acme *a = start();
	acme_step(a);
	assert_non_null(strstr(world_log, "GET /dir: its answer: too big"));
	stop(a);
	world_reset();
	ca.spoil = no_nonce_is_good;
	ca.posts = 0;
	a = start();
	acme_step(a);
	assert_int_equal(ca.posts, ACME_NONCE_TRIES);
	assert_int_equal(a->counters.refused_nonces, ACME_NONCE_TRIES);
	stop(a);
	world_reset();
	ca.spoil = waits_for_ever;
	a = start();
	uint64_t began = world_now_ns;
	acme_step(a);
	assert_true(world_now_ns - began <= ACME_VALIDATION_NS && world_requests < 40);
	assert_non_null(strstr(world_log, "has not looked whether the name is ours in time"));
	assert_int_equal(a->proofs.token[0], '\0');
	stop(a);
}

static bool validates_by_tls_alone(const char *method, const char *target, struct world_answer *a)
{
	(void)method;
	if (strcmp(target, "/z") != 0 || !ca.is_answered || world_shown[0])
		return false;
	say(a, 200,
	    "{\"status\":\"invalid\",\"identifier\":{\"value\":\"a.example\"},\"challenges\":[{"
	    "\"error\":{\"type\":"
	    "\"urn:ietf:params:acme:error:connection\",\"detail\":\"port 80 is closed\"}}]}");
	return true;
}

static void after_a_failure_the_other_challenge_is_answered(void **state)
{
	(void)state;
	ca.spoil = validates_by_tls_alone;
	struct acme *a = start();
	acme_step(a);
	assert_int_equal(tls.count, 0);
	assert_non_null(strstr(
	        world_log,
	        "a.example is not validated by http-01 (invalid): connection: port 80 is closed"));
	pass(a, 120);
	assert_int_equal(tls.count, 1);
	stop(a);
}

static void what_is_broken_on_the_device_is_asked_for_anew(void **state)
{
	(void)state;
	struct acme *a = start();
	acme_step(a);
	for (const char *const *name = (const char *const[]){ "chain", "key", "account-key",
	                                                      "account", "plan", NULL };
	     *name; name++) {
		assert_int_equal(
		        acme_store_put(&a->store, &(struct acme_record){ *name, "broken\n", 7 }, 1),
		        OK);
		stop(a);
		a = start();
		pass(a, 300);
		if (tls.count != 1)
			fail_msg("%s: %s", *name,
			         strlen(world_log) > 600 ? world_log + strlen(world_log) - 600
			                                 : world_log);
	}
	assert_int_equal(ca.orders, 3);
	stop(a);
}

static void without_a_device_it_works_and_says_so(void **state)
{
	(void)state;
	world_has_device = false;
	struct acme *a = start();
	assert_non_null(strstr(world_log, "there is no block device \"acme\""));
	acme_step(a);
	assert_int_equal(tls.count, 1);
	stop(a);
}

int main(void)
{
#define LIVE(f_) cmocka_unit_test_setup_teardown(f_, begin, end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64url_is_without_padding),
		cmocka_unit_test(urls_are_https_and_nothing_else),
		cmocka_unit_test(times_are_read_and_printed),
		cmocka_unit_test(names_are_those_of_hosts),
		cmocka_unit_test(der_lengths_are_the_shortest),
		cmocka_unit_test(keys_are_printed_and_read),
		cmocka_unit_test(messages_are_signed),
		cmocka_unit_test(thumbprints_are_those_of_the_key),
		cmocka_unit_test(requests_for_certificates_are_read_by_others),
		cmocka_unit_test(proofs_have_one_name_and_the_digest),
		cmocka_unit_test(two_thirds_of_a_life_pass_before_a_renewal),
		cmocka_unit_test(a_wrong_clock_makes_no_storm_of_renewals),
		cmocka_unit_test(waits_grow_to_a_day),
		cmocka_unit_test(windows_of_renewal_are_read),
		cmocka_unit_test(plans_are_stored),
		LIVE(certificates_are_looked_at),
		LIVE(a_certificate_is_had_and_renewed),
		LIVE(a_start_anew_asks_for_nothing_that_is_there),
		LIVE(failures_wait_longer_each_time_and_over_restarts),
		LIVE(an_attempt_that_is_cut_off_counts),
		LIVE(retry_after_is_heeded_up_to_a_week),
		LIVE(a_clock_that_is_set_back_stops_nothing),
		LIVE(the_authority_may_ask_for_an_early_renewal),
		LIVE(a_window_beyond_the_life_of_a_certificate_is_cut),
		LIVE(what_an_authority_may_take_is_bounded),
		LIVE(after_a_failure_the_other_challenge_is_answered),
		LIVE(what_is_broken_on_the_device_is_asked_for_anew),
		LIVE(without_a_device_it_works_and_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
