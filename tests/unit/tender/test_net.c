/* SPDX-License-Identifier: ISC */
/*
 * The tender's side of a network device, over a datagram socket in place of a TAP: an honest image
 * gets every packet whole and in order; a lying one is survived. Rings and frames are heap blocks
 * of exactly their size, so that AddressSanitizer sees a step outside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tender/device/packets.h>
#include <tender/pump.h>

#define RING   64u
#define FRAMES 128u
#define AREA   ((uint64_t)FRAMES * AMP_FRAME_SIZE)
#define MTU    1500

struct fixture {
	struct net_rings d;
	struct amp_device view;
	uint8_t *rings, *frames;
	int far; /* the other end of the wire */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	f->rings = calloc(1, net_rings_size(RING));
	f->frames = calloc(1, AREA);
	f->far = fds[1];
	const struct net_layout layout = {
		.fd = fds[0],
		.mtu = MTU,
		.ring_size = RING,
		.frame_count = FRAMES,
		.frame_size = AMP_FRAME_SIZE,
		.rings = { (uint64_t)f->rings, net_rings_size(RING), f->rings },
		.frames = { (uint64_t)f->frames, AREA, f->frames },
		.view = &f->view,
	};
	net_rings_open(&f->d, &layout);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	close(f->d.fd);
	close(f->far);
	free(f->rings);
	free(f->frames);
	free(f);
	return 0;
}

static uint32_t *word(uint64_t address)
{
	return (uint32_t *)address;
}

static void fill(struct fixture *f, uint64_t addr)
{
	const struct amp_ring *r = &f->view.fill;
	((uint64_t *)r->entries)[(*word(r->producer))++ & (RING - 1)] = addr;
}

static void transmit(struct fixture *f, uint64_t addr, uint32_t len, uint32_t options)
{
	const struct amp_ring *r = &f->view.tx;
	((struct amp_desc *)r->entries)[(*word(r->producer))++ & (RING - 1)] =
	        (struct amp_desc){ addr, len, options };
}

static void gives_the_rings_disjoint_memory(void **state)
{
	struct fixture *f = *state;
	const struct amp_ring *r[] = { &f->view.fill, &f->view.rx, &f->view.tx,
		                       &f->view.completion };
	uint64_t low[16], high[16];
	unsigned n = 0;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t entry = i == 1 || i == 2 ? 16 : 8;
		const uint64_t words[] = { r[i]->producer, r[i]->consumer, r[i]->flags };
		for (unsigned w = 0; w < 3; w++, n++)
			low[n] = words[w], high[n] = words[w] + 4;
		low[n] = r[i]->entries, high[n] = r[i]->entries + RING * entry;
		assert_int_equal(r[i]->entries % 16, 0);
		assert_int_equal(r[i]->size, RING);
		n++;
	}
	for (unsigned i = 0; i < n; i++) {
		assert_true(low[i] >= (uint64_t)f->rings);
		assert_true(high[i] <= (uint64_t)f->rings + net_rings_size(RING));
		for (unsigned j = 0; j < i; j++)
			assert_true(high[i] <= low[j] || high[j] <= low[i]);
	}
}

static void receives_packets_whole_and_in_order(void **state)
{
	struct fixture *f = *state;
	uint8_t packet[MTU + 14];
	uint32_t seen = 0;
	for (unsigned i = 0; i < RING; i++)
		fill(f, i * AMP_FRAME_SIZE + i); /* low bits are ignored */
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 5; i++) {
			memset(packet, (int)(round * 5 + i), sizeof packet);
			size_t size = 14 + (round * 5 + i) * 15;
			assert_int_equal(send(f->far, packet, size, 0), size);
		}
		assert_int_equal(net_rings_receive(&f->d), 5);
		const struct amp_ring *r = &f->view.rx;
		while (*word(r->consumer) != *word(r->producer)) {
			struct amp_desc d =
			        ((struct amp_desc *)
			                 r->entries)[(*word(r->consumer))++ & (RING - 1)];
			assert_int_equal(d.len, 14 + seen * 15);
			assert_int_equal(d.options, 0);
			assert_int_equal(d.addr % AMP_FRAME_SIZE, AMP_FRAME_HEADROOM);
			for (uint32_t b = 0; b < d.len; b++)
				assert_int_equal(f->frames[d.addr + b], (uint8_t)seen);
			fill(f, d.addr);
			seen++;
		}
	}
	assert_int_equal(seen, 100);
	assert_int_equal(f->d.counts.rx_packets, 100);
}

