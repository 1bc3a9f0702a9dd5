/* SPDX-License-Identifier: ISC */
/*
 * A connection from its 101 on. What the client sends is taken frame by frame; a reader that has not taken a message keeps what is
 * behind it in TCP's window. At its end, the connection below and the handle part (detach): the one says its last bytes in
 * net/tcp_served.h's LINGER, the other lives until its owner knows.
 */
#include <app/websocket/internal.h>

#include <string.h>

#include <core/heap.h>

struct websocket_counters websocket_all;

void websocket_counters(struct websocket_counters *to)
{
	*to = websocket_all;
}

static struct websocket *of(struct tcp_served *s)
{
	return http_connection_of(s)->taken;
}

const char *websocket_protocol(const struct websocket *w)
{
	return w->protocol;
}

bool websocket_is_deflated(const struct websocket *w)
{
	return w->agreed.deflate;
}

uint32_t websocket_code(const struct websocket *w)
{
	return w->code;
}

/* ---- The end ---- */

static void forget(struct timer *t)
{
	struct websocket *w = container_of(t, struct websocket, timer);
	if (!w->left && w->handlers) {
		w->left = true;
		if (w->handlers->ended)
			w->handlers->ended(w, w->context, w->code);
	}
	if (w->uses) /* the last one that waits comes back here */
		return;
	heap_free(w);
}

/* Not now: our callers look at it. */
void websocket_release(struct websocket *w)
{
	if (!w->served && !w->uses && (w->left || w->handlers))
		timer_set(&w->timer, clock_coarse(), forget);
}

static void free_buffer(struct websocket_buffer *b)
{
	heap_free(b->bytes);
	*b = (struct websocket_buffer){ .bytes = NULL };
}

/* The connection is no more the handle's. */
static void detach(struct websocket *w, uint32_t code)
{
	struct tcp_served *s = w->served;
	w->code = w->code ? w->code : code;
	w->served = NULL;
	http_connection_of(s)->taken = NULL;
	if (s->tcp)
		tcp_served_keep(s, 0);
	timer_stop(&w->timer);
	free_buffer(&w->in);
	if (w->agreed.deflate)
		w->options.deflate->ended(w);
	websocket_all.now--;
	task_wake_all(&w->readers);
	task_wake_all(&w->senders);
	if (w->handlers)
		timer_set(&w->timer, clock_coarse(), forget);
	else
		websocket_release(w);
}

/* (ends) What was written goes out, and FIN. */
static void end(struct websocket *w, uint32_t code)
{
	struct tcp_served *s = w->served;
	detach(w, code);
	tcp_served_end(s);
}

void websocket_drop(struct websocket *w, uint32_t code)
{
	struct tcp_served *s = w->served;
	detach(w, code);
	tcp_served_drop_soon(s);
}

void websocket_fail(struct websocket *w, uint32_t code)
{
	websocket_all.failed += code == WEBSOCKET_PROTOCOL || code == WEBSOCKET_BAD_DATA;
	websocket_all.too_big += code == WEBSOCKET_TOO_BIG;
	if (!w->close_said)
		websocket_put_close(w, code, NULL, 0);
	if (w->served)
		end(w, code);
}

/* Our Close goes first. */
static void say_close(struct websocket *w, uint32_t code, const char *reason, uint32_t size)
{
	if (websocket_put_close(w, code, reason, size))
		return;
	w->code = code;
	w->close_said = true;
	w->close_by = clock_coarse() + w->options.close_ns;
	tcp_served_busy(w->served, CLOCK_NEVER);
	free_buffer(&w->in);
	task_wake_all(&w->readers);
	task_wake_all(&w->senders);
	websocket_arm(w);
	websocket_resume(w); /* to its answer */
}

int websocket_close(struct websocket *w, uint32_t code, const char *reason)
{
	struct websocket_utf8 u = { 0 };
	size_t size = reason ? strlen(reason) : 0;
	if (!websocket_code_is_sent(code) || size > WEBSOCKET_REASON_MAX ||
	    !websocket_utf8_next(&u, (const uint8_t *)reason, (uint32_t)size) || u.more)
		return ERR_INVALID;
	if (!w->served || w->close_said)
		return ERR_CLOSED;
	say_close(w, code, reason, (uint32_t)size);
	return OK;
}

/* ---- Times ---- */

static void tick(struct timer *);

void websocket_arm(struct websocket *w)
{
	const struct websocket_options *o = &w->options;
	uint64_t at = CLOCK_NEVER;
	if (w->close_by) {
		at = w->close_by;
	} else {
		if (w->pinged_at)
			at = w->pinged_at + o->pong_ns;
		else if (o->ping_ns != CLOCK_NEVER)
			at = w->heard_at + o->ping_ns;
		if (o->idle_ns && o->idle_ns != CLOCK_NEVER && w->message_at + o->idle_ns < at)
			at = w->message_at + o->idle_ns;
		if (w->end_by && w->end_by < at)
			at = w->end_by;
	}
	if (at != CLOCK_NEVER)
		timer_set(&w->timer, at, tick);
}

