/* SPDX-License-Identifier: ISC */
/*
 * What a connection stands on can go: its own address, or the neighbour through which it reaches the
 * peer. IPv4 tells of both. Connections are only marked while the table is walked, and end in TCP's
 * turn, where handlers may do anything.
 */
#include <net/tcp/internal.h>

#include <string.h>

#include <core/clone.h>
#include <core/cold.h>
#include <net/interface_internal.h>

struct loss {
	const struct interface *interface;
	uint32_t address;
};

static void without_address(struct tcp_connection *c, const void *what)
{
	const struct loss *l = what;
	if (c->route.interface == l->interface && c->address.local == l->address)
		tcp_connection_cut(c);
}

void tcp_lost_address(struct interface *i, uint32_t address)
{
	tcp_path_forget();
	tcp_table_each(without_address, &(struct loss){ i, address });
}

static uint32_t hop_of(const struct tcp_connection *c)
{
	return interface_next_hop(c->route.interface, c->address.remote);
}

/* An open connection waits for its user timeout, as the neighbour may come back (RFC 1122 §4.2.3.9). */
static void without_hop(struct tcp_connection *c, const void *what)
{
	const struct loss *l = what;
	if (c->state == TCP_SYN_SENT && c->route.interface == l->interface &&
	    hop_of(c) == l->address)
		tcp_connection_cut(c);
}

void tcp_lost_hop(struct interface *i, uint32_t next_hop)
{
	tcp_table_each(without_hop, &(struct loss){ i, next_hop });
}

static void with_its_peer(struct tcp_connection *c, const void *what)
{
	(void)what;
	if (!c->error)
		c->error = ERR_RESET;
	tcp_connection_cut(c);
}

COLD void tcp_lost_all(void)
{
	uint64_t open = tcp_counts[TCP_NOW_OPEN];
	if (clone_is_moved())
		return;
	tcp_path_forget();
	tcp_wait_clear();
	tcp_table_each(with_its_peer, NULL);
	memset(tcp_counts, 0, sizeof tcp_counts);
	tcp_counts[TCP_NOW_OPEN] = open; /* until they have heard of it */
}

void tcp_lost_suspect(const struct tcp_connection *c)
{
	uint32_t next_hop = hop_of(c);
	if (next_hop)
		arp_suspect(c->route.interface, next_hop);
}
