/* SPDX-License-Identifier: ISC */
/*
 * Asking. The first task that asks for a name and type drives its query; others that ask for the same wait, and one of them
 * goes on should the first's deadline come before an answer. Each try is from a socket of its own, so that port and ID are
 * random (RFC 5452 §9.2); what does not answer the question is counted and overlooked.
 */
#include <string.h>

#include <core/bytes.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/metric.h>
#include <core/random.h>
#include <core/task.h>
#include <net/resolver/internal.h>
#include <net/tcp.h>
#include <net/udp.h>

#define DNS_PORT   53u
#define ALIENS_MAX 64u /* in a try: then from another port, since somebody guesses */

struct resolver_options resolver_options = { .try_ns = NS_PER_S,
	                                     .dead_ns = 30 * NS_PER_S,
	                                     .stale_ns = 86400 * NS_PER_S,
	                                     .cache_bytes = 64u << 10,
	                                     .asking_max = 1024 };
struct resolver_counters resolver_counts;

struct asking {
	struct list link;
	struct task_queue waiters;
	uint32_t users;
	bool driven, done;
	int result; /* done: OK, with the answer, or an error */
	struct resolver_answer answer;
	struct resolver_key first, key; /* as asked for; what the aliases have led to */
	uint32_t cnames;
	uint8_t question[2 + RESOLVER_QUESTION_MAX]; /* behind TCP's length */
	uint8_t message[RESOLVER_UDP_MAX];
};

static struct list askings = LIST_INIT(askings);
static uint32_t asking_count;

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static enum resolver_outcome judge(struct asking *q, const uint8_t *message, uint32_t size,
                                   uint16_t id, bool edns)
{
	enum resolver_outcome o =
	        resolver_read(message, size, id, edns, &q->key, &q->cnames, &q->answer);

	if (o == RESOLVER_ALIEN || o == RESOLVER_GARBAGE)
		resolver_counts.bad++;
	else
		resolver_counts.answers++;
	if (o == RESOLVER_TRUNCATED)
		resolver_counts.truncated++;
	return o;
}

/* RFC 7766 §8: two bytes of length, then the message. */
static int try_tcp(struct asking *q, struct net_address server, bool edns, enum resolver_outcome *o,
                   uint64_t deadline_ns)
{
	struct tcp_connection *c;
	uint16_t id = (uint16_t)random_u32();
	uint32_t size = resolver_question(q->question + 2, id, &q->key, edns);
	uint8_t *message = NULL, head[2];

	bytes_store_u16(q->question, (uint16_t)size);
	int result = tcp_connect(&c, server, DNS_PORT, NULL, deadline_ns);
	if (result < 0)
		return result;
	resolver_counts.sent++;
	result = tcp_write(c, q->question, size + 2, deadline_ns);
	if (result >= 0)
		result = tcp_read_all(c, head, sizeof head, deadline_ns);
	if (result >= 0) {
		uint32_t length = bytes_load_u16(head);
		message = heap_alloc(length ? length : 1);
		result = message ? tcp_read_all(c, message, length, deadline_ns) : ERR_MEMORY;
		if (result >= 0)
			*o = judge(q, message, length, id, edns);
	}
	heap_free(message);
	tcp_close(c);
	return result < 0 ? result : OK;
}

static int try_udp(struct asking *q, struct net_address server, bool edns, enum resolver_outcome *o,
                   uint64_t deadline_ns)
{
	struct udp_socket *s;
	uint16_t id = (uint16_t)random_u32();
	uint32_t size = resolver_question(q->question + 2, id, &q->key, edns);
	int result = udp_open(&s, NULL, 0, NULL, NULL);

	if (result < 0)
		return result;
	udp_hear(s, NULL); /* a refusal ends the try at once: to forge one takes our random port */
	result = udp_send(s, server, DNS_PORT, q->question + 2, size);
	resolver_counts.sent++;
	for (uint32_t aliens = 0; result >= 0 && aliens < ALIENS_MAX; aliens++) {
		struct net_address source;
		uint16_t port;
		result = udp_receive(s, q->message, RESOLVER_UDP_MAX, &source, &port, deadline_ns);
		if (result < 0)
			break;
		if (!net_address_same(source, server) || port != DNS_PORT ||
		    result > (int)RESOLVER_UDP_MAX) {
			resolver_counts.bad++;
			continue;
		}
		*o = judge(q, q->message, (uint32_t)result, id, edns);
		if (*o != RESOLVER_ALIEN)
			break;
	}
	udp_close(s);
	return result < 0 ? result : OK;
}

static int try_server(struct asking *q, struct net_address server, enum resolver_outcome *o,
                      uint64_t try_ns, uint64_t deadline_ns)
{
	bool edns = resolver_server_has_edns(server);
	int result = try_udp(q, server, edns, o, earlier(deadline_ns, clock_now() + try_ns));

	if (result == OK && *o == RESOLVER_PLAIN) {
		resolver_server_is_plain(server);
		edns = false;
		*o = RESOLVER_ALIEN;
		result = try_udp(q, server, edns, o, earlier(deadline_ns, clock_now() + try_ns));
	}
	if (result == OK && *o == RESOLVER_TRUNCATED) {
		*o = RESOLVER_ALIEN;
		result = try_tcp(q, server, edns, o, earlier(deadline_ns, clock_now() + try_ns));
		if (result == OK && *o == RESOLVER_TRUNCATED) /* of a stream: nonsense */
			*o = RESOLVER_GARBAGE;
	}
	return result;
}

