/* SPDX-License-Identifier: ISC */
/*
 * The loop that takes a batch of packets from tx: counters and descriptors of any value, which may change between any two reads
 * (fresh_weak, as in net_rings.c). What is done with one packet is net_packet.c's to prove: it is given 1 to
 * AMP_PACKET_DESCS_MAX descriptors.
 */
// eva: -eva-precision 0 -eva-slevel 45 -eva-alloc-builtin fresh_weak -eva-use-spec send_packet
#include <prove.h>
#include <stdlib.h>

#include <tender/device/net_rings.h>

/*@ requires \valid(d) && 1 <= count <= AMP_PACKET_DESCS_MAX && \valid_read(c + (0 .. count - 1));
    assigns d->counts, d->tx_left, d->gone, \result \from d->counts, d->tx_left, d->gone, c[0 .. count - 1];
    ensures \result \in {0, 1}; */
static bool send_packet(struct net_rings *d, const struct amp_desc *c, uint32_t count);

#include <tender/device/net_packet.c>
#include <tender/device/net_rings.c>
#include <tender/device/ring.c>

#define RING   64u
#define FRAMES 64u

int main(void)
{
	static struct net_rings d;
	struct amp_device view = { 0 };
	uint32_t rings_size = 4 * RING_HEAD + RING * 48u;
	uint8_t *rings = calloc(1, rings_size);
	if (!rings)
		return 1;
	Frama_C_make_unknown((char *)rings, rings_size);
	const struct device_memory shared = { 0x10000, rings_size, rings };
	uint64_t at = 4 * RING_HEAD;
	ring_open(&d.tx, &view.tx, &shared, 2 * RING_HEAD, at + 24 * RING, RING);
	ring_open(&d.completion, &view.completion, &shared, 3 * RING_HEAD, at + 40 * RING, RING);
	d.tx.mine = prove_number(0, UINT32_MAX);
	d.completion.mine = prove_number(0, UINT32_MAX);
	d.tx_need = prove_number(0, UINT32_MAX);
	d.tx_skip = prove_number(0, 1);
	prove_any(d.tx_left);
	net_rings_send(&d);
	return 0;
}
