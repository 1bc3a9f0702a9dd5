/* SPDX-License-Identifier: ISC */
/* Digests, policies and signatures: what each flipped bit, each line and each key does. tests/sign has the real minisign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include <tender/digest.h>
#include <tender/trust.h>

#include "sample.h"

#define SIZE (SAMPLE_SIZE + sizeof(struct amp_digest))

static uint8_t file[SIZE];

static void make(void)
{
	struct sample s;
	sample_make(&s);
	s.note.note.flags = AMP_NOTE_DIGEST;
	memcpy(file, &s, sizeof s);
	const struct amp_digest d = digest_of(file, SAMPLE_SIZE);
	memcpy(file + SAMPLE_SIZE, &d, sizeof d);
}

/* Opens and checks these bytes: 0 or -1. */
static int check(size_t size, bool *found, struct defect *why)
{
	struct image image;
	struct amp_digest d;
	int status = image_open(&image, sample_write(file, size), why);
	if (!status) {
		status = digest_check(&image, found, &d, why);
		image_close(&image);
	}
	sample_remove();
	return status;
}

static void a_whole_image_passes(void **state)
{
	bool found;
	struct defect why;
	(void)state;
	make();
	assert_int_equal(check(SIZE, &found, &why), 0);
	assert_true(found);
}

/* One bit of each byte, another one each time; all of the headers', note's and digest's. */
static void each_flipped_bit_is_refused_in_a_line(void **state)
{
	(void)state;
	make();
	for (size_t at = 0; at < SIZE; at++) {
		bool all = at < 512 || at >= SAMPLE_SIZE ||
		           (at >= 2 * AMP_PAGE && at < 2 * AMP_PAGE + 256);
		for (unsigned bit = all ? 0 : at % 8; bit < (all ? 8 : at % 8 + 1); bit++) {
			bool found;
			struct defect why = { "" };
			file[at] ^= (uint8_t)(1 << bit);
			if (!check(SIZE, &found, &why))
				fail_msg("byte %zu, bit %u: it would run", at, bit);
			assert_true(*why.text && !strchr(why.text, '\n'));
			file[at] ^= (uint8_t)(1 << bit);
		}
	}
}

static void each_missing_and_added_byte_is_refused(void **state)
{
	bool found;
	struct defect why;
	uint8_t longer[SIZE + 1] = { 0 };
	(void)state;
	make();
	for (size_t size = 0; size < SIZE; size += size < SIZE - 300 ? 97 : 1)
		if (!check(size, &found, &why))
			fail_msg("%zu bytes of %zu: it would run", size, SIZE);
	struct image image;
	struct amp_digest d;
	memcpy(longer, file, SIZE);
	assert_int_equal(image_open(&image, sample_write(longer, sizeof longer), &why), 0);
	assert_int_equal(digest_check(&image, &found, &d, &why), -1);
	image_close(&image);
	sample_remove();
}

static void an_older_image_has_no_digest(void **state)
{
	bool found;
	struct defect why;
	struct sample s;
	(void)state;
	sample_make(&s);
	s.note.note.abi_minor = 2;
	memcpy(file, &s, sizeof s);
	assert_int_equal(check(SAMPLE_SIZE, &found, &why), 0);
	assert_false(found);
	/* and cannot promise one */
	s.note.note.flags = AMP_NOTE_DIGEST;
	memcpy(file, &s, sizeof s);
	assert_int_equal(check(SAMPLE_SIZE, &found, &why), -1);
	assert_non_null(strstr(why.text, "flags"));
}

/* SHA-256, as the first images of ABI 1.3 have it. */
static void a_digest_of_the_older_kind_says_build_it_again(void **state)
{
	bool found;
	struct defect why;
	struct amp_digest d;
	(void)state;
	make();
	memcpy(&d, file + SAMPLE_SIZE, sizeof d);
	memcpy(&d.magic, "amdigest", sizeof d.magic);
	memcpy(file + SAMPLE_SIZE, &d, sizeof d);
	assert_int_equal(check(SIZE, &found, &why), -1);
	assert_string_equal(why.text,
	                    "ends with a digest of an older kind (SHA-256): build it again");
}

static void a_segment_may_not_hold_the_digest(void **state)
{
	bool found;
	struct defect why;
	struct sample s;
	(void)state;
	sample_make(&s);
	s.note.note.flags = AMP_NOTE_DIGEST;
	s.rodata.p_filesz = s.rodata.p_memsz = SIZE - s.rodata.p_offset;
	memcpy(file, &s, sizeof s);
	const struct amp_digest d = digest_of(file, SAMPLE_SIZE);
	memcpy(file + SAMPLE_SIZE, &d, sizeof d);
	assert_int_equal(check(SIZE, &found, &why), -1);
	assert_non_null(strstr(why.text, "digest"));
}

