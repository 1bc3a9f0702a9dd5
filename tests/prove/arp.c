/* SPDX-License-Identifier: ISC */
/* ARP: every frame of up to 64 bytes, whatever our address is. */
// eva: -eva-precision 0 -eva-slevel 100
#include <frame.h>

#include <net/arp.c>

int main(void)
{
	uint32_t size = prove_number(0, 64);
	//@ split size;
	decode(prove_frame(size));
	return 0;
}
