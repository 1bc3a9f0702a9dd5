/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the ring protocol from the image's side, through a device's contract: an input is a list of
 * lies (counters and entries of any value) with packets and passes of the pump between them. Rings and frames are heap blocks
 * of exactly their size, so that AddressSanitizer sees a step outside. At the end the rings are put
 * right by nobody: the device must merely have survived, and a pass must end.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tender/device/packets.h>

#define RING   64u
#define FRAMES 128u
#define AREA   ((uint64_t)FRAMES * AMP_FRAME_SIZE)
#define MTU    1500

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define FIXED    20000u
#define FIXED_AT 0x300000000000ull
#define ALL                                                                                        \
	(AMP_NET_TX_CHECKSUM | AMP_NET_RX_CHECKSUM | AMP_NET_TX_SEGMENT | AMP_NET_RX_LARGE |       \
	 AMP_NET_TX_DIRECT)

enum {
	COUNTER,
	ENTRY,
	NEAR_COUNTER,
	NEAR_ENTRY,
	PACKET,
	SEND,
	RECEIVE,
	PENDING,
	CHAIN,
	LARGE,
	KINDS
};

/* A descriptor that nearly fits into a chain, with metadata that nearly does. */
static void chain(const struct amp_ring *tx, uint8_t *frames, const uint8_t *input)
{
	uint32_t options = input[2] & 15, at = (*(uint32_t *)tx->producer)++;
	struct amp_desc c = { .addr = (uint64_t)(input[4] % FRAMES) * AMP_FRAME_SIZE + input[5],
		              .len = (uint32_t)input[6] * 9 + input[7] % 16,
		              .options = options };
	struct amp_frame_header h = { (uint8_t)(input[8] & 3),
		                      (uint8_t)(input[9] & 0x87),
		                      0,
		                      (uint16_t)(input[10] * 8),
		                      34,
		                      (uint16_t)(input[11] & 31),
		                      0 };
	if (options & AMP_DESC_DIRECT)
		c = (struct amp_desc){ FIXED_AT - 64 + input[4] * 80u, input[6] * 80u, options };
	else if (options & AMP_DESC_METADATA && c.addr >= sizeof h)
		memcpy(frames + c.addr - sizeof h, &h, sizeof h);
	((struct amp_desc *)tx->entries)[at & (RING - 1)] = c;
}

static void run(const uint8_t *input, size_t size, bool offloads, bool streams);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	run(input, size, false, false);
	run(input, size, true, false);
	run(input, size, true, true);
	return 0;
}

static void run(const uint8_t *input, size_t size, bool offloads, bool streams)
{
	static struct net_guard guard = { .router = 0x0a000001 };
	int fds[2];
	struct packets *p = calloc(1, sizeof *p);
	const struct amp_note_device note = { .ring_size = RING, .frame_count = FRAMES };
	struct device d = { .state = p, .note = &note, .abi_minor = offloads };
	struct device_need need = { 0 };
	struct defect why;
	struct amp_device view = { 0 };
	uint8_t *rings = calloc(1, net_rings_size(RING)), *frames = calloc(1, AREA);
	uint8_t *fixed = malloc(FIXED);
	static uint8_t packet[70000];
	assert(p && rings && frames && fixed);
	packets_begin(p);
	memset(fixed, 1, FIXED);
	if (socketpair(AF_UNIX, (streams ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
	               0, fds))
		abort();
	if (streams) {
		p->stream = calloc(1, sizeof *p->stream);
		assert(p->stream && !net_stream_open(p->stream, fds[0], 65535, &why));
		p->stream->guard = &guard;
		p->stream->readdress = p->vouched = true;
	}
	const struct device_memory constant = { FIXED_AT, FIXED, fixed };
	const struct device_place place = {
		.rings = { (uint64_t)rings, net_rings_size(RING), rings },
		.frames = { (uint64_t)frames, AREA, frames },
		.constants = &constant,
		.constant_count = 1,
		.view = &view,
	};
	p->fd = fds[0];
	p->mtu = MTU;
	packets_need(&d, &need);
	assert(need.rings == place.rings.size && need.frames == AREA);
	assert(!packets_place(&d, &place, &why));
	if (offloads) /* large packets, too, whatever such small rings are offered */
		net_rings_offload(&p->rings, ALL, !streams, p->overflow);
	struct amp_ring *const all[] = { &view.fill, &view.rx, &view.tx, &view.completion };

	while (size >= 12) {
		struct amp_ring *r = all[input[1] % 4];
		uint32_t *counter = (uint32_t *)(input[2] & 1 ? r->producer : r->consumer);
		uint64_t *entries = (uint64_t *)r->entries, value;
		uint32_t words = RING * (r == &view.rx || r == &view.tx ? 2 : 1);
		memcpy(&value, input + 4, sizeof value);
		switch (input[0] % KINDS) {
		case COUNTER:
			*counter = (uint32_t)value;
			break;
		case NEAR_COUNTER: /* plausible steps get further */
			*counter += (uint32_t)value % (RING + 2);
			break;
		case ENTRY:
			entries[input[3] % words] = value;
			break;
		case NEAR_ENTRY: /* an address or a descriptor that nearly fits */
			entries[input[3] % words] = value % (AREA + 64);
			if (words == 2 * RING)
				entries[(input[3] | 1u) % words] = 14 + value % 2048;
			break;
		case PACKET:
			memset(packet, input[3], 2048);
			if (streams) {
				const uint32_t length = htonl((uint32_t)(value % 2048));
				(void)!write(fds[1], &length, input[2] & 1 ? 4 : input[2] % 5);
			}
			(void)!write(fds[1], packet, value % 2048);
			break;
		case CHAIN:
			chain(&view.tx, frames, input);
			break;
		case LARGE:
			memset(packet, 0, 12);
			packet[0] = input[2] & 3;
			packet[1] = input[2] >> 2 & 1;
			(void)!write(fds[1], packet, value % sizeof packet);
			break;
		case SEND:
			packets_pass(&d, DEVICE_PASS_KICK);
			break;
		case RECEIVE:
			if (input[2] & 1)
				packets_pass(&d, DEVICE_PASS_ALL);
			else
				net_rings_receive(&p->rings);
			break;
		case PENDING:
			packets_pending(&d);
			packets_ready(&d, value);
			packets_wakeup(&d, input[2] & 1);
			assert(packets_polls(&d, (struct pollfd[2]){ 0 }) <= 1u + streams);
			break;
		}
		while (read(fds[1], packet, sizeof packet) > 0)
			;
		input += 12;
		size -= 12;
	}
	packets_close(&d);
	close(fds[1]);
	free(rings);
	free(frames);
	free(fixed);
	free(p->stream);
	free(p);
}
