/* SPDX-License-Identifier: ISC */
/*
 * Answers of served connections, and the memory of all of them: tcp_served.h. Each connection has an account of
 * what it holds; `charged` is the sum. An account may say more than there is, until the connection is looked at:
 * what TCP has given back is known when all was acknowledged. When the sum reaches its bound all are looked at,
 * and those go first who would hold their bytes for longest at the rate they have shown.
 */
#include <net/tcp/served.h>

#include <string.h>

#include <core/clock.h>
#include <core/cold.h>
#include <core/error.h>
#include <core/heap.h>

#define RECOUNT_NS  (10 * NS_PER_MS) /* all connections are looked at so often at most */
#define ROUNDS      4u               /* of ending those who hold most, in one go */
#define SLACK_SHARE 8u               /* of the bound: room that is made beyond what is wanted */
#define NEW_NS      NS_PER_S         /* it has shown no rate yet */
#define RESERVE     4096u            /* bytes more than asked for: of the head before a body */

struct tcp_served_piece {
	struct tcp_served_piece *next;
	const uint8_t *bytes; /* `data`, or constant */
	uint64_t size, sent, room;
	uint8_t data[];
};

/* ---- Accounts ---- */

/* It holds its first bytes. */
static inline void begin(struct tcp_served *c)
{
	c->since = clock_coarse();
	c->since_moved = c->drained;
}

static void charge(struct tcp_served *c, uint64_t copied, uint32_t kept)
{
	struct tcp_server *s = c->server;
	if (!(c->copied | c->kept) && (copied | kept))
		begin(c);
	s->charged += copied + kept - c->copied - c->kept;
	c->copied = copied;
	c->kept = kept;
}

static void waiting_is(struct tcp_served *c, uint64_t waiting)
{
	c->drained = c->written - (waiting < c->written ? waiting : c->written);
	if (c->copied > waiting + c->held)
		charge(c, waiting + c->held, c->kept);
}

bool tcp_served_look(struct tcp_served *c)
{
	struct tcp_info info;
	tcp_info(c->tcp, &info);
	bool moved = (uint32_t)info.bytes_sent != c->acknowledged;
	c->acknowledged = (uint32_t)info.bytes_sent;
	if (moved)
		c->moved_at = clock_coarse();
	waiting_is(c, (uint64_t)info.unsent + info.unacknowledged);
	return moved;
}

void tcp_served_drained(struct tcp_served *c)
{
	c->acknowledged = (uint32_t)c->written;
	c->moved_at = clock_coarse();
	waiting_is(c, 0);
}

void tcp_served_release(struct tcp_served *c)
{
	struct tcp_served_piece *next;
	for (struct tcp_served_piece *p = c->pieces; p; p = next) {
		next = p->next;
		heap_free(p);
	}
	heap_free(c->spare);
	c->pieces = c->spare = NULL;
	charge(c, 0, 0);
}

/* Seconds for which it would hold its bytes, and `more`, at the rate it has shown. */
static uint64_t holds_for(const struct tcp_served *c, uint64_t more, uint64_t now)
{
	uint64_t age = now - c->since, moved = c->drained - c->since_moved + c->got;
	if (!(c->copied | c->kept) || age < NEW_NS)
		return 0;
	uint64_t rate = moved / (age / NS_PER_S);
	return (c->copied + c->kept + more) / (rate ? rate : 1);
}

static void recount(struct tcp_server *s)
{
	struct list *lists[] = { &s->busy, &s->idle };
	for (uint32_t k = 0; k < 2; k++) {
		list_each (at, lists[k]) {
			struct tcp_served *c = container_of(at, struct tcp_served, all);
			if (tcp_served_sending(c) && !c->in_task)
				tcp_served_look(c);
		}
	}
}

static uint64_t candidate(const struct tcp_served *c, uint64_t now)
{
	return c->in_task || c->depth ? 0 : holds_for(c, 0, now);
}

/* The longest of all. */
static uint64_t longest(struct tcp_server *s, uint64_t now)
{
	struct list *lists[] = { &s->busy, &s->idle };
	uint64_t most = 0;
	for (uint32_t k = 0; k < 2; k++) {
		list_each (at, lists[k]) {
			uint64_t n = candidate(container_of(at, struct tcp_served, all), now);
			most = n > most ? n : most;
		}
	}
	return most;
}

/* Has those go that are over so many seconds, until there is room. It happens in the next turn: callbacks of others are
 * not called amid what one does. */
static void evict(struct tcp_server *s, uint64_t over, uint64_t most, uint64_t now)
{
	struct list *lists[] = { &s->busy, &s->idle };
	for (uint32_t k = 0; k < 2; k++) {
		list_each (at, lists[k]) {
			struct tcp_served *c = container_of(at, struct tcp_served, all);
			if (s->charged <= most)
				return;
			if (candidate(c, now) <= over)
				continue;
			c->crowded = true;
			charge(c, 0, 0);
			tcp_served_arm(c, now);
		}
	}
}

