/* SPDX-License-Identifier: ISC */
/* The chunked coding (RFC 9112 §7.1), strictly: CRLF and nothing else ends a line; extensions and
 * trailers are read and dropped, up to their bounds. */
#include <app/http/http_internal.h>

enum chunk_state {
	SIZE,
	SIZE_MORE,
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER,
	TRAILER_LINE,
	TRAILER_LF,
	LAST_LF,
	END
};

/* One byte outside of data. False: it may not be there. */
static bool step(struct http_chunk *c, char b)
{
	uint8_t digit = http_hex(b);
	switch ((enum chunk_state)c->state) {
	case SIZE:
		if (digit > 15)
			return false;
		c->left = digit;
		c->line = 1;
		c->state = SIZE_MORE;
		return true;
	case SIZE_MORE:
		if (digit <= 15) {
			c->left = c->left << 4 | digit;
			return ++c->line <= HTTP_CHUNK_LINE_MAX && c->left < 1ull << 60;
		}
		if (b == '\r')
			c->state = SIZE_LF;
		else if (b == ';' || b == ' ' || b == '\t')
			c->state = EXTENSION;
		else
			return false;
		return true;
	case EXTENSION:
		if (b == '\r')
			c->state = SIZE_LF;
		else if ((b < 0x20 && b > 0 && b != '\t') || b == 0 || b == 0x7f)
			return false;
		return ++c->line <= HTTP_CHUNK_LINE_MAX;
	case SIZE_LF:
		c->line = 0;
		c->state = c->left ? DATA : TRAILER;
		return b == '\n';
	case DATA_CR:
		c->state = DATA_LF;
		return b == '\r';
	case DATA_LF:
		c->state = SIZE;
		return b == '\n';
	case TRAILER:
		if (b == '\r') {
			c->state = LAST_LF;
			return true;
		}
		c->state = TRAILER_LINE;
		return http_is_token(b) && ++c->line <= HTTP_TRAILER_MAX;
	case TRAILER_LINE:
		if (b == '\r')
			c->state = TRAILER_LF;
		else if ((b < 0x20 && b > 0 && b != '\t') || b == 0 || b == 0x7f)
			return false;
		return ++c->line <= HTTP_TRAILER_MAX;
	case TRAILER_LF:
		c->state = TRAILER;
		return b == '\n';
	case LAST_LF:
		c->state = END;
		return b == '\n';
	default:
		return false;
	}
}

enum http_chunk_result http_chunk_next(struct http_chunk *c, const uint8_t *bytes, uint32_t size,
                                       uint32_t *used, const uint8_t **data, uint32_t *data_size)
{
	*used = 0;
	while (*used < size) {
		if (c->state == DATA) {
			uint32_t n = size - *used;
			n = n < c->left ? n : (uint32_t)c->left;
			*data = bytes + *used;
			*data_size = n;
			*used += n;
			c->left -= n;
			if (!c->left)
				c->state = DATA_CR;
			return CHUNK_DATA;
		}
		if (!step(c, (char)bytes[(*used)++]))
			return CHUNK_BAD;
		if (c->state == END)
			return CHUNK_END;
	}
	return CHUNK_MORE;
}
