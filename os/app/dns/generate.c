/* SPDX-License-Identifier: ISC */
/* $GENERATE's ranges and templates; they behave as BIND 9's do. master.c makes the records. */
#include <app/dns/generate.h>

#include <string.h>

#include <core/error.h>
#include <app/dns/text.h>

#define WIDTH_MAX 255u /* characters: no name is longer */

bool dns_range_parse(struct dns_range *range, const char *text, size_t size, const char **why)
{
	const char *end = text + size;
	const char *dash = memchr(text, '-', size);
	const char *slash = memchr(text, '/', size);
	uint64_t first, last, step = 1;

	*why = "is not a range; write it as FIRST-LAST or FIRST-LAST/STEP";
	if (!dash || (slash && slash < dash) ||
	    !dns_text_number(text, (size_t)(dash - text), 10, INT32_MAX, &first) ||
	    !dns_text_number(dash + 1, (size_t)((slash ? slash : end) - dash - 1), 10, INT32_MAX,
	                     &last) ||
	    (slash && !dns_text_number(slash + 1, (size_t)(end - slash - 1), 10, INT32_MAX, &step)))
		return false;
	if (first > last || step == 0) {
		*why = step == 0 ? "has a step of 0; write 1 or more"
		                 : "is a range that ends before it begins; turn it around";
		return false;
	}
	*range = (struct dns_range){ (uint32_t)first, (uint32_t)last, (uint32_t)step };
	return true;
}

uint32_t dns_range_count(const struct dns_range *range)
{
	return (range->last - range->first) / range->step + 1;
}

static void put_nibbles(struct bytes_out *out, uint32_t value, uint32_t width, bool capitals)
{
	/* The width counts the dots too, and an even one ends in a dot. */
	do {
		uint8_t digit[1];
		struct bytes_out one = bytes_out(digit, 1);
		dns_put_number(&one, value & 15, 16, 1);
		bytes_put_u8(out, capitals && digit[0] >= 'a' ? digit[0] - 32 : digit[0]);
		value >>= 4;
		width -= width > 0;
		if (width > 0 || value != 0) {
			bytes_put_u8(out, '.');
			width -= width > 0;
		}
	} while (width > 0 || value != 0);
}

static void put_number(struct bytes_out *out, int64_t value, uint32_t width, char base)
{
	uint8_t text[WIDTH_MAX + 24];
	struct bytes_out digits = bytes_out(text, sizeof text);
	uint32_t bits = (uint32_t)value; /* what is negative is shown as 32 bits, but in base d */
	unsigned pad = 0;

	if (base == 'n' || base == 'N') {
		put_nibbles(out, bits, width, base == 'N');
		return;
	}
	if (base == 'd')
		dns_put_number(&digits, (uint64_t)(value < 0 ? -value : value), 10, 1);
	else
		dns_put_number(&digits, bits, base == 'o' ? 8 : 16, 1);
	if (base == 'd' && value < 0) {
		bytes_put_u8(out, '-');
		pad = 1;
	}
	for (pad += digits.at; pad < width; pad++)
		bytes_put_u8(out, '0');
	for (uint32_t i = 0; base == 'X' && i < digits.at; i++)
		if (text[i] >= 'a')
			text[i] -= 32;
	bytes_put_copy(out, text, digits.at);
}

/* {offset[,width[,base]]}; *at is at the brace and moves behind the closing one. */
static bool parse_braces(const char *text, size_t size, size_t *at, int64_t *offset,
                         uint32_t *width, char *base)
{
	size_t start = *at + 1;
	const char *close = memchr(text + start, '}', size - start);
	uint64_t part;

	if (!close)
		return false;
	size_t end = (size_t)(close - text);
	*at = end + 1;
	for (unsigned i = 0; i < 3; i++) {
		const char *comma = memchr(text + start, ',', end - start);
		size_t stop = comma ? (size_t)(comma - text) : end;
		bool minus = i == 0 && start < stop && text[start] == '-';
		if (i == 2) {
			*base = stop == start + 1 ? text[start] : '\0';
			return !comma && *base != '\0' && strchr("doxXnN", *base);
		}
		if (!dns_text_number(text + start + minus, stop - start - minus, 10,
		                     i == 0 ? INT32_MAX : WIDTH_MAX, &part))
			return false;
		if (i == 0)
			*offset = minus ? -(int64_t)part : (int64_t)part;
		else
			*width = (uint32_t)part;
		if (!comma)
			return true;
		start = stop + 1;
	}
	return false;
}

int dns_generate_text(struct bytes_out *out, const char *template, size_t size, uint32_t number)
{
	for (size_t i = 0; i < size;) {
		char c = template[i++];
		if (c == '\\' && i < size) {
			bytes_put_u8(out, '\\');
			bytes_put_u8(out, (uint8_t)template[i++]);
			continue;
		}
		if (c != '$') {
			bytes_put_u8(out, (uint8_t)c);
			continue;
		}
		if (i < size && template[i] == '$') {
			bytes_put_u8(out, '$');
			i++;
			continue;
		}
		int64_t offset = 0;
		uint32_t width = 0;
		char base = 'd';
		if (i < size && template[i] == '{' &&
		    !parse_braces(template, size, &i, &offset, &width, &base))
			return ERR_MALFORMED;
		put_number(out, (int64_t)number + offset, width, base);
	}
	return OK;
}
