/* SPDX-License-Identifier: ISC */
/*
 * How a head is cut: where it ends, its first line, and one of its fields, of every text of up to 8 bytes, whether a scan has
 * found an end there or not. What is cut out lies within the text. A line is one of a head that was scanned: before LF is CR.
 */
// eva: -eva-precision 0 -eva-slevel 3000
#include <prove.h>

#include <app/http/http_internal.h>

/* What loops keep is http_lines.c's to prove. */
/*@ predicate upto(char *a, char *b) = \true;
    predicate there(char *bytes, integer size) = \true;
    predicate http_head_holds(struct http_head *h) = \true;
    predicate http_field_holds{L}(struct http_head *h, integer k) = \true;
    predicate http_span_holds(struct http_head *h, struct http_span s) = s.at + s.size <= h->size; */

#include <app/http/text.c>
#include <app/http/fields.c>

static char text[8];
static struct http_head head;

static void within(struct http_span s, uint32_t size)
{
	//@ assert s.at + s.size <= size;
}

int main(void)
{
	uint32_t size = prove_number(0, sizeof text), at = 0;
	prove_any(text);
	const char *bytes;
	struct http_lines l;
	//@ split size;
	bytes = text + sizeof text - size;
	l.at = bytes;
	l.end = bytes + size;
	head.base = bytes;
	head.size = size;
	switch (prove_number(0, 2)) {
	case 0:
		at = prove_number(0, size);
		//@ split at;
		http_head_scan(bytes, size, &at);
		break;
	case 1: {
		struct http_text line;
		if (size && bytes[0] == '\n')
			return 0;
		//@ loop unroll 8;
		for (uint32_t k = 1; k < size; k++)
			if (bytes[k] == '\n' && bytes[k - 1] != '\r')
				return 0;
		line = http_line_next(&l);
		prove_read((const uint8_t *)line.bytes, line.size);
		break;
	}
	default:
		if (field_parse(&head, &l)) {
			within(head.fields[0].name, size);
			within(head.fields[0].value, size);
		}
	}
	return 0;
}
