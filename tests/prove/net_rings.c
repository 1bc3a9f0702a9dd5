/* SPDX-License-Identifier: ISC */
/*
 * What the tender's side of a network device believes: ring counters of any value, descriptors, metadata and fill addresses of any value, and
 * memory that may change between any two reads (from calloc, of which Eva here never remembers what was read:
 * fresh_weak). The loops that take a batch of these from the rings are not looked into.
 */
// eva: -eva-precision 0 -eva-slevel 60 -eva-alloc-builtin fresh_weak
#include <prove.h>
#include <stdlib.h>

#include <tender/device/net_packet.c>
#include <tender/device/net_rings.c>
#include <tender/device/ring.c>

#define RING    64u
#define FRAMES  64u
#define SEGMENT 8192u

int main(void)
{
	static struct net_rings d;
	struct amp_device view = { 0 };
	struct amp_desc c;
	struct amp_frame_header h;
	uint64_t offered[AMP_PACKET_DESCS_MAX];
	uint32_t rings_size = 4 * RING_HEAD + RING * 48u, area = FRAMES * AMP_FRAME_SIZE;
	uint8_t *rings = calloc(1, rings_size), *frames = calloc(1, area),
	        *segment = calloc(1, SEGMENT);
	if (!rings || !frames || !segment)
		return 1;
	Frama_C_make_unknown((char *)rings, rings_size);
	Frama_C_make_unknown((char *)frames, area);
	Frama_C_make_unknown((char *)segment, SEGMENT);
	prove_any(c);
	prove_any(h);
	const struct device_memory shared = { 0x10000, rings_size, rings };
	const struct device_memory constant = { 0x40000, SEGMENT, segment };
	d.frame_size = AMP_FRAME_SIZE;
	d.frame_count = FRAMES;
	d.frames = frames;
	d.mtu = 1500;
	d.features = prove_number(0, UINT32_MAX);
	d.segments[0] = constant;
	d.segment_count = 1;
	uint64_t at = 4 * RING_HEAD;
	ring_open(&d.fill, &view.fill, &shared, 0, at, RING);
	ring_open(&d.rx, &view.rx, &shared, RING_HEAD, at + 8 * RING, RING);
	ring_open(&d.tx, &view.tx, &shared, 2 * RING_HEAD, at + 24 * RING, RING);
	ring_open(&d.completion, &view.completion, &shared, 3 * RING_HEAD, at + 40 * RING, RING);
	d.fill.mine = prove_number(0, UINT32_MAX);
	d.rx.mine = prove_number(0, UINT32_MAX);
	d.tx.mine = prove_number(0, UINT32_MAX);
	d.completion.mine = prove_number(0, UINT32_MAX);
	d.tx_need = prove_number(0, UINT32_MAX);
	d.rx_need = prove_number(0, UINT32_MAX);
	d.rx_blocked = prove_number(0, 1);
	switch (prove_number(0, 3)) {
	case 0: {
		const uint8_t *bytes = desc_bytes(&d, &c);
		if (bytes)
			prove_read(bytes, 1);
		break;
	}
	case 1: {
		/* Of a first descriptor: it holds 14 bytes at least, all within its frame. */
		uint8_t packet[AMP_FRAME_SIZE];
		prove_any(packet);
		uint32_t first = prove_number(ETHERNET_HEADER, sizeof packet);
		header_fits(&d, &h, packet, first, prove_number(first, AMP_PACKET_MAX));
		break;
	}
	case 2: {
		uint32_t ready = ring_ready(&d.fill);
		net_frames_offered(&d, 0, ready, offered, AMP_PACKET_DESCS_MAX);
		break;
	}
	default:
		net_rings_pending(&d);
	}
	return 0;
}
