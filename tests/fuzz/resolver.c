/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the stub resolver with a hostile server: an input is what it answers. One byte picks the
 * names that are asked for; then come messages, each with a byte of how (KIND_...), two of length,
 * and its bytes. UDP, TCP, tasks and the clock are fakes of this file. Each message is also judged
 * in a copy of exactly its size, so that a byte read too much is found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/boot.h>
#include <core/bytes.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/random.h>
#include <core/task.h>
#include <net/interface_internal.h>
#include <net/resolver/internal.h>
#include <net/tcp.h>
#include <net/udp.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define KIND_RAW    1u /* the message as it is; else it is put behind ID and question of the query */
#define KIND_CUT    2u /* what comes over TCP ends before its end */
#define KIND_LATER  4u /* a second goes by before it comes */
#define KIND_SOURCE 8u /* from somewhere else */
#define SERVER      0xc0000235u
#define QUERY_MAX   (2u + RESOLVER_QUESTION_MAX)
#define ASKED_MAX   64u /* queries in an input */

static struct bytes_in input;
static uint64_t now;
static uint8_t query[QUERY_MAX];
static uint32_t query_size, asked, allocated;
static bool query_edns;
static uint32_t seed;

/* ---- What the resolver stands on ---- */

static struct amp_boot nothing;
const struct amp_boot *boot_info = &nothing;
const uint32_t resolver_config_count = 1;
const struct resolver_config resolver_configs[1] = {
	{ { .words = { 0, 0, 0xffff0000u, __builtin_bswap32(SERVER) } }, -1 }
};

/* Its one interface has no IPv6. */
bool ip6_ready(const struct interface *i)
{
	return i->ip6;
}

struct net_address ip6_resolver(const struct interface *i, uint32_t n)
{
	(void)i, (void)n;
	return net_ip4(0);
}

void resolver_order(struct net_address *all, uint32_t count)
{
	(void)all, (void)count;
}

struct interface *interface_at(uint32_t n)
{
	(void)n;
	return NULL;
}

uint32_t interface_total(void)
{
	return 0;
}

uint64_t clock_now(void)
{
	return now;
}

uint32_t random_below(uint32_t n)
{
	return random_u32() % n;
}

uint32_t random_u32(void)
{
	return seed = seed * 1103515245u + 12345u;
}

void *heap_alloc(size_t size)
{
	allocated++;
	return malloc(size);
}

void *heap_alloc_zero(size_t count, size_t size)
{
	allocated++;
	return calloc(count, size);
}

void heap_free(void *p)
{
	allocated -= p != NULL;
	free(p);
}

void task_queue_init(struct task_queue *q)
{
	list_init(&q->waiting);
}

int task_wait(struct task_queue *q, uint64_t deadline_ns)
{
	(void)q, (void)deadline_ns;
	abort(); /* nobody else drives */
}

void task_wake_all(struct task_queue *q)
{
	(void)q;
}

/* The next message, in a buffer of its size; null: there are no more. */
static uint8_t *next_message(uint32_t *size, uint8_t *kind)
{
	static const uint8_t head[] = { 0, 1 }; /* QDCOUNT */

	*kind = bytes_get_u8(&input);
	uint32_t length = bytes_get_u16(&input);
	if (length > bytes_left(&input))
		length = bytes_left(&input);
	const uint8_t *bytes = bytes_get(&input, length);
	if (input.failed)
		return NULL;
	bool raw = *kind & KIND_RAW || length < 8;
	uint32_t question = query_size - 12;
	*size = raw ? length : length + 4 + question;
	uint8_t *to = malloc(*size ? *size : 1);
	if (!to)
		abort();
	if (raw) {
		memcpy(to, bytes, length);
	} else { /* flags and counts are the input's; then the question, then the rest */
		memcpy(to, query, 2);
		memcpy(to + 2, bytes, 2);
		memcpy(to + 4, head, 2);
		memcpy(to + 6, bytes + 2, 6);
		memcpy(to + 12, query + 12, question);
		memcpy(to + 12 + question, bytes + 8, length - 8);
	}
	if (*kind & KIND_LATER)
		now += NS_PER_S;
	return to;
}

