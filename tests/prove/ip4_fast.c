/* SPDX-License-Identifier: ISC */
/* The fast path of IPv4 and UDP: every frame of up to 64 bytes. */
// eva: -eva-precision 0 -eva-slevel 100
#include <frame.h>

#include <net/ip4.c>

int main(void)
{
	struct interface *i = prove_any_interface();
	uint32_t size = prove_number(0, 64);
	//@ split size;
	ip4_input_fast(i, prove_frame(size));
	return 0;
}
