/* SPDX-License-Identifier: ISC */
/*
 * The chunked coding: every text of up to 12 bytes, from any state and with any chunk under way. What is taken lies in the
 * text. What one byte does to the state is http_step.c's to prove: here it is anything.
 */
// eva: -eva-precision 0 -eva-slevel 400 -eva-use-spec step -eva-split-return auto
#include <prove.h>

#include <app/http/http_internal.h>

/*@ requires \valid(c);
    assigns *c, \result \from *c, b;
    ensures \result \in {0, 1}; */
static bool step(struct http_chunk *c, char b);

#include <app/http/chunk.c>
#include <app/http/text.c>

int main(void)
{
	struct http_chunk c;
	uint8_t text[12];
	uint32_t size = prove_number(0, sizeof text), used, taken;
	const uint8_t *data, *bytes;
	prove_any(text);
	prove_any(c.left);
	prove_any(c.line);
	c.state = (uint8_t)prove_number(SIZE, BAD);
	c.folds = prove_number(0, 1);
	//@ split size;
	bytes = text + sizeof text - size;
	http_chunk_next(&c, bytes, size, &used, &data, &taken);
	//@ assert used <= size;
	return 0;
}
