/* SPDX-License-Identifier: ISC */
/* The small parts: values, SHA-256, text, suggestions, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <builder/complaint.h>
#include <builder/draw.h>
#include <builder/instead.h>
#include <builder/pulled.h>
#include <builder/text.h>
#include <builder/value.h>
#include <tender/sha256.h>

#include "folder.h"

static void values_have_one_reading(void **state)
{
	static const struct {
		enum amp_arg_type type;
		const char *text;
		uint64_t number;
	} good[] = {
		{ AMP_ARG_U16, "0", 0 },
		{ AMP_ARG_U16, "65535", 65535 },
		{ AMP_ARG_U32, "4294967295", UINT32_MAX },
		{ AMP_ARG_BOOL, "true", 1 },
		{ AMP_ARG_BOOL, "false", 0 },
		{ AMP_ARG_STRING, "", 0 },
		{ AMP_ARG_IPV4, "192.0.2.1", 0xc0000201 },
		{ AMP_ARG_CIDR, "10.0.0.2/24", 0x0a000002ull << 8 | 24 },
		{ AMP_ARG_CIDR, "0.0.0.0/0", 0 },
		{ AMP_ARG_DURATION, "1ns", 1 },
		{ AMP_ARG_DURATION, "250ms", 250000000 },
		{ AMP_ARG_DURATION, "2m", 120000000000 },
		{ AMP_ARG_DURATION, "1h", 3600000000000 },
		{ AMP_ARG_SIZE, "123", 123 },
		{ AMP_ARG_SIZE, "64K", 65536 },
		{ AMP_ARG_SIZE, "2G", 2ull << 30 },
	}, bad[] = {
		{ AMP_ARG_U16, "65536", 0 },	     { AMP_ARG_U16, "-1", 0 },	       { AMP_ARG_U16, "", 0 },
		{ AMP_ARG_U16, " 1", 0 },	     { AMP_ARG_U16, "0x10", 0 },       { AMP_ARG_U16, "1 ", 0 },
		{ AMP_ARG_U32, "4294967296", 0 },    { AMP_ARG_U32, "1.5", 0 },	       { AMP_ARG_BOOL, "yes", 0 },
		{ AMP_ARG_BOOL, "True", 0 },	     { AMP_ARG_BOOL, "1", 0 },	       { AMP_ARG_IPV4, "1.2.3", 0 },
		{ AMP_ARG_IPV4, "1.2.3.4.5", 0 },    { AMP_ARG_IPV4, "1.2.3.256", 0 }, { AMP_ARG_IPV4, "1..2.3", 0 },
		{ AMP_ARG_CIDR, "1.2.3.4", 0 },	     { AMP_ARG_CIDR, "1.2.3.4/33", 0 }, { AMP_ARG_CIDR, "1.2.3.4/", 0 },
		{ AMP_ARG_DURATION, "5", 0 },	     { AMP_ARG_DURATION, "5 s", 0 },   { AMP_ARG_DURATION, "1d", 0 },
		{ AMP_ARG_DURATION, "99999999h", 0 }, { AMP_ARG_SIZE, "5T", 0 },	       { AMP_ARG_SIZE, "K", 0 },
		{ AMP_ARG_SIZE, "18446744073709551616", 0 }, { AMP_ARG_SIZE, "18014398509481984K", 0 },
		{ AMP_ARG_STRING, "a\xff", 0 },	     { AMP_ARG_STRING, "a\nb", 0 },    { 0, "1", 0 }, { 99, "1", 0 },
	};
	uint64_t number;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		const char *why = value_parse(good[i].type, good[i].text, &number);
		if (why || number != good[i].number)
			fail_msg("%s: %s, %llu", good[i].text, why ? why : "ok",
			         (unsigned long long)number);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!value_parse(bad[i].type, bad[i].text, &number))
			fail_msg("type %d: '%s' was taken for %llu", bad[i].type, bad[i].text,
			         (unsigned long long)number);
}

static void names_follow_the_abi(void **state)
{
	(void)state;
	assert_true(value_is_name("a"));
	assert_true(value_is_name("0-a_b.c"));
	assert_true(value_is_name("abcdefghijabcdefghijabcdefghija"));
	assert_false(value_is_name("abcdefghijabcdefghijabcdefghijab"));
	assert_false(value_is_name(""));
	assert_false(value_is_name("-a"));
	assert_false(value_is_name("A"));
	assert_false(value_is_name("a b"));
	assert_false(value_is_name("a/b"));
	assert_string_equal(value_size_text(65536), "64K");
	assert_string_equal(value_size_text(16 << 20), "16M");
	assert_string_equal(value_size_text(1025), "1025");
	assert_string_equal(value_size_text(0), "0");
	assert_string_equal(value_ipv4_text(0xc0000201), "192.0.2.1");
}

static const char *digest_of(const void *bytes, size_t size, size_t step)
{
	struct sha256 h;
	uint8_t d[32];
	struct text t = { 0 };

	sha256_start(&h);
	for (size_t at = 0; at < size; at += step)
		sha256_add(&h, (const char *)bytes + at, size - at < step ? size - at : step);
	sha256_end(&h, d);
	for (unsigned i = 0; i < 32; i++)
		text_add(&t, "%02x", d[i]);
	return t.s;
}

/* NIST's examples for FIPS 180-4, and the million letters a. */
static void sha256_gives_the_standards_digests(void **state)
{
	static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	char *many = keep(1000000);

	(void)state;
	memset(many, 'a', 1000000);
	assert_string_equal(digest_of("", 0, 1),
	                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_string_equal(digest_of("abc", 3, 3),
	                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	for (size_t step = 1; step < sizeof two; step++)
		assert_string_equal(
		        digest_of(two, sizeof two - 1, step),
		        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	assert_string_equal(digest_of(many, 1000000, 997),
	                    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void draws_are_stable_and_apart(void **state)
{
	(void)state;
	assert_int_equal(draw_number(7, "base"), draw_number(7, "base"));
	assert_int_not_equal(draw_number(7, "base"), draw_number(8, "base"));
	assert_int_not_equal(draw_number(7, "base"), draw_number(7, ".text*"));
}

static void suggests_what_is_near_and_nothing_else(void **state)
{
	static const char *const words[] = { "name", "memory", "interfaces", "ring" };

	(void)state;
	assert_string_equal(nearest("memroy", words, 4), "memory");
	assert_string_equal(nearest("interface", words, 4), "interfaces");
	assert_string_equal(nearest("nmae", words, 4), "name");
	assert_null(nearest("colour", words, 4));
	assert_null(nearest("", words, 4));
	assert_null(nearest("x", words, 0));
}

static void utf8_is_checked_strictly(void **state)
{
	(void)state;
	assert_true(utf8_is_valid("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10));
	assert_false(utf8_is_valid("\xc0\x80", 2));
	assert_false(utf8_is_valid("\xe0\x80\x80", 3));
	assert_false(utf8_is_valid("\xed\xa0\x80", 3));
	assert_false(utf8_is_valid("\xf4\x90\x80\x80", 4));
	assert_false(utf8_is_valid("\xc3", 1));
	assert_false(utf8_is_valid("a\0b", 3));
	assert_true(text_is_clean("a b", 3));
	assert_false(text_is_clean("a\nb", 3));
}

static void unchanged_files_are_left_alone(void **state)
{
	struct text t = { 0 };
	struct stat a, b, c;

	(void)state;
	text_add(&t, "one");
	assert_true(file_update(folder_path("f"), &t));
	assert_int_equal(stat(folder_path("f"), &a), 0);
	assert_true(file_update(folder_path("f"), &t));
	assert_int_equal(stat(folder_path("f"), &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	text_add(&t, "two");
	assert_true(file_update(folder_path("f"), &t));
	size_t size;
	assert_string_equal((char *)file_read(folder_path("f"), &size), "onetwo");
	assert_int_equal(size, 6);
	assert_int_equal(stat(folder_path("f"), &c), 0);
	assert_null(file_read(folder(), &size));
	assert_false(file_write(folder_path("no/such/folder"), "", 0, 0644));
}

/* The form of lld 19's reports. */
static void says_who_pulled_libc_in(void **state)
{
	(void)state;
	static const char map[] =
	        "             VMA              LMA     Size Align Out     In      Symbol\n"
	        "    234567800000     234567800000     1000    16 .text\n"
	        "    234567800000     234567800000       20    16         "
	        "/w/linked.lto.o:(.text.main)\n"
	        "    234567800020     234567800020       10    16         "
	        "/usr/lib/libc.a(write.lo):(.text.write)\n"
	        "    234567800030     234567800030       10    16         "
	        "/usr/lib/libc.a(lost.lo):(.text.lost)\n";
	static const char why[] =
	        "reference\textracted\tsymbol\n"
	        "/w/object/main.c.0123abcd.o\t/usr/lib/libc.a(printf.lo)\tprintf\n"
	        "/usr/lib/libc.a(printf.lo)\t/usr/lib/libc.a(write.lo)\twrite\n";
	struct pulled p;

	assert_true(pulled_find(&p, map, why, 0x234567800025));
	assert_string_equal(p.member, "libc's write.lo");
	assert_string_equal(p.by, "main.c");
	assert_string_equal(p.call, "printf");
	assert_true(pulled_find(&p, map, why, 0x234567800030));
	assert_string_equal(p.member, "libc's lost.lo");
	assert_null(p.by);
	assert_false(pulled_find(&p, map, why, 0x234567800010));
	assert_false(pulled_find(&p, map, why, 0x1000));
	assert_false(pulled_find(&p, NULL, why, 0x234567800025));
}

static const char *in_words(const char *lines)
{
	static struct library net = { .name = "net" }, z = { .name = "app/z" };
	static struct archive of_z = { .path = "/usr/lib/x86_64-linux-gnu/libz.a",
		                       .shown = "libz.a",
		                       .library = &z,
		                       .threads_fail = true },
	                      own = { .path = "/w/lib/libown.a", .shown = "lib/libown.a" };
	static struct archive *archives[] = { &of_z, &own };
	static struct library *list[] = { &net, &z };
	static struct plan_object objects[] = { { "/w/object/main.c.01234567.o", "main.c", NULL },
		                                { "/w/object/udp.c.01234567.o", "udp.c", &net } };
	static struct plan_object *both[] = { &objects[0], &objects[1] };
	static char text[4096];
	struct plan plan = { .objects = both, .object_count = 2 };
	struct manifest manifest = {
		.libraries = { .sdk = "/nonexistent", .list = list, .count = 2 },
		.archives = archives,
		.archive_count = 2
	};
	struct complaint c = { .plan = &plan, .manifest = &manifest };

	memset(text, 0, sizeof text);
	FILE *to = fmemopen(text, sizeof text, "w");
	assert_non_null(to);
	for (const char *at = lines; *at;) {
		size_t n = strcspn(at, "\n");
		n += at[n] == '\n';
		complaint_line(&c, keep_text(at, n), to);
		at += n;
	}
	complaint_end(&c, to);
	fclose(to);
	return text;
}

/* The form of lld 19's errors: of bitcode, of machine code, of members. */
static void says_who_defines_a_name_twice(void **state)
{
	(void)state;
	assert_string_equal(
	        in_words("ld.lld-19: error: duplicate symbol: udp_open\n"
	                 ">>> defined in /w/object/udp.c.01234567.o\n"
	                 ">>> defined in /w/object/main.c.01234567.o\n"
	                 "\n"
	                 "something else\n"),
	        "`udp_open` is defined by main.c and by the library net (udp.c): rename "
	        "yours, or make it static\nsomething else\n");
	assert_string_equal(
	        in_words("ld.lld-19: \x1b[0;31merror: \x1b[0mduplicate symbol: crc32\n"
	                 ">>> defined at udp.c:3 (ampoule/udp.c:3)\n"
	                 ">>>            /w/object/udp.c.01234567.o:(crc32)\n"
	                 ">>> defined at crc32.c\n"
	                 ">>>            crc32.o:(.text+0x10) in archive "
	                 "/usr/lib/x86_64-linux-gnu/libz.a\n"),
	        "`crc32` is defined by the library net (udp.c) and by the library app/z "
	        "(libz.a(crc32.o)): these libraries do not fit into one image\n");
	/* What is not understood stays as it is, its colours too. */
	static const char *const unknown[] = {
		"ld.lld-19: error: duplicate symbol: f\n>>> defined in /other/x.o\n"
		">>> defined in /w/object/main.c.01234567.o\n",
		"ld.lld-19: error: duplicate symbol: f\n",
		"ld.lld-19: \x1b[0;31merror: \x1b[0mundefined symbol: g\n>>> referenced by "
		"main.c:1\n",
		"ld.lld-19: error: cannot open x.o\n>>> nothing\n",
		"\x1b[",
		"",
		"\n\n",
	};
	for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++)
		assert_string_equal(in_words(unknown[i]), unknown[i]);
	assert_non_null(strstr(in_words("ld.lld-19: error: undefined symbol: main\n"),
	                       "no source defines main()"));
}

static void says_what_an_archive_lacks(void **state)
{
	static const char form[] = "ld.lld-19: error: undefined symbol: %s\n"
	                           ">>> referenced by own.c\n"
	                           ">>>               own.o:(work) in archive /w/lib/libown.a\n",
	                  short_form[] = "ld.lld-19: error: undefined symbol: %s\n"
	                                 ">>> referenced by own.o:(work) in archive "
	                                 "/w/lib/libown.a\n";

	(void)state;
	assert_string_equal(in_words(keep_format(form, "foo")),
	                    "`foo` is asked for by lib/libown.a (libown.a(own.o)) and nobody "
	                    "defines it: name the package or archive that has it, or define it in "
	                    "a source\n");
	assert_string_equal(in_words(keep_format(short_form, "foo")),
	                    in_words(keep_format(form, "foo")));
	assert_non_null(strstr(in_words(keep_format(form, "socket")),
	                       "`socket` is asked for by lib/libown.a (libown.a(own.o)), and an "
	                       "image has none: TCP is tcp_connect"));
	assert_non_null(strstr(in_words(keep_format(form, "_Znwm")), "that is C++"));
	assert_string_equal(
	        in_words("ld.lld-19: error: duplicate symbol: crc32\n"
	                 ">>> defined at own.c\n"
	                 ">>>            own.o:(.text+0x0) in archive /w/lib/libown.a\n"
	                 ">>> defined at crc32.c\n"
	                 ">>>            crc32.o:(.text+0x10) in archive "
	                 "/usr/lib/x86_64-linux-gnu/libz.a\n"),
	        "`crc32` is defined by lib/libown.a (libown.a(own.o)) and by the library app/z "
	        "(libz.a(crc32.o)): these archives do not fit into one image; leave one out\n");
}

static void says_which_archive_makes_threads(void **state)
{
	(void)state;
	assert_string_equal(
	        in_words("/w/lib/libown.a(own.o): reference to pthread_create\n"),
	        "lib/libown.a (libown.a(own.o)) asks for threads by `pthread_create`: an image has "
	        "one, so that call will fail (EAGAIN); say `threads: fail` at its entry in the "
	        "manifest if it can do without\n");
	assert_string_equal(in_words("/w/lib/libown.a(own.o): reference to pthread_join\n"), "");
	/* Whoever brings a function of that name means it. */
	assert_string_equal(in_words("/w/object/main.c.01234567.o: reference to remove\n"),
	                    "main.c: `remove` cannot work in an image: files are compiled in "
	                    "(`files`, file_find of core/file.h) or lie in a store: store/fat, "
	                    "store/btree\n");
	assert_string_equal(in_words("/w/object/main.c.01234567.o: reference to remove\n"
	                             "/w/object/main.c.01234567.o: definition of remove\n"),
	                    "");
	assert_string_equal(in_words("/usr/lib/x86_64-linux-gnu/libz.a(x.o): reference to "
	                             "pthread_create\n"),
	                    "");
}

static void says_what_an_image_uses_instead(void **state)
{
	(void)state;
	assert_non_null(strstr(instead_of("fopen"), "file_find"));
	assert_non_null(strstr(instead_of("getaddrinfo"), "resolver_lookup"));
	assert_non_null(strstr(instead_of("execve"), "no other program"));
	assert_string_equal(instead_of("exe"), "leave that call out");
	assert_string_equal(instead_of(""), "leave that call out");
}

static int clean_up(void **state)
{
	(void)state;
	folder_remove();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_have_one_reading),
		cmocka_unit_test(names_follow_the_abi),
		cmocka_unit_test(sha256_gives_the_standards_digests),
		cmocka_unit_test(draws_are_stable_and_apart),
		cmocka_unit_test(suggests_what_is_near_and_nothing_else),
		cmocka_unit_test(utf8_is_checked_strictly),
		cmocka_unit_test(unchanged_files_are_left_alone),
		cmocka_unit_test(says_who_pulled_libc_in),
		cmocka_unit_test(says_who_defines_a_name_twice),
		cmocka_unit_test(says_what_an_archive_lacks),
		cmocka_unit_test(says_which_archive_makes_threads),
		cmocka_unit_test(says_what_an_image_uses_instead),
	};

	return cmocka_run_group_tests_name("parts", tests, NULL, clean_up);
}