static void check(struct websocket *w, uint64_t now)
{
	const struct websocket_options *o = &w->options;
	struct tcp_served *s = w->served;
	if (w->close_by) {
		if (now >= w->close_by)
			end(w, WEBSOCKET_ABNORMAL);
		return;
	}
	if (w->end_by && now >= w->end_by) { /* its task does not come back for it */
		w->end_by = 0;
		w->hurried = true;
		websocket_resume(w);
		return;
	}
	/* What we do not take we cannot hear: its acknowledgments are heard then, or it is the reader's doing. */
	if (w->paused) {
		w->heard_at = now;
		w->pinged_at = 0;
	} else if (s->paused && s->moved_at > w->heard_at) {
		w->heard_at = s->moved_at;
		w->pinged_at = 0;
	}
	if (w->pinged_at && now >= w->pinged_at + o->pong_ns) {
		websocket_all.silent++;
		websocket_drop(w, WEBSOCKET_ABNORMAL);
	} else if (o->idle_ns && o->idle_ns != CLOCK_NEVER && !w->paused &&
	           now >= w->message_at + o->idle_ns) {
		websocket_all.late++;
		say_close(w, WEBSOCKET_GOING_AWAY, NULL, 0);
	} else if (!w->pinged_at && o->ping_ns != CLOCK_NEVER && now >= w->heard_at + o->ping_ns) {
		if (!websocket_put(w, 0x80 | OPCODE_PING, NULL, 0))
			w->pinged_at = now;
	}
	if (w->served && w->paused)
		w->message_at = now;
}

static void tick(struct timer *t)
{
	struct websocket *w = container_of(t, struct websocket, timer);
	struct tcp_served *s = w->served;
	tcp_served_enter(s);
	check(w, clock_coarse());
	if (w->served && !timer_is_set(&w->timer))
		websocket_arm(w);
	tcp_served_leave(s);
}

/* ---- Frames in ---- */

static void control_whole(struct websocket *w)
{
	const uint8_t *p = w->control;
	uint32_t size = (uint32_t)w->frame.size;
	struct websocket_utf8 u = { 0 };
	if (w->frame.opcode == OPCODE_PING && !w->close_said)
		websocket_put(w, 0x80 | OPCODE_PONG, p, size);
	if (w->frame.opcode != OPCODE_CLOSE)
		return;
	uint32_t code = size >= 2 ? (uint32_t)p[0] << 8 | p[1] : 0;
	if (size == 1 || (size && !websocket_code_is_sent(code))) {
		websocket_fail(w, WEBSOCKET_PROTOCOL);
	} else if (size && (!websocket_utf8_next(&u, p + 2, size - 2) || u.more)) {
		websocket_fail(w, WEBSOCKET_BAD_DATA);
	} else {
		if (!w->close_said)
			websocket_put_close(w, code, NULL, 0);
		if (w->served)
			end(w, code ? code : WEBSOCKET_NO_CODE);
	}
}

static uint32_t take_head(struct websocket *w, const uint8_t *bytes, uint32_t size)
{
	uint32_t before = w->head_size, n = sizeof w->head - before;
	n = n < size ? n : size;
	memcpy(w->head + before, bytes, n);
	int32_t found = websocket_frame_parse(&w->frame, w->head, before + n);
	if (!found) {
		w->head_size = (uint8_t)(before + n);
		return n;
	}
	w->head_size = 0;
	w->at = 0;
	w->in_frame = true;
	uint32_t code = found < 0                         ? WEBSOCKET_PROTOCOL
	                : w->frame.opcode >= OPCODE_CLOSE ? 0
	                                                  : websocket_message_frame(w);
	w->broken = code;
	return code ? size : (uint32_t)found - before;
}

static uint32_t take_payload(struct websocket *w, const uint8_t *bytes, uint32_t size)
{
	uint64_t left = w->frame.size - w->at;
	uint32_t n = size < left ? size : (uint32_t)left, code = 0;
	if (!n)
		return 0;
	if (w->frame.opcode >= OPCODE_CLOSE)
		websocket_unmask(w->control + w->at, bytes, n, w->frame.mask, w->at);
	else
		n = websocket_message_take(w, bytes, n, &code);
	w->at += n;
	w->broken = code;
	return n;
}

/* A frame is whole. */
static void frame_end(struct websocket *w)
{
	w->in_frame = false;
	if (w->frame.opcode >= OPCODE_CLOSE) {
		control_whole(w);
		return;
	}
	w->broken = websocket_message_frame_end(w);
}

