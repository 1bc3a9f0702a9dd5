/* SPDX-License-Identifier: ISC */
/*
 * The resolver's way over TCP: a server that truncates every answer over UDP (RFC 1035 §4.2.1), and
 * is a small TCP of the test's own beside it, which answers, or fails to, as the case says.
 */
#include "../net/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <core/bytes.h>
#include <core/error.h>
#include <net/resolver.h>
#include <net/tcp.h>
#include <net/resolver/internal.h>
#include <net/tcp/internal.h>

#define SECOND_SERVER 0x0a00000au
#define TEN           0xc000020au
#define STEP_NS       (10 * MILLI)
#define THEIR_ISS     5000u

enum manner {
	ANSWERS,           /* in one segment */
	ANSWERS_IN_BYTES,  /* each in a segment of its own, the length's two apart */
	ANSWERS_AT_LENGTH, /* in 60 KB */
	REFUSES,           /* the connection */
	IS_SILENT,         /* to the connection */
	ACCEPTS_ONLY,      /* and never answers */
	ENDS_EARLY,        /* in the midst of the answer */
	SAYS_NOTHING,      /* an answer of no bytes */
	FORGES,            /* the answer to another question */
	TRUNCATES,         /* over TCP, too */
};

static struct server {
	enum manner manner;
	uint32_t udp, connections, queries, resets, fins; /* seen */
	uint16_t port;                                    /* the client's */
	uint32_t next, acked;                             /* of the client's bytes; of ours */
	uint8_t query[512];
	uint32_t have;
	uint8_t answer[65537];
	uint32_t size, sent;
	bool ended;
} servers[2];

static void send_tcp(const struct server *s, uint32_t seq, uint8_t flags, const void *bytes,
                     uint32_t size)
{
	uint8_t segment[1480] = { 0 };
	uint32_t from = s == servers ? PEER : SECOND_SERVER, total = 20 + size;
	struct packet p;

	assert_true(total <= sizeof segment);
	bytes_store_u16(segment, 53);
	bytes_store_u16(segment + 2, s->port);
	bytes_store_u32(segment + 4, seq);
	bytes_store_u32(segment + 8, s->next);
	segment[12] = 5 << 4;
	segment[13] = flags;
	bytes_store_u16(segment + 14, 65535);
	if (size)
		memcpy(segment + 20, bytes, size);
	uint32_t sum = (from >> 16) + (from & 0xffff) + (US >> 16) + (US & 0xffff) + 6 + total;
	bytes_store_u16(segment + 16, naive_checksum(segment, total, sum));
	packet_start(&p, us_mac, peer_mac, 0x0800);
	packet_ip(&p, (struct ip_spec){ .source = from, .destination = US, .protocol = 6 }, segment,
	          total);
	assert_true(world_receive(&p));
	world_turn();
}

static void make_answer(struct server *s, const uint8_t *query, uint32_t size)
{
	struct bytes_out out = bytes_out(s->answer + 2, sizeof s->answer - 2);
	uint16_t flags = s->manner == TRUNCATES ? 0x8380 : 0x8180;
	uint16_t others = s->manner == ANSWERS_AT_LENGTH ? 3000 : 0;

	bytes_put_copy(&out, query, size - RESOLVER_OPT_SIZE);
	bytes_patch_u16(&out, 10, 0);
	bytes_patch_u16(&out, 2, flags);
	bytes_patch_u16(&out, 6, (uint16_t)(1 + others));
	for (unsigned n = 0; n <= others; n++) { /* what was asked for comes last */
		bytes_put_u16(&out, 0xc00c);
		bytes_put_u16(&out, n == others ? 1 : 16);
		bytes_put_u16(&out, 1);
		bytes_put_u32(&out, 60);
		bytes_put_u16(&out, n == others ? 4 : 8);
		if (n == others)
			bytes_put_u32(&out, TEN);
		else
			bytes_put_u64(&out, 0x0761626364656667);
	}
	assert_false(out.failed);
	if (s->manner == FORGES)
		s->answer[3] ^= 1; /* ID */
	bytes_store_u16(s->answer, (uint16_t)out.at);
	s->size = out.at + 2;
	if (s->manner == SAYS_NOTHING) {
		bytes_store_u16(s->answer, 0);
		s->size = 2;
	}
	s->sent = 0;
}

/* As much as was not said yet; a window of 16 segments is enough for everybody. */
static void send_answer(struct server *s)
{
	uint32_t unit = s->manner == ANSWERS_IN_BYTES ? 1 : 1400;
	uint32_t end = s->manner == ENDS_EARLY ? s->size / 2 : s->size;

	while (s->sent < end && s->sent - s->acked < 16 * unit) {
		uint32_t n = end - s->sent < unit ? end - s->sent : unit;
		send_tcp(s, THEIR_ISS + 1 + s->sent, TCP_ACK | TCP_PSH, s->answer + s->sent, n);
		s->sent += n;
	}
	if (s->manner == ENDS_EARLY && s->sent == end && !s->ended) {
		s->ended = true;
		send_tcp(s, THEIR_ISS + 1 + end, TCP_ACK | TCP_FIN, NULL, 0);
	}
}

