/* SPDX-License-Identifier: ISC */
/*
 * What is done with one packet of tx: 1 to AMP_PACKET_DESCS_MAX descriptors of any value (copies), whose bytes may change between
 * any two reads. That the bytes of each lie within frames or segments is net_desc.c's to prove.
 */
// eva: -eva-precision 0 -eva-slevel 60 -eva-alloc-builtin fresh_weak
#include <prove.h>
#include <stdlib.h>

#include <tender/device/net_packet.c>
#include <tender/device/net_rings.c>
#include <tender/device/ring.c>

#define FRAMES  64u
#define SEGMENT 8192u

int main(void)
{
	static struct net_rings d;
	struct amp_desc c[AMP_PACKET_DESCS_MAX];
	uint32_t area = FRAMES * AMP_FRAME_SIZE, count = prove_number(1, AMP_PACKET_DESCS_MAX);
	uint8_t *frames = calloc(1, area), *segment = calloc(1, SEGMENT);
	if (!frames || !segment)
		return 1;
	Frama_C_make_unknown((char *)frames, area);
	Frama_C_make_unknown((char *)segment, SEGMENT);
	prove_any(c);
	d.frame_size = AMP_FRAME_SIZE;
	d.frame_count = FRAMES;
	d.frames = frames;
	d.mtu = 1500;
	d.features = prove_number(0, UINT32_MAX);
	d.vnet = prove_number(0, 1);
	d.header = prove_number(0, 1) ? NET_HEADER_SHORT : sizeof(struct amp_frame_header);
	d.segments[0] = (struct device_memory){ 0x40000, SEGMENT, segment };
	d.segment_count = 1;
	prove_any(d.tx_left);
	//@ split count;
	send_packet(&d, c, count);
	return 0;
}
