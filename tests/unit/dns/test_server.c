/* SPDX-License-Identifier: ISC */
/* The server: what it starts with, what it refuses to start with, and what it counts. UDP is a fake
 * of this file. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/file.h>
#include <core/heap.h>
#include <net/interface.h>
#include <net/udp.h>

#include <app/dns/dns.h>

#include "../http/fake.h"

/* Servers live as long as an image: what a failed start leaves is seen by fake.allocated instead.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static struct world w;
static struct file zones;

static struct udp {
	udp_receive_fn *receive;
	void *context;
	uint16_t port;
	struct interface *interface;
	int open_error, reply_error;
	bool open;
	uint8_t reply[4096];
	uint32_t replied; /* bytes of the last reply; 0: none */
} udp;

int udp_open(struct udp_socket **s, struct interface *i, uint16_t port, udp_receive_fn *receive,
             void *context)
{
	if (udp.open_error)
		return udp.open_error;
	udp = (struct udp){
		.receive = receive, .context = context, .port = port, .interface = i, .open = true
	};
	*s = (struct udp_socket *)&udp;
	return OK;
}

void udp_close(struct udp_socket *s)
{
	assert_ptr_equal(s, &udp);
	assert_true(udp.open);
	udp.open = false;
}

int udp_reply(struct udp_packet *p, uint32_t size)
{
	assert_true(size <= p->room);
	if (udp.reply_error)
		return udp.reply_error;
	memcpy(udp.reply, p->payload, size);
	udp.replied = size;
	return OK;
}

static struct interface *only;
static uint16_t mtu;

struct interface *interface_find(const char *name)
{
	(void)name;
	return only;
}

const char *interface_name(const struct interface *i)
{
	(void)i;
	return "service";
}

uint16_t interface_mtu(const struct interface *i)
{
	(void)i;
	return mtu;
}

static bool extents_fail;
static void *extents[8];
static uint32_t extent_count;

void *extent_alloc(size_t pages)
{
	void *p = extents_fail ? NULL : aligned_alloc(4096, pages * 4096);
	if (p) {
		memset(p, 0, pages * 4096);
		extents[extent_count++] = p;
	}
	return p;
}

/* ---- Around each test ---- */

static int setup(void **state)
{
	(void)state;
	fake_start();
	memset(&udp, 0, sizeof udp);
	extents_fail = false;
	only = (struct interface *)&udp;
	mtu = 1500;
	world_open(&w,
	           (const char *const[]){ "e.",
	                                  "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
	                                  "fat TXT "
	                                  "\"012345678901234567890123456789012345678901234567890123"
	                                  "4567890123456789\"\n",
	                                  NULL });
	zones = (struct file){ "zones", w.blob, w.size };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_stop();
	while (extent_count)
		free(extents[--extent_count]);
	world_close(&w);
	return 0;
}

static struct dns_server *server;

static int serve(struct dns_options o)
{
	server = NULL;
	return dns_serve(&server, &zones, &o);
}

/* One packet in. The reply's size. */
static uint32_t receive(const void *bytes, uint32_t size, uint32_t room)
{
	uint8_t *frame = malloc(room);
	assert_non_null(frame);
	assert_true(size <= room);
	memcpy(frame, bytes, size);
	struct udp_packet p = { .payload = frame, .size = size, .room = room };
	udp.replied = 0;
	udp.receive(udp.context, &p);
	free(frame);
	return udp.replied;
}

static uint32_t ask(const char *query, uint32_t room)
{
	uint8_t packet[600];
	return receive(packet, world_query(packet, query), room);
}

static void expect(const char *query, const char *response)
{
	static char text[4096];
	uint32_t size = ask(query, 2000);
	assert_true(size > 0);
	world_render(text, sizeof text, udp.reply, size);
	assert_string_equal(text, response);
}

/* ---- Cases ---- */