static void serve_tcp(struct server *s, const uint8_t *segment, uint32_t size)
{
	uint32_t header = (uint32_t)(segment[12] >> 4) * 4, seq = bytes_load_u32(segment + 4);
	uint8_t flags = segment[13];

	assert_int_equal(bytes_load_u16(segment + 2), 53);
	if (flags & TCP_RST) {
		s->resets++;
		return;
	}
	if (flags & TCP_SYN) {
		if (s->manner == IS_SILENT)
			return;
		s->port = bytes_load_u16(segment);
		s->next = seq + 1;
		s->have = s->size = s->sent = s->acked = 0;
		s->ended = false;
		if (s->manner == REFUSES) {
			send_tcp(s, 0, TCP_RST | TCP_ACK, NULL, 0);
			return;
		}
		s->connections++;
		send_tcp(s, THEIR_ISS, TCP_SYN | TCP_ACK, NULL, 0);
		return;
	}
	if (flags & TCP_ACK)
		s->acked = bytes_load_u32(segment + 8) - THEIR_ISS - 1;
	uint32_t data = size - header;
	if (seq == s->next && data) {
		assert_true(s->have + data <= sizeof s->query);
		memcpy(s->query + s->have, segment + header, data);
		s->have += data;
		s->next += data;
	}
	if (s->have >= 2 && s->size == 0) {
		assert_int_equal(s->have,
		                 2u + bytes_load_u16(s->query)); /* in one go: RFC 7766 §8 */
		s->queries++;
		if (s->manner != ACCEPTS_ONLY)
			make_answer(s, s->query + 2, s->have - 2);
	}
	if (flags & TCP_FIN && seq + data == s->next) {
		s->next++;
		s->fins++;
		send_tcp(s, THEIR_ISS + 1 + s->sent, TCP_ACK | TCP_FIN, NULL, 0);
		s->ended = true;
		return;
	}
	send_answer(s);
}

static void serve_udp(struct server *s, const uint8_t *ip)
{
	uint8_t reply[512];
	uint32_t size = bytes_load_u16(ip + 24) - 8u - RESOLVER_OPT_SIZE;
	struct packet p;

	s->udp++;
	memcpy(reply, ip + 28, size);
	reply[11] = 0;
	bytes_store_u16(reply + 2, 0x8380); /* TC, and nothing in it */
	packet_udp(&p, bytes_load_u32(ip + 16), US, 53, bytes_load_u16(ip + 20), reply, size);
	assert_true(world_receive(&p));
}

static bool serve(uint64_t deadline)
{
	uint64_t before = count(COUNT_RX_PACKETS);
	struct packet p, in;

	world_turn();
	while (world_sent(&p)) {
		const uint8_t *ip = p.bytes + 14;
		if (bytes_load_u16(p.bytes + 12) == 0x0806) {
			packet_arp(&in, 2, peer_mac, bytes_load_u32(p.bytes + 38), US);
			assert_true(world_receive(&in));
		} else {
			struct server *s =
			        bytes_load_u32(ip + 16) == PEER ? &servers[0] : &servers[1];
			assert_true(packet_is_right(&p) || ip[9] == 6);
			if (ip[9] == 6)
				serve_tcp(s, ip + 20, bytes_load_u16(ip + 2) - 20u);
			else
				serve_udp(s, ip);
		}
		world_turn();
	}
	bool any = count(COUNT_RX_PACKETS) != before;
	if (any || deadline <= world_now())
		return any;
	uint64_t step = deadline - world_now() < STEP_NS ? deadline - world_now() : STEP_NS;
	world_advance(step); /* no further, so that what timers send is answered in time */
	return world_now() < deadline;
}

