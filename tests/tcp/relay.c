/* SPDX-License-Identifier: ISC */
/*
 * A bad link: relay NAMESPACE:DEVICE NAMESPACE:DEVICE [SETTING...] makes a TAP device in each of
 * two network namespaces and carries frames between them, as netem would where the kernel has it.
 * The devices offer no offload, so that the kernel hands out packets that fit the MTU, with
 * complete checksums, whatever the senders leave to it.
 *
 * A frame is read, judged (lost, cut, doubled, corrupted), given the time at which it is due, kept
 * in a heap by that time and then written on the other side; with nothing that delays it goes at
 * once. Settings are for both directions, or for one with "a." (frames that enter at the first
 * device) or "b." before the name:
 *
 *   loss=%  duplicate=%  corrupt=%  reorder=%   chances; a reordered frame comes late by up to
 * `late` ms delay=MS  late=MS  rate=MBIT/S (0: none)  queue=FRAMES (that wait for the rate)
 * mtu=BYTES (longer IP packets are lost) seed=N
 *
 * It prints "ready", then obeys lines on standard input: "set SETTING..." (answered by "ok";
 * everything else as at the start), "figures" (answered by one line for both directions since the
 * last "set"). It ends with standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX     2048u  /* bytes; longer ones are lost, and counted */
#define SLOTS         32768u /* frames under way, both directions together */
#define BATCH         64u    /* frames read from a side in a turn */
#define QUEUE_DEFAULT 1000u
#define TXQUEUE       20000 /* of the devices: nothing is to be lost there */
#define ETHERNET      14u

struct setting {
	double loss, duplicate, corrupt, reorder; /* 0 to 1 */
	uint64_t delay, late;                     /* ns */
	double ns_per_byte;                       /* 0: no rate */
	uint32_t queue, mtu;                      /* mtu 0: none */
};

struct figures {
	uint64_t in, out, bytes, lost, doubled, corrupted, reordered, overflowed, cut, refused,
	        longest;
};

struct direction {
	int from, to;
	struct setting set;
	struct figures is;
	uint64_t free_at; /* when the rate lets the next frame begin */
};

struct slot {
	uint64_t due, order;
	uint32_t size;
	uint8_t to; /* direction */
	uint8_t bytes[FRAME_MAX];
};

