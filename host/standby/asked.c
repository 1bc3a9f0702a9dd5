/* SPDX-License-Identifier: ISC */
#include <linux/if_ether.h>
#include <stdbool.h>
#include <string.h>

#include <standby/asked.h>

#define ETHER     14u
#define ARP_SIZE  28u
#define IP6_SIZE  40u
#define NS_SIZE   24u /* without options; an advertisement is as long */
#define LINK_SIZE 8u  /* an option with a link-layer address */

#define ARP_REQUEST     1u
#define ARP_REPLY       2u
#define NEXT_ICMP6      58u
#define ROUTER          134u /* its advertisement */
#define SOLICITATION    135u
#define ADVERTISEMENT   136u
#define HOPS            255u /* of neighbour discovery: nobody has passed it on */
#define OPTION_SOURCE   1u
#define OPTION_TARGET   2u
#define FLAG_SOLICITED  0x40u
#define FLAG_OVERRIDE   0x20u
#define NEIGHBOUR_FIRST 133u /* router solicitation, ... */
#define NEIGHBOUR_LAST  137u /* ... redirect */

static uint32_t half(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t word(const uint8_t *at)
{
	return half(at) << 16 | half(at + 2);
}

static bool is_many(const uint8_t mac[6])
{
	return mac[0] & 1;
}

/* A question for that address: whoever is awake answers for himself, and his own probe for it is no question of somebody
 * else's. */
static enum asked question(const struct sleepers *s, uint32_t sleeper, const uint8_t *frame)
{
	if (!memcmp(s->all[sleeper].mac, frame + 6, 6))
		return ASKED_NOTHING;
	return s->all[sleeper].is_awake ? ASKED_AWAKE : ASKED_ANSWER;
}

/* What one of us says of himself is none: his MAC address is always the same. */
static enum asked news(const struct sleepers *s, const uint8_t *frame)
{
	return is_many(frame) && sleepers_by_mac(s, frame + 6) == SLEEPERS_NONE ? ASKED_NEWS
	                                                                        : ASKED_NOTHING;
}

/* ---- ARP ---- */

static enum asked arp(const struct sleepers *s, const uint8_t *frame, size_t size,
                      struct asked_frame *to)
{
	static const uint8_t head[6] = { 0, 1, 8, 0, 6, 4 };
	const uint8_t *a = frame + ETHER;
	if (size < ETHER + ARP_SIZE || memcmp(a, head, sizeof head) != 0)
		return ASKED_NOTHING;
	if (half(a + 6) != ARP_REQUEST)
		return half(a + 6) == ARP_REPLY ? news(s, frame) : ASKED_NOTHING;
	to->sleeper = sleepers_by_ip4(s, word(a + 24));
	if (to->sleeper == SLEEPERS_NONE) /* an announcement asks for the address of its sender */
		return word(a + 14) == word(a + 24) ? news(s, frame) : ASKED_NOTHING;
	enum asked what = question(s, to->sleeper, frame);
	if (what != ASKED_ANSWER)
		return what;
	const uint8_t *own = s->all[to->sleeper].mac;
	uint8_t *r = to->answer;
	memcpy(r, frame + 6, 6);
	memcpy(r + 6, own, 6);
	r[12] = ETH_P_ARP >> 8;
	r[13] = ETH_P_ARP & 255;
	r += ETHER;
	memcpy(r, head, sizeof head);
	r[6] = 0;
	r[7] = ARP_REPLY;
	memcpy(r + 8, own, 6);
	memcpy(r + 14, a + 24, 4);
	memcpy(r + 18, a + 8, 10); /* who has asked, and his address */
	to->answer_size = ETHER + ARP_SIZE;
	return ASKED_ANSWER;
}

/* ---- Neighbour discovery ---- */

/* Of the ICMPv6 message and its pseudo header (RFC 8200, section 8.1), folded; 0xffff: it is right, sum included. */
static uint32_t sum_of(const uint8_t *ip, const uint8_t *message, size_t size)
{
	uint32_t sum = (uint32_t)size + NEXT_ICMP6;
	for (size_t i = 8; i < IP6_SIZE; i += 2)
		sum += half(ip + i);
	for (size_t i = 0; i + 1 < size; i += 2)
		sum += half(message + i);
	if (size & 1)
		sum += (uint32_t)message[size - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Are the options whole, and is none there that must not be (RFC 4861, section 7.1.1)? */
static bool options_fit(const uint8_t *at, size_t size, bool from_nobody)
{
	while (size) {
		size_t n = size < 2 ? 0 : 8u * at[1];
		if (!n || n > size || (from_nobody && at[0] == OPTION_SOURCE))
			return false;
		at += n;
		size -= n;
	}
	return true;
}

static void advertise(const uint8_t own[6], const uint8_t *frame, bool to_all,
                      struct asked_frame *to)
{
	static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };
	static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	const uint8_t *ip = frame + ETHER, *target = ip + IP6_SIZE + 8;
	uint8_t *r = to->answer;
	memcpy(r, to_all ? all_nodes_mac : frame + 6, 6);
	memcpy(r + 6, own, 6);
	r[12] = ETH_P_IPV6 >> 8;
	r[13] = ETH_P_IPV6 & 255;
	r += ETHER;
	memset(r, 0, IP6_SIZE + NS_SIZE + LINK_SIZE);
	r[0] = 0x60;
	r[5] = NS_SIZE + LINK_SIZE;
	r[6] = NEXT_ICMP6;
	r[7] = HOPS;
	memcpy(r + 8, target, 16);
	memcpy(r + 24, to_all ? all_nodes : ip + 8, 16);
	uint8_t *m = r + IP6_SIZE;
	m[0] = ADVERTISEMENT;
	m[4] = (uint8_t)(FLAG_OVERRIDE | (to_all ? 0 : FLAG_SOLICITED));
	memcpy(m + 8, target, 16);
	m[24] = OPTION_TARGET;
	m[25] = 1;
	memcpy(m + 26, own, 6);
	uint32_t sum = ~sum_of(r, m, NS_SIZE + LINK_SIZE) & 0xffff;
	m[2] = (uint8_t)(sum >> 8);
	m[3] = (uint8_t)sum;
	to->answer_size = ASKED_ANSWER_MAX;
}

static bool is_neighbours(const uint8_t *frame, size_t size)
{
	return size > ETHER + IP6_SIZE && frame[ETHER + 6] == NEXT_ICMP6 &&
	       frame[ETHER + IP6_SIZE] >= NEIGHBOUR_FIRST &&
	       frame[ETHER + IP6_SIZE] <= NEIGHBOUR_LAST;
}

static enum asked solicitation(const struct sleepers *s, const uint8_t *frame, size_t size,
                               struct asked_frame *to)
{
	static const uint8_t nobody[16];
	const uint8_t *ip = frame + ETHER, *m = ip + IP6_SIZE;
	size_t length = half(ip + 4);
	if (length < NS_SIZE || ETHER + IP6_SIZE + length > size || ip[0] >> 4 != 6 ||
	    ip[7] != HOPS || m[0] != SOLICITATION || m[1] || m[8] == 0xff || ip[8] == 0xff ||
	    sum_of(ip, m, length) != 0xffff)
		return ASKED_NOTHING;
	bool from_nobody = !memcmp(ip + 8, nobody, sizeof nobody);
	if (!options_fit(m + NS_SIZE, length - NS_SIZE, from_nobody))
		return ASKED_NOTHING;
	to->sleeper = sleepers_by_ip6(s, m + 8);
	enum asked what =
	        to->sleeper == SLEEPERS_NONE ? ASKED_NOTHING : question(s, to->sleeper, frame);
	if (what != ASKED_ANSWER)
		return what;
	advertise(s->all[to->sleeper].mac, frame, from_nobody, to);
	return from_nobody ? ASKED_ALL : ASKED_ANSWER;
}

static enum asked neighbours(const struct sleepers *s, const uint8_t *frame, size_t size,
                             struct asked_frame *to)
{
	uint8_t type = frame[ETHER + IP6_SIZE];
	if (type == SOLICITATION)
		return solicitation(s, frame, size, to);
	return (type == ROUTER || type == ADVERTISEMENT) && frame[ETHER + 7] == HOPS
	               ? news(s, frame)
	               : ASKED_NOTHING;
}

/* ---- Whatever it is ---- */

enum asked asked_of(const struct sleepers *s, const uint8_t *frame, size_t size,
                    struct asked_frame *to)
{
	if (size < ETHER || is_many(frame + 6))
		return ASKED_NOTHING;
	uint32_t type = half(frame + 12);
	to->sleeper = SLEEPERS_NONE;
	to->answer_size = 0;
	if (type == ETH_P_ARP)
		return arp(s, frame, size, to);
	if (type == ETH_P_IPV6 && is_neighbours(frame, size))
		return neighbours(s, frame, size, to);
	if (is_many(frame))
		return ASKED_NOTHING;
	to->sleeper = sleepers_by_mac(s, frame);
	return to->sleeper == SLEEPERS_NONE ? ASKED_NOTHING : ASKED_TO_WAKE_UP;
}

unsigned asked_filter(struct sock_filter to[ASKED_FILTER_SIZE])
{
	/* A load beyond a frame's end drops the frame. */
	static const struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 8), /* to one alone: it passes */
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 6, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 6),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETHER + 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NEXT_ICMP6, 0, 4),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETHER + IP6_SIZE),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ROUTER, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, ADVERTISEMENT, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	_Static_assert(sizeof program / sizeof *program <= ASKED_FILTER_SIZE, "room for it");
	memcpy(to, program, sizeof program);
	return sizeof program / sizeof *program;
}