/* What a try that brought no answer says, as an error. */
static int note_failure(struct net_address server, int result, enum resolver_outcome o)
{
	if (result == OK &&
	    (o == RESOLVER_FAILED || o == RESOLVER_GARBAGE || o == RESOLVER_PLAIN)) {
		resolver_counts.failed++; /* of this name: the server itself is well */
		return ERR_FAILED;
	}
	resolver_server_failed(server);
	if (result == OK && o == RESOLVER_REFUSED) {
		resolver_counts.refused++;
		return ERR_REFUSED;
	}
	if (result == OK || result == ERR_TIMEOUT || result == ERR_CLOSED || result == ERR_RESET) {
		resolver_counts.timeouts += result == ERR_TIMEOUT;
		return ERR_TIMEOUT;
	}
	resolver_counts.unreachable++; /* by ICMP, ARP, or a refused connection */
	return ERR_UNREACHABLE;
}

/* Of two errors of tries, the one that says more. */
static int telling(int a, int b)
{
	static const int order[] = { ERR_FAILED, ERR_REFUSED, ERR_TIMEOUT };
	for (unsigned n = 0; n < sizeof order / sizeof *order; n++)
		if (a == order[n] || b == order[n])
			return order[n];
	return a;
}

/* One name, one alias after the other, by all servers in turn. */
static int drive(struct asking *q, uint64_t deadline_ns)
{
	struct net_address servers[RESOLVER_SERVERS_MAX];
	uint32_t count = resolver_servers(servers);
	int failure = ERR_UNREACHABLE;

	q->key = q->first;
	q->cnames = 0;
	q->answer.set.ttl_s = RESOLVER_TTL_MAX_S;
	for (uint32_t n = 0; n < count * RESOLVER_ROUNDS; n++) {
		enum resolver_outcome o = RESOLVER_ALIEN;
		struct net_address server = servers[n % count];
		uint32_t ttl_s = q->answer.set.ttl_s; /* of the aliases so far */
		uint64_t try_ns = resolver_options.try_ns << (n >= count);
		if (clock_now() >= deadline_ns)
			return ERR_TIMEOUT;
		int result = try_server(q, server, &o, try_ns, deadline_ns);
		if (result == ERR_MEMORY)
			return result;
		if (result == OK && (o == RESOLVER_ANSWER || o == RESOLVER_CNAME)) {
			resolver_server_answered(server);
			if (o == RESOLVER_ANSWER)
				return OK;
			n = UINT32_MAX; /* the target: from the start; cnames bounds it */
			continue;
		}
		q->answer.set.ttl_s = ttl_s;
		if (result == ERR_TIMEOUT && clock_now() >= deadline_ns)
			return result; /* it had not all of its time */
		failure = telling(note_failure(server, result, o), failure);
	}
	return failure;
}

static struct asking *join(const struct resolver_key *key)
{
	list_each (at, &askings) {
		struct asking *q = container_of(at, struct asking, link);
		if (q->first.type == key->type && resolver_name_same(&q->first.name, &key->name)) {
			q->users++;
			return q;
		}
	}
	struct asking *q =
	        asking_count < resolver_options.asking_max ? heap_alloc_zero(1, sizeof *q) : NULL;
	if (!q)
		return NULL;
	if (metric_shown)
		resolver_metrics_add();
	asking_count++;
	q->first = *key;
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
			resolver_cache_put(&q->first, &q->answer.set);
		q->result = result;
		q->done = true;
		list_remove(&q->link); /* who asks from now on asks anew */
		task_wake_all(&q->waiters);
	}
	return q->result;
}

static void copy(struct resolver_answer *to, const struct resolver_set *from)
{
	to->set = *from;
	to->set.data = to->data;
	memcpy(to->data, from->data, from->size);
}

int resolver_ask(const struct resolver_key *key, struct resolver_answer *to, uint64_t deadline_ns)
{
	struct resolver_set set;

	if (resolver_cache_get(key, &set) == RESOLVER_FRESH) {
		resolver_counts.hits++;
		copy(to, &set);
		return OK;
	}
	struct asking *q = join(key);
	if (!q)
		return ERR_MEMORY;
	int result = wait_answer(q, deadline_ns);
	if (result == OK)
		copy(to, &q->answer.set);
	if (--q->users == 0) {
		list_remove(&q->link);
		heap_free(q);
		asking_count--;
	}
	/* RFC 8767 §5: better an old answer than none. */
	if (result < 0 && resolver_cache_get(key, &set) == RESOLVER_STALE) {
		resolver_counts.stale++;
		copy(to, &set);
		resolver_cache_revive(key);
		return OK;
	}
	return result;
}

void resolver_set_options(const struct resolver_options *o)
{
	struct resolver_options *to = &resolver_options;

	to->try_ns = o->try_ns ? o->try_ns : to->try_ns;
	to->dead_ns = o->dead_ns ? o->dead_ns : to->dead_ns;
	to->stale_ns = o->stale_ns ? o->stale_ns : to->stale_ns;
	to->cache_bytes = o->cache_bytes ? o->cache_bytes : to->cache_bytes;
	to->asking_max = o->asking_max ? o->asking_max : to->asking_max;
	to->no_search = o->no_search;
	to->no_edns = o->no_edns;
}

struct resolver_counters resolver_counters(void)
{
	return resolver_counts;
}

void resolver_forget(void)
{
	resolver_cache_clear();
	resolver_server_forget();
}