static void check(const struct resolver_name *n, const struct resolver_answer *a)
{
	uint32_t at = 0;

	while (at < n->size && n->wire[at])
		at += 1u + n->wire[at];
	if (at + 1u != n->size || a->set.size > RESOLVER_DATA_MAX ||
	    a->set.ttl_s > RESOLVER_TTL_MAX_S)
		abort();
	uint32_t records = 0, size = 0;
	while (size < a->set.size) {
		size += 2u + bytes_load_u16(a->data + size);
		records++;
	}
	if (size != a->set.size || records != a->set.count)
		abort();
}

/* As the resolver will, but in memory that ends where the message ends. */
static void judge(const uint8_t *message, uint32_t size)
{
	struct resolver_key key = { .name.size = (uint8_t)(query_size - 16) };
	static struct resolver_answer answer;
	uint32_t cnames = 0;

	answer.set.ttl_s = RESOLVER_TTL_MAX_S;
	key.type = bytes_load_u16(query + query_size - 4);
	memcpy(key.name.wire, query + 12, key.name.size);
	switch (resolver_read(message, size, bytes_load_u16(query), query_edns, &key, &cnames,
	                      &answer)) {
	case RESOLVER_ANSWER:
	case RESOLVER_CNAME:
		check(&key.name, &answer);
		break;
	default:
		break;
	}
}

static void keep_query(const uint8_t *bytes, uint32_t size)
{
	if (size < 17 || size > sizeof query)
		abort();
	memcpy(query, bytes, size);
	query_edns = query[11];
	if (query_edns) /* answers repeat the question alone */
		size -= RESOLVER_OPT_SIZE;
	query_size = size;
	asked++;
}

int udp_open(struct udp_socket **s, struct interface *i, uint16_t port, udp_receive_fn *f,
             void *context)
{
	(void)i, (void)port, (void)f, (void)context;
	*s = heap_alloc(1);
	return OK;
}

void udp_hear(struct udp_socket *s, udp_error_fn *f)
{
	(void)s, (void)f;
}

void udp_close(struct udp_socket *s)
{
	heap_free(s);
}

int udp_send(struct udp_socket *s, struct net_address to, uint16_t port, const void *bytes,
             uint32_t size)
{
	(void)s;
	if (net_ip4_of(to) != SERVER || port != 53)
		abort();
	keep_query(bytes, size);
	return OK;
}

int udp_receive(struct udp_socket *s, void *to, uint32_t size, struct net_address *source,
                uint16_t *port, uint64_t deadline_ns)
{
	uint32_t length;
	uint8_t kind, *message = next_message(&length, &kind);

	(void)s;
	if (!message || now >= deadline_ns) {
		free(message);
		now = deadline_ns > now ? deadline_ns : now;
		return ERR_TIMEOUT;
	}
	judge(message, length);
	memcpy(to, message, length < size ? length : size);
	free(message);
	*source = net_ip4(kind & KIND_SOURCE ? SERVER + 1 : SERVER);
	*port = 53;
	return (int)length;
}

static uint8_t *stream;
static uint32_t stream_size, stream_at;

int tcp_connect(struct tcp_connection **c, struct net_address address, uint16_t port,
                const struct tcp_options *o, uint64_t deadline_ns)
{
	(void)o, (void)deadline_ns;
	if (net_ip4_of(address) != SERVER || port != 53)
		abort();
	*c = heap_alloc(1);
	return OK;
}

