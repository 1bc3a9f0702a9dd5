/* SPDX-License-Identifier: ISC */
/*
 * A clone in its original's place: connections go on. What was under way on either side may be lost, and nobody is to wait
 * for a time-out to find that out.
 */
#include <net/tcp/internal.h>

#include <core/clone.h>
#include <core/cold.h>
#include <net/interface_internal.h>

static void go_on(struct tcp_connection *c, const void *what)
{
	uint64_t now = *(const uint64_t *)what;
	if (!tcp_connection_synchronized(c))
		return; /* a handshake is short: its time-out is, too */
	if (c->path_mtu > c->route.interface->mtu)
		c->path_mtu = c->route.interface->mtu;
	uint16_t mss = tcp_output_mss(c);
	c->mss = mss < c->mss ? mss : c->mss;
	tcp_recovery_set_mss(&c->recovery, c->mss, false, now);
	tcp_recovery_moved(&c->recovery);
	c->ack_at = now; /* the peer hears what has arrived, and from where */
	c->say_window = c->shut;
	tcp_connection_work(c, WORK_OUTPUT);
	tcp_timer_update(c);
}

COLD void tcp_moved(void)
{
	uint64_t now = clock_now();
	if (!clone_is_moved())
		return;
	tcp_path_forget();
	tcp_table_each(go_on, &now);
}
