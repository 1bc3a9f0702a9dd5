/* SPDX-License-Identifier: ISC */
/* Builds segments byte by byte with a checksum of its own, and takes apart what comes out the same
 * way. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/bytes.h>
#include <net/ip6/internal.h>

struct harness h;

uint8_t pattern(uint32_t at)
{
	return (uint8_t)(at * 7 + at / 251);
}

/* ---- The application ---- */

static void note(char what)
{
	size_t n = strlen(h.order);
	if (n < sizeof h.order - 1)
		h.order[n] = what;
}

static void on_opened(void *context, struct tcp_connection *c)
{
	(void)context, (void)c;
	h.opened++;
	note('o');
}

static uint32_t on_received(void *context, struct tcp_connection *c, const uint8_t *bytes,
                            uint32_t size)
{
	(void)context, (void)c;
	uint32_t n = size < h.take ? size : h.take;
	h.received++;
	note('r');
	assert_true(h.got_size + n <= sizeof h.got);
	memcpy(h.got + h.got_size, bytes, n);
	h.got_size += n;
	if (h.on_received)
		h.on_received();
	return n;
}

static void on_finished(void *context, struct tcp_connection *c)
{
	(void)context, (void)c;
	h.finished++;
	note('f');
}

static void on_writable(void *context, struct tcp_connection *c)
{
	(void)context, (void)c;
	h.writable++;
	note('w');
}

static void on_drained(void *context, struct tcp_connection *c)
{
	(void)context, (void)c;
	h.drained++;
	note('d');
}

static void on_closed(void *context, struct tcp_connection *c, int reason)
{
	(void)context;
	h.closed++;
	h.reason = reason;
	note('c');
	if (h.c == c)
		h.c = NULL;
}

static const struct tcp_handlers handlers = { on_opened,   on_received, on_finished,
	                                      on_writable, on_drained,  on_closed };

static bool on_accept(void *context, struct tcp_connection *c)
{
	(void)context;
	if (h.refuse)
		return false;
	h.c = c;
	tcp_watch(c, &handlers, NULL);
	return true;
}

/* ---- The world ---- */

static const struct interface_ip6_network_config us6[] = {
	{ .address = { 0x20, 1, 0xd, 0xb8, [12] = US >> 24, 0, 0, US & 255 },
	  .prefix = 64,
	  .arg = -1 }
};
static const struct interface_ip6_route_config by_gateway = {
	.to = { .address = { 0x20, 1, 0xd, 0xb8 }, .prefix = 32, .arg = -1 },
	.gateway = { .address = { 0x20, 1, 0xd, 0xb8, [12] = GATEWAY >> 24, 0, 0, GATEWAY & 255 },
	             .arg = -1 }
};
static const struct interface_ip6_config six = {
	.addresses = us6, .address_count = 1, .routes = &by_gateway, .route_count = 1
};

struct net_address address_of(uint32_t ip4)
{
	struct net_address a = { .bytes = { 0x20, 1, 0xd, 0xb8 } };
	if (!SIX)
		return net_ip4(ip4);
	a.bytes[7] = ip4 >> 24 == US >> 24 ? 0 : 1; /* another network */
	bytes_store_u32(a.bytes + 12, ip4);
	return a;
}

uint32_t word_of(uint32_t ip4)
{
	return SIX ? ip6_number_known(address_of(ip4).bytes, world.interface) : ip4;
}

static uint32_t of_address(const uint8_t a[16])
{
	return bytes_load_u32(a + 12);
}

/* An IPv6 packet from there to us. */
static void packet_six(struct packet *p, const uint8_t *to_mac, const uint8_t from[16],
                       const uint8_t to[16], uint8_t next, uint8_t hops, const void *body,
                       uint32_t size)
{
	uint8_t header[40] = { 0x60, [6] = next, [7] = hops };
	bytes_store_u16(header + 4, (uint16_t)size);
	memcpy(header + 8, from, 16);
	memcpy(header + 24, to, 16);
	packet_start(p, to_mac, peer_mac, 0x86dd);
	packet_add(p, header, sizeof header);
	packet_add(p, body, size);
}

/* What the pseudo-header adds. */
static uint32_t pseudo(const uint8_t from[16], const uint8_t to[16], uint32_t protocol,
                       uint32_t size)
{
	uint32_t sum = protocol + size;
	for (uint32_t k = 0; k < 16; k += 2)
		sum += bytes_load_u16(from + k) + (uint32_t)bytes_load_u16(to + k);
	return sum;
}

