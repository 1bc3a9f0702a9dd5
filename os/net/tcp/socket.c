/* SPDX-License-Identifier: ISC */
/* The calls of net/tcp.h on a connection: those that wait do so on the connection's queue, which
 * every change wakes. */
#include <net/tcp/internal.h>

#include <core/boot.h>
#include <core/file.h>
#include <net/interface_internal.h>

#define LEND_MIN         (64u << 10)     /* bytes: below, a copy costs less than the wait */
#define LEND_REST        (512u << 10)    /* so few are copied rather than waited for */
#define SHORT_RING       2048u           /* bytes that a ring may have while memory is short */
#define LEND_RTT_NS      NS_PER_MS       /* on longer paths the wait would cost what it saves */
#define LEND_PATIENCE_NS (NS_PER_MS / 2) /* from one acknowledgment to the next */

/* ---- Opening ---- */

static int start(struct tcp_connection **to, uint32_t address, uint16_t port,
                 const struct tcp_options *o, const struct tcp_handlers *handlers, void *context)
{
	struct ip4_route route = { .tos = 0 };
	if (!port || !ip4_unicast(address))
		return ERR_INVALID;
	tcp_start();
	int error = ip4_route(&route, o->interface, address);
	if (error)
		return error;
	if (interface_broadcast(route.interface, address))
		return ERR_INVALID;
	struct tcp_address a = { .local = route.source,
		                 .remote = address,
		                 .local_port = o->local_port,
		                 .remote_port = port };
	if (!a.local_port)
		a.local_port = tcp_secret_port(a.local, a.remote, port);
	if (!a.local_port || tcp_table_find(&a) || tcp_wait_find(&a))
		return ERR_EXISTS;
	struct tcp_connection *c = tcp_connection_new(&a, &route, o);
	if (!c)
		return ERR_MEMORY;
	uint64_t now = clock_now();
	c->timestamps = c->sack = c->scaling = true;
	c->iss = tcp_secret_iss(&a, now);
	c->mss = tcp_output_mss(c);
	tcp_recovery_open(&c->recovery,
	                  &(struct recovery_setup){
	                          .iss = c->iss, .mss = c->mss, .congestion = o->congestion },
	                  now);
	c->queue_seq = c->small_end = c->iss + 1;
	c->state = TCP_SYN_SENT;
	c->told_drained = true;
	c->handlers = handlers;
	c->context = context;
	tcp_connection_work(c, WORK_OUTPUT);
	*to = c;
	return OK;
}

int tcp_connect_watch(struct tcp_connection **to, struct net_address address, uint16_t port,
                      const struct tcp_options *o, const struct tcp_handlers *handlers,
                      void *context)
{
	static const struct tcp_options none;
	o = o ? o : &none;
	uint32_t word = ip6_word(address, o->interface);
	int error = start(to, word, port, o, handlers, context);
	ip6_drop(word);
	return error;
}

int tcp_connect(struct tcp_connection **to, struct net_address address, uint16_t port,
                const struct tcp_options *o, uint64_t deadline_ns)
{
	struct tcp_connection *c;
	int error = tcp_connect_watch(&c, address, port, o, NULL, NULL);
	while (!error && !c->detached && !tcp_connection_synchronized(c)) {
		if (task_wait(&c->waiters, deadline_ns) && !c->detached &&
		    !tcp_connection_synchronized(c)) {
			tcp_abort(c);
			return ERR_TIMEOUT;
		}
	}
	if (!error && c->detached && c->error) {
		error = c->error;
		tcp_close(c);
	}
	if (!error)
		*to = c;
	return error;
}

void tcp_watch(struct tcp_connection *c, const struct tcp_handlers *handlers, void *context)
{
	c->handlers = handlers;
	c->context = context;
	if (handlers && (tcp_receive_unread(&c->receive) || c->finished || c->detached)) {
		c->close_told_later = c->detached;
		tcp_connection_work(c, WORK_SHOW);
	}
}

void tcp_resume(struct tcp_connection *c)
{
	tcp_connection_work(c, WORK_SHOW);
}

/* ---- Reading ---- */

int64_t tcp_peek(struct tcp_connection *c, const uint8_t **bytes, uint64_t deadline_ns)
{
	for (;;) {
		uint32_t size = tcp_receive_peek(&c->receive, bytes);
		if (size)
			return size;
		if (c->finished)
			return 0;
		if (c->detached)
			return c->error ? c->error : 0;
		int error = task_wait(&c->waiters, deadline_ns);
		if (error && !tcp_receive_unread(&c->receive) && !c->finished && !c->detached)
			return error;
	}
}

void tcp_consume(struct tcp_connection *c, uint32_t size)
{
	tcp_receive_take(&c->receive, size, clock_coarse());
	if (!c->detached)
		tcp_connection_work(c, WORK_OUTPUT); /* the window may open */
}

