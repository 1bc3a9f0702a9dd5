/* SPDX-License-Identifier: ISC */
/* The fake tender, the packet builders and the fakes of core. The contract is in world.h. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>

#include <core/stop.h>
#include <core/boot.h>
#include <core/error.h>
#include <core/gate.h>
#include <core/hash.h>
#include <core/heap.h>
#include <core/clone.h>
#include <core/log.h>
#include <core/panic.h>
#include <core/random.h>
#include <net/ip6/internal.h>
#include <net/resolver.h>

const uint8_t us_mac[6] = { 2, 0, 0, 0, 0, 2 }, peer_mac[6] = { 2, 0, 0, 0, 0, 9 };
const uint8_t gateway_mac[6] = { 2, 0, 0, 0, 0, 1 }, other_mac[6] = { 2, 0, 0, 0, 0, 0x77 };
const uint8_t all_mac[6] = { 255, 255, 255, 255, 255, 255 };

struct world world;

/* ---- core ---- */

static uint64_t now = 1000 * SECOND;
static struct timer *timers;
#define SOURCES_MAX 4u
static struct loop_source *sources[SOURCES_MAX];
static uint32_t source_count;
static long allocated;

uint64_t clock_now(void)
{
	return now;
}

uint64_t clock_coarse(void)
{
	return now;
}

void timer_stop(struct timer *t)
{
	if (!t->link)
		return;
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->link = NULL;
}

void timer_set(struct timer *t, uint64_t deadline, timer_fn *fn)
{
	timer_stop(t);
	t->deadline = deadline;
	t->fn = fn;
	t->next = timers;
	if (timers)
		timers->link = &t->next;
	t->link = &timers;
	timers = t;
}

void timer_set_in(struct timer *t, uint64_t from_now, timer_fn *fn)
{
	timer_set(t, now + from_now, fn);
}

void *heap_alloc(size_t size)
{
	void *p = world.memory_fails ? NULL : malloc(size);
	allocated += p != NULL;
	return p;
}

void *heap_alloc_zero(size_t n, size_t size)
{
	void *p = world.memory_fails ? NULL : calloc(n, size);
	allocated += p != NULL;
	return p;
}

void *heap_resize(void *p, size_t size)
{
	if (world.memory_fails)
		return NULL;
	allocated += !p;
	return realloc(p, size);
}

void heap_free(void *p)
{
	allocated -= p != NULL;
	free(p);
}

void *extent_alloc(size_t pages)
{
	return heap_alloc(pages * AMP_PAGE);
}

void extent_free(void *p, size_t pages)
{
	(void)pages;
	heap_free(p);
}