/* Says where a neighbour is: asking for us (135), or as an answer (136). */
static void neighbour_six(uint8_t type, const uint8_t target[16], const uint8_t from[16],
                          const uint8_t mac[6])
{
	struct packet p;
	struct net_address us = address_of(US);
	uint8_t m[32] = { type, [4] = type == 136 ? 0x60 : 0, [24] = type == 136 ? 2 : 1, 1 };
	memcpy(m + 8, target, 16);
	memcpy(m + 26, mac, 6);
	bytes_store_u16(m + 2, naive_checksum(m, 32, pseudo(from, us.bytes, 58, 32)));
	packet_six(&p, us_mac, from, us.bytes, 58, 255, m, 32);
	world_receive(&p);
	world_turn();
}

void peer_says(const uint8_t mac[6])
{
	struct packet p;
	struct net_address peer = address_of(PEER);
	if (SIX) {
		neighbour_six(136, peer.bytes, peer.bytes, mac);
		return;
	}
	packet_arp(&p, 2, mac, PEER, US);
	world_receive(&p);
	world_turn();
}

static void six_goes(void)
{
	struct ip6 *of = world.interface->ip6;
	ip6_own_remove(of, ip6_own_find(of, address_of(US).bytes));
}

void address_changes(void)
{
	if (SIX)
		six_goes();
	else
		interface_set_address(world.interface, US + 1, 24, GATEWAY);
}

void address_goes_away(void)
{
	if (SIX)
		six_goes();
	else
		interface_clear_address(world.interface);
}

/* The peer's MAC is told once, so that nothing has to be resolved. */
static void greet(void)
{
	struct packet p;
	if (SIX) {
		world_advance(3 * SECOND);
		neighbour_six(135, address_of(US).bytes, address_of(PEER).bytes, peer_mac);
		world_drain();
		peer_says(peer_mac);
		world_drain();
		return;
	}
	peer_says(peer_mac);
	packet_arp(&p, 1, peer_mac, PEER, US);
	world_receive(&p);
	world_turn();
	world_drain();
}

int harness_open(void **state)
{
	(void)state;
	world_open((struct options){ .frames = 1024,
	                             .ring = 256,
	                             .features = HARNESS_FEATURES,
	                             .mtu = (uint16_t)(1500 + MORE),
	                             .ip6 = SIX ? &six : NULL });
	h = (struct harness){
		.seq = ISS, .take = UINT32_MAX, .clock = 5000, .us = 80, .peer = 4000
	};
	greet();
	return 0;
}

int harness_close(void **state)
{
	(void)state;
	if (h.listener)
		tcp_listener_close(h.listener);
	tcp_stop();
	world_close();
	return 0;
}

static void listen_once(void)
{
	if (h.listener || h.deaf)
		return;
	assert_int_equal(tcp_listen(&h.listener, NULL, 80, &h.options), OK);
	tcp_listen_watch(h.listener, on_accept, NULL);
}

/* ---- In ---- */

static uint32_t option_bytes(uint8_t *to, uint32_t flags, const struct segment *s)
{
	struct bytes_out o = bytes_out(to, 40);
	if (s->mss) {
		bytes_put_u16(&o, 0x0204);
		bytes_put_u16(&o, s->mss == ZERO_MSS ? 0 : s->mss);
	}
	if (s->scale) {
		bytes_put_u16(&o, 0x0103);
		bytes_put_u16(&o, (uint16_t)(0x0300 | (s->scale - 1)));
	}
	if (s->sack_ok)
		bytes_put_u32(&o, 0x01010402);
	bool stamp = s->value || (h.stamps && !s->no_stamp && !(flags & RST));
	if (stamp) {
		bytes_put_u32(&o, 0x0101080a);
		bytes_put_u32(&o, s->value ? s->value : h.clock);
		bytes_put_u32(&o, s->echo ? s->echo : flags & ACK ? h.echo : 0);
	}
	if (s->sack_count) {
		bytes_put_u32(&o, 0x01010500 | (2 + 8 * s->sack_count));
		for (uint32_t k = 0; k < s->sack_count; k++) {
			bytes_put_u32(&o, h.iss + s->sacks[k][0]);
			bytes_put_u32(&o, h.iss + s->sacks[k][1]);
		}
	}
	assert_false(o.failed);
	return o.at;
}

