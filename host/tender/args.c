/* SPDX-License-Identifier: ISC */
/*
 * Typed arguments. The same parser checks the values compiled into a note and those given by --set,
 * so that an image only ever sees values of their types.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <tender/args.h>
#include <tender/image.h>

const char *arg_type_name(uint32_t type)
{
	static const char *const names[] = {
		[AMP_ARG_U16] = "u16",           [AMP_ARG_U32] = "u32",   [AMP_ARG_BOOL] = "bool",
		[AMP_ARG_STRING] = "string",     [AMP_ARG_IPV4] = "ipv4", [AMP_ARG_CIDR] = "cidr",
		[AMP_ARG_DURATION] = "duration", [AMP_ARG_SIZE] = "size"
	};
	return type < sizeof names / sizeof *names ? names[type] : NULL;
}

/* Digits at *at, at least one, at most `max`; moves *at past them. */
static bool digits(const char **at, uint64_t max, uint64_t *value)
{
	const char *p = *at;
	uint64_t v = 0;
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t d = (uint64_t)(*p - '0');
		if (v > (max - d) / 10)
			return false;
		v = v * 10 + d;
	}
	*at = p;
	*value = v;
	return true;
}

static bool ipv4(const char **at, uint64_t *address)
{
	uint64_t byte;
	*address = 0;
	for (int i = 0; i < 4; i++) {
		if (i && *(*at)++ != '.')
			return false;
		if (!digits(at, 255, &byte))
			return false;
		*address = *address << 8 | byte;
	}
	return true;
}

/* Digits and one of the units, or none of them where unit "" is in the list. */
static bool scaled(const char *text, const char *const *units, const uint64_t *factors,
                   uint64_t *value)
{
	if (!digits(&text, UINT64_MAX, value))
		return false;
	for (; *units; units++, factors++)
		if (!strcmp(text, *units))
			return !__builtin_mul_overflow(*value, *factors, value);
	return false;
}

/* UTF-8 without control characters, so that it can be printed (RFC 3629 section 4). */
static bool printable(const char *text)
{
	const uint8_t *p = (const uint8_t *)text;
	while (*p) {
		uint32_t c = *p++, more = 0, least = 0;
		if (c < 0x20 || c == 0x7f)
			return false;
		if (c < 0x80)
			continue;
		if (c >= 0xc2 && c < 0xe0)
			more = 1, least = 0x80, c &= 0x1f;
		else if (c >= 0xe0 && c < 0xf0)
			more = 2, least = 0x800, c &= 0xf;
		else if (c >= 0xf0 && c < 0xf5)
			more = 3, least = 0x10000, c &= 7;
		else
			return false;
		for (; more; more--, p++) {
			if ((*p & 0xc0) != 0x80)
				return false;
			c = c << 6 | (*p & 0x3f);
		}
		if (c < least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ||
		    (c >= 0x80 && c < 0xa0))
			return false;
	}
	return true;
}

