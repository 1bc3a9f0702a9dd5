/* SPDX-License-Identifier: ISC */
/* printf: decode one conversion into a struct format_spec, then act on it. The floating-point ones
 * are in format_float.c. */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include "format.h"
#include "format_spec.h"
#include "libc.h"

SMALL_CODE

void libc_format_bytes(struct format_sink *s, const char *bytes, size_t size)
{
	s->write(s, bytes, size);
	s->total += size;
}

void libc_format_fill(struct format_sink *s, char c, int64_t count)
{
	char block[32];
	if (count <= 0)
		return;
	memset(block, c, sizeof block);
	for (; count > (int64_t)sizeof block; count -= (int64_t)sizeof block)
		libc_format_bytes(s, block, sizeof block);
	libc_format_bytes(s, block, (size_t)count);
}

void libc_format_open(struct format_sink *s, const struct format_spec *spec, const char *prefix,
                      int64_t body)
{
	int64_t size = (int64_t)strlen(prefix) + body, pad = spec->width - size;
	if (!spec->left && !spec->zero)
		libc_format_fill(s, ' ', pad);
	libc_format_bytes(s, prefix, strlen(prefix));
	if (!spec->left && spec->zero)
		libc_format_fill(s, '0', pad);
}

void libc_format_close(struct format_sink *s, const struct format_spec *spec, size_t start)
{
	if (spec->left)
		libc_format_fill(s, ' ', spec->width - (int64_t)(s->total - start));
}

static void format_text(struct format_sink *s, const struct format_spec *spec, const char *text,
                        size_t size)
{
	size_t start = s->total;
	struct format_spec plain = *spec;
	plain.zero = false;
	libc_format_open(s, &plain, "", (int64_t)size);
	libc_format_bytes(s, text, size);
	libc_format_close(s, spec, start);
}

static void format_integer(struct format_sink *s, const struct format_spec *spec, uint64_t v,
                           const char *sign)
{
	static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	const char *digits = spec->conversion == 'X' ? upper : lower;
	char text[24], *at = text + sizeof text, prefix[4];
	size_t start = s->total;
	uint64_t rest = v;

	switch (spec->conversion) {
	case 'x':
	case 'X':
	case 'p':
		for (; rest != 0; rest >>= 4)
			*--at = digits[rest & 15];
		break;
	case 'o':
		for (; rest != 0; rest >>= 3)
			*--at = digits[rest & 7];
		break;
	default:
		for (; rest != 0; rest /= 10)
			*--at = digits[rest % 10];
	}
	int64_t size = text + sizeof text - at,
	        zeros = (spec->precision < 0 ? 1 : spec->precision) - size;
	strcpy(prefix, sign);
	if (spec->alternate && spec->conversion == 'o' && zeros <= 0 &&
	    (v != 0 || spec->precision == 0))
		zeros = 1;
	if (spec->conversion == 'p' ||
	    (spec->alternate && v != 0 && (spec->conversion | 32) == 'x'))
		strcat(prefix, spec->conversion == 'X' ? "0X" : "0x");
	if (zeros < 0)
		zeros = 0;
	struct format_spec padded = *spec;
	padded.zero = spec->zero && spec->precision < 0;
	libc_format_open(s, &padded, prefix, zeros + size);
	libc_format_fill(s, '0', zeros);
	libc_format_bytes(s, at, (size_t)size);
	libc_format_close(s, spec, start);
}

/* One wide character as UTF-8; the bytes written, or 0 for what is none. */
static size_t encode(char to[4], uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 63));
	to[0] = (char)((0xf00u >> n & 0xf0) | c);
	return n;
}

/* Bytes of the characters that fit into the precision whole; writes them if wanted. */
static bool format_wide(struct format_sink *s, const struct format_spec *spec, const wchar_t *text,
                        bool one)
{
	size_t size = 0, n, most = spec->precision < 0 || one ? SIZE_MAX : (size_t)spec->precision;
	size_t count = 0, start = s->total;
	char bytes[4];
	for (; one ? count < 1 : size < most && text[count] != 0; count++, size += n) {
		n = encode(bytes, (uint32_t)text[count]);
		if (n == 0)
			return false;
		if (n > most - size)
			break;
	}
	struct format_spec plain = *spec;
	plain.zero = false;
	libc_format_open(s, &plain, "", (int64_t)size);
	for (size_t i = 0; i < count; i++)
		libc_format_bytes(s, bytes, encode(bytes, (uint32_t)text[i]));
	libc_format_close(s, spec, start);
	return true;
}

static const char *parse_flags(const char *at, struct format_spec *spec)
{
	for (;; at++) {
		switch (*at) {
		case '-':
			spec->left = true;
			break;
		case '+':
			spec->plus = true;
			break;
		case ' ':
			spec->space = true;
			break;
		case '#':
			spec->alternate = true;
			break;
		case '0':
			spec->zero = true;
			break;
		case '\'': /* groups of thousands: the C locale has none */
			break;
		default:
			return at;
		}
	}
}

/* Digits as an int; -1 if they are too many. */
static const char *parse_number(const char *at, int *value)
{
	int v = 0;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (v >= 0 &&
		    (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *at - '0', &v)))
			v = -1;
	}
	*value = v;
	return at;
}

static const char *parse_length(const char *at, struct format_spec *spec)
{
	spec->length = LENGTH_INT;
	switch (*at) {
	case 'h':
		spec->length = at[1] == 'h' ? LENGTH_CHAR : LENGTH_SHORT;
		return at + (at[1] == 'h' ? 2 : 1);
	case 'l':
		spec->length = LENGTH_LONG;
		return at + (at[1] == 'l' ? 2 : 1);
	case 'j':
	case 'z':
	case 't':
	case 'q':
		spec->length = LENGTH_LONG;
		return at + 1;
	case 'L':
		spec->length = LENGTH_LONG_DOUBLE;
		return at + 1;
	default:
		return at;
	}
}