int tcp_write(struct tcp_connection *c, const void *bytes, uint32_t size, uint64_t deadline_ns)
{
	uint8_t kind, *message;
	uint32_t length;

	(void)c, (void)deadline_ns;
	if (size < 2 || bytes_load_u16(bytes) != size - 2)
		abort();
	keep_query((const uint8_t *)bytes + 2, size - 2);
	message = next_message(&length, &kind);
	if (!message)
		return ERR_RESET;
	stream = malloc(length + 2);
	if (!stream)
		abort();
	bytes_store_u16(stream, (uint16_t)length);
	memcpy(stream + 2, message, length);
	stream_size = kind & KIND_CUT ? length / 2 : length + 2;
	stream_at = 0;
	free(message);
	return OK;
}

int tcp_read_all(struct tcp_connection *c, void *to, uint32_t size, uint64_t deadline_ns)
{
	(void)c, (void)deadline_ns;
	if (stream_size - stream_at < size)
		return ERR_CLOSED;
	memcpy(to, stream + stream_at, size);
	stream_at += size;
	return OK;
}

void tcp_close(struct tcp_connection *c)
{
	free(stream);
	stream = NULL;
	heap_free(c);
}

/* ---- One input ---- */

static int ask(const char *name)
{
	struct net_address to[RESOLVER_ADDRESSES_MAX + 1];
	uint32_t count = RESOLVER_ADDRESSES_MAX + 1;
	uint64_t deadline = now + 30 * NS_PER_S;
	int result = resolver_lookup(name, to, count, deadline);

	if (result == 0 || result > (int)count ||
	    (result < 0 && result != ERR_ABSENT && result != ERR_TIMEOUT && result != ERR_FAILED &&
	     result != ERR_REFUSED && result != ERR_MALFORMED))
		abort();
	return result;
}

/* Records of every type: texts end where they say, and lie in the block. */
static void ask_records(const char *name, unsigned which)
{
	static const enum resolver_type types[] = { RESOLVER_NS,  RESOLVER_PTR,  RESOLVER_MX,
		                                    RESOLVER_TXT, RESOLVER_AAAA, RESOLVER_SRV };
	enum resolver_type type = types[which % 6];
	struct resolver_records *all;
	int result = resolver_query(name, type, &all, now + 30 * NS_PER_S);

	if ((result == OK) != (all != NULL))
		abort();
	for (uint32_t n = 0; all && n < all->count; n++) {
		const struct resolver_record *r = &all->at[n];
		if (type == RESOLVER_TXT
		            ? r->text[r->size] != 0
		            : type != RESOLVER_AAAA &&
		                      (!*r->name || strlen(r->name) >= RESOLVER_NAME_TEXT_MAX))
			abort();
		if (n && (type == RESOLVER_MX || type == RESOLVER_SRV) &&
		    all->at[n - 1].preference > r->preference)
			abort();
	}
	heap_free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "www.example", "x", "a.b.c.d.e.f.g.h.example.org.",
		                             "WWW.Example" };
	char own[300];

	if (size < 1)
		return 0;
	input = bytes_in(data + 1, (uint32_t)size - 1);
	seed = asked = 0;
	now = NS_PER_S;
	for (unsigned n = 0; n < 4; n++) {
		int result = ask(names[n]);
		/* What is remembered is the same for as long as it is, and for no longer than a
		 * day. */
		uint32_t before = asked;
		if (data[0] >> n & 1) {
			int again = ask(names[n]);
			if (asked == before && again != result)
				abort();
			now += (RESOLVER_TTL_MAX_S + 1ull) * NS_PER_S;
			before = asked;
			ask(names[n]);
			if (asked == before)
				abort();
		}
		ask_records(names[n], data[0] >> 4);
		if (asked > ASKED_MAX * 16)
			abort(); /* no answer may lead to endless questions */
	}
	/* A text of the input's as a name. */
	if (data[0] & 0x80) {
		size_t n = size - 1 < sizeof own - 1 ? size - 1 : sizeof own - 1;
		memcpy(own, data + 1, n);
		own[n] = 0;
		ask(own);
	}
	resolver_forget();
	if (allocated)
		abort();
	return 0;
}