void segment_in(int line, uint32_t flags, struct segment s)
{
	(void)line;
	uint8_t bytes[2000] = { 0 };
	struct packet p;
	listen_once();
	if (s.data && !s.size)
		s.size = (uint32_t)strlen(s.data);
	uint32_t seq = s.seq ? s.seq : h.seq, header = 20 + option_bytes(bytes + 20, flags, &s);
	bytes_store_u16(bytes, s.port ? s.port : h.peer);
	bytes_store_u16(bytes + 2, h.us);
	bytes_store_u32(bytes + 4, seq);
	if (flags & ACK)
		bytes_store_u32(bytes + 8, h.iss + (s.ack ? s.ack : h.ack));
	bytes[12] = (uint8_t)(header / 4 << 4);
	bytes[13] = (uint8_t)flags;
	bytes_store_u16(bytes + 14, (uint16_t)(s.win == NO_WINDOW ? 0 : s.win ? s.win : 65535));
	assert_true(header + s.size <= sizeof bytes);
	for (uint32_t k = 0; k < s.size; k++)
		bytes[header + k] = s.data ? (uint8_t)s.data[k] : pattern(seq - FIRST + k);
	uint32_t from = s.from ? s.from : PEER, size = header + s.size;
	struct net_address a = address_of(from), us = address_of(US);
	uint32_t sum = (from >> 16) + (from & 0xffff) + (US >> 16) + (US & 0xffff) + 6 + size;
	if (SIX)
		sum = pseudo(a.bytes, us.bytes, 6, size);
	bytes_store_u16(bytes + 16,
	                (uint16_t)(naive_checksum(bytes, size, sum) ^ (s.bad_checksum ? 1 : 0)));
	if (SIX) {
		packet_six(&p, us_mac, a.bytes, us.bytes, 6, 64, bytes, size);
		p.bytes[15] |= s.ce ? 0x30 : 0;
	} else {
		packet_start(&p, us_mac, peer_mac, 0x0800);
		packet_ip(&p, (struct ip_spec){ .source = from, .destination = US, .protocol = 6 },
		          bytes, size);
	}
	if (s.ce && !SIX) { /* the header's checksum is linear: TOS 3 takes 3 away */
		p.bytes[15] = 3;
		bytes_store_u16(p.bytes + 24, 0);
		bytes_store_u16(p.bytes + 24, naive_checksum(p.bytes + 14, 20, 0));
	}
	uint32_t end = seq + s.size + ((flags & SYN) != 0) + ((flags & FIN) != 0);
	if (!(flags & RST) && seq == h.seq)
		h.seq = end;
	assert_true(world_receive(&p));
	world_turn();
}

/* ---- Out ---- */

static const char *flag_text(uint32_t flags)
{
	static char text[2][16];
	static uint32_t which;
	char *t = text[which ^= 1], *start = t;
	for (uint32_t k = 0; k < 8; k++) {
		if (flags >> k & 1 && 1u << k != PSH)
			*t++ = "FSRPAUEC"[k];
	}
	*t = 0;
	return start;
}

static bool parse(const struct packet *p, uint32_t *flags, struct segment *s,
                  const uint8_t **payload)
{
	static uint8_t data[4096];
	const uint8_t *ip = p->bytes + 14, *t = ip + 20 + MORE;
	if (bytes_load_u16(p->bytes + 12) != (SIX ? 0x86dd : 0x0800) || ip[SIX ? 6 : 9] != 6)
		return false;
	uint32_t size = SIX ? bytes_load_u16(ip + 4) : bytes_load_u16(ip + 2) - 20u;
	uint32_t header = (uint32_t)(t[12] >> 4) * 4, tos = SIX ? ip[1] >> 4 | ip[0] << 4 : ip[1];
	uint32_t to = bytes_load_u32(ip + 16), from = bytes_load_u32(ip + 12);
	uint32_t sum = (from >> 16) + (from & 0xffff) + (to >> 16) + (to & 0xffff) + 6 + size;
	if (SIX) {
		sum = pseudo(ip + 8, ip + 24, 6, size);
		to = of_address(ip + 24);
	}
	assert_int_equal(naive_checksum(t, size, sum), 0);
	*flags = t[13];
	*s = (struct segment){ .seq = bytes_load_u32(t + 4),
		               .ack = bytes_load_u32(t + 8),
		               .size = size - header,
		               .win = bytes_load_u16(t + 14),
		               .port = bytes_load_u16(t + 2),
		               .from = to,
		               .dscp = (uint8_t)(tos & 0xff) >> 2,
		               .ect = (tos & 3) == 2 };
	memcpy(data, t + header, s->size);
	*payload = data;
	for (uint32_t k = 20; k < header;) {
		if (t[k] == 1) {
			k++;
			continue;
		}
		if (t[k] == 0)
			break;
		if (t[k] == 2)
			s->mss = bytes_load_u16(t + k + 2);
		else if (t[k] == 3)
			s->scale = (uint8_t)(t[k + 2] + 1);
		else if (t[k] == 4)
			s->sack_ok = true;
		else if (t[k] == 8) {
			s->value = bytes_load_u32(t + k + 2);
			s->echo = bytes_load_u32(t + k + 6);
		} else if (t[k] == 5) {
			s->sack_count = (t[k + 1] - 2u) / 8;
			for (uint32_t n = 0; n < s->sack_count && n < 4; n++) {
				s->sacks[n][0] = bytes_load_u32(t + k + 2 + 8 * n);
				s->sacks[n][1] = bytes_load_u32(t + k + 6 + 8 * n);
			}
		}
		k += t[k + 1];
	}
	return true;
}

