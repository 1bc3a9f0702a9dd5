/* SPDX-License-Identifier: ISC */
/* ICMP: messages of up to 80 bytes, errors with a quoted header of every size among them. */
// eva: -eva-precision 0 -eva-slevel 1500
#include <frame.h>

#include <net/icmp.c>

static void told(const struct icmp_report *r)
{
	prove_read(r->quoted, r->quoted_size);
}

int main(void)
{
	struct interface *i = prove_any_interface();
	uint32_t size = prove_number(0, 80);
	//@ split size;
	struct frame *f = prove_frame(size);
	struct ip4_packet p = { .interface = i,
		                .frame = f,
		                .payload = prove_area + AMP_FRAME_SIZE - size,
		                .size = size,
		                .room = size,
		                .header_size = 20 };
	prove_any(p.source);
	prove_any(p.destination);
	icmp_report_set(IP4_PROTOCOL_TCP, told);
	input(&p);
	return 0;
}