static bool nothing_to_read(const struct tcp_connection *c)
{
	return !tcp_receive_unread(&c->receive) && !c->finished && !c->detached;
}

/* Has the first bytes that come in order put where they are wanted, without a stay in the ring. How
 * many. */
static uint32_t wait_for(struct tcp_connection *c, void *to, uint32_t size, uint64_t deadline_ns)
{
	ensure(!c->read_room);
	c->read_to = to;
	c->read_room = size;
	int error = OK;
	while (!error && c->read_room == size && nothing_to_read(c))
		error = task_wait(&c->waiters, deadline_ns);
	uint32_t got = size - c->read_room;
	c->read_room = 0;
	return got;
}

int64_t tcp_read(struct tcp_connection *c, void *to, uint32_t size, uint64_t deadline_ns)
{
	const uint8_t *bytes;
	uint32_t got = 0;
	if (nothing_to_read(c) && !c->read_room)
		got = wait_for(c, to, size, deadline_ns);
	int64_t there =
	        got ? tcp_receive_peek(&c->receive, &bytes) : tcp_peek(c, &bytes, deadline_ns);
	while (there > 0 && got < size) { /* twice at most: the ring's two ends */
		uint32_t n = there < size - got ? (uint32_t)there : size - got;
		memcpy((uint8_t *)to + got, bytes, n);
		tcp_consume(c, n);
		got += n;
		there = tcp_receive_peek(&c->receive, &bytes);
	}
	return got ? got : there < 0 ? there : 0;
}

int tcp_read_all(struct tcp_connection *c, void *to, uint32_t size, uint64_t deadline_ns)
{
	for (uint32_t got = 0; got < size;) {
		int64_t n = tcp_read(c, (uint8_t *)to + got, size - got, deadline_ns);
		if (n <= 0)
			return n ? (int)n : ERR_CLOSED;
		got += (uint32_t)n;
	}
	return OK;
}

/* ---- Writing ---- */

static bool may_write(const struct tcp_connection *c)
{
	return !c->detached && !c->gone && !c->fin_wanted;
}

static int why_not(const struct tcp_connection *c)
{
	return c->detached && c->error ? c->error : ERR_CLOSED;
}

static void wrote(struct tcp_connection *c)
{
	c->told_drained = false;
	tcp_connection_work(c, WORK_OUTPUT);
}

uint32_t tcp_write_room(const struct tcp_connection *c)
{
	if (!may_write(c))
		return 0;
	uint32_t room = tcp_connection_room(c);
	if (!tcp_memory_short())
		return room;
	/* Short of memory: what the ring has room for, or a small ring: enough to keep going.
	 */
	ensure(c->queue.used <= c->queue.size);
	uint32_t ring = c->queue.size > SHORT_RING ? c->queue.size : SHORT_RING,
	         little = ring - c->queue.used;
	return room < little ? room : little;
}

uint32_t tcp_write_some(struct tcp_connection *c, const void *bytes, uint32_t size)
{
	uint32_t room = tcp_write_room(c),
	         n = tcp_queue_copy(&c->queue, bytes, size < room ? size : room);
	if (n < size)
		c->short_write = true;
	if (n)
		wrote(c);
	return n;
}

bool tcp_write_in_place(struct tcp_connection *c, uint32_t size, struct tcp_room *to)
{
	if (size > tcp_write_room(c) || !tcp_queue_reserve(&c->queue, size, to)) {
		c->short_write = true;
		return false;
	}
	wrote(c);
	return true;
}

int tcp_write(struct tcp_connection *c, const void *bytes, uint32_t size, uint64_t deadline_ns)
{
	for (;;) {
		if (!may_write(c))
			return why_not(c);
		uint32_t n = tcp_write_some(c, bytes, size);
		bytes = (const uint8_t *)bytes + n;
		size -= n;
		if (!size)
			return OK;
		/* Nothing will be acknowledged that could make room? */
		if (!n && !c->queue.total)
			return ERR_MEMORY;
		int error = task_wait(&c->waiters, deadline_ns);
		if (error && may_write(c) && !tcp_write_room(c))
			return error;
	}
}

/* ---- Writing without a copy: a task's large write on a short path ---- */

static bool pays_to_lend(const struct tcp_connection *c, uint32_t size)
{
	uint64_t rtt = c->recovery.rtt.srtt;
	return size >= LEND_MIN && may_write(c) && !c->queue.lent && !c->unsent_max && rtt &&
	       rtt < LEND_RTT_NS && tcp_queue_room(&c->queue) >= LEND_MIN;
}

/* Waits as long as acknowledgments come in quick succession, until few bytes are left to copy. */
static void let_go_out(struct tcp_connection *c, uint64_t deadline_ns)
{
	while (!c->detached && c->queue.lent > LEND_REST) {
		uint64_t patience = clock_now() + LEND_PATIENCE_NS;
		uint32_t before = c->queue.lent;
		int error = task_wait(&c->waiters, patience < deadline_ns ? patience : deadline_ns);
		if (error && c->queue.lent == before)
			return;
	}
}