/* ---- Policies ---- */

static char folder[] = "/tmp/ampoule-trust-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
	return path[turn];
}

static const char *put(const char *name, const void *bytes, size_t size)
{
	const char *path = in_folder(name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	fclose(f);
	return path;
}

#define KEY "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"

static const struct {
	const char *text;
	const char *defect; /* null: it is good */
	enum policy_images images;
	unsigned keys;
} policies[] = {
	{ "images: any\n", NULL, POLICY_ANY, 0 },
	{ "images: digest", NULL, POLICY_DIGEST, 0 },
	{ "# all\n---\nimages:  'digest'   # why\r\n\n", NULL, POLICY_DIGEST, 0 },
	{ "images: signed\nkeys:\n  - " KEY "\n", NULL, POLICY_SIGNED, 1 },
	{ "keys:\n- " KEY " # one\n- \"" KEY "\"\nimages: signed\n", NULL, POLICY_SIGNED, 2 },
	{ "keys:\n  - ours.pub\nimages: signed\n", NULL, POLICY_SIGNED, 1 },
	{ "", "says nothing", 0, 0 },
	{ "# images: any\n", "says nothing", 0, 0 },
	{ "images: signed\n", "names no key", 0, 0 },
	{ "images: sometimes\n", ":1: images is any", 0, 0 },
	{ "images: any\nimages: any\n", ":2: images is there twice", 0, 0 },
	{ "images: any\nimage: signed\n", ":2: a policy has", 0, 0 },
	{ "images : any\n", ":1: a policy has", 0, 0 },
	{ "  images: any\n", ":1: a policy has", 0, 0 },
	{ "images: any\nkeys: " KEY "\n", ":2: a policy has", 0, 0 },
	{ "images: any\n- " KEY "\n", ":2: an item of no list", 0, 0 },
	{ "images: any\nkeys:\n  -\n", ":3: an item names", 0, 0 },
	{ "images: any\nkeys:\n  - absent.pub\n", ":3: key /", 0, 0 },
	{ "images: any\nkeys:\n  - " KEY "A\n", ":3: key /", 0, 0 },
	{ "images: any\nkeys:\n  - .\n", ":3: key /", 0, 0 },
};

static void each_policy_is_read_or_refused_by_its_line(void **state)
{
	static struct policy p;
	(void)state;
	put("ours.pub", "untrusted comment: ours\n" KEY "\n", 25 + 56);
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
		struct defect why = { "" };
		const char *path = put("policy.yaml", policies[i].text, strlen(policies[i].text));
		int status = policy_read(&p, path, &why);
		if (policies[i].defect ? status != -1 || !strstr(why.text, policies[i].defect)
		                       : status || p.images != policies[i].images ||
		                                 p.key_count != policies[i].keys)
			fail_msg("policy %zu: status %d, %s", i, status, why.text);
	}
	struct defect why;
	assert_int_equal(policy_read(&p, in_folder("none.yaml"), &why), POLICY_NONE);
	assert_int_equal(policy_read(&p, folder, &why), -1);
	static char much[POLICY_SIZE_MAX + 1];
	memset(much, '#', sizeof much);
	assert_int_equal(policy_read(&p, put("policy.yaml", much, sizeof much), &why), -1);
	assert_int_equal(policy_read(&p, put("policy.yaml", "images: any\n\0", 13), &why), -1);
}

/* ---- Signatures ---- */

