/* SPDX-License-Identifier: ISC */
/* Arguments: types, --set, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <tender/args.h>
#include <tender/image.h>

static const struct {
	uint32_t type;
	const char *text;
	uint64_t number;
} valid[] = {
	{ AMP_ARG_U16, "0", 0 },
	{ AMP_ARG_U16, "65535", 65535 },
	{ AMP_ARG_U32, "4294967295", UINT32_MAX },
	{ AMP_ARG_BOOL, "true", 1 },
	{ AMP_ARG_BOOL, "false", 0 },
	{ AMP_ARG_STRING, "", 0 },
	{ AMP_ARG_STRING, "a b=c", 0 },
	{ AMP_ARG_IPV4, "1.2.3.4", 0x01020304 },
	{ AMP_ARG_IPV4, "255.255.255.255", 0xffffffff },
	{ AMP_ARG_CIDR, "10.0.0.2/24", 0x0a00000218 },
	{ AMP_ARG_CIDR, "0.0.0.0/0", 0 },
	{ AMP_ARG_DURATION, "5ns", 5 },
	{ AMP_ARG_DURATION, "3us", 3000 },
	{ AMP_ARG_DURATION, "2ms", 2000000 },
	{ AMP_ARG_DURATION, "1s", 1000000000 },
	{ AMP_ARG_DURATION, "1m", 60000000000 },
	{ AMP_ARG_DURATION, "2h", 7200000000000 },
	{ AMP_ARG_SIZE, "7", 7 },
	{ AMP_ARG_SIZE, "64K", 65536 },
	{ AMP_ARG_SIZE, "16M", 16 << 20 },
	{ AMP_ARG_SIZE, "2G", 2ull << 30 },
};

static const struct {
	uint32_t type;
	const char *text;
} invalid[] = {
	{ AMP_ARG_U16, "" },
	{ AMP_ARG_U16, "65536" },
	{ AMP_ARG_U16, "-1" },
	{ AMP_ARG_U16, "+1" },
	{ AMP_ARG_U16, " 1" },
	{ AMP_ARG_U16, "1 " },
	{ AMP_ARG_U16, "0x10" },
	{ AMP_ARG_U32, "4294967296" },
	{ AMP_ARG_U32, "99999999999999999999999" },
	{ AMP_ARG_BOOL, "yes" },
	{ AMP_ARG_BOOL, "1" },
	{ AMP_ARG_BOOL, "True" },
	{ AMP_ARG_STRING, "a\nb" },
	{ AMP_ARG_STRING, "\x1b[31m" },
	{ AMP_ARG_STRING, "\xc0\xaf" },
	{ AMP_ARG_STRING, "\xed\xa0\x80" },
	{ AMP_ARG_STRING, "\xf4\x90\x80\x80" },
	{ AMP_ARG_STRING, "\xe2\x82" },
	{ AMP_ARG_IPV4, "1.2.3" },
	{ AMP_ARG_IPV4, "1.2.3.4.5" },
	{ AMP_ARG_IPV4, "1.2.3.256" },
	{ AMP_ARG_IPV4, "1..3.4" },
	{ AMP_ARG_IPV4, "1.2.3.4/8" },
	{ AMP_ARG_CIDR, "1.2.3.4" },
	{ AMP_ARG_CIDR, "1.2.3.4/33" },
	{ AMP_ARG_CIDR, "1.2.3.4/" },
	{ AMP_ARG_CIDR, "1.2.3/8" },
	{ AMP_ARG_DURATION, "5" },
	{ AMP_ARG_DURATION, "ms" },
	{ AMP_ARG_DURATION, "1.5s" },
	{ AMP_ARG_DURATION, "99999999999999h" },
	{ AMP_ARG_SIZE, "K" },
	{ AMP_ARG_SIZE, "1k" },
	{ AMP_ARG_SIZE, "1KB" },
	{ AMP_ARG_SIZE, "99999999999999999G" },
	{ 0, "1" },
	{ 99, "1" },
};

static void reads_values_of_each_type(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof valid / sizeof *valid; i++) {
		uint64_t number = 77;
		struct defect why;
		if (arg_parse(valid[i].type, valid[i].text, &number, &why))
			fail_msg("'%s' %s", valid[i].text, why.text);
		assert_int_equal(number, valid[i].number);
	}
}

static void refuses_what_is_no_value(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof invalid / sizeof *invalid; i++) {
		uint64_t number;
		struct defect why;
		if (!arg_parse(invalid[i].type, invalid[i].text, &number, &why))
			fail_msg("accepted '%s' as type %u", invalid[i].text, invalid[i].type);
		assert_true(strlen(why.text) > 5);
	}
	char longest[AMP_TEXT_MAX + 1];
	uint64_t number;
	struct defect why;
	memset(longest, 'x', sizeof longest);
	longest[AMP_TEXT_MAX] = 0;
	assert_int_equal(arg_parse(AMP_ARG_STRING, longest, &number, &why), -1);
	longest[AMP_TEXT_MAX - 1] = 0;
	assert_int_equal(arg_parse(AMP_ARG_STRING, longest, &number, &why), 0);
}

static struct image image = { .note = { .arg_count = 3 },
	                      .args = { { .name = "port", .type = AMP_ARG_U16, .value = "53" },
	                                { .name = "address",
	                                  .type = AMP_ARG_IPV4,
	                                  .flags = AMP_NOTE_ARG_DYNAMIC,
	                                  .value = "1.2.3.4" },
	                                { .name = "text",
	                                  .type = AMP_ARG_STRING,
	                                  .flags = AMP_NOTE_ARG_DYNAMIC,
	                                  .value = "default" } } };

static void takes_the_notes_values(void **state)
{
	(void)state;
	struct args args;
	struct defect why;
	assert_int_equal(args_make(&args, &image, NULL, 0, &why), 0);
	assert_int_equal(args.values[0].number, 53);
	assert_int_equal(args.values[1].number, 0x01020304);
	assert_string_equal(args.values[2].text, "default");
	assert_int_equal(args.values[0].set | args.values[1].set | args.values[2].set, 0);
}

static void sets_dynamic_ones(void **state)
{
	(void)state;
	struct args args;
	struct defect why;
	const char *sets[] = { "address=9.8.7.6", "text=a=b" };
	assert_int_equal(args_make(&args, &image, sets, 2, &why), 0);
	assert_int_equal(args.values[1].number, 0x09080706);
	assert_int_equal(args.values[1].set, 1);
	assert_string_equal(args.values[2].text, "a=b");
	assert_int_equal(args.values[0].set, 0);
}

static void refused(const char *first, const char *second, const char *says)
{
	struct args args;
	struct defect why;
	const char *sets[] = { first, second };
	assert_int_equal(args_make(&args, &image, sets, second ? 2 : 1, &why), -1);
	if (!strstr(why.text, says))
		fail_msg("'%s' does not say '%s'", why.text, says);
}

static void refuses_other_settings(void **state)
{
	(void)state;
	refused("port=54", NULL, "add `dynamic: true` to it in appliance.yaml and rebuild");
	refused("prot=54", NULL, "those that can be set: address, text");
	refused("addres=1.2.3.4", NULL, "no such argument");
	refused("address", NULL, "want NAME=VALUE");
	refused("=5", NULL, "want NAME=VALUE");
	refused("address=1.2.3", NULL, "'1.2.3' is not an IPv4 address");
	refused("address=1.2.3.4", "address=1.2.3.5", "set twice");
	refused("text=\x1b]0;evil\x07", NULL, "control characters");
}

/* ---- Values from files ---- */

