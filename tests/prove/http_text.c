/* SPDX-License-Identifier: ISC */
/* Hosts, ports, methods and names, of every text of up to 10 bytes. Numbers are http_number.c's. */
// eva: -eva-precision 0 -eva-slevel 2000
#include <prove.h>

#include <app/http/text.c>

static char text[10];

int main(void)
{
	struct http_text t, part;
	uint32_t size = prove_number(0, sizeof text);
	prove_any(text);
	//@ split size;
	t.bytes = text + sizeof text - size;
	t.size = size;
	switch (prove_number(0, 1)) {
	case 0:
		http_authority_split(t, &part);
		break;
	default:
		http_text_is(t, "OPTIONS");
		http_text_is_nocase(t, "transfer-encoding");
	}
	return 0;
}