static uint8_t public[32], secret[64];
static const uint8_t id[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static const char *encode(const void *bytes, size_t size)
{
	static char text[4][256];
	static unsigned turn;
	turn = (turn + 1) % 4;
	return sodium_bin2base64(text[turn], sizeof text[turn], bytes, size,
	                         sodium_base64_VARIANT_ORIGINAL);
}

static void write_signature(const char *path, const uint8_t *bytes, size_t size,
                            const char *comment)
{
	struct {
		char algorithm[2];
		uint8_t id[8], signature[64];
	} s = { "ED" };
	uint8_t hash[64], whole[64], both[64 + 256];
	char text[1024];
	memcpy(s.id, id, sizeof id);
	minisign_hash(bytes, size, hash);
	crypto_sign_ed25519_detached(s.signature, NULL, hash, sizeof hash, secret);
	memcpy(both, s.signature, 64);
	memcpy(both + 64, comment, strlen(comment));
	crypto_sign_ed25519_detached(whole, NULL, both, 64 + strlen(comment), secret);
	snprintf(text, sizeof text, "untrusted comment: x\n%s\ntrusted comment: %s\n%s\n",
	         encode(&s, sizeof s), comment, encode(whole, sizeof whole));
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const char *public_text(void)
{
	struct {
		char algorithm[2];
		uint8_t id[8], key[32];
	} k = { "Ed" };
	memcpy(k.id, id, sizeof id);
	memcpy(k.key, public, sizeof public);
	return encode(&k, sizeof k);
}

static int open_with(const char *key, const char *image_path, struct defect *why)
{
	static struct trust trust;
	static struct trust_finding found;
	struct trust_options o = { .keys = { key },
		                   .key_count = 1,
		                   .policy = in_folder("any.yaml") };
	struct image image;
	if (trust_load(&trust, &o, why))
		return -1;
	int status = trust_open(&trust, &image, image_path, &found, why);
	if (!status)
		image_close(&image);
	return status;
}

static void a_signature_holds_for_its_bytes_key_and_comment(void **state)
{
	struct defect why;
	char key[64], signature[160];
	(void)state;
	make();
	put("any.yaml", "images: any\n", 12);
	crypto_sign_ed25519_keypair(public, secret);
	snprintf(key, sizeof key, "%s", public_text());
	const char *path = put("signed.amp", file, SIZE);
	snprintf(signature, sizeof signature, "%s.minisig", path);
	assert_int_equal(open_with(key, path, &why), -1);
	assert_non_null(strstr(why.text, "is not signed"));
	write_signature(signature, file, SIZE, "by the test");
	assert_int_equal(open_with(key, path, &why), 0);

	assert_int_equal(open_with(KEY, path, &why), -1);
	assert_non_null(strstr(why.text, "does not name"));

	/* another image, whole by itself */
	file[AMP_PAGE] ^= 1;
	const struct amp_digest d = digest_of(file, SAMPLE_SIZE);
	memcpy(file + SAMPLE_SIZE, &d, sizeof d);
	put("signed.amp", file, SIZE);
	assert_int_equal(open_with(key, path, &why), -1);
	assert_non_null(strstr(why.text, "is not what was signed"));

	/* each byte of the signature's file */
	char text[1024], changed[1024];
	write_signature(signature, file, SIZE, "by the test");
	assert_int_equal(open_with(key, path, &why), 0);
	FILE *f = fopen(signature, "r");
	assert_non_null(f);
	size_t size = fread(text, 1, sizeof text, f), first = strcspn(text, "\n");
	fclose(f);
	for (size_t at = first + 1; at + 1 < size; at++) {
		memcpy(changed, text, size);
		changed[at] = changed[at] == 'x' ? 'y' : 'x';
		put("signed.amp.minisig", changed, size);
		if (!open_with(key, path, &why))
			fail_msg("byte %zu of the signature may be anything", at);
	}
	for (size_t n = 0; n + 2 < size; n++) {
		put("signed.amp.minisig", text, n);
		assert_int_equal(open_with(key, path, &why), -1);
	}
}

static void what_is_checked_is_a_copy(void **state)
{
	struct image image;
	struct defect why;
	uint8_t byte;
	(void)state;
	make();
	const char *path = put("copied.amp", file, SIZE);
	assert_int_equal(image_open_copy(&image, path, &why), 0);
	uint8_t before = file[AMP_PAGE];
	file[AMP_PAGE] ^= 0xff;
	put("copied.amp", file, SIZE);
	assert_int_equal(pread(image.fd, &byte, 1, AMP_PAGE), 1);
	assert_int_equal(byte, before);
	assert_int_equal(pwrite(image.fd, &byte, 1, AMP_PAGE), -1);
	image_close(&image);
}

static int begin(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
	static const char *const names[] = { "policy.yaml", "ours.pub",   "signed.amp",
		                             "any.yaml",    "copied.amp", "signed.amp.minisig" };
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(in_folder(names[i]));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_image_passes),
		cmocka_unit_test(each_flipped_bit_is_refused_in_a_line),
		cmocka_unit_test(each_missing_and_added_byte_is_refused),
		cmocka_unit_test(an_older_image_has_no_digest),
		cmocka_unit_test(a_digest_of_the_older_kind_says_build_it_again),
		cmocka_unit_test(a_segment_may_not_hold_the_digest),
		cmocka_unit_test(each_policy_is_read_or_refused_by_its_line),
		cmocka_unit_test(a_signature_holds_for_its_bytes_key_and_comment),
		cmocka_unit_test(what_is_checked_is_a_copy),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
