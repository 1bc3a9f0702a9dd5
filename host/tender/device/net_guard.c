/* SPDX-License-Identifier: ISC */
/*
 * Headers are read where passt reads them: a fragment's offset, for one, changes nothing. What is cut short does not go, nor,
 * to the router, what has a header of IPv6 between: where passt would look for a protocol behind it is its own affair.
 */
#include <string.h>

#include <tender/device/net_guard.h>

#define ETHERNET  14u
#define IP4_LEAST 20u
#define IP6_SIZE  40u
#define TCP       6
#define UDP       17
#define ICMP6     58
#define SYN_ACK   0x12u
#define SYN       0x02u
#define TCP_FLAGS 13u

static uint32_t load16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t load32(const uint8_t *p)
{
	return load16(p) << 16 | load16(p + 2);
}

static bool is_ip4(const uint8_t *bytes, uint32_t size)
{
	return size >= ETHERNET + IP4_LEAST && load16(bytes + 12) == 0x0800;
}

static bool is_ip6(const uint8_t *bytes, uint32_t size)
{
	return size >= ETHERNET + IP6_SIZE && load16(bytes + 12) == 0x86dd;
}

/* ::, ::1, and IPv4's addresses in IPv6's clothes, whatever they are: no packet has these. */
static bool names_loopback6(const uint8_t a[16])
{
	static const uint8_t none[10];
	return !memcmp(a, none, sizeof none) && (load16(a + 10) == 0 || load16(a + 10) == 0xffff);
}

/* To the router: `at` is where the protocol's header begins. */
static bool is_answer(const uint8_t *spoke, uint8_t protocol, const uint8_t *bytes, uint32_t at,
                      uint32_t size)
{
	if (protocol == TCP)
		return size > at + TCP_FLAGS && (bytes[at + TCP_FLAGS] & SYN_ACK) != SYN;
	if (size < at + 4)
		return false;
	uint32_t to = load16(bytes + at + 2);
	return spoke[to / 8] & 1u << to % 8;
}

static bool lets4(const struct net_guard *g, const uint8_t *bytes, uint32_t size)
{
	const uint8_t *ip = bytes + ETHERNET;
	if (ip[16] == 127 || ip[16] == 0)
		return false;
	if (load32(ip + 16) != g->router || (ip[9] != TCP && ip[9] != UDP))
		return true;
	return is_answer(g->spoke[0], ip[9], bytes, ETHERNET + (ip[0] & 15u) * 4, size);
}

static bool lets6(const struct net_guard *g, const uint8_t *bytes, uint32_t size)
{
	const uint8_t *ip = bytes + ETHERNET;
	if (names_loopback6(ip + 24))
		return false;
	if (memcmp(ip + 24, g->router6, sizeof g->router6) || ip[6] == ICMP6)
		return true;
	return (ip[6] == TCP || ip[6] == UDP) &&
	       is_answer(g->spoke[1], ip[6], bytes, ETHERNET + IP6_SIZE, size);
}

bool net_guard_lets(const struct net_guard *g, const uint8_t *bytes, uint32_t size)
{
	if (is_ip4(bytes, size))
		return lets4(g, bytes, size);
	return !is_ip6(bytes, size) || lets6(g, bytes, size);
}

static void hear(uint8_t *spoke, const uint8_t *bytes, uint32_t at, uint32_t size)
{
	if (size < at + 4)
		return;
	uint32_t from = load16(bytes + at);
	spoke[from / 8] |= (uint8_t)(1u << from % 8);
}

void net_guard_heard(struct net_guard *g, const uint8_t *bytes, uint32_t size)
{
	const uint8_t *ip = bytes + ETHERNET;
	if (is_ip4(bytes, size) && ip[9] == UDP && load32(ip + 12) == g->router)
		hear(g->spoke[0], bytes, ETHERNET + (ip[0] & 15u) * 4, size);
	else if (is_ip6(bytes, size) && ip[6] == UDP &&
	         !memcmp(ip + 8, g->router6, sizeof g->router6))
		hear(g->spoke[1], bytes, ETHERNET + IP6_SIZE, size);
}