static char folder[] = "/tmp/ampoule-args-XXXXXX";

static const char *file(const char *name, const char *bytes, size_t size)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	fclose(f);
	return path;
}

static int set_from(const char *name, const char *bytes, size_t size, struct args *args,
                    struct defect *why)
{
	char set[256];
	const char *sets[] = { set };
	snprintf(set, sizeof set, "%s=@%s", name, file("value", bytes, size));
	return args_make(args, &image, sets, 1, why);
}

static void takes_a_value_from_a_file(void **state)
{
	static const struct {
		const char *bytes, *value;
	} same[] = { { "secret", "secret" },
		     { "secret\n", "secret" },
		     { "secret\r\n", "secret" },
		     { "two\n\n", NULL },
		     { "", "" },
		     { "\n", "" },
		     { "@x", "@x" } };
	(void)state;
	struct args args;
	struct defect why;
	for (unsigned i = 0; i < sizeof same / sizeof *same; i++) {
		int failed = set_from("text", same[i].bytes, strlen(same[i].bytes), &args, &why);
		assert_int_equal(failed, same[i].value ? 0 : -1);
		if (!failed)
			assert_string_equal(args.values[2].text, same[i].value);
	}
	assert_int_equal(set_from("address", "9.8.7.6\n", 8, &args, &why), 0);
	assert_int_equal(args.values[1].number, 0x09080706);
	const char *literal[] = { "text=@@home" }, *alone[] = { "text=@" };
	assert_int_equal(args_make(&args, &image, literal, 1, &why), 0);
	assert_string_equal(args.values[2].text, "@home");
	assert_int_equal(args_make(&args, &image, alone, 1, &why), 0);
	assert_string_equal(args.values[2].text, "@");
}