static struct direction ways[2];
static struct slot *slots;
static uint32_t heap[SLOTS], heap_size; /* slots, the earliest first */
static uint32_t spare[SLOTS], spare_count;
static uint64_t order;
static uint64_t dice = 1;

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* splitmix64 */
static uint64_t roll(void)
{
	uint64_t z = dice += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static bool happens(double chance)
{
	return chance > 0 && (double)(roll() >> 11) * 0x1p-53 < chance;
}

/* ---- The heap ---- */

static bool before(uint32_t a, uint32_t b)
{
	return slots[a].due != slots[b].due ? slots[a].due < slots[b].due
	                                    : slots[a].order < slots[b].order;
}

static void heap_put(uint32_t slot)
{
	uint32_t k = heap_size++;
	for (; k && before(slot, heap[(k - 1) / 2]); k = (k - 1) / 2)
		heap[k] = heap[(k - 1) / 2];
	heap[k] = slot;
}

static uint32_t heap_take(void)
{
	uint32_t first = heap[0], last = heap[--heap_size], k = 0;
	for (uint32_t child; (child = 2 * k + 1) < heap_size; k = child) {
		if (child + 1 < heap_size && before(heap[child + 1], heap[child]))
			child++;
		if (!before(heap[child], last))
			break;
		heap[k] = heap[child];
	}
	heap[k] = last;
	return first;
}

/* ---- Frames ---- */

static void send_frame(struct direction *d, const uint8_t *bytes, uint32_t size)
{
	if (write(d->to, bytes, size) == (ssize_t)size)
		d->is.out++;
	else
		d->is.refused++; /* corrupted ones, and those that come while a device is down */
}

static void pass_once(uint8_t way, const uint8_t *bytes, uint32_t size, uint64_t now)
{
	struct direction *d = &ways[way];
	uint64_t due = now;
	if (d->set.ns_per_byte > 0) {
		double wait = d->free_at > now ? (double)(d->free_at - now) : 0;
		if (wait > d->set.queue * 1514.0 * d->set.ns_per_byte) {
			d->is.overflowed++;
			return;
		}
		due = (d->free_at > now ? d->free_at : now) + (uint64_t)(size * d->set.ns_per_byte);
		d->free_at = due;
	}
	due += d->set.delay;
	if (d->set.late && happens(d->set.reorder)) {
		d->is.reordered++;
		due += 1 + roll() % d->set.late;
	}
	if (due == now && !heap_size) {
		send_frame(d, bytes, size);
		return;
	}
	if (!spare_count) {
		d->is.overflowed++;
		return;
	}
	uint32_t slot = spare[--spare_count];
	slots[slot].due = due;
	slots[slot].order = order++;
	slots[slot].to = way;
	slots[slot].size = size;
	memcpy(slots[slot].bytes, bytes, size);
	heap_put(slot);
}

static void pass(uint8_t way, uint8_t *bytes, uint32_t size, uint64_t now)
{
	struct direction *d = &ways[way];
	/* ARP has no checksum, and what it says wrongly is believed for a minute: only IP suffers. Of IPv6 all but
	 * ICMPv6, which is its ARP. */
	bool ip = size > ETHERNET + 20 &&
	          ((bytes[12] == 8 && bytes[13] == 0) ||
	           (bytes[12] == 0x86 && bytes[13] == 0xdd && bytes[ETHERNET + 6] != 58));
	d->is.in++;
	d->is.bytes += size;
	if (size > d->is.longest)
		d->is.longest = size;
	if (ip && d->set.mtu && size > d->set.mtu + ETHERNET) {
		d->is.cut++;
		return;
	}
	if (ip && happens(d->set.loss)) {
		d->is.lost++;
		return;
	}
	if (ip && happens(d->set.duplicate)) {
		d->is.doubled++;
		pass_once(way, bytes, size, now);
	}
	if (ip && happens(d->set.corrupt)) {
		/* One bit, which the checksums find always; two may cancel out. */
		uint32_t bit = ETHERNET * 8 + (uint32_t)(roll() % ((size - ETHERNET) * 8));
		d->is.corrupted++;
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	pass_once(way, bytes, size, now);
}

static bool take_in(uint8_t way)
{
	uint8_t bytes[65536];
	uint64_t now = now_ns();
	for (uint32_t k = 0; k < BATCH; k++) {
		ssize_t n = read(ways[way].from, bytes, sizeof bytes);
		if (n <= 0)
			return k > 0;
		if (n > (ssize_t)FRAME_MAX)
			ways[way].is.cut++;
		else
			pass(way, bytes, (uint32_t)n, now);
	}
	return true;
}

static void let_out(void)
{
	uint64_t now = now_ns();
	while (heap_size && slots[heap[0]].due <= now) {
		uint32_t slot = heap_take();
		send_frame(&ways[slots[slot].to], slots[slot].bytes, slots[slot].size);
		spare[spare_count++] = slot;
	}
}

/* ---- Settings ---- */

static bool set_one(const char *word)
{
	uint32_t from = 0, to = 2;
	char name[16];
	double value;
	if (word[0] && word[1] == '.') {
		from = word[0] == 'b';
		to = from + 1;
		if (word[0] != 'a' && word[0] != 'b')
			return false;
		word += 2;
	}
	if (sscanf(word, "%15[a-z]=%lf", name, &value) != 2 || !(value >= 0 && value < 1e9))
		return false;
	if (strcmp(name, "seed") == 0)
		dice = (uint64_t)value;
	for (uint32_t k = from; k < to; k++) {
		struct setting *s = &ways[k].set;
		if (strcmp(name, "loss") == 0)
			s->loss = value / 100;
		else if (strcmp(name, "duplicate") == 0)
			s->duplicate = value / 100;
		else if (strcmp(name, "corrupt") == 0)
			s->corrupt = value / 100;
		else if (strcmp(name, "reorder") == 0)
			s->reorder = value / 100;
		else if (strcmp(name, "delay") == 0)
			s->delay = (uint64_t)(value * 1e6);
		else if (strcmp(name, "late") == 0)
			s->late = (uint64_t)(value * 1e6);
		else if (strcmp(name, "rate") == 0)
			s->ns_per_byte = value > 0 ? 8000 / value : 0;
		else if (strcmp(name, "queue") == 0)
			s->queue = (uint32_t)value;
		else if (strcmp(name, "mtu") == 0)
			s->mtu = (uint32_t)value;
		else if (strcmp(name, "seed") != 0)
			return false;
	}
	return true;
}

static bool set_all(char *words)
{
	for (uint32_t k = 0; k < 2; k++) {
		ways[k].set = (struct setting){ .queue = QUEUE_DEFAULT };
		ways[k].is = (struct figures){ 0 };
	}
	dice = 1;
	for (char *word = strtok(words, " \n"); word; word = strtok(NULL, " \n")) {
		if (!set_one(word)) {
			fprintf(stderr, "relay: no setting is called %s\n", word);
			return false;
		}
	}
	return true;
}

static void tell(void)
{
	for (uint32_t k = 0; k < 2; k++) {
		const struct figures *f = &ways[k].is;
		printf("%c.in=%lu %c.out=%lu %c.bytes=%lu %c.longest=%lu %c.lost=%lu "
		       "%c.duplicate=%lu %c.corrupt=%lu "
		       "%c.reorder=%lu %c.overflow=%lu %c.cut=%lu %c.refused=%lu%c",
		       "ab"[k], f -> in, "ab"[k], f -> out, "ab"[k], f -> bytes, "ab"[k],
		       f -> longest, "ab"[k], f -> lost, "ab"[k], f -> doubled, "ab"[k],
		       f -> corrupted, "ab"[k], f -> reordered, "ab"[k], f -> overflowed, "ab"[k],
		       f -> cut, "ab"[k], f -> refused, k ? '\n' : ' ');
	}
	fflush(stdout);
}

/* A line of standard input; false at its end. */
static bool obey(void)
{
	char line[512];
	ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
	if (n <= 0)
		return false;
	line[n] = 0;
	if (strncmp(line, "figures", 7) == 0) {
		tell();
	} else if (strncmp(line, "set", 3) == 0) {
		printf("%s\n", set_all(line + 3) ? "ok" : "wrong");
		fflush(stdout);
	}
	return true;
}

/* ---- Start ---- */

static int tap_make(char *where)
{
	char path[128], *colon = strchr(where, ':');
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	if (!colon || strlen(colon + 1) >= IFNAMSIZ) {
		fprintf(stderr, "relay: %s is not NAMESPACE:DEVICE\n", where);
		exit(1);
	}
	*colon = 0;
	snprintf(path, sizeof path, "/run/netns/%s", where);
	int ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET))
		fail(path);
	close(ns);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	memcpy(r.ifr_name, colon + 1, strlen(colon + 1));
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r))
		fail(colon + 1);
	if (ioctl(fd, TUNSETOFFLOAD, 0))
		fail("TUNSETOFFLOAD");
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r.ifr_qlen = TXQUEUE;
	if (s < 0 || ioctl(s, SIOCSIFTXQLEN, &r))
		fail("txqueuelen");
	close(s);
	return fd;
}

