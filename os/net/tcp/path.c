/* SPDX-License-Identifier: ISC */
/*
 * How large a packet the path to a peer carries: the interface's MTU, until a router says less (RFC
 * 1191) or nothing large is acknowledged any more (a black hole: RFC 4821's idea in its plainest
 * form). What a router said is remembered by destination for ten minutes.
 */
#include <net/tcp/internal.h>

#include <core/hash.h>
#include <net/icmp.h>
#include <net/interface_internal.h>
#include <net/wire.h>

#define KNOWN_SIZE 64u
#define KNOWN_NS   (600 * NS_PER_S) /* RFC 1191 §6.3 */
#define HEADERS    40u

_Static_assert(!(KNOWN_SIZE & (KNOWN_SIZE - 1)), "hashes are masked");
_Static_assert(TCP_PATH_MTU_MIN >= HEADERS + TCP_OPTIONS_MSS_MIN,
               "any path leaves room for options");

static struct {
	uint64_t until;
	uint32_t destination;
	uint16_t mtu;
} known[KNOWN_SIZE];

/* Of IPv6, the address counts, and not the number that it has today. */
static uint32_t key_of(uint32_t destination)
{
	return ip6_is(destination) ? ip6_digest(destination) : destination;
}

/* What every path carries. */
static uint32_t least_mtu(uint32_t destination)
{
	return ip6_is(destination) ? IP6_MTU_MIN : TCP_PATH_MTU_MIN;
}

static uint32_t slot(uint32_t destination)
{
	return (uint32_t)hash_bytes(&destination, sizeof destination) & (KNOWN_SIZE - 1);
}

uint16_t tcp_path_mtu(const struct interface *i, uint32_t destination)
{
	uint32_t key = key_of(destination), k = slot(key);
	uint16_t mtu = ip6_is(destination) ? ip6_mtu(i) : i->mtu;
	if (known[k].destination == key && clock_coarse() < known[k].until && known[k].mtu < mtu)
		return known[k].mtu;
	return mtu;
}

static void remember(uint32_t destination, uint32_t mtu, uint64_t now)
{
	uint32_t key = key_of(destination), k = slot(key);
	known[k].destination = key;
	known[k].mtu = (uint16_t)mtu;
	known[k].until = now + KNOWN_NS;
}

void tcp_path_forget(void)
{
	memset(known, 0, sizeof known);
}

static void set_mtu(struct tcp_connection *c, uint32_t mtu, uint64_t now)
{
	c->path_mtu = (uint16_t)mtu;
	uint16_t mss = tcp_output_mss(c);
	if (mss >= c->mss)
		return;
	c->mss = mss;
	tcp_recovery_set_mss(&c->recovery, mss, true, now);
	tcp_connection_work(c, WORK_OUTPUT);
}

/* RFC 1191 §7: what a router that names no MTU may mean. */
static uint32_t plateau_below(uint32_t total)
{
	static const uint16_t plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296 };
	for (uint32_t k = 0; k < sizeof plateaus / sizeof *plateaus; k++) {
		if (plateaus[k] < total)
			return plateaus[k];
	}
	return TCP_PATH_MTU_MIN;
}

/* RFC 5927 §4.1: only about something that is under way now. */
static void report(const struct icmp_report *r)
{
	struct bytes_in in = bytes_in(r->quoted, r->quoted_size);
	struct tcp_address a = { .local = r->source, .remote = r->destination };
	a.local_port = bytes_get_u16(&in);
	a.remote_port = bytes_get_u16(&in);
	uint32_t seq = bytes_get_u32(&in);
	struct tcp_connection *c = in.failed ? NULL : tcp_table_find(&a);
	if (!c || seq_lt(seq, c->recovery.una) || !seq_lt(seq, c->recovery.next))
		return;
	if (r->type != ICMP_UNREACHABLE)
		return;
	uint64_t now = clock_now();
	if (r->code == ICMP_UNREACHABLE_FRAGMENTATION) {
		uint32_t mtu = r->mtu ? r->mtu : plateau_below(r->total);
		uint32_t least = least_mtu(c->address.remote);
		if (mtu >= 68 && mtu < c->path_mtu && c->path_mtu > least) {
			mtu = mtu < least ? least : mtu;
			tcp_count(TCP_COUNT_PMTU_REDUCED);
			remember(c->address.remote, mtu, now);
			set_mtu(c, mtu, now);
		}
		return;
	}
	/* RFC 5927 §5.2, RFC 5461: an open connection lives on; one that is being opened does not.
	 */
	if (c->state != TCP_SYN_SENT)
		return;
	bool refused = r->code == ICMP_UNREACHABLE_PORT || r->code == ICMP_UNREACHABLE_PROTOCOL;
	tcp_connection_end(c, refused ? ERR_REFUSED : ERR_UNREACHABLE, TCP_CLOSED);
}

/* A few time-outs in a row are no proof: only this connection tries with less. */
void tcp_path_timed_out(struct tcp_connection *c, uint64_t now)
{
	uint32_t n = c->recovery.timeouts, mtu = n == 3 ? 1280 : n == 5 ? 576 : 0;
	uint32_t sent = c->recovery.next - c->recovery.una;
	if (!mtu || !tcp_connection_synchronized(c) || c->path_mtu <= mtu ||
	    sent + HEADERS <= mtu || mtu < least_mtu(c->address.remote))
		return;
	tcp_count(TCP_COUNT_BLACK_HOLES);
	set_mtu(c, mtu, now);
}

void tcp_path_start(void)
{
	icmp_report_set(IP4_PROTOCOL_TCP, report);
}
