/* SPDX-License-Identifier: ISC */
/*
 * Numbers that nobody may guess who does not see our segments: initial sequence numbers (RFC 6528),
 * the start of the timestamp clock (RFC 7323 §7.1), local ports (RFC 6056).
 */
#include <net/tcp/internal.h>

#include <core/clone.h>
#include <core/cold.h>
#include <core/hash.h>
#include <core/random.h>

#define EPHEMERAL_FIRST 32768u /* below are services, ours and those of our peers */
#define EPHEMERAL_LAST  60999u

_Static_assert(EPHEMERAL_FIRST < EPHEMERAL_LAST && EPHEMERAL_LAST <= UINT16_MAX, "ports");

static uint64_t keys[3][2]; /* zero: to be drawn when next used */

/* A clone's numbers are not to be guessed from its parent's. */
static void secret_forget(void)
{
	if (!clone_is_moved())
		memset(keys, 0, sizeof keys);
}

/* Numbers of IPv6 addresses (ip6/ip6.h) come and go: what has to be the same tomorrow is of the addresses. */
COLD struct tcp_address tcp_secret_address(const struct tcp_address *a)
{
	struct tcp_address to = *a;
	to.local = ip6_digest(a->local);
	to.remote = ip6_digest(a->remote);
	return to;
}

/* Address and ports under a secret: RFC 6528 §3. */
static uint32_t secret_hash(const struct tcp_address *a, uint32_t which)
{
	ON_CLONE_WITH_THIS(150, secret_forget);
	if (!keys[which][0])
		random_bytes(keys[which], sizeof keys[which]);
	struct tcp_address said = ip6_is(a->remote) ? tcp_secret_address(a) : *a;
	return (uint32_t)hash_bytes_keyed(keys[which], &said, sizeof said);
}

uint32_t tcp_secret_iss(const struct tcp_address *a, uint64_t now)
{
	return secret_hash(a, 0) + (uint32_t)(now / 4000); /* a tick each 4 us (RFC 9293 §3.4.1) */
}

uint32_t tcp_secret_timestamp_offset(const struct tcp_address *a)
{
	return secret_hash(a, 1);
}

uint16_t tcp_secret_port(uint32_t local, uint32_t remote, uint16_t port)
{
	static uint32_t counter;
	struct tcp_address a = { .local = local, .remote = remote, .remote_port = port };
	uint32_t total = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1, start = secret_hash(&a, 2);
	for (uint32_t k = 0; k < total; k++) {
		a.local_port = (uint16_t)(EPHEMERAL_FIRST + (start + counter++) % total);
		if (!tcp_table_find(&a) && !tcp_wait_find(&a) &&
		    !tcp_listener_find(NULL, a.local_port))
			return a.local_port;
	}
	return 0;
}
