/* SPDX-License-Identifier: ISC */
/*
 * Typed arguments. The same parser checks the values compiled into a note and those given by --set,
 * so that an image only ever sees values of their types.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tender/args.h>
#include <tender/args_file.h>
#include <tender/clear.h>
#include <tender/image.h>

const char *arg_type_name(uint32_t type)
{
	static const char *const names[] = {
		[AMP_ARG_U16] = "u16",           [AMP_ARG_U32] = "u32",
		[AMP_ARG_BOOL] = "bool",         [AMP_ARG_STRING] = "string",
		[AMP_ARG_IPV4] = "ipv4",         [AMP_ARG_CIDR] = "cidr",
		[AMP_ARG_DURATION] = "duration", [AMP_ARG_SIZE] = "size",
		[AMP_ARG_IP6] = "ip6",           [AMP_ARG_CIDR6] = "cidr6",
		[AMP_ARG_SECRET] = "secret"
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

bool arg_has_text(uint32_t type)
{
	return type == AMP_ARG_STRING || type == AMP_ARG_IP6 || type == AMP_ARG_CIDR6;
}

/* An IPv6 address that is none of IPv4's, with a prefix length if it is to have one. */
static bool ip6(const char *text, bool prefix)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t address[16];
	char copy[INET6_ADDRSTRLEN];
	uint64_t length;
	size_t size = strcspn(text, "/");
	if (size >= sizeof copy)
		return false;
	memcpy(copy, text, size);
	copy[size] = 0;
	if (inet_pton(AF_INET6, copy, address) != 1 || !memcmp(address, mapped, sizeof mapped))
		return false;
	const char *at = text + size;
	if (!prefix)
		return !*at;
	return *at++ == '/' && digits(&at, 128, &length) && !*at;
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
	case AMP_ARG_IP6:
		if (!*text || ip6(text, false))
			return 0;
		return defect_set(why, "is not an IPv6 address (2001:db8::1)");
	case AMP_ARG_CIDR6:
		if (!*text || ip6(text, true))
			return 0;
		return defect_set(why, "is not an IPv6 address and prefix length (2001:db8::1/64)");
	case AMP_ARG_DURATION:
		if (scaled(text, times, nanoseconds, number))
			return 0;
		return defect_set(why, "is not a duration (digits and one of ns us ms s m h)");
	case AMP_ARG_SIZE:
		if (scaled(text, sizes, bytes, number))
			return 0;
		return defect_set(why, "is not a size (digits and nothing or one of K M G)");
	case AMP_ARG_SECRET: /* compiled in or on a command line, it would be none */
		if (!*text)
			return 0;
		return defect_set(why, "is no file: a secret comes from one (NAME=@FILE)");
	}
	return defect_set(why, "has an unknown type");
}

int args_take(struct args *args, const struct image *image, uint32_t i, const char *text,
              const char *from, const char *way, struct defect *why)
{
	const struct amp_note_arg *a = &image->args[i];
	struct defect what;
	if (arg_parse(a->type, text, &args->values[i].number, &what) && a->type == AMP_ARG_SECRET)
		return defect_set(why, "%s %s: a secret comes from a file: write %s=@FILE", way,
		                  a->name, a->name); /* not what it is */
	if (arg_parse(a->type, text, &args->values[i].number, &what))
		return from ? defect_set(why, "%s %s: what %s holds %s", way, a->name, from,
		                         what.text)
		            : defect_set(why, "%s %s: '%s' %s", way, a->name, text, what.text);
	if (arg_has_text(a->type))
		snprintf(args->values[i].text, AMP_TEXT_MAX, "%s", text);
	args->values[i].set = 1;
	return 0;
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
		const char *text = equals + 1, *from = NULL;
		char value[AMP_TEXT_MAX];
		struct defect what;
		if (text[0] == '@' && text[1] == '@') {
			text++;
		} else if (text[0] == '@' && text[1]) {
			from = text + 1;
			if (a->type == AMP_ARG_SECRET) {
				if (!args_file_secret(args, i, from, &what))
					return 0;
				return defect_set(why, "--set %s: %s", a->name, what.text);
			}
			if (args_file_read(from, value, &what))
				return defect_set(why, "--set %s: %s", a->name, what.text);
			text = value;
		}
		return args_take(args, image, i, text, from, "--set", why);
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
	clear_words(args, sizeof *args);
	for (uint32_t i = 0; i < image->note.arg_count; i++) {
		const struct amp_note_arg *a = &image->args[i];
		if (arg_parse(a->type, a->value, &args->values[i].number, why))
			return -1; /* not after image_open, which has checked it */
		if (arg_has_text(a->type))
			memcpy(args->values[i].text, a->value, AMP_TEXT_MAX);
	}
	for (unsigned i = 0; i < count; i++)
		if (set_one(args, image, sets[i], why))
			return -1;
	return 0;
}
