/* SPDX-License-Identifier: ISC */
/*
 * The chunked coding, by RFC 9112 §7.1's grammar and nothing looser: what two readers of one line disagree about is what
 * requests are smuggled by. Extensions and trailers are read and dropped, up to their bounds.
 */
#include <app/http/http_internal.h>

enum chunk_state {
	SIZE,
	SIZE_MORE,
	EXTENSION_WAIT, /* white space, behind which a semicolon has to come */
	NAME_WAIT,      /* behind a semicolon */
	NAME,
	NAME_DONE, /* white space behind a name */
	VALUE_WAIT,
	VALUE,
	QUOTED,
	QUOTED_PAIR,
	QUOTED_DONE,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER, /* from here on, lines count together */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF,
	END,
	BAD
};

/* White space, or the next extension. */
static uint8_t extension_next(char b)
{
	return b == ';' ? NAME_WAIT : b == ' ' || b == '\t' ? EXTENSION_WAIT : BAD;
}

/* Behind what may be the last of a line. */
static uint8_t extension_or_end(char b)
{
	return b == '\r' ? SIZE_LF : extension_next(b);
}

static bool is_text(char b)
{
	return ((uint8_t)b >= 0x20 && b != 0x7f) || b == '\t';
}

static uint8_t size_line(struct http_chunk *c, char b)
{
	uint8_t digit = http_hex(b);
	bool blank = b == ' ' || b == '\t';
	switch ((enum chunk_state)c->state) {
	case SIZE:
		c->left = digit;
		return digit <= 15 ? SIZE_MORE : BAD;
	case SIZE_MORE:
		if (digit > 15)
			return extension_or_end(b);
		c->left = c->left << 4 | digit;
		return c->left < 1ull << 60 ? SIZE_MORE : BAD;
	case EXTENSION_WAIT:
		return extension_next(b);
	case NAME_WAIT:
		return http_is_token(b) ? NAME : blank ? NAME_WAIT : BAD;
	case NAME:
		if (http_is_token(b))
			return NAME;
		return b == '=' ? VALUE_WAIT : blank ? NAME_DONE : extension_or_end(b);
	case NAME_DONE:
		return b == '=' ? VALUE_WAIT : blank ? NAME_DONE : extension_next(b);
	case VALUE_WAIT:
		return http_is_token(b) ? VALUE : b == '"' ? QUOTED : blank ? VALUE_WAIT : BAD;
	case VALUE:
		return http_is_token(b) ? VALUE : extension_or_end(b);
	case QUOTED:
		return b == '"' ? QUOTED_DONE : b == '\\' ? QUOTED_PAIR : is_text(b) ? QUOTED : BAD;
	case QUOTED_PAIR:
		return is_text(b) ? QUOTED : BAD;
	case QUOTED_DONE:
		return extension_or_end(b);
	default:
		return BAD;
	}
}

static uint8_t trailer(const struct http_chunk *c, char b)
{
	bool blank = b == ' ' || b == '\t';
	switch ((enum chunk_state)c->state) {
	case TRAILER:
		if (b == '\r')
			return LAST_LF;
		/* Behind a first line one may be folded, where that is allowed. */
		if (blank && c->folds && c->line > 1)
			return TRAILER_VALUE;
		return http_is_token(b) ? TRAILER_NAME : BAD;
	case TRAILER_NAME:
		return http_is_token(b) ? TRAILER_NAME : b == ':' ? TRAILER_VALUE : BAD;
	case TRAILER_VALUE:
		return is_text(b) ? TRAILER_VALUE : b == '\r' ? TRAILER_LF : BAD;
	case TRAILER_LF:
		return b == '\n' ? TRAILER : BAD;
	case LAST_LF:
		return b == '\n' ? END : BAD;
	default:
		return BAD;
	}
}

/* One byte outside of data. False: it may not be there. */
static bool step(struct http_chunk *c, char b)
{
	c->line++;
	switch ((enum chunk_state)c->state) {
	case SIZE_LF:
		c->line = 0;
		c->state = b != '\n' ? BAD : c->left ? DATA : TRAILER;
		break;
	case DATA_CR:
		c->state = b == '\r' ? DATA_LF : BAD;
		break;
	case DATA_LF:
		c->line = 0;
		c->state = b == '\n' ? SIZE : BAD;
		break;
	default:
		c->state = c->state < SIZE_LF ? size_line(c, b) : trailer(c, b);
	}
	return c->state != BAD &&
	       c->line <= (c->state < TRAILER ? HTTP_CHUNK_LINE_MAX : HTTP_TRAILER_MAX);
}

enum http_chunk_result http_chunk_next(struct http_chunk *c, const uint8_t *bytes, uint32_t size,
                                       uint32_t *used, const uint8_t **data, uint32_t *data_size)
{
	*used = 0;
	/*@ loop invariant *used <= size;
	    loop assigns *c, *used; */
	while (*used < size) {
		if (c->state == DATA) {
			uint32_t n = size - *used;
			n = n < c->left ? n : (uint32_t)c->left;
			*data = bytes + *used;
			*data_size = n;
			//@ assert \valid_read(*data + (0 .. n - 1));
			*used += n;
			//@ assert *used <= size;
			c->left -= n;
			if (!c->left)
				c->state = DATA_CR;
			return CHUNK_DATA;
		}
		if (!step(c, (char)bytes[(*used)++]))
			return CHUNK_BAD;
		//@ assert *used <= size;
		if (c->state == END)
			return CHUNK_END;
	}
	return CHUNK_MORE;
}