uint64_t random_u64(void)
{
	static uint64_t x = 88172645463325252ull; /* xorshift64: the same in each run */
	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

uint32_t random_u32(void)
{
	return (uint32_t)(random_u64() >> 16);
}

uint32_t random_below(uint32_t bound)
{
	return bound ? random_u32() % bound : 0;
}

uint64_t hash_bytes(const void *bytes, size_t size)
{
	const uint8_t *p = bytes;
	uint64_t h = 0xcbf29ce484222325ull;
	while (size--)
		h = (h ^ *p++) * 0x100000001b3ull;
	return h;
}

uint64_t hash_bytes_keyed(const uint64_t key[2], const void *bytes, size_t size)
{
	return (hash_bytes(bytes, size) ^ key[0]) * 0x100000001b3ull + key[1];
}

void random_bytes(void *to, size_t size)
{
	for (uint8_t *p = to; size--;)
		*p++ = (uint8_t)(random_u64() >> 24);
}

struct heap_figures heap_figures(void)
{
	return (struct heap_figures){ .total = world.heap_total ? world.heap_total : 1ull << 30 };
}

bool log_wants(enum log_level level)
{
	return level <= LOG_INFO;
}

void log_line(enum log_level level, const char *who, const char *format, ...)
{
	va_list args;
	int n = snprintf(world.log, sizeof world.log, "%s: ", who);
	va_start(args, format);
	vsnprintf(world.log + n, sizeof world.log - (size_t)n, format, args);
	va_end(args);
	world.warnings += level <= LOG_WARNING;
}

void panic(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

const char *error_text(int error)
{
	static char text[16];
	snprintf(text, sizeof text, "%d", error);
	return text;
}

void task_queue_init(struct task_queue *q)
{
	list_init(&q->waiting);
}

static uint32_t woken;
struct stop_last *world_last;

int task_wait(struct task_queue *q, uint64_t deadline)
{
	struct list self;
	list_append(&q->waiting, &self);
	bool happened = world.on_wait && world.on_wait(deadline);
	list_remove(&self);
	return happened ? OK : ERR_TIMEOUT;
}

bool task_wake_one(struct task_queue *q)
{
	woken += !list_empty(&q->waiting);
	return !list_empty(&q->waiting);
}

void task_wake_all(struct task_queue *q)
{
	task_wake_one(q);
}

void loop_settle(void)
{
	world_turn();
}

/* ---- The end of the image: no test of this world ends by being asked ---- */

void stop_at_end(struct stop_last *l)
{
	list_init(&l->all);
	world_last = l;
}

void stop_on(struct stop_handler *h)
{
	list_init(&h->all);
}

bool stop_asked(void)
{
	return false;
}

void stop_hold(void)
{
}

void stop_release(void)
{
}

struct task *task_self(void)
{
	return NULL; /* all that runs here is a callback */
}

void task_sleep_until(uint64_t deadline_ns)
{
	if (deadline_ns > clock_now())
		world_advance(deadline_ns - clock_now());
}

void loop_add(struct loop_source *s)
{
	if (source_count == SOURCES_MAX)
		abort();
	sources[source_count++] = s;
}

void loop_remove(struct loop_source *s)
{
	for (uint32_t k = 0; k < source_count; k++) {
		if (sources[k] == s)
			sources[k--] = sources[--source_count];
	}
}

void gate_kick(uint32_t device)
{
	if (device != 0)
		abort();
	world.kicks++;
}

static struct {
	struct amp_boot boot;
	struct amp_queue further[AMP_NET_QUEUES_MAX - 1];
} information;
static struct amp_arg_value arguments[3];
const struct amp_boot *boot_info = &information.boot;
/* interface_configs, which is const for everybody else */
extern struct interface_config configs[1] __asm__("interface_configs");
struct interface_config configs[1];
extern const struct interface_ip6_config *configs6[1] __asm__("interface_ip6_configs");
const struct interface_ip6_config *configs6[1];
const uint32_t interface_config_count = 1;
const char interface_host_name[] = "test-host";
const bool tcp_served_layered = false, tcp_served_duplex = true;
const bool interface_dhcp = true, interface_further = true, interface_routed = true;
const bool interface_ip6 = true, interface_ip6_automatic = true;
extern struct resolver_config resolvers[2] __asm__("resolver_configs");
struct resolver_config resolvers[2];
const uint32_t resolver_config_count = 2;

bool boot_constant(const void *bytes, size_t size)
{
	(void)bytes, (void)size;
	return true;
}

bool boot_memory(const void *bytes, size_t size)
{
	(void)bytes;
	(void)size;
	return true;
}

const struct amp_device *boot_device(const char *name, enum amp_device_type type)
{
	return strcmp(name, "service") == 0 && type == AMP_DEVICE_NET ? &world.device : NULL;
}

extern const struct boot_start __start_boot_start[], __stop_boot_start[];

/* ---- The device ---- */

static void *zeroed(size_t n)
{
	void *p = calloc(1, n);
	if (!p)
		abort();
	return p;
}

static void ring_make(struct amp_ring *r, uint32_t size, size_t entry)
{
	uint32_t *counters = zeroed(3 * sizeof *counters);
	*r = (struct amp_ring){ .producer = (uint64_t)&counters[0],
		                .consumer = (uint64_t)&counters[1],
		                .flags = (uint64_t)&counters[2],
		                .entries = (uint64_t)zeroed(size * entry),
		                .size = size };
}

static void ring_unmake(struct amp_ring *r)
{
	free((void *)r->producer);
	free((void *)r->entries);
}

static uint64_t *entry_u64(struct amp_ring *r, uint32_t at)
{
	return (uint64_t *)r->entries + (at & (r->size - 1));
}

static struct amp_desc *entry_desc(struct amp_ring *r, uint32_t at)
{
	return (struct amp_desc *)r->entries + (at & (r->size - 1));
}

void world_open(struct options o)
{
	world = (struct world){ 0 };
	now += 1000 * SECOND;
	struct amp_device *d = &world.device;
	uint32_t ring = o.ring ? o.ring : 256;
	*d = (struct amp_device){ .name = "service",
		                  .type = AMP_DEVICE_NET,
		                  .mtu = o.mtu ? o.mtu : 1500,
		                  .frame_size = AMP_FRAME_SIZE,
		                  .frame_count = o.frames ? o.frames : 1024,
		                  .features =
		                          o.features | (o.concurrent ? AMP_NET_CONCURRENT : 0) };
	memcpy(d->mac, us_mac, 6);
	d->frames = (uint64_t)zeroed((size_t)d->frame_count * d->frame_size);
	ring_make(&d->fill, ring, 8);
	ring_make(&d->rx, ring, sizeof(struct amp_desc));
	d->queue_count = o.queues ? o.queues - 1 : 0;
	d->queues = d->queue_count ? (uint32_t)offsetof(typeof(information), further) : 0;
	for (uint32_t k = 0; k < d->queue_count; k++) {
		ring_make(&information.further[k].fill, ring, 8);
		ring_make(&information.further[k].rx, ring, sizeof(struct amp_desc));
	}
	ring_make(&d->tx, ring, sizeof(struct amp_desc));
	ring_make(&d->completion, ring, 8);
	world.tx_consumer = (uint32_t *)d->tx.consumer;
	world.completion_producer = (uint32_t *)d->completion.producer;
	world.tx_flags = (uint32_t *)d->tx.flags;
	world_queue(0);
	information.boot = (struct amp_boot){ .devices = (uint64_t)d,
		                              .device_count = 1,
		                              .args = (uint64_t)arguments,
		                              .arg_count = 3,
		                              .net_words = (uint64_t)o.words,
		                              .net_word_count = o.word_count };
	arguments[0].set = arguments[1].set = o.set;
	arguments[0].number = (uint64_t)US << 8 | (o.prefix ? o.prefix : 24);
	arguments[1].number = o.no_gateway ? 0 : GATEWAY;
	arguments[2].number = o.resolvers[1];
	resolvers[0] =
	        (struct resolver_config){ .address = net_ip4(o.resolvers[0]), .address_arg = -1 };
	resolvers[1] = (struct resolver_config){ .address_arg = 2 };
	configs6[0] = o.ip6;
	configs[0] = (struct interface_config){ .name = "service",
		                                .dhcp = o.dhcp,
		                                .automatic = o.automatic,
		                                .address_arg = o.dhcp ? -1 : 0,
		                                .gateway_arg = o.dhcp ? -1 : 1,
		                                .addresses = o.addresses,
		                                .address_count = o.address_count,
		                                .routes = o.routes,
		                                .route_count = o.route_count,
		                                .no_ip4 = o.no_ip4 };
	for (const struct boot_start *s = __start_boot_start; s != __stop_boot_start; s++) {
		if (s->start() < 0)
			abort();
	}
	world.interface = interface_find(NULL);
	world_turn();
	if (!o.keep_announcements) {
		world_drain();
		if (!o.dhcp) {
			world_advance(3 * SECOND);
			world_drain();
		}
	}
}

static void ring_anew(struct amp_ring *r)
{
	memset((void *)r->producer, 0, 3 * sizeof(uint32_t));
}

void world_leave(uint64_t at_ns)
{
	information.boot.leave_at_ns = at_ns;
	world_turn();
}

void world_move(const uint8_t mac[6])
{
	struct amp_device *d = &world.device;
	ring_anew(&d->fill);
	ring_anew(&d->rx);
	ring_anew(&d->tx);
	ring_anew(&d->completion);
	memcpy(d->mac, mac, 6);
	information.boot.generation++;
	information.boot.flags = AMP_BOOT_MOVED;
	information.boot.leave_at_ns = 0;
	clone_begin();
	world_turn();
}

void world_close(void)
{
	world.hold_tx = world.hold_completions = false;
	world.memory_fails = false;
	world_drain();
	interface_stop_all();
	if (ip6_number_total()) {
		fprintf(stderr, "world_close: %u numbers of addresses are held\n",
		        ip6_number_total());
		abort();
	}
	if (timers || source_count || allocated) {
		fprintf(stderr, "world_close: timers %p, %u sources, allocations %ld left\n",
		        (void *)timers, source_count, allocated);
		abort();
	}
	struct amp_device *d = &world.device;
	free((void *)d->frames);
	ring_unmake(&d->fill);
	ring_unmake(&d->rx);
	for (uint32_t k = 0; k < d->queue_count; k++) {
		ring_unmake(&information.further[k].fill);
		ring_unmake(&information.further[k].rx);
	}
	ring_unmake(&d->tx);
	ring_unmake(&d->completion);
}

void world_queue(uint32_t k)
{
	world.fill = k ? &information.further[k - 1].fill : &world.device.fill;
	world.rx = k ? &information.further[k - 1].rx : &world.device.rx;
	world.fill_consumer = (uint32_t *)world.fill->consumer;
	world.fill_flags = (uint32_t *)world.fill->flags;
	world.rx_producer = (uint32_t *)world.rx->producer;
}

struct amp_desc world_place(const struct packet *p, uint32_t headroom)
{
	struct amp_device *d = &world.device;
	if (*world.fill_consumer == *(uint32_t *)world.fill->producer)
		return (struct amp_desc){ 0 };
	uint64_t addr =
	        *entry_u64(world.fill, (*world.fill_consumer)++) & ~(uint64_t)(d->frame_size - 1);
	if (headroom + p->size > d->frame_size)
		abort();
	memcpy((uint8_t *)d->frames + addr + headroom, p->bytes, p->size);
	return (struct amp_desc){ .addr = addr + headroom, .len = p->size };
}

bool world_receive_raw(struct amp_desc desc)
{
	if (*world.rx_producer - *(uint32_t *)world.rx->consumer >= world.rx->size)
		return false;
	*entry_desc(world.rx, *world.rx_producer) = desc;
	++*world.rx_producer;
	return true;
}

bool world_receive(const struct packet *p)
{
	struct amp_desc desc = world_place(p, AMP_FRAME_HEADROOM);
	return desc.len && world_receive_raw(desc);
}

void world_turn(void)
{
	for (bool more = true; more;) {
		more = false;
		for (uint32_t k = 0; k < source_count; k++)
			more |= sources[k]->poll(sources[k]);
	}
	if (!frame_area_is_valid(&world.interface->device.frames))
		panic("frames are not valid");
}

void world_pause(uint64_t ns)
{
	now += ns;
}

uint64_t world_now(void)
{
	return now;
}

void world_advance(uint64_t ns)
{
	uint64_t end = now + ns;
	world_turn();
	for (;;) {
		struct timer *first = NULL;
		for (struct timer *t = timers; t; t = t->next)
			first = !first || t->deadline < first->deadline ? t : first;
		if (!first || first->deadline > end)
			break;
		if (first->deadline > now)
			now = first->deadline;
		timer_stop(first);
		first->fn(first);
		world_turn();
	}
	now = end;
}

bool world_receive_large(const uint8_t *bytes, uint32_t size, const struct amp_frame_header *h)
{
	struct amp_device *d = &world.device;
	uint32_t first = d->frame_size - AMP_FRAME_HEADROOM, at = 0;
	uint32_t need = size <= first ? 1 : 2 + (size - first - 1) / d->frame_size;
	if (*(uint32_t *)world.fill->producer - *world.fill_consumer < need ||
	    world.rx->size - (*world.rx_producer - *(uint32_t *)world.rx->consumer) < need)
		return false;
	while (at < size) {
		uint64_t addr = *entry_u64(world.fill, (*world.fill_consumer)++) &
		                ~(uint64_t)(d->frame_size - 1);
		struct amp_desc desc = { .addr = addr };
		uint32_t room = d->frame_size;
		if (!at) {
			desc.addr += AMP_FRAME_HEADROOM;
			room = first;
			desc.options = h ? AMP_DESC_METADATA : 0;
			if (h)
				memcpy((uint8_t *)d->frames + desc.addr - sizeof *h, h, sizeof *h);
		}
		desc.len = size - at < room ? size - at : room;
		memcpy((uint8_t *)d->frames + desc.addr, bytes + at, desc.len);
		at += desc.len;
		desc.options |= at < size ? AMP_DESC_CONTINUED : 0;
		*entry_desc(world.rx, (*world.rx_producer)++) = desc;
	}
	return true;
}

/* Is what comes out a packet of IPv6? */
static bool is_ip6(void)
{
	return bytes_load_u16(world.large.bytes + 12) == 0x86dd;
}

/* Checks a descriptor, the n-th of its packet, by the ABI's rules, adds its bytes, completes its
 * frame. */
static void take_descriptor(struct amp_desc desc, uint32_t n)
{
	struct amp_device *d = &world.device;
	uint64_t frame = desc.addr / d->frame_size, at = desc.addr % d->frame_size;
	bool direct = desc.options & AMP_DESC_DIRECT;
	uint32_t may =
	        (d->features & (AMP_NET_TX_SEGMENT | AMP_NET_TX_DIRECT) ? AMP_DESC_CONTINUED : 0) |
	        (n == 0 && d->features & AMP_NET_TX_CHECKSUM ? AMP_DESC_METADATA : 0) |
	        (n && d->features & AMP_NET_TX_DIRECT ? AMP_DESC_DIRECT : 0);
	if (desc.options & ~may || desc.len < (n ? 1 : 14) || n >= AMP_PACKET_DESCS_MAX ||
	    desc.len > AMP_PACKET_MAX - world.large.size ||
	    (!direct && (frame >= d->frame_count || at + desc.len > d->frame_size)))
		panic("a tx descriptor that no tender takes");
	const uint8_t *bytes =
	        direct ? (const uint8_t *)desc.addr : (uint8_t *)d->frames + desc.addr;
	if (desc.options & AMP_DESC_METADATA)
		memcpy(&world.large.header, bytes - sizeof world.large.header,
		       sizeof world.large.header);
	memcpy(world.large.bytes + world.large.size, bytes, desc.len);
	world.large.size += desc.len;
	world.large.directs += direct;
	world.large.frames += !direct;
	if (!direct && !world.hold_completions) {
		*entry_u64(&d->completion, *world.completion_producer) = desc.addr;
		++*world.completion_producer;
	}
	if (n == 0 && world.large.header.gso_type && desc.len < (is_ip6() ? 74 : 54))
		panic("the TCP header is not whole in the first descriptor");
}

/* Sums up from csum_start on, the pseudo-header's sum lying in the field. */
static void complete_checksum(uint8_t *bytes, uint32_t size, const struct amp_frame_header *h)
{
	if (h->csum_start + h->csum_offset + 2u > size)
		panic("a checksum outside the packet");
	uint16_t sum = naive_checksum(bytes + h->csum_start, size - h->csum_start, 0);
	bytes_store_u16(bytes + h->csum_start + h->csum_offset, sum);
}

/* The next segment of world.large, as a device cuts it. */
static void cut(struct packet *p)
{
	const uint8_t *large = world.large.bytes;
	const struct amp_frame_header *h = &world.large.header;
	uint32_t headers = h->csum_start + (uint32_t)(large[h->csum_start + 12] >> 4) * 4;
	uint32_t left = world.large.size - headers - world.large.at;
	uint32_t n = left < h->gso_size ? left : h->gso_size;
	bool six = is_ip6();
	if (h->csum_start != (six ? 54 : 34) || h->csum_offset != 16 ||
	    h->gso_size < AMP_SEGMENT_MIN || headers + h->gso_size > world.device.mtu + 14u ||
	    headers >= world.large.size)
		panic("segmentation that no tender does");
	p->size = 0;
	packet_add(p, large, headers);
	packet_add(p, large + headers + world.large.at, n);
	uint8_t *ip = p->bytes + 14, *tcp = p->bytes + h->csum_start;
	bool first = !world.large.at, last = n == left;
	if (six) {
		bytes_store_u16(ip + 4, (uint16_t)(p->size - 54));
	} else {
		bytes_store_u16(ip + 2, (uint16_t)(p->size - 14));
		bytes_store_u16(ip + 10, 0);
		bytes_store_u16(ip + 10, naive_checksum(ip, 20, 0));
	}
	bytes_store_u32(tcp + 4, bytes_load_u32(tcp + 4) + world.large.at);
	tcp[13] &= (uint8_t)(last ? 0xff : ~9u); /* FIN and PSH belong to the last */
	tcp[13] &= (uint8_t)(first || !(h->gso_type & 0x80) ? 0xff : 0x7f);
	bytes_store_u16(tcp + 16, 0);
	uint32_t size = p->size - h->csum_start, sum = 6 + size;
	for (uint32_t k = six ? 8 : 12; k < (six ? 40 : 20); k += 2)
		sum += bytes_load_u16(ip + k);
	bytes_store_u16(tcp + 16, naive_checksum(tcp, size, sum));
	world.large.at += n;
	if (last)
		world.large.size = 0;
}

bool world_sent(struct packet *p)
{
	struct amp_device *d = &world.device;
	if (world.large.size) {
		cut(p);
		return true;
	}
	if (world.hold_tx || *world.tx_consumer == *(uint32_t *)d->tx.producer)
		return false;
	struct amp_desc desc = { .options = AMP_DESC_CONTINUED };
	memset(&world.large, 0,
	       offsetof(struct world, large.bytes) - offsetof(struct world, large));
	for (uint32_t n = 0; desc.options & AMP_DESC_CONTINUED; n++) {
		if (*world.tx_consumer == *(uint32_t *)d->tx.producer)
			panic("a packet was published in part");
		desc = *entry_desc(&d->tx, (*world.tx_consumer)++);
		take_descriptor(desc, n);
	}
	const struct amp_frame_header *h = &world.large.header;
	if (h->flags & ~1u || h->gso_type & (is_ip6() ? ~0x84u : ~0x81u) || h->hdr_len ||
	    h->num_buffers)
		panic("metadata that no tender takes");
	if (h->gso_type) {
		uint32_t whole = is_ip6() ? bytes_load_u16(world.large.bytes + 18) + 40u
		                          : bytes_load_u16(world.large.bytes + 16);
		if (!(d->features & (is_ip6() ? AMP_NET_TX_SEGMENT6 : AMP_NET_TX_SEGMENT)) ||
		    !(h->flags & 1) || whole + 14u != world.large.size)
			panic("segmentation that no tender does");
		cut(p);
		return true;
	}
	if (world.large.size > d->mtu + 14u)
		panic("a packet larger than the MTU");
	p->size = 0;
	packet_add(p, world.large.bytes, world.large.size);
	world.large.size = 0;
	if (h->flags & 1)
		complete_checksum(p->bytes, p->size, h);
	return true;
}

uint32_t world_drain(void)
{
	struct packet p;
	uint32_t n = 0;
	world_turn();
	for (; world_sent(&p); n++)
		;
	world_turn();
	return n;
}

bool world_exchange(const struct packet *in, struct packet *out)
{
	if (!world_receive(in))
		panic("no fill entry");
	world_turn();
	bool answered = world_sent(out);
	world_turn();
	return answered;
}

bool world_frames_balanced(void)
{
	struct device *d = &world.interface->device;
	const struct device_queue *q = d->queue;
	uint32_t receiving = 0;
	world_drain();
	do
		receiving += q->receiving;
	while ((q = q->next) != d->queue);
	return frame_area_is_valid(&d->frames) &&
	       d->frames.free_count + receiving == d->frames.count && !d->sending &&
	       !d->unpublished;
}

uint64_t count(enum interface_count what)
{
	return interface_counter(world.interface, what);
}

/* ---- Packets ---- */

uint16_t naive_checksum(const void *bytes, uint32_t size, uint32_t start)
{
	const uint8_t *p = bytes;
	uint64_t sum = start;
	for (uint32_t k = 0; k < size; k++)
		sum += k % 2 ? p[k] : (uint64_t)p[k] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint32_t pseudo(uint32_t source_, uint32_t destination, uint32_t protocol, uint32_t size)
{
	return (source_ >> 16) + (source_ & 0xffff) + (destination >> 16) + (destination & 0xffff) +
	       protocol + size;
}

void packet_add(struct packet *p, const void *bytes, uint32_t n)
{
	if (n > sizeof p->bytes - p->size)
		panic("packet_add: too much");
	if (n)
		memcpy(p->bytes + p->size, bytes, n);
	p->size += n;
}

void packet_start(struct packet *p, const uint8_t *destination, const uint8_t *from, uint16_t type)
{
	uint8_t t[2] = { type >> 8, type & 255 };
	p->size = 0;
	packet_add(p, destination, 6);
	packet_add(p, from, 6);
	packet_add(p, t, 2);
}

void packet_ip(struct packet *p, struct ip_spec s, const void *payload, uint32_t size)
{
	struct ip4_header h = { 0 };
	uint32_t at = p->size, header = 20 + s.options_size;
	h.version_size = (uint8_t)(0x40 | header / 4);
	bytes_store_u16(h.total, (uint16_t)(header + size));
	bytes_store_u16(h.id, s.id);
	bytes_store_u16(h.fragment, s.fragment);
	h.ttl = s.ttl ? s.ttl : 64;
	h.protocol = s.protocol;
	bytes_store_u32(h.source, s.source ? s.source : PEER);
	bytes_store_u32(h.destination, s.destination ? s.destination : US);
	packet_add(p, &h, sizeof h);
	packet_add(p, s.options, s.options_size);
	bytes_store_u16(p->bytes + at + 10, naive_checksum(p->bytes + at, header, 0));
	packet_add(p, payload, size);
}

uint32_t message_udp(uint8_t *to, uint32_t from, uint32_t destination, uint16_t source_port,
                     uint16_t port, const void *payload, uint32_t size)
{
	bytes_store_u16(to, source_port);
	bytes_store_u16(to + 2, port);
	bytes_store_u16(to + 4, (uint16_t)(size + 8));
	bytes_store_u16(to + 6, 0);
	if (size)
		memcpy(to + 8, payload, size);
	uint16_t sum = naive_checksum(to, size + 8, pseudo(from, destination, 17, size + 8));
	bytes_store_u16(to + 6, sum ? sum : 0xffff);
	return size + 8;
}

uint32_t message_echo(uint8_t *to, uint32_t size)
{
	memset(to, 0, 8);
	to[0] = 8;
	to[5] = 1;
	to[7] = 1;
	for (uint32_t k = 0; k < size; k++)
		to[8 + k] = (uint8_t)(k * 7 + k / 256);
	bytes_store_u16(to + 2, naive_checksum(to, size + 8, 0));
	return size + 8;
}

static const uint8_t *mac_of(uint32_t address)
{
	return address >> 8 == PEER >> 8 ? peer_mac : gateway_mac;
}

void packet_udp(struct packet *p, uint32_t from, uint32_t destination, uint16_t source_port,
                uint16_t port, const void *payload, uint32_t size)
{
	uint8_t message[2048];
	bool broadcast = destination == UINT32_MAX || destination == SUBNET;
	uint32_t n = message_udp(message, from, destination, source_port, port, payload, size);
	packet_start(p, broadcast ? all_mac : us_mac, mac_of(from), 0x0800);
	packet_ip(p, (struct ip_spec){ .source = from, .destination = destination, .protocol = 17 },
	          message, n);
}

void packet_echo(struct packet *p, uint32_t from, uint32_t destination, uint16_t sequence,
                 uint32_t size)
{
	uint8_t message[2048];
	uint32_t n = message_echo(message, size);
	bytes_store_u16(message + 6, sequence);
	bytes_store_u16(message + 2, 0);
	bytes_store_u16(message + 2, naive_checksum(message, n, 0));
	packet_start(p, us_mac, mac_of(from), 0x0800);
	packet_ip(p, (struct ip_spec){ .source = from, .destination = destination, .protocol = 1 },
	          message, n);
}

void packet_arp(struct packet *p, uint16_t operation, const uint8_t *sender_mac, uint32_t sender,
                uint32_t target)
{
	struct arp_message m = {
		.hardware = { 0, 1 }, .protocol = { 8, 0 }, .hardware_size = 6, .protocol_size = 4
	};
	bytes_store_u16(m.operation, operation);
	memcpy(m.sender_mac, sender_mac, 6);
	bytes_store_u32(m.sender_address, sender);
	if (operation == 2)
		memcpy(m.target_mac, us_mac, 6);
	bytes_store_u32(m.target_address, target);
	packet_start(p, operation == 2 ? us_mac : all_mac, sender_mac, 0x0806);
	packet_add(p, &m, sizeof m);
}

void fragments_of(struct ip_spec s, const uint8_t *message, uint32_t size, uint32_t unit,
                  void (*each)(const struct packet *, uint32_t n))
{
	uint32_t n = 0;
	for (uint32_t at = 0; at < size; at += unit, n++) {
		uint32_t piece = size - at < unit ? size - at : unit;
		struct packet p;
		s.fragment = (uint16_t)(at / 8 | (at + piece < size ? IP4_MF : 0));
		packet_start(&p, us_mac, mac_of(s.source ? s.source : PEER), 0x0800);
		packet_ip(&p, s, message + at, piece);
		each(&p, n);
	}
}

bool packet_is_right(const struct packet *p)
{
	const struct ip4_header *h = ip_of(p);
	uint32_t total = bytes_load_u16(h->total);
	if (p->size < 34 || bytes_load_u16(ethernet_of(p)->type) != 0x0800 ||
	    h->version_size != 0x45 || total + 14 != p->size || naive_checksum(h, 20, 0) ||
	    memcmp(ethernet_of(p)->source, us_mac, 6) != 0)
		return false;
	if (bytes_load_u16(h->fragment) & (IP4_MF | IP4_OFFSET))
		return true;
	if (h->protocol == 1)
		return !naive_checksum(p->bytes + 34, total - 20, 0);
	if (h->protocol == 6) {
		uint32_t sum = pseudo(bytes_load_u32(h->source), bytes_load_u32(h->destination), 6,
		                      total - 20);
		return total >= 40 && !naive_checksum(p->bytes + 34, total - 20, sum);
	}
	if (h->protocol != 17)
		return false;
	uint32_t start =
	        pseudo(bytes_load_u32(h->source), bytes_load_u32(h->destination), 17, total - 20);
	return bytes_load_u16(udp_of(p)->length) == total - 20 &&
	       bytes_load_u16(udp_of(p)->checksum) &&
	       !naive_checksum(p->bytes + 34, total - 20, start);
}

struct packet packet_icmp_about(const struct packet *ours, uint8_t type, uint8_t code)
{
	struct packet p;
	uint8_t message[36] = { type, code };
	memcpy(message + 8, ours->bytes + 14, 28);
	bytes_store_u16(message + 2, naive_checksum(message, sizeof message, 0));
	packet_start(&p, us_mac, peer_mac, 0x0800);
	packet_ip(&p, (struct ip_spec){ .protocol = 1 }, message, sizeof message);
	return p;
}