static COLD bool find_room(struct tcp_served *c, uint64_t size)
{
	struct tcp_server *s = c->server;
	uint64_t now = clock_coarse(), most = s->limits.buffers_max;
	if (size > most || (s->counted_at && now - s->counted_at < RECOUNT_NS))
		return false;
	s->counted_at = now;
	recount(s);
	/* If somebody has to go, those do who are about as slow: there has to be room until all are looked at again. */
	uint64_t slack = most / SLACK_SHARE, own = holds_for(c, size, now);
	uint64_t goal = size + slack < most ? most - size - slack : 0;
	for (uint32_t k = 0; k < ROUNDS && s->charged > most - size; k++) {
		uint64_t seconds = longest(s, now);
		if (seconds <= own)
			break;
		evict(s, seconds / 2 > own ? seconds / 2 : own, goal, now);
	}
	return s->charged + size <= most;
}

bool tcp_served_room(struct tcp_served *c, uint64_t size)
{
	const struct tcp_server *s = c->server;
	return s->charged + size <= s->limits.buffers_max || find_room(c, size);
}

bool tcp_served_layer_keep(struct tcp_served *c, uint32_t size)
{
	struct tcp_layer_state *l = tcp_served_layer_state(c);
	uint32_t old = l->kept;
	if (size > old && !tcp_served_room(c, size - old))
		return false;
	l->kept = size;
	charge(c, c->copied, c->kept - old + size);
	return true;
}

bool tcp_served_keep(struct tcp_served *c, uint32_t size)
{
	if (tcp_served_layer(c))
		size += tcp_served_layer_state(c)->kept;
	if (size > c->kept && !tcp_served_room(c, size - c->kept))
		return false;
	if (size != c->kept)
		charge(c, c->copied, size);
	return true;
}

/* ---- Answers ---- */

/* Each answer comes by here, most in two writes. */
static inline __attribute__((always_inline)) void account(struct tcp_served *c, uint64_t size,
                                                          bool copied)
{
	struct tcp_server *s = c->server;
	if (!size)
		return;
	if (c->written == c->drained) {
		c->moved_at = clock_coarse();
		tcp_served_arm(c, c->moved_at + s->limits.stall_ns);
	}
	c->written += size;
	if (!copied)
		return;
	if (!(c->copied | c->kept))
		begin(c);
	c->copied += size;
	s->charged += size;
}

void tcp_served_wrote(struct tcp_served *c, uint64_t size, bool copied)
{
	account(c, size, copied);
}

static struct tcp_served_piece *piece_new(uint64_t room)
{
	struct tcp_served_piece *p = heap_alloc(sizeof *p + room);
	if (p)
		p->room = room;
	return p;
}

static bool hold(struct tcp_served *c, const void *bytes, uint64_t size, bool copied)
{
	uint64_t room = copied ? size : 0;
	struct tcp_served_piece *p =
	        c->spare && c->spare->room >= room ? c->spare : piece_new(room);
	if (!p)
		return false;
	if (p == c->spare)
		c->spare = NULL;
	p->next = NULL;
	p->bytes = copied ? memcpy(p->data, bytes, size) : bytes;
	p->size = size;
	p->sent = 0;
	*c->last = p;
	c->last = &p->next;
	if (copied) {
		c->held += size;
		charge(c, c->copied + size, c->kept);
	}
	if (c->written == c->drained) { /* TCP has nothing, and no memory: the timer tries again */
		c->moved_at = clock_coarse();
		tcp_served_arm(c, c->moved_at + c->server->limits.stall_ns / 4);
	}
	return true;
}

/* Gives the layer a part of a piece, which it counts as what TCP gets. */
static uint64_t put_piece(struct tcp_served *c, struct tcp_served_piece *p, uint64_t left,
                          bool copied)
{
	uint64_t n = tcp_served_layer(c)->write(c, p->bytes + p->sent, left);
	if (copied) {
		c->held -= n;
		charge(c, c->copied > n ? c->copied - n : 0, c->kept);
	}
	p->sent += n;
	return n;
}

void tcp_served_pump(struct tcp_served *c)
{
	struct tcp_served_piece *p;
	if (!tcp_served_flushed(c))
		return;
	while ((p = c->pieces)) {
		uint64_t left = p->size - p->sent;
		bool copied = p->bytes == p->data;
		if (tcp_served_layer(c)) {
			if (put_piece(c, p, left, copied) < left)
				return;
			c->pieces = p->next;
			if (!p->next)
				c->last = &c->pieces;
			heap_free(p);
			continue;
		}
		uint64_t n =
		        copied ? tcp_write_some(c->tcp, p->bytes + p->sent,
		                                left < UINT32_MAX ? (uint32_t)left : UINT32_MAX)
		        : tcp_write_static(c->tcp, p->bytes, left) == OK ? left
		                                                         : 0;
		if (n && c->written == c->drained)
			c->moved_at = clock_coarse();
		c->written += n;
		c->held -= copied ? n : 0;
		p->sent += n;
		if (p->sent < p->size)
			return;
		c->pieces = p->next;
		if (!p->next)
			c->last = &c->pieces;
		heap_free(p);
	}
}