/* The neighbour says where it is, as often as it is asked. */
static void answer(const struct packet *asked)
{
	if (SIX && bytes_load_u16(asked->bytes + 12) == 0x86dd && asked->bytes[54] == 135 &&
	    of_address(asked->bytes + 62) == PEER)
		peer_says(peer_mac);
	if (bytes_load_u16(asked->bytes + 12) != 0x0806 || asked->bytes[21] != 1)
		return;
	peer_says(peer_mac);
}

/* The next TCP segment that came out. */
static bool next(uint32_t *flags, struct segment *s, const uint8_t **payload)
{
	struct packet p;
	while (world_sent(&p)) {
		if (!parse(&p, flags, s, payload)) {
			answer(&p);
			continue;
		}
		if (*flags & SYN)
			h.iss = s->seq;
		s->seq -= h.iss;
		uint32_t end = s->seq + s->size + ((*flags & SYN) != 0) + ((*flags & FIN) != 0);
		if (!(*flags & RST) && (*flags & SYN || (int32_t)(end - h.ack) > 0))
			h.ack = end;
		if (s->value)
			h.echo = s->value;
		return true;
	}
	return false;
}

#define wrong(what_, want_, have_)                                                                 \
	fail_msg("line %d: %s: expected %u, came %u (%s seq %u ack %u size %u win %u)", line,      \
	         what_, (unsigned)(want_), (unsigned)(have_), flag_text(flags), s.seq, s.ack,      \
	         s.size, s.win)

void segment_out(int line, uint32_t want_flags, struct segment want)
{
	struct segment s;
	uint32_t flags;
	const uint8_t *payload;
	world_turn();
	if (!next(&flags, &s, &payload))
		fail_msg("line %d: expected %s seq %u ack %u size %u, nothing came", line,
		         flag_text(want_flags), want.seq, want.ack, want.size);
	if (want.data && !want.size)
		want.size = (uint32_t)strlen(want.data);
	if ((flags & ~PSH) != (want_flags & ~PSH))
		fail_msg(
		        "line %d: expected %s seq %u ack %u size %u, came %s seq %u ack %u size %u",
		        line, flag_text(want_flags), want.seq, want.ack, want.size,
		        flag_text(flags), s.seq, s.ack, s.size);
	if (want.seq && want.seq != s.seq)
		wrong("seq", want.seq, s.seq);
	if (want.ack && want.ack != s.ack)
		wrong("ack", want.ack, s.ack);
	if (want.size != s.size)
		wrong("size", want.size, s.size);
	if (want.win && (want.win == NO_WINDOW ? 0 : want.win) != s.win)
		wrong("window", want.win == NO_WINDOW ? 0 : want.win, s.win);
	if (want.mss && want.mss != s.mss)
		wrong("mss", want.mss, s.mss);
	if (want.scale && want.scale != s.scale)
		wrong("scale + 1", want.scale, s.scale);
	if (want.sack_ok && !s.sack_ok)
		wrong("sack permitted", 1, 0);
	if (want.value && want.value != s.value)
		wrong("TSval", want.value, s.value);
	if (want.echo && want.echo != s.echo)
		wrong("TSecr", want.echo, s.echo);
	if (want.ect && !s.ect)
		wrong("ECT(0)", 1, 0);
	if (want.dscp && want.dscp != s.dscp)
		wrong("DSCP", want.dscp, s.dscp);
	if (want.port && want.port != s.port)
		wrong("port", want.port, s.port);
	if (want.sack_count) {
		if (want.sack_count != s.sack_count)
			wrong("SACK blocks", want.sack_count, s.sack_count);
		for (uint32_t k = 0; k < want.sack_count; k++) {
			if (want.sacks[k][0] != s.sacks[k][0])
				wrong("SACK left", want.sacks[k][0], s.sacks[k][0]);
			if (want.sacks[k][1] != s.sacks[k][1])
				wrong("SACK right", want.sacks[k][1], s.sacks[k][1]);
		}
	}
	if (want.data && memcmp(want.data, payload, s.size) != 0)
		fail_msg("line %d: payload is \"%.*s\", expected \"%s\"", line, (int)s.size,
		         (const char *)payload, want.data);
	h.last = s;
}

