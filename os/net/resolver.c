/* SPDX-License-Identifier: ISC */
/*
 * The resolver's tasks. The first task that asks for a name drives its query; others that ask for
 * it wait, and one of them goes on should the first's deadline come before an answer. Each try is
 * from a socket of its own, so that port and ID are random (RFC 5452 §9.2); what does not answer
 * the question is counted and overlooked.
 */
#include <net/resolver.h>

#include <string.h>

#include <core/boot.h>
#include <core/bytes.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/random.h>
#include <core/task.h>
#include <net/interface_internal.h>
#include <net/resolver_internal.h>
#include <net/tcp.h>
#include <net/udp.h>

#define DNS_PORT   53u
#define UDP_MAX    1232u /* without EDNS, answers have 512 */
#define ALIENS_MAX 64u   /* in a try: then from another port, since somebody guesses */

struct asking {
	struct list link;
	struct task_queue waiters;
	uint32_t users;
	bool driven, done;
	int result; /* done: OK, with the answer, or an error */
	struct resolver_answer answer;
	struct resolver_name first, name; /* as asked for; what the aliases have led to */
	uint32_t cnames;
	uint8_t question[2 + RESOLVER_QUESTION_MAX]; /* behind TCP's length */
	uint8_t message[UDP_MAX];
};

static struct list askings = LIST_INIT(askings);
static uint32_t own[RESOLVER_SERVERS_MAX], own_count;
static struct resolver_counters counters;

static uint32_t named_in_manifest(uint32_t to[RESOLVER_SERVERS_MAX])
{
	const struct amp_arg_value *args = (const struct amp_arg_value *)boot_info->args;
	uint32_t count = 0;

	for (uint32_t n = 0; n < resolver_config_count && count < RESOLVER_SERVERS_MAX; n++) {
		const struct resolver_config *c = &resolver_configs[n];
		uint32_t address = c->address;
		if (c->address_arg >= 0)
			address = (uint32_t)args[c->address_arg].number;
		if (address)
			to[count++] = address;
	}
	return count;
}

