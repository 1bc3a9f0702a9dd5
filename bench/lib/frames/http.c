/* SPDX-License-Identifier: ISC */
/* Requests for a file over kept connections, from a client of a few lines: each request carries the
 * acknowledgement of the answer before it, as browsers' and load generators' do. Timestamps as
 * Linux sends them. */
#include <stdio.h>
#include <string.h>

#include <core/bytes.h>
#include <core/panic.h>
#include <net/tcp/segment.h>
#include <net/wire.h>

#include "wire.h"
#include "work.h"

#define CONNECTIONS WORK_BATCH
#define PORT_FIRST  30000u
#define REQUESTS    200000u
#define WAIT_TURNS  1000000u

static const char request[] =
        "GET / HTTP/1.1\r\nHost: 10.0.0.2\r\nUser-Agent: frames\r\nAccept: */*\r\n\r\n";

struct client {
	uint32_t seq, ack, echo;
	uint32_t got; /* bytes of the answer */
	bool open;
};

struct clients {
	struct client all[CONNECTIONS];
	struct wire_peer peer;
	uint32_t now, answered, expected;
};

static void send(struct clients *s, uint32_t k, uint8_t flags, const char *payload, uint32_t size)
{
	struct client *c = &s->all[k];
	uint8_t *packet = wire_put(s->peer.wire);
	struct tcp_segment t = { .seq = c->seq,
		                 .ack = c->ack,
		                 .source = (uint16_t)(PORT_FIRST + k),
		                 .destination = 80,
		                 .window = 64240,
		                 .flags = flags,
		                 .has_timestamps = true,
		                 .value = s->now,
		                 .echo = c->echo };
	if (flags & TCP_SYN) {
		t.has_mss = t.has_scale = t.sack_permitted = true;
		t.mss = 1460;
		t.scale = 7;
	}
	t.header_size = (uint8_t)tcp_segment_header_size(&t);
	tcp_segment_write(&t, packet + WIRE_HEADERS);
	memcpy(packet + WIRE_HEADERS + t.header_size, payload, size);
	c->seq += size + (flags & TCP_SYN ? 1 : 0);
	wire_send_ip4(&s->peer, packet, IP4_PROTOCOL_TCP, t.header_size + size, 16);
}

static void answer_arp(struct clients *s, const uint8_t *bytes)
{
	const struct arp_message *asked = (const void *)(bytes + sizeof(struct ethernet_header));
	if (bytes_load_u16(asked->operation) != ARP_REQUEST ||
	    bytes_load_u32(asked->target_address) != s->peer.peer)
		return;
	uint8_t *packet = wire_put(s->peer.wire);
	struct ethernet_header *e = (void *)packet;
	struct arp_message *m = (void *)(e + 1);
	memcpy(e->destination, asked->sender_mac, 6);
	memcpy(e->source, (const uint8_t[]){ 2, 0, 0, 0, 0, 9 }, 6);
	bytes_store_u16(e->type, ETHERNET_TYPE_ARP);
	*m = *asked;
	bytes_store_u16(m->operation, ARP_REPLY);
	memcpy(m->sender_mac, e->source, 6);
	memcpy(m->sender_address, asked->target_address, 4);
	memcpy(m->target_mac, asked->sender_mac, 6);
	memcpy(m->target_address, asked->sender_address, 4);
	wire_add(s->peer.wire, sizeof *e + sizeof *m, false);
}

static void sent(void *context, const uint8_t *bytes, uint32_t size, uint32_t whole)
{
	struct clients *s = context;
	struct tcp_segment t;
	if (size < 42)
		return;
	if (bytes_load_u16(bytes + 12) == ETHERNET_TYPE_ARP)
		answer_arp(s, bytes);
	if (bytes_load_u16(bytes + 12) != ETHERNET_TYPE_IP4 || bytes[23] != IP4_PROTOCOL_TCP ||
	    !tcp_segment_parse(&t, bytes + WIRE_HEADERS, size - WIRE_HEADERS))
		return;
	uint32_t k = t.destination - PORT_FIRST, payload = whole - WIRE_HEADERS - t.header_size;
	if (k >= CONNECTIONS)
		return;
	struct client *c = &s->all[k];
	ensure(!(t.flags & (TCP_RST | TCP_FIN)));
	if (t.flags & TCP_SYN) {
		c->ack = t.seq;
		payload = 1;
		c->open = true;
	}
	ensure(t.seq == c->ack);
	c->ack += payload;
	c->echo = t.value;
	if (t.flags & TCP_SYN || !payload)
		return;
	if (!c->got)
		ensure(size - WIRE_HEADERS - t.header_size > 12 &&
		       memcmp(bytes + WIRE_HEADERS + t.header_size, "HTTP/1.1 200", 12) == 0);
	c->got += payload;
	if (!s->expected && c->got > 612)
		s->expected = c->got;
	s->answered += c->got == s->expected;
}

/* A turn, and more of them while answers are outstanding; the time of all. */
static uint64_t turns(struct clients *s, uint32_t answers)
{
	uint64_t ns = 0;
	uint32_t waited = 0;
	do {
		ns += wire_turn(s->peer.wire);
		wire_collect(s->peer.wire, sent, s);
	} while (s->answered < answers && waited++ < WAIT_TURNS);
	if (s->answered < answers)
		panic("%u requests were sent, %u answered", answers, s->answered);
	return ns;
}

static uint64_t round_of_requests(struct clients *s)
{
	s->now++;
	s->answered = 0;
	for (uint32_t k = 0; k < CONNECTIONS; k++) {
		s->all[k].got = 0;
		send(s, k, TCP_ACK | TCP_PSH, request, sizeof request - 1);
	}
	return turns(s, CONNECTIONS);
}

void work_http(struct wire *w, uint32_t us, const char *name)
{
	static struct clients clients;
	struct clients *s = &clients;
	if (!work_wanted(name))
		return;
	*s = (struct clients){ .now = 1 };
	wire_peer(&s->peer, w, us);
	for (uint32_t k = 0; k < CONNECTIONS; k++) {
		s->all[k].seq = 1000 * k;
		send(s, k, TCP_SYN, NULL, 0);
		for (uint32_t waited = 0; !s->all[k].open && waited < WAIT_TURNS; waited++)
			turns(s, 0);
		ensure(s->all[k].open);
		send(s, k, TCP_ACK, NULL, 0);
		turns(s, 0);
	}
	for (uint32_t k = 0; k < 100; k++)
		round_of_requests(s);
	uint64_t ns = 0;
	for (uint32_t k = 0; k < REQUESTS / CONNECTIONS; k++)
		ns += round_of_requests(s);
	printf("{\"work\": \"%s\", \"ns\": %.1f}\n", name, (double)ns / REQUESTS);
}