void nothing_out(int line)
{
	struct segment s;
	uint32_t flags;
	const uint8_t *payload;
	world_turn();
	if (next(&flags, &s, &payload))
		fail_msg("line %d: expected nothing, came %s seq %u ack %u size %u win %u", line,
		         flag_text(flags), s.seq, s.ack, s.size, s.win);
}

uint32_t skip_all(void)
{
	struct segment s;
	uint32_t flags, n = 0;
	const uint8_t *payload;
	world_turn();
	while (next(&flags, &s, &payload)) {
		h.last = s;
		n++;
	}
	return n;
}

static void icmp4(uint8_t type, uint8_t code, uint16_t mtu, const uint8_t ports_and_seq[8])
{
	struct packet p;
	uint8_t m[8 + 28] = { type, code }, *ip = m + 8;
	bytes_store_u16(m + 6, mtu);
	ip[0] = 0x45;
	bytes_store_u16(ip + 2, 1500);
	bytes_store_u16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = 6;
	bytes_store_u32(ip + 12, US);
	bytes_store_u32(ip + 16, PEER);
	memcpy(ip + 20, ports_and_seq, 8);
	bytes_store_u16(m + 2, naive_checksum(m, sizeof m, 0));
	packet_start(&p, us_mac, peer_mac, 0x0800);
	packet_ip(&p, (struct ip_spec){ .source = GATEWAY, .destination = US, .protocol = 1 }, m,
	          sizeof m);
	assert_true(world_receive(&p));
}

static void icmp6(uint8_t type, uint8_t code, uint16_t mtu, const uint8_t ports_and_seq[8])
{
	struct packet p;
	struct net_address us = address_of(US), peer = address_of(PEER), by = address_of(GATEWAY);
	bool big = type == 3 && code == 4;
	uint8_t m[8 + 48] = { big         ? 2
		              : type == 3 ? 1
		                          : 3,
		              type == 3 && code == 3 ? 4 : 0 },
	              *ip = m + 8;
	bytes_store_u32(m + 4, big ? mtu + MORE : 0);
	ip[0] = 0x60;
	bytes_store_u16(ip + 4, 1480);
	ip[6] = 6;
	ip[7] = 64;
	memcpy(ip + 8, us.bytes, 16);
	memcpy(ip + 24, peer.bytes, 16);
	memcpy(ip + 40, ports_and_seq, 8);
	bytes_store_u16(m + 2,
	                naive_checksum(m, sizeof m, pseudo(by.bytes, us.bytes, 58, sizeof m)));
	packet_six(&p, us_mac, by.bytes, us.bytes, 58, 64, m, sizeof m);
	assert_true(world_receive(&p));
}

void report_in(uint8_t type, uint8_t code, uint16_t mtu, uint32_t seq)
{
	uint8_t quoted[8];
	bytes_store_u16(quoted, h.us);
	bytes_store_u16(quoted + 2, h.peer);
	bytes_store_u32(quoted + 4, h.iss + seq);
	if (SIX)
		icmp6(type, code, mtu, quoted);
	else
		icmp4(type, code, mtu, quoted);
	world_turn();
}

void pass_us(uint64_t us)
{
	h.clock += (uint32_t)(us / 1000);
	world_advance(us * 1000);
}

void pass(uint64_t ms)
{
	pass_us(ms * 1000);
}

/* ---- Openings ---- */