static uint32_t find_servers(uint32_t to[RESOLVER_SERVERS_MAX])
{
	uint32_t count = own_count;

	memcpy(to, own, sizeof own);
	if (count == 0)
		count = named_in_manifest(to);
	if (count)
		return count;
	for (uint32_t n = 0; n < interface_total(); n++)
		for (uint32_t k = 0; k < INTERFACE_RESOLVERS_MAX && count < RESOLVER_SERVERS_MAX;
		     k++)
			if (interface_at(n)->resolvers[k])
				to[count++] = interface_at(n)->resolvers[k];
	return count;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static enum resolver_outcome judge(struct asking *q, const uint8_t *message, uint32_t size,
                                   uint16_t id)
{
	enum resolver_outcome o =
	        resolver_read(message, size, id, &q->name, &q->cnames, &q->answer);

	if (o == RESOLVER_ALIEN || o == RESOLVER_GARBAGE)
		counters.bad++;
	else
		counters.answers++;
	if (o == RESOLVER_TRUNCATED)
		counters.truncated++;
	if (o == RESOLVER_REFUSED)
		counters.refused++;
	return o;
}

/* RFC 7766 §8: two bytes of length, then the message. */
static int try_tcp(struct asking *q, uint32_t server, enum resolver_outcome *o,
                   uint64_t deadline_ns)
{
	struct tcp_connection *c;
	uint16_t id = (uint16_t)random_u32();
	uint32_t size = resolver_question(q->question + 2, id, &q->name);
	uint8_t *message = NULL, head[2];

	bytes_store_u16(q->question, (uint16_t)size);
	int result = tcp_connect(&c, server, DNS_PORT, NULL, deadline_ns);
	if (result < 0)
		return result;
	counters.sent++;
	result = tcp_write(c, q->question, size + 2, deadline_ns);
	if (result >= 0)
		result = tcp_read_all(c, head, sizeof head, deadline_ns);
	if (result >= 0) {
		uint32_t length = bytes_load_u16(head);
		message = heap_alloc(length ? length : 1);
		result = message ? tcp_read_all(c, message, length, deadline_ns) : ERR_MEMORY;
		if (result >= 0)
			*o = judge(q, message, length, id);
	}
	heap_free(message);
	tcp_close(c);
	return result < 0 ? result : OK;
}

static int try_udp(struct asking *q, uint32_t server, enum resolver_outcome *o,
                   uint64_t deadline_ns)
{
	struct udp_socket *s;
	uint16_t id = (uint16_t)random_u32();
	uint32_t size = resolver_question(q->question + 2, id, &q->name);
	int result = udp_open(&s, NULL, 0, NULL, NULL);

	if (result < 0)
		return result;
	result = udp_send(s, server, DNS_PORT, q->question + 2, size);
	counters.sent++;
	for (uint32_t aliens = 0; result >= 0 && aliens < ALIENS_MAX; aliens++) {
		uint32_t source;
		uint16_t port;
		result = udp_receive(s, q->message, UDP_MAX, &source, &port, deadline_ns);
		if (result < 0)
			break;
		if (source != server || port != DNS_PORT || result > (int)UDP_MAX) {
			counters.bad++;
			continue;
		}
		*o = judge(q, q->message, (uint32_t)result, id);
		if (*o != RESOLVER_ALIEN)
			break;
	}
	udp_close(s);
	return result < 0 ? result : OK;
}

/* One name, one alias after the other, by all servers in turn. ERR_TIMEOUT with time left: nobody
 * answered. */
static int drive(struct asking *q, uint64_t deadline_ns)
{
	uint32_t servers[RESOLVER_SERVERS_MAX], count = find_servers(servers);

	if (count == 0)
		return ERR_UNREACHABLE;
	q->name = q->first;
	q->cnames = 0;
	q->answer.ttl_s = RESOLVER_TTL_MAX_S;
	for (uint32_t n = 0; n < count * RESOLVER_ROUNDS; n++) {
		enum resolver_outcome o = RESOLVER_ALIEN;
		uint64_t now = clock_now();
		if (now >= deadline_ns)
			return ERR_TIMEOUT;
		uint64_t until = earlier(deadline_ns, now + RESOLVER_TRY_NS);
		uint32_t server = servers[n % count];
		uint32_t ttl_s = q->answer.ttl_s; /* of the aliases so far */
		int result = try_udp(q, server, &o, until);
		if (result == OK && o == RESOLVER_TRUNCATED)
			result = try_tcp(q, server, &o,
			                 earlier(deadline_ns, clock_now() + RESOLVER_TRY_NS));
		if (result == ERR_MEMORY)
			return result;
		if (result == ERR_TIMEOUT)
			counters.timeouts++;
		if (result == OK && o == RESOLVER_ANSWER)
			return OK;
		if (result == OK && o == RESOLVER_CNAME)
			n = UINT32_MAX; /* the target: from the start; cnames bounds it */
		else
			q->answer.ttl_s = ttl_s;
	}
	return ERR_TIMEOUT;
}

static struct asking *join(const struct resolver_name *name)
{
	list_each (at, &askings) {
		struct asking *q = container_of(at, struct asking, link);
		if (resolver_name_same(&q->first, name)) {
			q->users++;
			return q;
		}
	}
	struct asking *q = heap_alloc_zero(1, sizeof *q);
	if (!q)
		return NULL;
	q->first = *name;
	q->users = 1;
	task_queue_init(&q->waiters);
	list_append(&askings, &q->link);
	return q;
}

static int wait_answer(struct asking *q, uint64_t deadline_ns)
{
	while (!q->done) {
		if (q->driven) {
			if (task_wait(&q->waiters, deadline_ns) < 0 && !q->done)
				return ERR_TIMEOUT;
			continue;
		}
		q->driven = true;
		int result = drive(q, deadline_ns);
		q->driven = false;
		if (result == ERR_TIMEOUT && clock_now() >= deadline_ns) {
			task_wake_all(&q->waiters); /* whoever has more time goes on */
			return result;
		}
		if (result == OK)
			resolver_cache_put(&q->first, &q->answer);
		q->result = result;
		q->done = true;
		list_remove(&q->link); /* who asks from now on asks anew */
		task_wake_all(&q->waiters);
	}
	return q->result;
}

static int hand_over(const struct resolver_answer *a, uint32_t *to, uint32_t count)
{
	uint32_t n = a->count < count ? a->count : count;

	if (a->count == 0)
		return ERR_ABSENT;
	memcpy(to, a->addresses, n * sizeof *to);
	return (int)n;
}

/* 1: it is one; 0: a name; ERR_MALFORMED: digits and dots, but neither. */
static int dotted_quad(const char *text, uint32_t *to)
{
	uint32_t address = 0, parts = 0;

	for (const char *p = text; *p; p++)
		if (*p != '.' && (*p < '0' || *p > '9'))
			return 0;
	for (;;) {
		uint32_t value = 0, digits = 0;
		for (; *text >= '0' && *text <= '9'; text++, digits++) {
			value = value * 10 + (uint32_t)(*text - '0');
			if (digits == 3 || value > 255)
				return ERR_MALFORMED;
		}
		if (digits == 0 || ++parts > 4)
			return ERR_MALFORMED;
		address = address << 8 | value;
		if (!*text)
			break;
		text++;
	}
	*to = address;
	return parts == 4 ? 1 : ERR_MALFORMED;
}

int resolver_lookup(const char *name, uint32_t *to, uint32_t count, uint64_t deadline_ns)
{
	struct resolver_answer answer = { .count = 1 };
	struct resolver_name wire;

	counters.asked++;
	int result = dotted_quad(name, &answer.addresses[0]);
	if (result == 1)
		return hand_over(&answer, to, count);
	if (result < 0 || !resolver_name_parse(&wire, name))
		return ERR_MALFORMED;
	if (resolver_cache_get(&wire, &answer)) {
		counters.hits++;
		return hand_over(&answer, to, count);
	}
	struct asking *q = join(&wire);
	if (!q)
		return ERR_MEMORY;
	result = wait_answer(q, deadline_ns);
	if (result == OK)
		result = hand_over(&q->answer, to, count);
	if (--q->users == 0) {
		list_remove(&q->link);
		heap_free(q);
	}
	return result;
}

void resolver_use(const uint32_t *servers, uint32_t count)
{
	own_count = count < RESOLVER_SERVERS_MAX ? count : RESOLVER_SERVERS_MAX;
	for (uint32_t n = 0; n < own_count; n++)
		own[n] = servers[n];
}

struct resolver_counters resolver_counters(void)
{
	return counters;
}
