/* SPDX-License-Identifier: ISC */
/* Connections by name: RFC 8305 ("Happy Eyeballs"), within one task. Attempts under way are told of by TCP's handlers, which
 * wake the task; what it does not take is reset. */
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/task.h>
#include <net/resolver.h>
#include <net/tcp.h>

struct race;

struct attempt {
	struct race *race;
	struct tcp_connection *c; /* null: it is over */
};

struct race {
	struct task_queue waiter;
	struct attempt attempts[RESOLVER_ADDRESSES_MAX];
	struct attempt *winner;
	uint32_t running;
	int error; /* of the last that failed */
};

static void opened(void *context, struct tcp_connection *c)
{
	struct attempt *a = context;
	(void)c;
	if (!a->race->winner)
		a->race->winner = a;
	task_wake_all(&a->race->waiter);
}

static void closed(void *context, struct tcp_connection *c, int reason)
{
	struct attempt *a = context;
	(void)c;
	a->c = NULL;
	a->race->running--;
	a->race->error = reason ? reason : ERR_RESET;
	if (a->race->winner == a)
		a->race->winner = NULL;
	task_wake_all(&a->race->waiter);
}

static const struct tcp_handlers handlers = { .opened = opened, .closed = closed };

/* RFC 8305 §4: the first one's family and the other by turns. */
static void interleave(struct net_address *all, uint32_t count)
{
	for (uint32_t n = 1; n < count; n++) {
		uint32_t k = n;
		while (k < count && net_is_ip4(all[k]) == net_is_ip4(all[n - 1]))
			k++;
		if (k == count)
			return;
		struct net_address a = all[k];
		memmove(&all[n + 1], &all[n], (k - n) * sizeof *all);
		all[n] = a;
	}
}

static void start(struct race *r, struct attempt *a, struct net_address to, uint16_t port,
                  const struct tcp_options *o)
{
	a->race = r;
	int error = tcp_connect_watch(&a->c, to, port, o, &handlers, a);
	if (error) {
		a->c = NULL;
		r->error = error;
	} else {
		r->running++;
	}
}

int resolver_connect(struct tcp_connection **to, const char *name, uint16_t port,
                     const struct tcp_options *o, uint64_t deadline_ns)
{
	struct net_address all[RESOLVER_ADDRESSES_MAX];
	int found = resolver_lookup(name, all, RESOLVER_ADDRESSES_MAX, deadline_ns);
	if (found < 0)
		return found;
	uint32_t count = (uint32_t)found, next = 0;
	struct race r = { .error = ERR_UNREACHABLE };
	task_queue_init(&r.waiter);
	interleave(all, count);
	while (!r.winner && (next < count || r.running)) {
		uint32_t before = r.running;
		if (next < count) {
			start(&r, &r.attempts[next], all[next], port, o);
			next++;
			if (r.running == before)
				continue; /* it failed at once */
		}
		uint64_t wake = clock_now() + RESOLVER_ATTEMPT_NS;
		bool more = next < count && wake < deadline_ns;
		uint32_t running = r.running;
		while (!r.winner && r.running == running) {
			if (!task_wait(&r.waiter, more ? wake : deadline_ns))
				continue;
			if (!r.winner && !more) {
				r.error = ERR_TIMEOUT;
				next = count;
				goto out;
			}
			break;
		}
	}
out:
	for (uint32_t k = 0; k < count; k++) {
		struct tcp_connection *c = r.attempts[k].c;
		if (c && &r.attempts[k] == r.winner) {
			tcp_watch(c, NULL, NULL);
			*to = c;
		} else if (c) {
			tcp_abort(c);
		}
	}
	return r.winner ? OK : r.error;
}