bool tcp_served_reserve(struct tcp_served *c, uint64_t size)
{
	uint64_t room = c->pieces ? 0 : tcp_write_room(c->tcp);
	if (!tcp_served_room(c, size))
		return false;
	if (size + RESERVE <= room || (c->spare && c->spare->room >= size + RESERVE - room))
		return true;
	heap_free(c->spare);
	c->spare = piece_new(size + RESERVE - room);
	return c->spare;
}

int tcp_served_write(struct tcp_served *c, const void *bytes, uint32_t size)
{
	if (!c->tcp || c->state == TCP_SERVED_LINGER)
		return ERR_CLOSED;
	if (size > TCP_SERVED_SMALL && !tcp_served_room(c, size))
		return ERR_MEMORY;
	uint32_t n = 0;
	if (!c->pieces && tcp_served_layer(c)) {
		n = (uint32_t)tcp_served_layer(c)->write(c, bytes, size);
	} else if (!c->pieces) {
		n = tcp_write_some(c->tcp, bytes, size);
		account(c, n, true);
	}
	if (n == size || hold(c, (const uint8_t *)bytes + n, size - n, true))
		return OK;
	c->broken |= n != 0;
	return ERR_MEMORY;
}

int tcp_served_write_static(struct tcp_served *c, const void *bytes, uint64_t size)
{
	if (!c->tcp || c->state == TCP_SERVED_LINGER)
		return ERR_CLOSED;
	if (tcp_served_layer(c)) {
		uint64_t n = c->pieces ? 0 : tcp_served_layer(c)->write(c, bytes, size);
		bool taken = n == size || hold(c, (const uint8_t *)bytes + n, size - n, false);
		c->broken |= !taken && n;
		return taken ? OK : ERR_MEMORY;
	}
	int error = c->pieces ? ERR_MEMORY : tcp_write_static(c->tcp, bytes, size);
	if (!error)
		account(c, size, false);
	return error == ERR_MEMORY && hold(c, bytes, size, false) ? OK : error;
}

bool tcp_served_over(struct tcp_served *c)
{
	tcp_served_look(c);
	if (!c->pieces && c->written - c->drained <= c->server->limits.unsent_max)
		return false;
	c->paused = true;
	return true;
}

/* ---- In a task ---- */

/* After a wait that ended with `error`: shall it go on? */
static int patience(struct tcp_served *c, int error)
{
	bool moved = tcp_served_look(c);
	return error == ERR_TIMEOUT && moved ? OK : error;
}

static int drain(struct tcp_served *c)
{
	int error = OK;
	while (!error && (tcp_served_sending(c) || !tcp_served_flushed(c))) {
		tcp_served_pump(c);
		error = patience(c, tcp_drain(c->tcp, clock_now() + c->server->limits.stall_ns));
	}
	return error;
}

/* Through the layer: what it could not give to TCP is waited for. */
static int task_put(struct tcp_served *c, const uint8_t *at, uint64_t size)
{
	int error = c->pieces ? drain(c) : OK;
	while (!error && size) {
		uint64_t n = tcp_served_layer(c)->write(c, at, size);
		at += n;
		size -= n;
		while (size && !error && !tcp_served_flushed(c))
			error = patience(c, tcp_served_layer(c)->flush_in_task(
			                            c, clock_now() + c->server->limits.stall_ns));
	}
	return error;
}

int tcp_served_task_write(struct tcp_served *c, const void *bytes, uint32_t size)
{
	const uint8_t *at = bytes;
	int error = OK;
	if (tcp_served_layer(c))
		return task_put(c, bytes, size);
	/* Short of memory: no more than is on its way. */
	if (c->pieces || c->server->charged + size > c->server->limits.buffers_max)
		error = drain(c);
	while (!error && size) {
		uint32_t n = tcp_write_some(c->tcp, at, size);
		tcp_served_wrote(c, n, true);
		at += n;
		size -= n;
		if (!size)
			break;
		/* There is no room: waits for that of one byte. */
		error = tcp_write(c->tcp, at, 1, clock_now() + c->server->limits.stall_ns);
		if (!error) {
			tcp_served_wrote(c, 1, true);
			at++;
			size--;
		}
		error = patience(c, error);
	}
	return error;
}

int tcp_served_task_write_static(struct tcp_served *c, const void *bytes, uint64_t size)
{
	if (tcp_served_layer(c))
		return task_put(c, bytes, size);
	int error = c->pieces ? ERR_MEMORY : tcp_write_static(c->tcp, bytes, size);
	if (error == ERR_MEMORY) {
		error = drain(c);
		error = error ? error : tcp_write_static(c->tcp, bytes, size);
	}
	if (!error)
		tcp_served_wrote(c, size, false);
	return error;
}