static void sends_packets_whole_and_in_order(void **state)
{
	struct fixture *f = *state;
	uint8_t packet[4096];
	uint32_t completed = 0;
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 4; i++) {
			uint64_t at = i * AMP_FRAME_SIZE + 64;
			memset(f->frames + at, (int)(round * 4 + i), 1000);
			transmit(f, at, 100 + round, 0);
		}
		assert_int_equal(net_rings_send(&f->d), 4);
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(recv(f->far, packet, sizeof packet, 0), 100 + round);
			assert_int_equal(packet[99], (uint8_t)(round * 4 + i));
		}
		const struct amp_ring *r = &f->view.completion;
		while (*word(r->consumer) != *word(r->producer)) {
			uint64_t addr =
			        ((uint64_t *)r->entries)[(*word(r->consumer))++ & (RING - 1)];
			assert_int_equal(addr, completed++ % 4 * AMP_FRAME_SIZE + 64);
		}
	}
	assert_int_equal(completed, 200);
	assert_int_equal(f->d.counts.tx_packets, 200);
}

static void drops_and_completes_descriptors_that_do_not_fit(void **state)
{
	struct fixture *f = *state;
	static const struct amp_desc bad[] = {
		{ 0, 13, 0 }, /* shorter than Ethernet */
		{ 0, 0, 0 },
		{ 0, AMP_FRAME_SIZE + 1, 0 },   /* longer than a frame */
		{ AMP_FRAME_SIZE - 20, 21, 0 }, /* over the end of its frame */
		{ AREA, 60, 0 },                /* past the area */
		{ AREA - 14, 60, 0 },           /* over the end of the area */
		{ UINT64_MAX, 60, 0 },
		{ UINT64_MAX - 59, 60, 0 }, /* wraps to zero */
		{ 1ull << 63, 60, 0 },
		{ 0, UINT32_MAX, 0 },
		{ 64, UINT32_MAX - 32, 0 },
		{ 0, 60,
		  AMP_DESC_CONTINUED }, /* features that were not offered; it is one packet with */
		{ 256, 60, AMP_DESC_METADATA }, /* this */
		{ 0, 60, 1u << 31 },
	};
	unsigned count = sizeof bad / sizeof *bad;
	char packet[4096];
	for (unsigned i = 0; i < count; i++)
		transmit(f, bad[i].addr, bad[i].len, bad[i].options);
	transmit(f, AREA - 60, 60, 0); /* the last bytes of the area are good */
	assert_int_equal(net_rings_send(&f->d), count + 1);
	assert_int_equal(f->d.counts.tx_bad, count - 1);
	assert_int_equal(*word(f->view.completion.producer), count + 1);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(((uint64_t *)f->view.completion.entries)[i], bad[i].addr);
	assert_int_equal(recv(f->far, packet, sizeof packet, 0), 60);
	assert_int_equal(recv(f->far, packet, sizeof packet, 0), -1);
}

static void takes_no_frame_that_is_not_there(void **state)
{
	struct fixture *f = *state;
	static const uint64_t bad[] = { AREA, UINT64_MAX, AREA + 5000, 1ull << 63 };
	char packet[60] = { 1 };
	for (unsigned i = 0; i < 4; i++)
		fill(f, bad[i]);
	fill(f, AREA - 1);
	assert_int_equal(send(f->far, packet, sizeof packet, 0), 60);
	assert_int_equal(net_rings_receive(&f->d), 5);
	assert_int_equal(f->d.counts.rx_no_frame, 4);
	assert_int_equal(*word(f->view.rx.producer), 1);
	assert_int_equal(((struct amp_desc *)f->view.rx.entries)->addr,
	                 AREA - AMP_FRAME_SIZE + AMP_FRAME_HEADROOM);
}