void opened(void)
{
	in(SYN, .mss = 1460);
	out(SYN | ACK, .ack = FIRST, .mss = 1460);
	in(ACK);
	quiet();
	assert_non_null(h.c);
	state_is(TCP_ESTABLISHED);
}

void opened_fully(void)
{
	h.stamps = true;
	in(SYN, .mss = 1460, .scale = 8, .sack_ok = true);
	out(SYN | ACK, .ack = FIRST, .mss = 1460, .sack_ok = true, .echo = h.clock);
	assert_int_not_equal(h.last.scale, 0);
	pass(10);
	in(ACK, .win = 4096);
	quiet();
	state_is(TCP_ESTABLISHED);
}

void connecting(void)
{
	h.us = 50000;
	h.peer = 7;
	h.options.local_port = 50000;
	assert_int_equal(tcp_connect_watch(&h.c, address_of(PEER), 7, &h.options, &handlers, NULL),
	                 OK);
	out(SYN, .mss = 1460, .port = 7);
}

void connected(void)
{
	connecting();
	in(SYN | ACK, .mss = 1460);
	out(ACK, .seq = 1, .ack = FIRST);
	assert_int_equal(h.opened, 1);
	state_is(TCP_ESTABLISHED);
}

void to_state(enum tcp_state state)
{
	switch (state) {
	case TCP_CLOSED:
		h.us = 81; /* nobody listens there */
		h.iss = 0;
		h.ack = 1;
		return;
	case TCP_LISTEN:
		listen_once();
		h.ack = 1;
		return;
	case TCP_SYN_SENT:
		connecting();
		return;
	case TCP_SYN_RECEIVED:
		in(SYN, .mss = 1460);
		out(SYN | ACK);
		return;
	case TCP_ESTABLISHED:
		opened();
		return;
	case TCP_FIN_WAIT_1:
		opened();
		tcp_shutdown(h.c);
		out(FIN | ACK, .seq = 1);
		break;
	case TCP_FIN_WAIT_2:
		to_state(TCP_FIN_WAIT_1);
		in(ACK, .ack = 2);
		break;
	case TCP_CLOSE_WAIT:
		opened();
		in(FIN | ACK);
		out(ACK, .ack = FIRST + 1);
		break;
	case TCP_CLOSING:
		to_state(TCP_FIN_WAIT_1);
		in(FIN | ACK, .ack = 1);
		out(ACK, .ack = FIRST + 1);
		break;
	case TCP_LAST_ACK:
		to_state(TCP_CLOSE_WAIT);
		tcp_shutdown(h.c);
		out(FIN | ACK, .seq = 1);
		break;
	case TCP_TIME_WAIT:
		to_state(TCP_FIN_WAIT_2);
		in(FIN | ACK);
		out(ACK, .ack = FIRST + 1);
		break;
	}
	quiet();
	state_is(state);
}

enum tcp_state state_now(void)
{
	struct tcp_address a = { .local = word_of(US),
		                 .remote = word_of(PEER),
		                 .local_port = h.us,
		                 .remote_port = h.peer };
	struct tcp_connection *c = tcp_table_find(&a);
	return c ? (enum tcp_state)c->state : tcp_wait_find(&a) ? TCP_TIME_WAIT : TCP_CLOSED;
}

void write_text(const char *text)
{
	assert_int_equal(tcp_write_some(h.c, text, (uint32_t)strlen(text)), strlen(text));
	world_turn();
}

void write_bytes(uint32_t size)
{
	uint8_t *bytes = malloc(size);
	for (uint32_t k = 0; k < size; k++)
		bytes[k] = pattern(k);
	assert_int_equal(tcp_write_some(h.c, bytes, size), size);
	free(bytes);
	world_turn();
}

/* ---- Running ---- */

int run_scenarios(const struct scenario *list, size_t count)
{
	struct CMUnitTest *tests = calloc(count, sizeof *tests);
	size_t kept = 0;
	for (size_t k = 0; k < count; k++) {
		char *name;
		if (!list[k].rfc)
			continue;
		if (asprintf(&name, "RFC %s: %s", list[k].rfc, list[k].name) < 0)
			return 1;
		tests[kept++] =
		        (struct CMUnitTest){ name, list[k].run, harness_open, harness_close, NULL };
	}
	int failed = _cmocka_run_group_tests("tcp", tests, kept, NULL, NULL);
	for (size_t k = 0; k < kept; k++)
		free((char *)(uintptr_t)tests[k].name);
	free(tests);
	return failed;
}
