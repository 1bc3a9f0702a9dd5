/* SPDX-License-Identifier: ISC */
/* A load beyond a frame's end drops the frame, so that no length is looked at. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <string.h>

#include <standby/filter.h>

/* Bytes from the beginning of a frame. */
#define TYPE        12u
#define ARP_OP      20u
#define ARP_TARGET  38u
#define IP6_NEXT    20u
#define ICMP6_TYPE  54u
#define NS_TARGET   62u
#define ARP_REQUEST 1u
#define NEXT_ICMP6  58u
#define NS          135u

#define WORD (BPF_LD | BPF_W | BPF_ABS)
#define HALF (BPF_LD | BPF_H | BPF_ABS)
#define BYTE (BPF_LD | BPF_B | BPF_ABS)

struct program {
	struct sock_filter *to;
	unsigned count;
};

static void load(struct program *p, uint16_t how, uint32_t at)
{
	p->to[p->count++] = (struct sock_filter)BPF_STMT(how, at);
}

/* Goes on where it is equal, and `skip` instructions further where it is not. */
static void equal(struct program *p, uint32_t value, unsigned skip)
{
	p->to[p->count++] =
	        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, (uint8_t)skip);
}

static void pass(struct program *p)
{
	p->to[p->count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
}

static void drop(struct program *p)
{
	p->to[p->count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
}

static uint32_t word(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_any(const struct filter_wish *w)
{
	return !w->ip4_count && !w->ip6_count;
}

static void arp(struct program *p, const struct filter_wish *w)
{
	load(p, HALF, ARP_OP);
	equal(p, ARP_REQUEST, is_any(w) ? 1 : 1 + 2 * w->ip4_count);
	if (is_any(w)) {
		pass(p);
	} else {
		load(p, WORD, ARP_TARGET);
		for (uint32_t i = 0; i < w->ip4_count; i++) {
			equal(p, w->ip4[i], 1);
			pass(p);
		}
	}
	drop(p);
}

static void solicitation(struct program *p, const struct filter_wish *w)
{
	load(p, BYTE, IP6_NEXT);
	equal(p, NEXT_ICMP6, is_any(w) ? 3 : 2 + 9 * w->ip6_count);
	load(p, BYTE, ICMP6_TYPE);
	equal(p, NS, is_any(w) ? 1 : 9 * w->ip6_count);
	for (uint32_t i = 0; i < w->ip6_count; i++) {
		for (unsigned k = 0; k < 4; k++) {
			load(p, WORD, NS_TARGET + 4 * k);
			equal(p, word(w->ip6[i] + 4 * k), 7 - 2 * k);
		}
		pass(p);
	}
	if (is_any(w))
		pass(p);
	drop(p);
}

unsigned filter_make(const struct filter_wish *w, struct sock_filter to[FILTER_MAX])
{
	struct program p = { to, 0 };
	load(&p, HALF, 0);
	equal(&p, (uint32_t)w->mac[0] << 8 | w->mac[1], 3);
	load(&p, WORD, 2);
	equal(&p, word(w->mac + 2), 1);
	pass(&p);
	load(&p, HALF, TYPE);
	unsigned hole = p.count;
	equal(&p, ETH_P_ARP, 0);
	arp(&p, w);
	to[hole].jf = (uint8_t)(p.count - hole - 1);
	load(&p, HALF, TYPE);
	hole = p.count;
	equal(&p, ETH_P_IPV6, 0);
	solicitation(&p, w);
	/* What is no question either goes the same way as one for somebody else: to the last instruction. */
	to[hole].jf = (uint8_t)(p.count - hole - 2);
	return p.count;
}

bool filter_add(struct filter_wish *w, const char *text)
{
	char own[INET6_ADDRSTRLEN];
	size_t n = strcspn(text, "/");
	struct in_addr ip4;
	uint8_t ip6[16];
	if (n >= sizeof own)
		return false;
	memcpy(own, text, n);
	own[n] = 0;
	if (inet_pton(AF_INET, own, &ip4) == 1) {
		if (w->ip4_count < FILTER_ADDRESSES)
			w->ip4[w->ip4_count++] = ntohl(ip4.s_addr);
		return true;
	}
	if (inet_pton(AF_INET6, own, ip6) != 1)
		return false;
	if (w->ip6_count < FILTER_ADDRESSES)
		memcpy(w->ip6[w->ip6_count++], ip6, sizeof ip6);
	return true;
}