struct format_arguments {
	va_list list;
};

/* The conversion that begins after a '%'; returns the text after it, or null if it is malformed. */
static const char *parse(const char *at, struct format_spec *spec,
                         struct format_arguments *arguments)
{
	*spec = (struct format_spec){ .precision = -1 };
	at = parse_flags(at, spec);
	if (*at == '*') {
		spec->width = va_arg(arguments->list, int);
		if (spec->width < 0) {
			spec->left = true;
			spec->width = spec->width == INT_MIN ? -1 : -spec->width;
		}
		at++;
	} else {
		at = parse_number(at, &spec->width);
	}
	if (spec->width < 0)
		return NULL;
	if (*at == '.') {
		at++;
		if (*at == '*') {
			int given = va_arg(arguments->list, int);
			spec->precision = given < 0 ? -1 : given;
			at++;
		} else {
			at = parse_number(at, &spec->precision);
			if (spec->precision < 0)
				return NULL;
		}
	}
	at = parse_length(at, spec);
	spec->conversion = *at;
	if (spec->left)
		spec->zero = false;
	return *at == '\0' ? NULL : at + 1;
}

static const char *sign_of(const struct format_spec *spec, bool negative)
{
	return negative ? "-" : spec->plus ? "+" : spec->space ? " " : "";
}

static void format_signed(struct format_sink *s, const struct format_spec *spec,
                          struct format_arguments *arguments)
{
	int64_t v = spec->length == LENGTH_LONG ? va_arg(arguments->list, long)
	                                        : va_arg(arguments->list, int);
	if (spec->length == LENGTH_CHAR)
		v = (signed char)v;
	else if (spec->length == LENGTH_SHORT)
		v = (short)v;
	format_integer(s, spec, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, sign_of(spec, v < 0));
}

static void format_unsigned(struct format_sink *s, const struct format_spec *spec,
                            struct format_arguments *arguments)
{
	uint64_t v = spec->length == LENGTH_LONG ? va_arg(arguments->list, unsigned long)
	                                         : va_arg(arguments->list, unsigned);
	if (spec->length == LENGTH_CHAR)
		v = (unsigned char)v;
	else if (spec->length == LENGTH_SHORT)
		v = (unsigned short)v;
	format_integer(s, spec, v, "");
}

bool libc_format_rare(struct format_sink *s, const struct format_spec *spec,
                      struct format_arguments *arguments)
{
	switch (spec->conversion) {
	case 'c': {
		wchar_t wide = (wchar_t)va_arg(arguments->list, wint_t);
		return format_wide(s, spec, &wide, true);
	}
	case 's': {
		const wchar_t *wide = va_arg(arguments->list, const wchar_t *);
		return format_wide(s, spec, wide ? wide : L"(null)", false);
	}
	case 'a':
	case 'A':
	case 'e':
	case 'E':
	case 'f':
	case 'F':
	case 'g':
	case 'G':
		if (spec->length == LENGTH_LONG_DOUBLE)
			libc_format_long_double(s, spec, va_arg(arguments->list, long double));
		else
			libc_format_double(s, spec, va_arg(arguments->list, double));
		return true;
	default:
		return false;
	}
}

static bool convert(struct format_sink *s, const struct format_spec *spec,
                    struct format_arguments *arguments)
{
	switch (spec->conversion) {
	case '%':
		libc_format_bytes(s, "%", 1);
		return true;
	case 'd':
	case 'i':
		format_signed(s, spec, arguments);
		return true;
	case 'u':
	case 'o':
	case 'x':
	case 'X':
		format_unsigned(s, spec, arguments);
		return true;
	case 'p':
		format_integer(s, spec, (uint64_t)va_arg(arguments->list, void *), "");
		return true;
	case 'c':
		if (spec->length == LENGTH_LONG)
			return s->rare && s->rare(s, spec, arguments);
		format_text(s, spec, &(char){ (char)va_arg(arguments->list, int) }, 1);
		return true;
	case 's': {
		if (spec->length == LENGTH_LONG)
			return s->rare && s->rare(s, spec, arguments);
		const char *text = va_arg(arguments->list, const char *);
		if (!text)
			text = "(null)";
		format_text(s, spec, text,
		            spec->precision < 0 ? strlen(text)
		                                : strnlen(text, (size_t)spec->precision));
		return true;
	}
	default:
		return s->rare && s->rare(s, spec, arguments);
	}
}

int libc_format(struct format_sink *s, const char *at, va_list list)
{
	struct format_arguments arguments;
	struct format_spec spec;
	int error = 0;
	va_copy(arguments.list, list);
	for (s->total = 0; *at != '\0';) {
		const char *percent = strchrnul(at, '%');
		libc_format_bytes(s, at, (size_t)(percent - at));
		if (*percent == '\0')
			break;
		at = parse(percent + 1, &spec, &arguments);
		if (!at || !convert(s, &spec, &arguments)) {
			error = EINVAL;
			break;
		}
		if (s->total > INT_MAX) {
			error = EOVERFLOW;
			break;
		}
	}
	va_end(arguments.list);
	if (!error && s->total > INT_MAX)
		error = EOVERFLOW;
	if (error) {
		errno = error;
		return -1;
	}
	return (int)s->total;
}

SMALL_CODE_END
