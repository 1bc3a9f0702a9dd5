/* SPDX-License-Identifier: ISC */
/* IPv4: every frame whose header has up to 40 bytes of options, and some payload. */
// eva: -eva-precision 0 -eva-slevel 100
// wp: options_fit
#include <frame.h>

#include <net/ip4.c>

int main(void)
{
	struct ip4_packet p;
	uint16_t fragment;
	uint32_t size = prove_number(0, 14 + 60 + 6);
	bool link_group = prove_number(0, 1);
	struct interface *i = prove_any_interface();
	//@ split size;
	struct frame *f = prove_frame(size);
	decode(i, f, link_group, &p, &fragment);
	return 0;
}
