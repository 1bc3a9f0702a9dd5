/* SPDX-License-Identifier: ISC */
/*
 * The words of a master file (RFC 1035 §5.1): it takes away white space, comments and parentheses, and gives words,
 * quoted strings and ends of lines where they lie in the text, escapes not yet decoded. One token is always at hand
 * in `token`; dns_lexer_next replaces it by the next. Any byte string is safe input; every call moves forward, or
 * stays at the end.
 */
#ifndef DNS_LEXER_H
#define DNS_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_PROBLEM_TEXT_MAX 256u /* bytes of a message with its NUL */

enum dns_token_kind {
	DNS_TOKEN_WORD,
	DNS_TOKEN_QUOTED,  /* text is what stands between the quotes */
	DNS_TOKEN_NEWLINE, /* outside parentheses only */
	DNS_TOKEN_END,     /* of the file */
	DNS_TOKEN_BAD,     /* the problem says why; the token is what was skipped */
};

struct dns_token {
	const char *text;
	size_t size;
	uint32_t line; /* from 1 */
	uint8_t kind;
	bool first;    /* the line begins with it, or with white space and it */
	bool indented; /* first, and white space came before */
	bool glued;    /* follows the token before it directly: key="value" is two tokens */
	bool escaped;  /* has a backslash */
};

/* The first thing that went wrong since it was cleared. */
struct dns_problem {
	uint32_t line; /* 0: nothing did */
	char text[DNS_PROBLEM_TEXT_MAX];
};

struct dns_lexer {
	const char *text;
	size_t size, at; /* of the text; where the next token is looked for */
	uint32_t line;   /* where `at` is */
	bool line_start;
	bool line_fixed;    /* the line does not advance: text that a directive made */
	uint32_t depth;     /* open parentheses */
	uint32_t open_line; /* of the outermost one, */
	size_t open_at;     /* and where it is */
	struct dns_token token;
	struct dns_problem *problem; /* the caller's */
};

/* Begins at the text's first byte, and reads the first token. */
void dns_lexer_init(struct dns_lexer *, const char *text, size_t size, uint32_t line,
                    struct dns_problem *);
void dns_lexer_next(struct dns_lexer *);
/* Moves to the end of the record: the token becomes NEWLINE or END. */
void dns_lexer_skip(struct dns_lexer *);

static inline bool dns_lexer_at_end(const struct dns_lexer *x)
{
	return x->token.kind == DNS_TOKEN_NEWLINE || x->token.kind == DNS_TOKEN_END;
}

/* The token is this word; letter case is ignored, `word` in capitals. */
bool dns_token_is(const struct dns_token *, const char *word);
/* Decodes its escapes into `to`; returns the number of bytes, ERR_TOO_BIG if they are more than room, or
 * ERR_MALFORMED for a bad escape. */
int dns_token_decode(const struct dns_token *, uint8_t *to, size_t room);

/* Notes what is wrong with the token at hand, unless something was noted already. Always false, for `return`. */
bool dns_lexer_fail(struct dns_lexer *, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
/* The same; the message begins with the token in quotes, shortened and made printable: «"x" » and the format. */
bool dns_lexer_refuse(struct dns_lexer *, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

#endif