static void drops_packets_larger_than_the_mtu(void **state)
{
	struct fixture *f = *state;
	uint8_t packet[3000] = { 0 };
	for (unsigned i = 0; i < 8; i++)
		fill(f, i * AMP_FRAME_SIZE);
	memset(f->frames, 0xaa, AREA);
	assert_int_equal(send(f->far, packet, 3000, 0), 3000);
	assert_int_equal(send(f->far, packet, MTU + 19, 0), MTU + 19);
	assert_int_equal(send(f->far, packet, MTU + 18, 0), MTU + 18); /* with a VLAN tag */
	assert_int_equal(send(f->far, packet, 10, 0), 10);
	assert_int_equal(net_rings_receive(&f->d), 1);
	assert_int_equal(f->d.counts.rx_too_long, 3);
	assert_int_equal(((struct amp_desc *)f->view.rx.entries)->len, MTU + 18);
	assert_int_equal(f->frames[AMP_FRAME_SIZE], 0xaa); /* the next frame is untouched */
}

/* The pump's poll is edge-triggered: "nothing to do" would leave what waits behind them there. */
static void goes_on_after_a_batch_of_packets_too_long(void **state)
{
	struct fixture *f = *state;
	int kept = f->d.fd, endless = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_true(endless >= 0);
	fill(f, 0);
	f->d.fd = endless;
	uint32_t work = net_rings_receive(&f->d);
	f->d.fd = kept;
	close(endless);
	assert_int_equal(f->d.counts.rx_too_long, NET_BATCH);
	assert_int_not_equal(work, 0);
	assert_int_equal(send(f->far, "fourteen bytes", 14, 0), 14);
	assert_int_equal(net_rings_receive(&f->d), 1);
	assert_int_equal(*word(f->view.rx.producer), 1);
}

static void does_nothing_on_impossible_counters(void **state)
{
	struct fixture *f = *state;
	char packet[60] = { 1 };
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(send(f->far, packet, sizeof packet, 0), 60);
	*word(f->view.tx.producer) = RING + 1;
	*word(f->view.fill.producer) = UINT32_MAX;
	assert_int_equal(net_rings_send(&f->d), 0);
	assert_int_equal(net_rings_receive(&f->d), 0);
	assert_int_equal(f->d.tx.lies, 1);
	assert_int_equal(f->d.fill.lies, 1);
	*word(f->view.tx.producer) = RING;
	*word(f->view.fill.producer) = RING;
	*word(f->view.completion.consumer) = 1; /* more than was ever produced */
	*word(f->view.rx.consumer) = 1u << 31;
	assert_int_equal(net_rings_send(&f->d), 0);
	assert_int_equal(net_rings_receive(&f->d), 0);
	assert_int_equal(f->d.completion.lies, 1);
	assert_int_equal(f->d.rx.lies, 1);
	/* It believes them again once they make sense, whatever the image does to the tender's own
	 * counters. */
	*word(f->view.completion.consumer) = 0;
	*word(f->view.rx.consumer) = 0;
	*word(f->view.tx.consumer) = 12345;
	*word(f->view.completion.producer) = 54321;
	assert_int_equal(net_rings_send(&f->d), RING);
	assert_int_equal(*word(f->view.tx.consumer), RING);
	assert_int_equal(*word(f->view.completion.producer), RING);
	assert_int_equal(net_rings_receive(&f->d), 10);
}

static void never_overruns_a_full_ring(void **state)
{
	struct fixture *f = *state;
	char packet[60] = { 1 };
	for (unsigned i = 0; i < RING; i++)
		transmit(f, i * AMP_FRAME_SIZE, 60, 0);
	assert_int_equal(net_rings_send(&f->d), RING);
	while (recv(f->far, packet, sizeof packet, 0) > 0)
		;
	transmit(f, 0, 60, 0);
	assert_int_equal(net_rings_send(&f->d),
	                 0); /* completion is full: the image has to read it first */
	assert_false(net_rings_pending(&f->d));
	*word(f->view.completion.consumer) = 1;
	assert_true(net_rings_pending(&f->d));
	assert_int_equal(net_rings_send(&f->d), 1);
}