int arg_parse(uint32_t type, const char *text, uint64_t *number, struct defect *why)
{
	static const char *const times[] = { "ns", "us", "ms", "s", "m", "h", NULL };
	static const uint64_t nanoseconds[] = { 1,          1000,        1000000,
		                                1000000000, 60000000000, 3600000000000 };
	static const char *const sizes[] = { "", "K", "M", "G", NULL };
	static const uint64_t bytes[] = { 1, 1 << 10, 1 << 20, 1 << 30 };
	const char *at = text;
	uint64_t length;

	*number = 0;
	switch (type) {
	case AMP_ARG_U16:
		if (digits(&at, UINT16_MAX, number) && !*at)
			return 0;
		return defect_set(why, "is not a number from 0 to 65535");
	case AMP_ARG_U32:
		if (digits(&at, UINT32_MAX, number) && !*at)
			return 0;
		return defect_set(why, "is not a number from 0 to 4294967295");
	case AMP_ARG_BOOL:
		*number = !strcmp(text, "true");
		if (*number || !strcmp(text, "false"))
			return 0;
		return defect_set(why, "is neither true nor false");
	case AMP_ARG_STRING:
		if (strlen(text) >= AMP_TEXT_MAX)
			return defect_set(why, "is longer than %u bytes", AMP_TEXT_MAX - 1);
		if (printable(text))
			return 0;
		return defect_set(why, "is not UTF-8 without control characters");
	case AMP_ARG_IPV4:
		if (ipv4(&at, number) && !*at)
			return 0;
		return defect_set(why, "is not an IPv4 address (A.B.C.D)");
	case AMP_ARG_CIDR:
		if (ipv4(&at, number) && *at++ == '/' && digits(&at, 32, &length) && !*at) {
			*number = *number << 8 | length;
			return 0;
		}
		return defect_set(why, "is not an IPv4 address and prefix length (A.B.C.D/LEN)");
	case AMP_ARG_DURATION:
		if (scaled(text, times, nanoseconds, number))
			return 0;
		return defect_set(why, "is not a duration (digits and one of ns us ms s m h)");
	case AMP_ARG_SIZE:
		if (scaled(text, sizes, bytes, number))
			return 0;
		return defect_set(why, "is not a size (digits and nothing or one of K M G)");
	}
	return defect_set(why, "has an unknown type");
}

static int set_one(struct args *args, const struct image *image, const char *set,
                   struct defect *why)
{
	const char *equals = strchr(set, '=');
	if (!equals || equals == set)
		return defect_set(why, "--set %s: want NAME=VALUE", set);
	size_t length = (size_t)(equals - set);
	for (uint32_t i = 0; i < image->note.arg_count; i++) {
		const struct amp_note_arg *a = &image->args[i];
		if (strlen(a->name) != length || memcmp(a->name, set, length))
			continue;
		if (!(a->flags & AMP_NOTE_ARG_DYNAMIC))
			return defect_set(why,
			                  "--set %s: argument %s is compiled in; add `dynamic: "
			                  "true` to it in "
			                  "appliance.yaml and rebuild to set it at run time",
			                  set, a->name);
		if (args->values[i].set)
			return defect_set(why, "--set %s: argument %s is set twice", set, a->name);
		struct defect what;
		if (arg_parse(a->type, equals + 1, &args->values[i].number, &what))
			return defect_set(why, "--set %s: '%s' %s", a->name, equals + 1, what.text);
		if (a->type == AMP_ARG_STRING)
			snprintf(args->values[i].text, AMP_TEXT_MAX, "%s", equals + 1);
		args->values[i].set = 1;
		return 0;
	}

	char known[256] = "";
	size_t at = 0;
	for (uint32_t i = 0; i < image->note.arg_count; i++)
		if (image->args[i].flags & AMP_NOTE_ARG_DYNAMIC &&
		    at + AMP_NAME_MAX + 8 < sizeof known)
			at += (size_t)snprintf(known + at, sizeof known - at, "%s%s",
			                       at ? ", " : "", image->args[i].name);
	if (!at)
		return defect_set(why, "--set %s: the image has no argument that can be set", set);
	return defect_set(why, "--set %s: no such argument; those that can be set: %s", set, known);
}

int args_make(struct args *args, const struct image *image, const char *const *sets, unsigned count,
              struct defect *why)
{
	memset(args, 0, sizeof *args);
	for (uint32_t i = 0; i < image->note.arg_count; i++) {
		const struct amp_note_arg *a = &image->args[i];
		if (arg_parse(a->type, a->value, &args->values[i].number, why))
			return -1; /* not after image_open, which has checked it */
		if (a->type == AMP_ARG_STRING)
			memcpy(args->values[i].text, a->value, AMP_TEXT_MAX);
	}
	for (unsigned i = 0; i < count; i++)
		if (set_one(args, image, sets[i], why))
			return -1;
	return 0;
}