static void serves_on_port_53_of_all_interfaces_by_default(void **state)
{
	(void)state;
	server = NULL;
	assert_int_equal(dns_serve(&server, &zones, NULL), OK);
	assert_int_equal(udp.port, 53);
	assert_null(udp.interface);
	expect("ns.e. A", "NOERROR aa\nAN ns.e. 60 A 192.0.2.1\nNS e. 60 NS ns.e.\n");
	struct tcp_connection *c = fake_accept();
	assert_non_null(c);
	fake_queue_fin(c);
	fake_run(c);
}

static void options_are_heeded(void **state)
{
	(void)state;
	assert_int_equal(
	        serve((struct dns_options){
	                .port = 5353, .interface = only, .version = "v", .minimal = true }),
	        OK);
	assert_int_equal(udp.port, 5353);
	assert_ptr_equal(udp.interface, only);
	expect("ns.e. A", "NOERROR aa\nAN ns.e. 60 A 192.0.2.1\n");
	expect("version.bind. TXT CH", "NOERROR\nAN version.bind. 0 CH TXT \"v\"\n");
	expect("id.server. TXT CH", "REFUSED\n");
}

static void zones_that_are_missing_or_damaged_are_refused(void **state)
{
	(void)state;
	assert_int_equal(dns_serve(&server, NULL, NULL), ERR_ABSENT);
	zones.size--;
	assert_int_equal(serve((struct dns_options){ 0 }), ERR_MALFORMED);
	zones.size = 3;
	assert_int_equal(serve((struct dns_options){ 0 }), ERR_MALFORMED);
	assert_false(udp.open);
	assert_int_equal(fake.allocated, 0);
}

static void transfers_that_are_no_networks_are_refused(void **state)
{
	(void)state;
	assert_int_equal(serve((struct dns_options){ .transfers = "10.0.0.1, somebody" }),
	                 ERR_INVALID);
	assert_false(udp.open);
	assert_int_equal(fake.allocated, 0);
}

static void ports_that_are_taken_are_told(void **state)
{
	(void)state;
	udp.open_error = ERR_EXISTS;
	assert_int_equal(serve((struct dns_options){ 0 }), ERR_EXISTS);
	udp.open_error = 0;
	/* UDP's is free, TCP's is not (the fake's port 1): neither is kept. */
	assert_int_equal(serve((struct dns_options){ .port = 1 }), ERR_EXISTS);
	assert_false(udp.open);
	assert_int_equal(fake.allocated, 0);
}

static void without_memory_there_is_no_server_but_one_without_a_cache(void **state)
{
	(void)state;
	fake.memory_fails = true;
	assert_int_equal(serve((struct dns_options){ 0 }), ERR_MEMORY);
	fake.memory_fails = false;
	extents_fail = true;
	assert_int_equal(serve((struct dns_options){ 0 }), OK);
	expect("none.e. A", "NXDOMAIN aa\nNS e. 5 SOA ns.e. h.e. 1 2 3 4 5\n");
	assert_int_equal(dns_counters(server).cache_misses, 0);
}

static void answers_are_remembered_unless_that_is_not_wanted(void **state)
{
	(void)state;
	assert_int_equal(serve((struct dns_options){ 0 }), OK);
	for (unsigned n = 0; n < 5; n++)
		assert_true(ask("ns.e. A", 2000) > 0);
	assert_true(dns_counters(server).cache_hits >= 3);
	assert_int_equal(serve((struct dns_options){ .no_cache = true, .port = 54 }), OK);
	for (unsigned n = 0; n < 5; n++)
		assert_true(ask("ns.e. A", 2000) > 0);
	assert_int_equal(dns_counters(server).cache_hits, 0);
	assert_int_equal(dns_counters(server).queries, 5);
}

