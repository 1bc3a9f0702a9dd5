/* SPDX-License-Identifier: ISC */
/* vsnprintf, as far as stdio.h says. What it does not know it prints as it stands. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct out {
	char *to;
	size_t room, size; /* size: of the whole text, whether it fits or not */
};

static void put(struct out *o, char c)
{
	if (o->size + 1 < o->room)
		o->to[o->size] = c;
	o->size++;
}

struct form {
	bool left, zero;
	size_t width, precision;
};

static void field(struct out *o, const struct form *f, const char *text, size_t size)
{
	size_t pad = f->width > size ? f->width - size : 0;
	for (size_t i = 0; !f->left && i < pad; i++)
		put(o, f->zero ? '0' : ' ');
	for (size_t i = 0; i < size; i++)
		put(o, text[i]);
	for (size_t i = 0; f->left && i < pad; i++)
		put(o, ' ');
}

static void number(struct out *o, const struct form *f, uint64_t v, unsigned base, bool negative)
{
	char digits[24];
	size_t at = sizeof digits;
	do {
		digits[--at] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (negative)
		digits[--at] = '-';
	field(o, f, digits + at, sizeof digits - at);
}

static size_t digits(const char **at, va_list *args)
{
	size_t n = 0;
	if (**at == '*') {
		(*at)++;
		int given = va_arg(*args, int);
		return given < 0 ? 0 : (size_t)given;
	}
	for (; **at >= '0' && **at <= '9'; (*at)++)
		n = n * 10 + (size_t)(**at - '0');
	return n;
}

int vsnprintf(char *to, size_t room, const char *format, va_list given)
{
	struct out o = { to, room, 0 };
	va_list args;
	va_copy(args, given);
	for (const char *p = format; *p; p++) {
		if (*p != '%') {
			put(&o, *p);
			continue;
		}
		struct form f = { .precision = SIZE_MAX };
		unsigned longs = 0;
		for (p++; *p == '-' || *p == '0'; p++) {
			f.left |= *p == '-';
			f.zero |= *p == '0';
		}
		f.width = digits(&p, &args);
		if (*p == '.') {
			p++;
			f.precision = digits(&p, &args);
		}
		for (; *p == 'l' || *p == 'z'; p++)
			longs++;
		const char *text;
		int64_t v;
		switch (*p) {
		case 's':
			text = va_arg(args, const char *);
			text = text ? text : "(null)";
			field(&o, &f, text, strnlen(text, f.precision));
			break;
		case 'c':
			put(&o, (char)va_arg(args, int));
			break;
		case 'd':
			v = longs ? va_arg(args, int64_t) : va_arg(args, int);
			number(&o, &f, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0);
			break;
		case 'u':
		case 'x':
			number(&o, &f, longs ? va_arg(args, uint64_t) : va_arg(args, unsigned),
			       *p == 'u' ? 10 : 16, false);
			break;
		case '%':
			put(&o, '%');
			break;
		default:
			put(&o, '?');
			p -= !*p;
		}
	}
	va_end(args);
	if (room)
		to[o.size < room ? o.size : room - 1] = 0;
	return (int)o.size;
}

int snprintf(char *to, size_t room, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(to, room, format, args);
	va_end(args);
	return n;
}
