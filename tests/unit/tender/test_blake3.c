/* SPDX-License-Identifier: ISC */
/*
 * BLAKE3 in each width that this processor has: the specification's inputs (byte i is i % 251) of lengths about the borders of
 * blocks, chunks, vectors and groups, in one piece and in random ones. The digests are b3sum's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tender/blake3.h>

#define LONGEST 102400u
#define ROUNDS  40u

static const struct {
	size_t size;
	const char *digest;
} known[] = {
	{ 0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262" },
	{ 1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213" },
	{ 63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b" },
	{ 64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98" },
	{ 65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee" },
	{ 1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11" },
	{ 1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7" },
	{ 1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444" },
	{ 2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a" },
	{ 2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030" },
	{ 3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2" },
	{ 3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3" },
	{ 4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969" },
	{ 4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995" },
	{ 5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833" },
	{ 6144, "3e2e5b74e048f3add6d21faab3f83aa44d3b2278afb83b80b3c35164ebeca205" },
	{ 7168, "61da957ec2499a95d6b8023e2b0e604ec7f6b50e80a9678b89d2628e99ada77a" },
	{ 7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817" },
	{ 8191, "bae8dc916e8643c6cf024097237cde1cba35c05b5d84c02834cb6b886edb76d9" },
	{ 8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63" },
	{ 8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b" },
	{ 16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4" },
	{ 16385, "1dabe216be2578830263b049de1639f39f05a4da616b9b78c7a5e4e41662fd1f" },
	{ 31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47" },
	{ 102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085" },
};
#define KNOWN (sizeof known / sizeof *known)

static uint8_t
        input[LONGEST + 1]; /* from the second byte on, so that no word lies on its boundary */

static void is_right(unsigned lanes, unsigned k, size_t most)
{
	struct blake3 h;
	uint8_t digest[BLAKE3_SIZE];
	char text[2 * BLAKE3_SIZE + 1];
	blake3_start(&h);
	h.lanes = lanes;
	for (size_t at = 0, n; at < known[k].size; at += n) {
		n = most ? (size_t)rand() % most : known[k].size;
		n = n < known[k].size - at ? n : known[k].size - at;
		blake3_add(&h, input + 1 + at, n);
	}
	blake3_end(&h, digest);
	for (unsigned i = 0; i < BLAKE3_SIZE; i++)
		snprintf(text + (size_t)2 * i, 3, "%02x", digest[i]);
	if (strcmp(text, known[k].digest) != 0)
		fail_msg("%zu bytes by %u lanes, pieces below %zu: %s", known[k].size, lanes, most,
		         text);
}

static void are_right(unsigned lanes)
{
	const size_t pieces[] = { 64, 1500, 3000, 10000, 40000 };
	srand(1);
	for (unsigned i = 1; i <= LONGEST; i++)
		input[i] = (uint8_t)((i - 1) % 251);
	for (unsigned k = 0; k < KNOWN; k++) {
		is_right(lanes, k, 0);
		for (unsigned r = 0; r < ROUNDS; r++)
			is_right(lanes, k, pieces[r % (sizeof pieces / sizeof *pieces)]);
	}
}

static void digests_are_the_specifications_by_numbers(void **state)
{
	(void)state;
	are_right(1);
}

static void digests_are_the_specifications_by_vectors_of_4(void **state)
{
	(void)state;
	are_right(4);
}

static void digests_are_the_specifications_by_vectors_of_8(void **state)
{
	(void)state;
	if (!blake3_has_avx2())
		skip();
	are_right(8);
}

static void the_start_picks_the_widest(void **state)
{
	struct blake3 h;
	(void)state;
	blake3_start(&h);
	assert_int_equal(h.lanes, blake3_has_avx2() ? 8 : 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_the_specifications_by_numbers),
		cmocka_unit_test(digests_are_the_specifications_by_vectors_of_4),
		cmocka_unit_test(digests_are_the_specifications_by_vectors_of_8),
		cmocka_unit_test(the_start_picks_the_widest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
