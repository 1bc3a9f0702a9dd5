/* SPDX-License-Identifier: ISC */
/* What one byte outside of data does to the state of the chunked coding, whatever both are. */
// eva: -eva-precision 0 -eva-slevel 400
#include <prove.h>

/* Texts are http_text.c's to prove. */
/*@ predicate upto(char *a, char *b) = \true;
    predicate there(char *bytes, integer size) = \true; */

#include <app/http/chunk.c>
#include <app/http/text.c>

int main(void)
{
	struct http_chunk c;
	prove_any(c.left);
	prove_any(c.line);
	prove_any(c.state);
	c.folds = prove_number(0, 1);
	step(&c, (char)prove_number(0, 255));
	return 0;
}