static void a_refusal_does_not_show_what_a_file_holds(void **state)
{
	(void)state;
	struct args args;
	struct defect why;
	char longest[AMP_TEXT_MAX];
	memset(longest, 's', sizeof longest);
	assert_int_equal(set_from("text", longest, sizeof longest - 1, &args, &why), 0);
	assert_int_equal(set_from("text", longest, sizeof longest, &args, &why), -1);
	assert_non_null(strstr(why.text, "is longer than 127 bytes"));
	assert_null(strstr(why.text, "sss"));
	assert_int_equal(set_from("text", "a\0b", 3, &args, &why), -1);
	assert_non_null(strstr(why.text, "zero byte"));
	assert_int_equal(set_from("address", "hunter2", 7, &args, &why), -1);
	assert_null(strstr(why.text, "hunter2"));
	assert_non_null(strstr(why.text, "is not an IPv4 address"));
	refused("text=@/nowhere/at/all", NULL,
	        "--set text: /nowhere/at/all cannot be opened: No such");
	refused("text=@/tmp", NULL, "/tmp cannot be read: Is a directory");
	refused("port=@/nowhere", NULL, "add `dynamic: true`");
}

static void takes_credentials_for_what_is_not_set(void **state)
{
	(void)state;
	struct args args;
	struct defect why;
	const char *sets[] = { "address=9.8.7.6" };
	file("ampoule.text", "secret\n", 7);
	file("ampoule.address", "1.1.1.1", 7);
	file("ampoule.port", "99", 2); /* static */
	assert_int_equal(args_make(&args, &image, sets, 1, &why), 0);
	assert_int_equal(args_credentials(&args, &image, NULL, &why), 0);
	assert_string_equal(args.values[2].text, "default");
	assert_int_equal(args_credentials(&args, &image, folder, &why), 0);
	assert_string_equal(args.values[2].text, "secret");
	assert_int_equal(args.values[2].set, 1);
	assert_int_equal(args.values[1].number, 0x09080706);
	assert_int_equal(args.values[0].number, 53);
	file("ampoule.address", "hunter2", 7);
	assert_int_equal(args_make(&args, &image, NULL, 0, &why), 0);
	assert_int_equal(args_credentials(&args, &image, folder, &why), -1);
	assert_null(strstr(why.text, "hunter2"));
	assert_non_null(strstr(why.text, "credential of address"));
	assert_int_equal(args_credentials(&args, &image, "/nowhere", &why), 0);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_values_of_each_type),
		cmocka_unit_test(refuses_what_is_no_value),
		cmocka_unit_test(takes_the_notes_values),
		cmocka_unit_test(sets_dynamic_ones),
		cmocka_unit_test(refuses_other_settings),
		cmocka_unit_test(takes_a_value_from_a_file),
		cmocka_unit_test(a_refusal_does_not_show_what_a_file_holds),
		cmocka_unit_test(takes_credentials_for_what_is_not_set),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
