/* SPDX-License-Identifier: ISC */
/* The vectors of FIPS 180-4's examples, RFC 4231 and RFC 7914 §11, and every way to cut a message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <core/sha256.h>

static void is(const uint8_t *got, const char *want)
{
	char text[2 * SHA256_SIZE + 1];
	for (unsigned k = 0; k < SHA256_SIZE; k++)
		snprintf(text + 2 * k, 3, "%02x", got[k]);
	assert_string_equal(text, want);
}

static void sums_are_those_of_the_standard(void **state)
{
	(void)state;
	uint8_t sum[SHA256_SIZE];
	static char million[1000000];
	sha256(sum, "", 0);
	is(sum, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256(sum, "abc", 3);
	is(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256(sum, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
	is(sum, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(million, 'a', sizeof million);
	sha256(sum, million, sizeof million);
	is(sum, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void pieces_make_no_difference(void **state)
{
	(void)state;
	uint8_t bytes[300], whole[SHA256_SIZE], sum[SHA256_SIZE];
	for (unsigned k = 0; k < sizeof bytes; k++)
		bytes[k] = (uint8_t)(k * 7);
	for (unsigned size = 0; size <= sizeof bytes; size++) {
		sha256(whole, bytes, size);
		for (unsigned cut = 0; cut <= size; cut += 1 + cut / 5) {
			struct sha256 s;
			sha256_begin(&s);
			sha256_add(&s, bytes, cut);
			sha256_add(&s, bytes + cut, size - cut);
			sha256_end(&s, sum);
			assert_memory_equal(sum, whole, sizeof sum);
		}
	}
}

static void hmac_is_that_of_rfc_4231(void **state)
{
	(void)state;
	uint8_t sum[SHA256_SIZE], key[131];
	memset(key, 0x0b, 20);
	sha256_hmac(sum, key, 20, "Hi There", 8);
	is(sum, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	sha256_hmac(sum, "Jefe", 4, "what do ya want for nothing?", 28);
	is(sum, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, 131);
	sha256_hmac(sum, key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54);
	is(sum, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static unsigned pauses;

static void pause_here(void)
{
	pauses++;
}

static void pbkdf2_is_that_of_rfc_7914(void **state)
{
	(void)state;
	uint8_t key[SHA256_SIZE];
	sha256_pbkdf2(key, "passwd", 6, "salt", 4, 1, NULL);
	is(key, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
	sha256_pbkdf2(key, "password", 8, "salt", 4, 4096, pause_here);
	is(key, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a");
	assert_int_equal(pauses, 15);
}

static void what_differs_in_one_bit_is_not_the_same(void **state)
{
	(void)state;
	uint8_t a[40] = { 0 }, b[40] = { 0 };
	assert_true(bytes_same(a, b, sizeof a));
	for (unsigned k = 0; k < 8 * sizeof a; k++) {
		b[k / 8] ^= (uint8_t)(1u << k % 8);
		assert_false(bytes_same(a, b, sizeof a));
		b[k / 8] ^= (uint8_t)(1u << k % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_those_of_the_standard),
		cmocka_unit_test(pieces_make_no_difference),
		cmocka_unit_test(hmac_is_that_of_rfc_4231),
		cmocka_unit_test(pbkdf2_is_that_of_rfc_7914),
		cmocka_unit_test(what_differs_in_one_bit_is_not_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