int main(int argc, char **argv)
{
	static char words[1024];
	if (argc < 3) {
		fprintf(stderr, "usage: relay NAMESPACE:DEVICE NAMESPACE:DEVICE [SETTING...]\n");
		return 125;
	}
	prctl(PR_SET_PDEATHSIG, 9);
	int a = tap_make(argv[1]), b = tap_make(argv[2]);
	ways[0].from = ways[1].to = a;
	ways[0].to = ways[1].from = b;
	for (int k = 3; k < argc; k++)
		strncat(strncat(words, argv[k], 100), " ", 2);
	if (!set_all(words))
		return 1;
	slots = calloc(SLOTS, sizeof *slots);
	if (!slots)
		fail("memory");
	for (spare_count = 0; spare_count < SLOTS; spare_count++)
		spare[spare_count] = SLOTS - 1 - spare_count;
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct pollfd p[3] = { { a, POLLIN, 0 },
			               { b, POLLIN, 0 },
			               { STDIN_FILENO, POLLIN, 0 } };
		struct timespec t = { 0, 0 };
		bool forever = !heap_size;
		if (heap_size) {
			uint64_t now = now_ns(), due = slots[heap[0]].due;
			if (due > now)
				t = (struct timespec){ (time_t)((due - now) / 1000000000u),
					               (long)((due - now) % 1000000000u) };
		}
		if (ppoll(p, 3, forever ? NULL : &t, NULL) < 0 && errno != EINTR)
			fail("poll");
		let_out();
		if (p[0].revents)
			take_in(0);
		if (p[1].revents)
			take_in(1);
		if (p[2].revents && !obey())
			return 0;
	}
}