#define ROUNDS 2000u
static struct pump *retired[8];
static unsigned retired_count;

/* ---- The liar ---- */

static uint64_t random_state = 88172645463325252ull;

static uint64_t draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t some_address(void)
{
	switch (draw() % 4) {
	case 0:
		return draw();
	case 1:
		return AREA - draw() % 64;
	case 2:
		return draw() % (2 * AREA);
	}
	return draw() % FRAMES * AMP_FRAME_SIZE + draw() % 64;
}

static uint32_t some_length(void)
{
	return draw() % 3   ? 14 + (uint32_t)(draw() % 1500)
	       : draw() % 2 ? (uint32_t)draw()
	                    : 2047 + (uint32_t)(draw() % 4);
}

static void lie(struct fixture *f)
{
	const struct amp_ring *r[] = { &f->view.fill, &f->view.rx, &f->view.tx,
		                       &f->view.completion };
	const struct amp_ring *ring = r[draw() % 4];
	uint64_t i = draw() & (RING - 1);
	switch (draw() % 8) {
	case 0:
		*word(ring->producer) = (uint32_t)draw();
		break;
	case 1:
		*word(ring->consumer) = (uint32_t)draw();
		break;
	case 2:
	case 3:
		*word(draw() % 2 ? ring->producer : ring->consumer) += (uint32_t)(draw() % 70) - 3;
		break;
	case 4:
		*word(ring->flags) = (uint32_t)draw();
		break;
	case 5: /* makes peace, so that the next lies meet a working device */
		*word(f->view.fill.producer) = f->d.fill.mine + RING / 2;
		*word(f->view.tx.producer) = f->d.tx.mine + (uint32_t)(draw() % RING);
		*word(f->view.rx.consumer) = f->d.rx.mine;
		*word(f->view.completion.consumer) = f->d.completion.mine;
		break;
	case 6:
		((uint64_t *)f->view.fill.entries)[i] = some_address();
		break;
	case 7:
		((struct amp_desc *)f->view.tx.entries)[i] =
		        (struct amp_desc){ some_address(), some_length(),
			                   draw() % 4 ? 0 : (uint32_t)draw() };
	}
}

static void survives_a_liar(void **state)
{
	struct fixture *f = *state;
	uint8_t packet[2500];
	uint64_t moved = 0;
	memset(packet, 0x55, sizeof packet);
	for (unsigned i = 0; i < 300000; i++) {
		lie(f);
		if (!(i & 7)) {
			size_t size = 1 + draw() % sizeof packet;
			if (send(f->far, packet, size, 0) < 0 && !(i & 63))
				while (recv(f->far, packet, sizeof packet, 0) > 0)
					;
		}
		if (draw() & 1) {
			uint32_t n = net_rings_send(&f->d);
			assert_true(n <= NET_BATCH);
			moved += n;
		} else {
			uint32_t n = net_rings_receive(&f->d);
			assert_true(n <= NET_BATCH);
			moved += n;
		}
		net_rings_pending(&f->d);
		if (!(i & 31))
			while (recv(f->far, packet, sizeof packet, MSG_DONTWAIT) > 0)
				;
	}
	/* It was no deaf ear that survived. */
	assert_true(moved > 10000);
	assert_true(f->d.counts.tx_bad > 1000);
	assert_true(f->d.counts.rx_no_frame > 100);
	assert_true(f->d.counts.tx_packets > 1000);
	assert_true(f->d.counts.rx_packets > 100);
	assert_true(f->d.tx.lies + f->d.fill.lies + f->d.rx.lies + f->d.completion.lies > 1000);
}

/* The device as one of a kind of its own: what a pump serves. It stays for the rest of the process, as the pump's thread
 * does. */
