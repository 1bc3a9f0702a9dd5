/* SPDX-License-Identifier: ISC */
/* Typed values in text form (value.h). The tender's own parser reads them, so that both sides
 * agree. */
#include <string.h>

#include <builder/text.h>
#include <builder/value.h>
#include <tender/args.h>

const char *const value_type_names[] = { "u16",      "u32",  "bool",   "string", "ipv4", "cidr",
	                                 "duration", "size", "secret", "ip6",    "cidr6" };
const unsigned value_type_count = sizeof value_type_names / sizeof *value_type_names;

enum amp_arg_type value_type(const char *name)
{
	for (unsigned i = 0; i < value_type_count; i++)
		if (strcmp(name, value_type_names[i]) == 0)
			return (enum amp_arg_type)(i + 1);
	return 0;
}

const char *value_type_name(enum amp_arg_type type)
{
	return type >= 1 && (unsigned)type <= value_type_count ? value_type_names[type - 1] : NULL;
}

/* Digits at *at; moves past them. False: none, or more than 64 bits. */
static bool digits(const char **at, uint64_t *number)
{
	const char *p = *at;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (unsigned)(*p - '0'), &n))
			return false;
	*at = p;
	*number = n;
	return true;
}

bool value_number(const char *text, uint64_t max, uint64_t *number)
{
	return digits(&text, number) && *text == 0 && *number <= max;
}

bool value_is_name(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n >= AMP_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      (i && (c == '_' || c == '.' || c == '-'))))
			return false;
	}
	return true;
}

const char *value_parse(enum amp_arg_type type, const char *text, uint64_t *number)
{
	struct defect why;

	if (arg_parse(type, text, number, &why) == 0)
		return NULL;
	return keep_text(why.text, strlen(why.text));
}

const char *value_size_text(uint64_t bytes)
{
	for (unsigned i = 3; i > 0 && bytes; i--)
		if (bytes % (1ull << 10 * i) == 0)
			return keep_format("%llu%c", (unsigned long long)(bytes >> 10 * i),
			                   " KMG"[i]);
	return keep_format("%llu", (unsigned long long)bytes);
}

const char *value_ipv4_text(uint32_t a)
{
	return keep_format("%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}