/* Has the first bytes sent from where they lie, and copies what is not acknowledged soon. How many
 * bytes. */
static int64_t write_lent(struct tcp_connection *c, const void *bytes, uint32_t size,
                          uint64_t deadline_ns)
{
	struct task_queue sent;
	struct frame_lease lease = { .waiters = &sent };
	struct device *d = &c->route.interface->device;
	uint32_t room = tcp_queue_room(&c->queue);
	size = size < room ? size : room;
	int error = tcp_queue_lend(&c->queue, bytes, size);
	if (error)
		return error;
	task_queue_init(&sent);
	c->lease = boot_memory(bytes, size) ? &lease : NULL; /* else they are copied when they go */
	wrote(c);
	let_go_out(c, deadline_ns);
	while (!error && !c->detached && !tcp_queue_keep(&c->queue))
		error = task_wait(&c->waiters, deadline_ns);
	if (error && !c->detached && !tcp_queue_keep(&c->queue))
		tcp_connection_reset(c, error); /* its bytes will not be there for another try */
	c->lease = NULL;
	d->awaited++;
	while (lease.packets)
		task_wait(&sent, CLOCK_NEVER);
	d->awaited--;
	return c->detached ? why_not(c) : (int64_t)size;
}

int tcp_write_through(struct tcp_connection *c, const void *bytes, uint32_t size,
                      uint64_t deadline_ns)
{
	if (boot_constant(bytes, size) && tcp_write_static(c, bytes, size) == OK)
		return OK;
	while (pays_to_lend(c, size)) {
		int64_t n = write_lent(c, bytes, size, deadline_ns);
		if (n < 0)
			return (int)n;
		bytes = (const uint8_t *)bytes + n;
		size -= (uint32_t)n;
	}
	return tcp_write(c, bytes, size, deadline_ns);
}

int tcp_write_static(struct tcp_connection *c, const void *bytes, uint64_t size)
{
	if (!may_write(c))
		return why_not(c);
	int error = tcp_queue_static(&c->queue, bytes, size);
	if (!error)
		wrote(c);
	return error;
}

int tcp_send_file(struct tcp_connection *c, const struct file *file, uint64_t offset, uint64_t size)
{
	if (offset > file->size || size > file->size - offset)
		return ERR_INVALID;
	return tcp_write_static(c, (const uint8_t *)file->data + offset, size);
}

int tcp_drain(struct tcp_connection *c, uint64_t deadline_ns)
{
	while (c->queue.total && !c->detached) {
		int error = task_wait(&c->waiters, deadline_ns);
		if (error && c->queue.total && !c->detached)
			return error;
	}
	return c->detached && c->error ? c->error : OK;
}

/* ---- Ending ---- */

void tcp_shutdown(struct tcp_connection *c)
{
	if (!may_write(c))
		return;
	if (c->state == TCP_ESTABLISHED)
		c->state = TCP_FIN_WAIT_1;
	else if (c->state == TCP_CLOSE_WAIT)
		c->state = TCP_LAST_ACK;
	else
		return;
	c->fin_wanted = true;
	tcp_connection_work(c, WORK_OUTPUT);
}

/* When nobody can give it up any more it has to end by itself, whatever the peer does. */
static uint64_t orphans_end(const struct tcp_connection *c, uint64_t now)
{
	if (c->state == TCP_FIN_WAIT_2)
		return now + TCP_FIN_WAIT_NS;
	uint64_t seconds = c->queue.total / c->close_rate, most = TCP_TIMEOUT_MAX_NS / NS_PER_S;
	return now + c->user_timeout_ns + (seconds < most ? seconds : most) * NS_PER_S;
}

void tcp_close(struct tcp_connection *c)
{
	if (c->gone)
		return;
	c->handlers = NULL;
	c->orphan = true;
	if (c->detached)
		tcp_connection_free_soon(c);
	else if (!tcp_connection_synchronized(c) || tcp_receive_unread(&c->receive))
		tcp_connection_reset(c, ERR_CLOSED);
	else
		tcp_shutdown(c);
	if (!c->gone && !c->detached) {
		uint64_t now = clock_now();
		c->end_at = orphans_end(c, now);
		if (c->persist_backoff) /* the peer has its time from now on, however long it was probed */
			c->progress_at = now;
		tcp_connection_work(c, WORK_OUTPUT); /* which sets the timer */
	}
}

void tcp_abort(struct tcp_connection *c)
{
	if (c->gone)
		return;
	c->handlers = NULL;
	c->orphan = true;
	if (c->detached)
		tcp_connection_free_soon(c);
	else
		tcp_connection_reset(c, ERR_CLOSED);
}

void *tcp_context(const struct tcp_connection *c)
{
	return c->context;
}