static struct devices *wired(const struct fixture *f)
{
	static const struct device_kind wire = { .type = &device_type_net,
		                                 .pass = packets_pass,
		                                 .ready = packets_ready,
		                                 .pending = packets_pending,
		                                 .wakeup = packets_wakeup,
		                                 .polls = packets_polls };
	static struct packets states[8];
	static struct devices lists[8];
	static unsigned count;
	assert_true(count < 8);
	struct packets *p = &states[count];
	struct devices *s = &lists[count++];
	packets_begin(p);
	p->fd = f->d.fd;
	p->rings = f->d;
	s->count = 1;
	s->all[0] = (struct device){ .kind = &wire, .state = p, .watch = -1 };
	packets_opened(&s->all[0]);
	return s;
}

/* A pump's thread stays for the rest of the process: it has to let go of the rings before these go.
 * A kick brings it around to see that there is no device any more. */
static void retire(struct pump *pump)
{
	uint64_t one = 1;
	pthread_mutex_lock(&pump->lock);
	pump->devices->count = 0;
	pthread_mutex_unlock(&pump->lock);
	assert_int_equal(write(pump->kick, &one, sizeof one), sizeof one);
	usleep(20000);
	retired[retired_count++] = pump; /* reachable, so no leak */
}

/* The same against a running pump: lies while it reads, waits that must all end. */
static void outlives_a_liar(void **state)
{
	struct fixture *f = *state;
	static struct pump pump; /* its thread stays for the rest of the process */
	static struct clock clock;
	static struct amp_clock shared;
	struct clock_sample start = clock_sample();
	struct defect why;
	uint8_t packet[1000] = { 0 };
	clock_start(&clock, &shared, &start, 0, 0);
	memset(&pump, 0, sizeof pump);
	assert_int_equal(pump_open(&pump, PUMP_THREAD, wired(f), &clock, &why), 0);
	assert_int_equal(pump_start(&pump, &why), 0);
	for (unsigned i = 0; i < 3000; i++) {
		for (unsigned n = 0; n < 5; n++)
			lie(f);
		if (send(f->far, packet, 14 + draw() % 900, 0) < 0)
			while (recv(f->far, packet, sizeof packet, 0) > 0)
				;
		uint64_t one = 1, soon = clock_mono() - clock.zero + 200000;
		if (draw() & 1)
			assert_int_equal(write(pump.kick, &one, sizeof one), sizeof one);
		pump_wait(&pump, draw() & 1 ? 0 : soon, draw() & 7);
	}
	retire(&pump);
}

/* The other end of the wire: gives each packet back, a moment later. */
static void *mirror(void *arg)
{
	int far = *(int *)arg;
	struct pollfd p = { .fd = far, .events = POLLIN };
	uint8_t packet[100];
	for (unsigned n = 0; n < ROUNDS;) {
		poll(&p, 1, -1);
		ssize_t size = recv(far, packet, sizeof packet, 0);
		if (size <= 0)
			continue;
		if (n % 2)
			usleep(50 + n % 100); /* now the image sleeps, or is about to */
		assert_int_equal(send(far, packet, (size_t)size, 0), size);
		n++;
	}
	return NULL;
}

/* Every packet that goes out comes back in through waits without deadline; a wake-up lost is a
 * hang, ended by SIGALRM. */