static int setup(void **state)
{
	(void)state;
	world_open((struct options){ 0 });
	world.on_wait = serve;
	memset(servers, 0, sizeof servers);
	resolver_use((struct net_address[]){ net_ip4(PEER), net_ip4(SECOND_SERVER) }, 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	resolver_forget();
	resolver_use(NULL, 0);
	tcp_stop();
	world_close();
	return 0;
}

static void expect(int result)
{
	struct net_address to[8];
	assert_int_equal(resolver_lookup("www.example", to, 8, world_now() + 60 * SECOND), result);
	if (result == 1)
		assert_int_equal(net_ip4_of(to[0]), TEN);
}

/* What is queued still goes out, and the server sees the connection's end. */
static void settle(void)
{
	for (unsigned n = 0; n < 20; n++)
		serve(world_now() + SECOND / 10);
}

static void truncated_answers_are_asked_for_by_tcp(void **state)
{
	(void)state;
	uint64_t truncated = resolver_counters().truncated;
	expect(1);
	assert_int_equal(servers[0].udp, 1);
	assert_int_equal(servers[0].queries, 1);
	assert_int_equal(resolver_counters().truncated - truncated, 1);
	assert_int_equal(servers[1].udp, 0);
	expect(1); /* remembered */
	assert_int_equal(servers[0].udp, 1);
	settle();
	assert_int_equal(servers[0].fins, 1);
	assert_int_equal(servers[0].resets, 0);
	assert_int_equal(tcp_counter(TCP_NOW_OPEN), 0);
}

static void tcp_answers_may_come_in_pieces(void **state)
{
	(void)state;
	servers[0].manner = ANSWERS_IN_BYTES;
	expect(1);
	assert_int_equal(servers[0].connections, 1);
	assert_int_equal(servers[1].udp, 0);
}

static void tcp_answers_may_be_long(void **state)
{
	(void)state;
	servers[0].manner = ANSWERS_AT_LENGTH;
	expect(1);
	assert_true(servers[0].size > 60000);
	assert_int_equal(servers[1].udp, 0);
}

/* Each of them costs its share of time, and no more: the other server answers. */
static void next_server(enum manner manner, uint64_t most_ns)
{
	servers[0].manner = manner;
	uint64_t start = world_now();
	expect(1);
	assert_int_equal(servers[0].udp, 1);
	assert_int_equal(servers[1].queries, 1);
	assert_true(world_now() - start <= most_ns);
	settle();
	world_advance(300 * SECOND);
	assert_int_equal(tcp_counter(TCP_NOW_OPEN), 0);
}

static void a_refused_connection_leads_to_the_next_server_at_once(void **state)
{
	(void)state;
	next_server(REFUSES, SECOND);
}

static void a_server_without_tcp_costs_one_try(void **state)
{
	(void)state;
	next_server(IS_SILENT, 2 * SECOND);
}

static void a_server_that_never_answers_by_tcp_costs_one_try(void **state)
{
	(void)state;
	next_server(ACCEPTS_ONLY, 2 * SECOND);
}

static void half_an_answer_is_none(void **state)
{
	(void)state;
	next_server(ENDS_EARLY, SECOND);
}

static void an_empty_answer_is_none(void **state)
{
	(void)state;
	uint64_t bad = resolver_counters().bad;
	next_server(SAYS_NOTHING, SECOND);
	assert_int_equal(resolver_counters().bad - bad, 1);
}

static void answers_to_other_questions_are_not_taken_by_tcp_either(void **state)
{
	(void)state;
	uint64_t bad = resolver_counters().bad;
	next_server(FORGES, SECOND);
	assert_int_equal(resolver_counters().bad - bad, 1);
}

static void what_is_truncated_by_tcp_too_is_no_answer(void **state)
{
	(void)state;
	next_server(TRUNCATES, SECOND);
	assert_int_equal(servers[0].connections, 1);
}

static void servers_that_only_truncate_fail_after_all_rounds(void **state)
{
	(void)state;
	servers[0].manner = servers[1].manner = TRUNCATES;
	expect(ERR_FAILED);
	assert_int_equal(servers[0].connections, RESOLVER_ROUNDS);
	assert_int_equal(servers[1].connections, RESOLVER_ROUNDS);
}

static void the_callers_deadline_ends_a_try_by_tcp(void **state)
{
	struct net_address to;
	(void)state;
	servers[0].manner = ACCEPTS_ONLY;
	uint64_t start = world_now();
	assert_int_equal(resolver_lookup("www.example", &to, 1, start + SECOND / 2), ERR_TIMEOUT);
	assert_int_equal(world_now(), start + SECOND / 2);
	assert_int_equal(servers[1].udp, 0);
}

int main(void)
{
#define T(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(truncated_answers_are_asked_for_by_tcp),
		T(tcp_answers_may_come_in_pieces),
		T(tcp_answers_may_be_long),
		T(a_refused_connection_leads_to_the_next_server_at_once),
		T(a_server_without_tcp_costs_one_try),
		T(a_server_that_never_answers_by_tcp_costs_one_try),
		T(half_an_answer_is_none),
		T(an_empty_answer_is_none),
		T(answers_to_other_questions_are_not_taken_by_tcp_either),
		T(what_is_truncated_by_tcp_too_is_no_answer),
		T(servers_that_only_truncate_fail_after_all_rounds),
		T(the_callers_deadline_ends_a_try_by_tcp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
