/* SPDX-License-Identifier: ISC */
/* Ethernet and its VLAN tag: every frame of up to 64 bytes. What is above is not looked into. */
// eva: -eva-precision 0 -eva-slevel 100
#include <frame.h>

#include <net/ethernet.c>

bool ip4_udp, ip4_multicast;

int main(void)
{
	uint32_t size = prove_number(0, 64);
	//@ split size;
	ethernet_input(prove_any_interface(), prove_frame(size));
	return 0;
}