static void each_packet_wakes_the_image(struct fixture *f, enum pump_mode mode)
{
	struct pump *pump = calloc(1, sizeof *pump);
	static struct clock clock;
	static struct amp_clock shared;
	struct clock_sample start = clock_sample();
	struct defect why;
	pthread_t far;
	clock_start(&clock, &shared, &start, 0, 0);
	assert_int_equal(pump_open(pump, mode, wired(f), &clock, &why), 0);
	assert_int_equal(pump_start(pump, &why), 0);
	assert_int_equal(pthread_create(&far, NULL, mirror, &f->far), 0);
	alarm(100);
	for (unsigned i = 0; i < 32; i++)
		fill(f, i * AMP_FRAME_SIZE);
	const struct amp_ring *r = &f->view.rx;
	for (unsigned i = 0; i < ROUNDS; i++) {
		transmit(f, 100 * AMP_FRAME_SIZE, 60, 0);
		/* Sometimes the pump is told to send while we go on to wait. */
		uint64_t one = 1;
		if (i % 3 == 0)
			assert_int_equal(write(pump->kick, &one, sizeof one), sizeof one);
		while (__atomic_load_n(word(r->producer), __ATOMIC_ACQUIRE) == i)
			pump_wait(pump, UINT64_MAX, AMP_WAIT_RECEIVE);
		assert_int_equal(*word(r->producer), i + 1);
		fill(f, ((struct amp_desc *)r->entries)[i & (RING - 1)].addr);
		__atomic_store_n(word(r->consumer), i + 1, __ATOMIC_RELEASE);
		__atomic_store_n(word(f->view.completion.consumer), i + 1, __ATOMIC_RELEASE);
	}
	alarm(0);
	pthread_join(far, NULL);
	retire(pump);
}

static void threaded_wakes_the_image(void **state)
{
	each_packet_wakes_the_image(*state, PUMP_THREAD);
}

static void inline_wakes_the_image(void **state)
{
	each_packet_wakes_the_image(*state, PUMP_INLINE);
}

/* Kicks are served while the image does not wait, in both modes. */
static void a_kick_sends(struct fixture *f, enum pump_mode mode)
{
	struct pump *pump = calloc(1, sizeof *pump);
	static struct clock clock;
	static struct amp_clock shared;
	struct clock_sample start = clock_sample();
	struct defect why;
	uint8_t packet[100];
	uint64_t one = 1;
	struct pollfd p = { .fd = f->far, .events = POLLIN };
	clock_start(&clock, &shared, &start, 0, 0);
	assert_int_equal(pump_open(pump, mode, wired(f), &clock, &why), 0);
	assert_int_equal(pump_start(pump, &why), 0);
	for (unsigned i = 0; i < 200; i++) {
		transmit(f, 100 * AMP_FRAME_SIZE, 60, 0);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (*(volatile uint32_t *)f->view.tx.flags & AMP_RING_NEED_WAKEUP ||
		    mode == PUMP_INLINE)
			assert_int_equal(write(pump->kick, &one, sizeof one), sizeof one);
		assert_int_equal(poll(&p, 1, 60000), 1);
		assert_int_equal(recv(f->far, packet, sizeof packet, 0), 60);
		while (__atomic_load_n(word(f->view.completion.producer), __ATOMIC_ACQUIRE) == i)
			;
		__atomic_store_n(word(f->view.completion.consumer), i + 1, __ATOMIC_RELEASE);
	}
	if (mode == PUMP_INLINE)
		assert_int_equal(*word(f->view.tx.flags), AMP_RING_NEED_WAKEUP);
	retire(pump);
}

static void a_kick_sends_threaded(void **state)
{
	a_kick_sends(*state, PUMP_THREAD);
}

static void a_kick_sends_inline(void **state)
{
	a_kick_sends(*state, PUMP_INLINE);
}

int main(void)
{
#define WITH_DEVICE(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_DEVICE(gives_the_rings_disjoint_memory),
		WITH_DEVICE(receives_packets_whole_and_in_order),
		WITH_DEVICE(sends_packets_whole_and_in_order),
		WITH_DEVICE(drops_and_completes_descriptors_that_do_not_fit),
		WITH_DEVICE(takes_no_frame_that_is_not_there),
		WITH_DEVICE(drops_packets_larger_than_the_mtu),
		WITH_DEVICE(goes_on_after_a_batch_of_packets_too_long),
		WITH_DEVICE(does_nothing_on_impossible_counters),
		WITH_DEVICE(never_overruns_a_full_ring),
		WITH_DEVICE(survives_a_liar),
		WITH_DEVICE(outlives_a_liar),
		WITH_DEVICE(threaded_wakes_the_image),
		WITH_DEVICE(inline_wakes_the_image),
		WITH_DEVICE(a_kick_sends_threaded),
		WITH_DEVICE(a_kick_sends_inline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