/* Its task has a message of before this one to answer. */
static bool reader_works(const struct websocket *w)
{
	return !w->handlers && !w->left && !w->hurried && (w->is_ready || w->is_read) &&
	       !w->close_said;
}

/* Close, or what breaks a rule: the end. */
static bool is_end(const struct websocket *w)
{
	bool whole = w->in_frame && w->at == w->frame.size;
	return w->broken || (whole && w->frame.opcode == OPCODE_CLOSE);
}

/* It is the reader's turn, or the client has enough to take. */
static bool stops(struct websocket *w)
{
	bool waits = is_end(w)                        ? reader_works(w)
	             : !w->in_frame                   ? false
	             : w->frame.opcode < OPCODE_CLOSE ? websocket_message_waits(w)
	                                              : false;
	if (waits) {
		w->paused = true;
		if (is_end(w) && !w->end_by) {
			w->end_by = clock_coarse() + w->options.close_ns;
			websocket_arm(w);
		}
		if (w->in_message) /* the client owes nothing now */
			tcp_served_busy(w->served, CLOCK_NEVER);
		return true;
	}
	/* What is answered at once waits until the answers before it are taken. */
	bool answered = w->in_frame && (w->handlers || w->frame.opcode == OPCODE_PING);
	return answered && !is_end(w) && tcp_served_full(w->served);
}

static void step(struct websocket *w)
{
	uint32_t code = w->broken;
	if (code)
		websocket_fail(w, code);
	else
		frame_end(w);
}

static uint32_t take(struct websocket *w, const uint8_t *bytes, uint32_t size)
{
	uint32_t used = 0;
	while (w->served && !stops(w)) {
		if (w->broken || (w->in_frame && w->at == w->frame.size))
			step(w);
		else if (used == size)
			break;
		else if (!w->in_frame)
			used += take_head(w, bytes + used, size - used);
		else
			used += take_payload(w, bytes + used, size - used);
		if (w->served && w->options.pieces && w->in.size == w->options.piece_max)
			websocket_message_show(w);
	}
	if (!w->served)
		return size;
	websocket_message_show(w);
	if (w->served && w->short_of_memory)
		websocket_fail(w, WEBSOCKET_TRY_LATER);
	return w->served ? used : size;
}

static uint32_t received(struct tcp_served *s, const uint8_t *bytes, uint32_t size)
{
	struct websocket *w = of(s);
	if (!w)
		return size;
	uint32_t used = take(w, bytes, size);
	if (w->served && used) {
		s->got += used;
		w->heard_at = clock_coarse();
		w->pinged_at = 0;
	}
	return used;
}

void websocket_resume(struct websocket *w)
{
	struct tcp_served *s = w->served;
	if (!s || !w->paused)
		return;
	w->paused = false;
	tcp_served_enter(s);
	if (w->in_message && !w->options.pieces && !w->close_said)
		tcp_served_owed(s, WEBSOCKET_GRACE_NS, w->options.rate_min);
	take(w, NULL, 0);
	if (w->served && s->tcp)
		tcp_resume(s->tcp);
	tcp_served_leave(s);
}

/* ---- What TCP tells ---- */

static void finished(struct tcp_served *s)
{
	struct websocket *w = of(s);
	if (w)
		detach(w, WEBSOCKET_ABNORMAL);
	tcp_served_close(s);
}

static void writable(struct tcp_served *s)
{
	struct websocket *w = of(s);
	if (!w)
		return;
	task_wake_all(&w->senders);
	if (!w->paused) /* a frame may be whole, with nothing behind it */
		take(w, NULL, 0);
}

static void expired(struct tcp_served *s)
{
	struct websocket *w = of(s);
	if (!w) {
		tcp_served_drop(s);
	} else if (w->paused || tcp_served_full(s)) { /* it is not to send now */
		tcp_served_owed(s, WEBSOCKET_GRACE_NS, w->options.rate_min);
	} else {
		websocket_all.late++;
		websocket_fail(w, WEBSOCKET_POLICY);
	}
}

static void stopping(struct tcp_served *s)
{
	struct websocket *w = of(s);
	if (w && !w->close_said)
		say_close(w, WEBSOCKET_GOING_AWAY, NULL, 0);
}

static void ended(struct tcp_served *s)
{
	struct websocket *w = of(s);
	if (w)
		detach(w, WEBSOCKET_ABNORMAL);
}

const struct tcp_served_protocol websocket_served = { .size = sizeof(struct http_connection),
	                                              .received = received,
	                                              .finished = finished,
	                                              .writable = writable,
	                                              .expired = expired,
	                                              .stopping = stopping,
	                                              .ended = ended };

void websocket_begin(struct websocket *w, struct tcp_served *s)
{
	w->served = s;
	w->heard_at = w->message_at = clock_coarse();
	websocket_all.connections++;
	websocket_all.now++;
	websocket_account(w);
	websocket_arm(w);
}
