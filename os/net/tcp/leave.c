/* SPDX-License-Identifier: ISC */
/*
 * A picture is to be taken of us, and a clone to go on in our place (abi: leave_at_ns). What a peer sends between the two is
 * lost, and it takes it a time-out to send it again. So peers are told before that our window is closed (Goff et al., "Freeze-TCP",
 * 2000): they hold back what they have, and ask after it by a time-out of theirs. The clone, or we, if we go on, says at once how
 * far the window is open.
 *
 * The closed window is a word only: what was on its way is taken up to the edge that was offered before, so that no peer loses
 * what it had a right to send (RFC 9293 §3.8.6: a window should not be shrunk, and a sender has to be ready for it). What we send
 * goes on: an answer should not wait, and what is lost of it is sent again by the clone.
 *
 * Only who was heard lately is told: of many idle connections hardly any would send just then. The word that opens a window may
 * be lost, as where many wait for one neighbour's address: it is said again to who has sent nothing since.
 */
#include <net/tcp/internal.h>

#include <core/boot.h>
#include <core/cold.h>

#define RECENT_NS (2 * NS_PER_S)
#define TOLD_MAX  4096u /* connections; about what a device takes in the time that there is */
#define AGAIN_NS                                                                                   \
	(10 *                                                                                      \
	 NS_PER_MS) /* until an opened window is said again, and three times as long once more */

bool tcp_leaving;
uint64_t tcp_leave_seen;

static struct timer timer;
static uint64_t now;      /* when peers were told last */
static uint64_t again_ns; /* behind what is said now; more than 3 * AGAIN_NS: not */
static uint32_t left;     /* that may be told */

static bool is_to_close(const struct tcp_connection *c)
{
	return tcp_connection_synchronized(c) && !c->finished && !c->orphan && left &&
	       now - c->heard_at <= RECENT_NS;
}

/* To one peer, that its window is closed, or open again. */
static void say(struct tcp_connection *c, const void *what)
{
	(void)what;
	if (tcp_leaving ? !is_to_close(c) : !c->shut)
		return;
	left -= tcp_leaving;
	c->shut = tcp_leaving || again_ns <= 3 * AGAIN_NS;
	c->say_window = true;
	tcp_connection_work(c, WORK_OUTPUT);
}

static void open_all(struct timer *t)
{
	(void)t;
	if (tcp_leaving)
		again_ns = AGAIN_NS;
	tcp_leaving = false;
	tcp_table_each(say, NULL);
	if (again_ns <= 3 * AGAIN_NS)
		timer_set_in(&timer, again_ns, open_all);
	again_ns *= 3;
}

COLD void tcp_leave_look(void)
{
	uint64_t at = __atomic_load_n(&boot_info->leave_at_ns, __ATOMIC_ACQUIRE);
	bool told = tcp_leaving;
	now = clock_now();
	tcp_leave_seen = at;
	if (at > now) {
		tcp_leaving = true;
		timer_set(&timer, at, open_all);
		left = TOLD_MAX;
		if (!told)
			tcp_table_each(say, NULL);
	} else if (told) {
		open_all(&timer);
	}
}

/* A clone. One that goes on in its original's place has said it to all by now (moved.c), and says it again. */
COLD void tcp_leave_done(void)
{
	if (tcp_leaving)
		timer_set_in(&timer, AGAIN_NS, open_all);
	tcp_leave_seen = 0;
	tcp_leaving = false;
	again_ns = 3 * AGAIN_NS;
}

void tcp_leave_stop(void)
{
	timer_stop(&timer);
	tcp_leaving = false;
	tcp_leave_seen = 0;
}
