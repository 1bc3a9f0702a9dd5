/* SPDX-License-Identifier: ISC */
/* UDP: every datagram of up to 40 bytes, to a socket that looks at all of it. */
// eva: -eva-precision 0 -eva-slevel 100
#include <frame.h>

#include <net/udp.c>

bool ip4_checksum_good(const struct ip4_packet *p, uint16_t size, uint32_t at)
{
	uint16_t stored;
	memcpy(&stored, p->payload + at, sizeof stored);
	return checksum_good(checksum_add(0, p->payload, size)) || stored;
}

static void receive(void *context, struct udp_packet *p)
{
	prove_read(p->payload, p->size);
}

int main(void)
{
	static struct udp_socket s;
	struct interface *i = prove_any_interface();
	uint32_t size = prove_number(0, 40);
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
	p.checked = prove_number(0, 1);
	udp_input(&p);
	return 0;
}
