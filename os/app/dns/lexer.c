/* SPDX-License-Identifier: ISC */
/*
 * Words of master files. dns_lexer_next classifies by a table the byte at hand, eats what
 * separates, and finds the end of the token; nothing is copied. It visits each byte once, so that a
 * file costs its length, however it is written. Messages are made here too, since they are about
 * tokens.
 */
#include <app/dns/lexer.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <core/error.h>

#define SHOWN_MAX 40u /* bytes of a token that a message shows */

/* Bytes that end an unquoted word. */
static const bool ends_word[256] = {
	['\0'] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true, [' '] = true,
	['"'] = true,  ['('] = true,  [')'] = true,  [';'] = true,
};

static void bad(struct dns_lexer *x, const char *text)
{
	x->token.kind = DNS_TOKEN_BAD;
	dns_lexer_fail(x, "%s", text);
}

/* The token ends where `at` is. */
static void finish(struct dns_lexer *x, uint8_t kind)
{
	x->token.kind = kind;
	x->token.size = x->at - (size_t)(x->token.text - x->text);
}

static void read_word(struct dns_lexer *x)
{
	while (x->at < x->size && !ends_word[(uint8_t)x->text[x->at]]) {
		if (x->text[x->at++] != '\\')
			continue;
		x->token.escaped = true;
		/* What is escaped belongs to the word, the end of a line excepted. */
		char c = x->at < x->size ? x->text[x->at] : '\n';
		if (c == '\n' || c == '\r' || c == '\0') {
			finish(x, DNS_TOKEN_BAD);
			bad(x, "a backslash ends the line; take it out, or write \\\\ for a "
			       "backslash");
			return;
		}
		x->at++;
	}
	finish(x, DNS_TOKEN_WORD);
}

static void read_quoted(struct dns_lexer *x)
{
	for (; x->at < x->size; x->at++) {
		char c = x->text[x->at];
		if (c == '"') {
			finish(x, DNS_TOKEN_QUOTED);
			x->at++;
			return;
		}
		if (c == '\\' && x->at + 1 < x->size) {
			x->token.escaped = true;
			c = x->text[++x->at];
		}
		if (c == '\n' || c == '\0')
			break;
	}
	finish(x, DNS_TOKEN_BAD);
	if (x->at < x->size && x->text[x->at] == '\0')
		bad(x, "a NUL byte in a string; write it as \\000");
	else
		bad(x, "the string is not closed on its line; add the second \", and write a line "
		       "break "
		       "in it as \\010");
}

void dns_lexer_next(struct dns_lexer *x)
{
	struct dns_token *t = &x->token;
	bool separated = false;

	t->first = x->line_start;
	t->indented = false;
	t->escaped = false;
	for (;; x->at++) {
		t->line = x->line;
		t->text = x->text + x->at;
		t->size = 0;
		if (x->at >= x->size) {
			t->kind = DNS_TOKEN_END;
			return;
		}
		switch (x->text[x->at]) {
		case ' ':
		case '\t':
			separated = true;
			t->indented |= x->line_start && x->depth == 0;
			continue;
		case '(':
			separated = true;
			if (x->depth++ == 0) {
				x->open_line = x->line;
				x->open_at = x->at;
			}
			continue;
		case ')':
			separated = true;
			if (x->depth == 0) {
				x->at++;
				finish(x, DNS_TOKEN_BAD);
				bad(x, "a closing parenthesis without an opening one; take it out");
				return;
			}
			x->depth--;
			continue;
		case ';': {
			const char *end = memchr(t->text, '\n', x->size - x->at);
			x->at = (end ? (size_t)(end - x->text) : x->size) - 1;
			separated = true;
			continue;
		}
		case '\r':
			separated = true;
			if (x->at + 1 >= x->size || x->text[x->at + 1] == '\n')
				continue;
			x->at++;
			finish(x, DNS_TOKEN_BAD);
			bad(x, "a carriage return within a line; end lines with LF or CR LF");
			return;
		case '\n':
			x->line += !x->line_fixed;
			separated = true;
			if (x->depth > 0)
				continue;
			x->at++;
			x->line_start = true;
			t->kind = DNS_TOKEN_NEWLINE;
			return;
		case '\0':
			x->at++;
			x->line_start = false;
			finish(x, DNS_TOKEN_BAD);
			bad(x, "a NUL byte; this is no text file, or one in UTF-16: save it as "
			       "plain text");
			return;
		case '"':
			x->line_start = false;
			t->glued = !separated;
			t->text++;
			x->at++;
			read_quoted(x);
			return;
		default:
			x->line_start = false;
			t->glued = !separated;
			read_word(x);
			return;
		}
	}
}

void dns_lexer_init(struct dns_lexer *x, const char *text, size_t size, uint32_t line,
                    struct dns_problem *problem)
{
	*x = (struct dns_lexer){
		.text = text, .size = size, .line = line, .line_start = true, .problem = problem
	};
	dns_lexer_next(x);
}

void dns_lexer_skip(struct dns_lexer *x)
{
	while (!dns_lexer_at_end(x))
		dns_lexer_next(x);
}

bool dns_token_is(const struct dns_token *t, const char *word)
{
	size_t i = 0;

	if (t->kind != DNS_TOKEN_WORD)
		return false;
	for (; i < t->size && word[i] != '\0'; i++)
		if ((t->text[i] >= 'a' && t->text[i] <= 'z' ? t->text[i] - 32 : t->text[i]) !=
		    word[i])
			return false;
	return i == t->size && word[i] == '\0';
}

int dns_token_decode(const struct dns_token *t, uint8_t *to, size_t room)
{
	size_t count = 0;

	if (!t->escaped) {
		if (t->size > room)
			return ERR_TOO_BIG;
		memcpy(to, t->text, t->size);
		return (int)t->size;
	}
	for (size_t i = 0; i < t->size;) {
		int c = (uint8_t)t->text[i++];
		if (c == '\\') {
			if (i >= t->size)
				return ERR_MALFORMED;
			c = (uint8_t)t->text[i++];
			if (c >= '0' && c <= '9') {
				c -= '0';
				for (unsigned digit = 0; digit < 2; digit++, i++) {
					if (i >= t->size || t->text[i] < '0' || t->text[i] > '9')
						return ERR_MALFORMED;
					c = c * 10 + (t->text[i] - '0');
				}
				if (c > 255)
					return ERR_MALFORMED;
			}
		}
		if (count >= room)
			return ERR_TOO_BIG;
		to[count++] = (uint8_t)c;
	}
	return (int)count;
}

static void note(struct dns_lexer *x, bool quote, const char *format, va_list arguments)
{
	struct dns_problem *p = x->problem;
	const struct dns_token *t = &x->token;
	size_t at = 0;

	if (p->line != 0)
		return;
	p->line = t->line;
	if (quote) {
		p->text[at++] = '"';
		for (size_t i = 0; i < t->size && i < SHOWN_MAX; i++)
			p->text[at++] = t->text[i];
		if (t->size > SHOWN_MAX)
			for (unsigned dots = 0; dots < 3; dots++)
				p->text[at++] = '.';
		p->text[at++] = '"';
		p->text[at++] = ' ';
	}
	vsnprintf(p->text + at, sizeof p->text - at, format, arguments);
	for (char *c = p->text; c < p->text + at; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

bool dns_lexer_fail(struct dns_lexer *x, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note(x, false, format, arguments);
	va_end(arguments);
	return false;
}

bool dns_lexer_refuse(struct dns_lexer *x, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note(x, true, format, arguments);
	va_end(arguments);
	return false;
}
