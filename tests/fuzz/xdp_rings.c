/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes what the tender makes of AF_XDP's rings, which image and kernel write to while it looks: an input is a list of lies
 * about counters and flags, with passes, waits and looks of the pump between them. The kernel's side of xdp_socket.h is here:
 * sockets that take each doorbell, rings of exactly their size, so that AddressSanitizer sees a step outside. A pass must end
 * after a bounded number of doorbells, whatever the counters say.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tender/device/device.h>
#include <tender/device/link.h>
#include <tender/device/net_rings.h>
#include <tender/device/xdp_socket.h>

#define RING      64u
#define FRAMES    128u
#define DOORBELLS 64u  /* in one pass */
#define HEAD      192u /* bytes of a ring's counters and flags */

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
extern const struct device_kind device_xdp;
const struct device_type device_type_net = { 0 };

/* ---- The kernel's side ---- */

static uint32_t queues;
static int ours[AMP_NET_QUEUES_MAX], kernels[AMP_NET_QUEUES_MAX];
static const struct xdp_layout layout = { 0, 64, 128, HEAD };

int xdp_open(struct xdp *x, const char *text, uint32_t most, struct defect *why)
{
	(void)text;
	(void)why;
	*x = (struct xdp){
		.fd = ours[0], .watch = -1, .link = -1, .map = -1, .mtu = 1500, .partial = true
	};
	x->queue_count = queues < most ? queues : most;
	for (uint32_t k = 1; k < x->queue_count; k++)
		x->further[x->further_count++] = ours[k];
	for (uint32_t i = 0; i < XDP_RINGS; i++)
		x->layout[i] = layout;
	return 0;
}

static uint64_t ring_bytes(enum xdp_ring which)
{
	return HEAD + RING * (which == XDP_RING_FILL || which == XDP_RING_COMPLETION ? 8u : 16u);
}

uint64_t xdp_ring_at(const struct xdp *x, uint32_t k, enum xdp_ring which, uint32_t ring_size)
{
	uint64_t all = 0, further = ring_bytes(XDP_RING_FILL) + ring_bytes(XDP_RING_RX), at = 0;
	(void)x;
	assert(ring_size == RING);
	for (uint32_t i = 0; i < XDP_RINGS; i++) {
		if (i < which)
			at += ring_bytes((enum xdp_ring)i);
		all += ring_bytes((enum xdp_ring)i);
	}
	if (!k)
		return at;
	assert(which == XDP_RING_FILL || which == XDP_RING_RX);
	return all + (k - 1) * further + (which == XDP_RING_RX ? ring_bytes(XDP_RING_FILL) : 0);
}

uint64_t xdp_rings_size(const struct xdp *x, uint32_t ring_size)
{
	return x->queue_count == 1 ? xdp_ring_at(x, 1, XDP_RING_FILL, ring_size)
	                           : xdp_ring_at(x, x->queue_count, XDP_RING_FILL, ring_size);
}

int xdp_bind(struct xdp *x, uint8_t *frames, uint64_t frames_size, uint32_t frame_size,
             uint8_t *rings, uint32_t ring_size, struct defect *why)
{
	(void)x;
	(void)frames;
	(void)rings;
	(void)why;
	assert(frames_size == (uint64_t)FRAMES * frame_size && ring_size == RING);
	return 0;
}

void xdp_close(struct xdp *x)
{
	(void)x;
}

bool link_gone(int watch, uint32_t interface, int socket)
{
	(void)watch;
	(void)interface;
	(void)socket;
	return false;
}

/* How many doorbells have come since. */
static uint32_t doorbells(void)
{
	uint32_t n = 0;
	char byte;
	while (recv(kernels[0], &byte, 1, MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

/* ---- The image's side ---- */

static void open_sockets(void)
{
	for (uint32_t k = 0; k < AMP_NET_QUEUES_MAX; k++) {
		int fds[2];
		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
			abort();
		ours[k] = fds[0];
		kernels[k] = fds[1];
	}
}

enum { COUNTER, NEAR_COUNTER, EQUAL, FLAGS, KICK, PASS, LOOK, POLLS, KINDS };

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	if (size < 2)
		return 0;
	if (!kernels[0])
		open_sockets();
	queues = 1 + input[0] % AMP_NET_QUEUES_MAX;
	struct amp_device view = { 0 };
	struct amp_queue *further = calloc(AMP_NET_QUEUES_MAX, sizeof *further);
	const struct amp_note_device note = { .name = "net",
		                              .ring_size = RING,
		                              .frame_count = FRAMES };
	struct device d = { .state = calloc(1, device_xdp.state_size),
		            .note = &note,
		            .abi_minor = 3 };
	const struct device_wish wish = { .text = "x", .abi_minor = 3 };
	struct device_need need = { 0 };
	struct defect why;
	assert(d.state && further && !device_xdp.open(&d, &wish, &why));
	device_xdp.need(&d, &need);
	uint8_t *rings = calloc(1, need.queues), *frames = calloc(1, need.frames);
	struct pollfd *polls = calloc(queues, sizeof *polls);
	assert(rings && frames && polls && need.further == queues - 1);
	const struct device_place place = { .queues = { (uint64_t)rings, need.queues, rings },
		                            .frames = { (uint64_t)frames, need.frames, frames },
		                            .further = further,
		                            .view = &view,
		                            .apart = input[1] & 1 };
	assert(!device_xdp.place(&d, &place, &why) && d.socket_count == queues);
	for (input += 2, size -= 2; size >= 8; input += 8, size -= 8) {
		uint32_t k = input[1] % queues, value;
		const struct amp_ring *of[] = { k ? &further[k - 1].fill : &view.fill,
			                        k ? &further[k - 1].rx : &view.rx, &view.tx,
			                        &view.completion };
		const struct amp_ring *r = of[input[2] % 4];
		uint32_t *counter = (uint32_t *)(input[3] & 1 ? r->producer : r->consumer);
		memcpy(&value, input + 4, sizeof value);
		switch (input[0] % KINDS) {
		case COUNTER:
			*counter = value;
			break;
		case NEAR_COUNTER:
			*counter += value % (RING + 2);
			break;
		case EQUAL:
			*(uint32_t *)r->producer = *(uint32_t *)r->consumer;
			break;
		case FLAGS:
			*(uint32_t *)r->flags = value;
			break;
		case KICK:
		case PASS:
			device_xdp.pass(&d, input[0] % KINDS == KICK ? DEVICE_PASS_KICK
			                                             : DEVICE_PASS_ALL);
			assert(doorbells() <= (place.apart ? 0 : DOORBELLS));
			break;
		case LOOK:
			device_xdp.ready(&d, value);
			assert(!place.apart || !device_xdp.pending(&d));
			break;
		default:
			assert(device_xdp.polls(&d, polls) == (place.apart ? 0 : queues));
		}
	}
	device_xdp.close(&d);
	free(polls);
	free(rings);
	free(frames);
	free(further);
	free(d.state);
	return 0;
}