static void everything_is_counted(void **state)
{
	(void)state;
	assert_int_equal(serve((struct dns_options){ 0 }), OK);
	assert_true(ask("ns.e. A", 2000) > 0);
	assert_true(ask("none.e. A", 2000) > 0);
	assert_true(ask("elsewhere. A", 2000) > 0);
	assert_true(ask("e. AXFR", 2000) > 0); /* over UDP nobody has a zone */
	assert_int_equal(udp.reply[3] & 15, 5);
	assert_int_equal(receive("\0\1\0\0\0\0\0\0\0\0\0\0", 12, 2000), 12);
	assert_int_equal(receive("\0\1\200\0\0\0\0\0\0\0\0\0", 12, 2000), 0); /* a response */
	assert_int_equal(receive("", 0, 2000), 0);
	udp.reply_error = ERR_TOO_BIG;
	assert_int_equal(ask("ns.e. A", 2000), 0);
	struct dns_counters c = dns_counters(server);
	assert_int_equal(c.queries, 8);
	assert_int_equal(c.dropped, 2);
	assert_int_equal(c.failed, 1);
	assert_int_equal(c.rcodes[0], 2);
	assert_int_equal(c.rcodes[1], 1);
	assert_int_equal(c.rcodes[3], 1);
	assert_int_equal(c.rcodes[5], 2);
}

static void queries_over_tcp_are_counted_with_the_others(void **state)
{
	(void)state;
	uint8_t bytes[600];
	assert_int_equal(serve((struct dns_options){ .transfers = "192.0.2.7" }),
	                 OK); /* the fake's client */
	struct tcp_connection *c = fake_accept();
	for (unsigned n = 0; n < 2; n++) {
		uint32_t size = world_query(bytes + 2, n ? "e. AXFR" : "ns.e. A");
		bytes[0] = 0;
		bytes[1] = (uint8_t)size;
		fake_queue(c, bytes, size + 2);
	}
	fake_queue_fin(c);
	fake_run(c);
	assert_true(c->closed);
	assert_int_equal(dns_counters(server).queries, 2);
	assert_int_equal(dns_counters(server).rcodes[0], 2);
	assert_int_equal(dns_counters(server).transfers, 1);
}

static uint32_t ends;

static void stopped(void *context, uint32_t left)
{
	assert_ptr_equal(context, &ends);
	assert_int_equal(left, 0);
	ends++;
}

static void a_stop_ends_tcp_in_order_and_udp_is_answered_on(void **state)
{
	(void)state;
	assert_int_equal(serve((struct dns_options){ 0 }), OK);
	struct tcp_connection *idle = fake_accept();
	ends = 0;
	dns_stop(server, clock_now() + 10 * NS_PER_S, stopped, &ends);
	assert_false(fake.listening);
	assert_true(idle->shut && !idle->aborted);
	assert_int_equal(ends, 0);
	fake_queue_fin(idle);
	fake_run(idle);
	fake_advance(1);
	assert_int_equal(ends, 1);
	assert_true(udp.open);
}

static void responses_fit_into_the_frame_that_the_query_came_in(void **state)
{
	(void)state;
	assert_int_equal(serve((struct dns_options){ 0 }), OK);
	for (uint32_t room = 512; room < 700; room++) {
		uint32_t size = ask("fat.e. TXT edns=4096", room);
		assert_true(size > 0 && size <= room);
	}
	assert_int_equal(ask("ns.e. A", 511), 0); /* less than any client must take: no answer */
	assert_true(ask("ns.e. A", 100000) > 0);  /* a reassembled query */
}

static void an_mtu_without_room_is_warned_of(void **state)
{
	(void)state;
	mtu = 539;
	assert_int_equal(serve((struct dns_options){ 0 }),
	                 OK); /* served all the same: there may be other ways in */
	only = NULL;
	assert_int_equal(serve((struct dns_options){ .port = 54 }), OK);
}

int main(void)
{
#define T(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(serves_on_port_53_of_all_interfaces_by_default),
		T(options_are_heeded),
		T(zones_that_are_missing_or_damaged_are_refused),
		T(transfers_that_are_no_networks_are_refused),
		T(ports_that_are_taken_are_told),
		T(without_memory_there_is_no_server_but_one_without_a_cache),
		T(answers_are_remembered_unless_that_is_not_wanted),
		T(everything_is_counted),
		T(queries_over_tcp_are_counted_with_the_others),
		T(a_stop_ends_tcp_in_order_and_udp_is_answered_on),
		T(responses_fit_into_the_frame_that_the_query_came_in),
		T(an_mtu_without_room_is_warned_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
