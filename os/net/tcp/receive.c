/* SPDX-License-Identifier: ISC */
/*
 * A byte with sequence number s lies at ring[(head + s - taken) & (size - 1)], whether it came in
 * order or not; so what closes a gap makes what is behind it readable without moving anything. The
 * ring is as large as what waits demands, and goes when nothing does.
 */
#include <net/tcp/receive.h>

#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/panic.h>
#include <net/tcp/recovery.h>

#define RUNS_FIRST 8u
#define ROUND_MIN_NS                                                                               \
	(4 *                                                                                       \
	 NS_PER_MS) /* right-sizing looks no closer: on a fast path the scheduler makes the    \
	                   rounds */

_Static_assert(!(RECEIVE_RING_MIN & (RECEIVE_RING_MIN - 1)), "indices of rings are masked");
_Static_assert(RECEIVE_RUNS_MAX % RUNS_FIRST == 0 && RECEIVE_RUNS_MAX <= UINT16_MAX,
               "runs double up to the most that there may be");

static uint64_t memory; /* bytes of all rings */

static uint32_t highest(const struct tcp_receive *r)
{
	return r->run_count ? r->runs[r->run_count - 1].end : r->next;
}

static void release(struct tcp_receive *r)
{
	ensure(memory >= r->size);
	heap_free(r->ring);
	memory -= r->size;
	r->ring = NULL;
	r->size = r->head = 0;
}

static void runs_release(struct tcp_receive *r)
{
	heap_free(r->runs);
	r->runs = NULL;
	r->run_count = r->run_capacity = 0;
}

static void release_idle(struct tcp_receive *r)
{
	if (r->ring && r->taken == r->next && !r->run_count) {
		release(r);
		runs_release(r);
	}
}

void tcp_receive_open(struct tcp_receive *r, uint32_t next, uint32_t window, uint32_t max)
{
	*r = (struct tcp_receive){ .taken = next, .next = next, .window = window, .max = max };
}

void tcp_receive_set_max(struct tcp_receive *r, uint32_t max)
{
	r->max = max;
	r->window = r->window < max ? r->window : max;
}

void tcp_receive_close(struct tcp_receive *r)
{
	release(r);
	runs_release(r);
	r->taken = r->next;
}

/* A ring that holds [taken, end). */
static bool reserve(struct tcp_receive *r, uint32_t end)
{
	uint32_t span = end - r->taken, used = highest(r) - r->taken;
	ensure(span <= INT32_MAX && used <= r->size);
	if (span <= r->size)
		return true;
	uint64_t size = RECEIVE_RING_MIN;
	while (size < span)
		size *= 2;
	uint8_t *ring = heap_alloc(size);
	if (!ring)
		return false;
	if (used) {
		uint32_t first = r->size - r->head < used ? r->size - r->head : used;
		memcpy(ring, r->ring + r->head, first);
		memcpy(ring + first, r->ring, used - first);
	}
	release(r);
	r->ring = ring;
	r->size = (uint32_t)size;
	memory += size;
	return true;
}

void tcp_receive_duplicate(struct tcp_receive *r, uint32_t left, uint32_t right)
{
	bool untold = r->duplicate[0] != r->duplicate[1];
	if (untold && r->duplicate[1] == left) { /* it goes on */
		r->duplicate[1] = right;
		return;
	}
	if (untold && seq_lt(r->duplicate[0], left)) /* RFC 2883 §4.2.3: the first is told */
		return;
	r->duplicate[0] = left;
	r->duplicate[1] = right;
}

/* Runs that the advance of `next` has reached are in order now. What it has passed came again. */
static void swallow(struct tcp_receive *r)
{
	uint32_t gone = 0, end = r->next;
	while (gone < r->run_count && seq_le(r->runs[gone].seq, r->next)) {
		if (seq_lt(r->runs[gone].seq, end))
			tcp_receive_duplicate(r, r->runs[gone].seq,
			                      seq_min(r->runs[gone].end, end));
		r->next = seq_max(r->next, r->runs[gone].end);
		gone++;
	}
	ensure(gone == r->run_count || seq_lt(r->next, r->runs[gone].seq));
	if (gone) {
		r->run_count = (uint16_t)(r->run_count - gone);
		memmove(r->runs, r->runs + gone, r->run_count * sizeof r->runs[0]);
	}
}

/* Room for one more run. False: there are too many, or no memory. */
static bool runs_grow(struct tcp_receive *r)
{
	if (r->run_count < r->run_capacity)
		return true;
	if (r->run_count == RECEIVE_RUNS_MAX)
		return false;
	uint32_t capacity = r->run_capacity ? 2u * r->run_capacity : RUNS_FIRST;
	struct receive_run *runs = heap_resize(r->runs, capacity * sizeof *runs);
	if (!runs)
		return false;
	r->runs = runs;
	r->run_capacity = (uint16_t)capacity;
	return true;
}

/* Notes [seq, end) as there, ahead of the rest. False: too many runs. */
static bool run_add(struct tcp_receive *r, uint32_t seq, uint32_t end)
{
	uint32_t last = r->run_count; /* runs [first, last) touch it; what is new belongs near the
	                                 end as a rule */
	while (last && seq_lt(end, r->runs[last - 1].seq))
		last--;
	uint32_t first = last, after = r->run_count - last;
	while (first && seq_le(seq, r->runs[first - 1].end)) {
		first--;
		if (seq_lt(r->runs[first].seq, end) && seq_lt(seq, r->runs[first].end))
			tcp_receive_duplicate(r, seq_max(seq, r->runs[first].seq),
			                      seq_min(end, r->runs[first].end));
		seq = seq_min(seq, r->runs[first].seq);
		end = seq_max(end, r->runs[first].end);
	}
	if (first == last && !runs_grow(r))
		return false;
	ensure(seq_lt(r->next, seq) && seq_lt(seq, end));
	memmove(r->runs + first + 1, r->runs + last, after * sizeof r->runs[0]);
	r->runs[first].seq = seq;
	r->runs[first].end = end;
	r->run_count = (uint16_t)(first + 1 + after);
	r->latest = seq;
	return true;
}

int64_t tcp_receive_put(struct tcp_receive *r, uint32_t seq, const uint8_t *bytes, uint32_t size)
{
	uint32_t before = r->next, end = seq + size;
	ensure(seq_le(r->next, seq) && size <= INT32_MAX);
	if (!size)
		return 0;
	if (!reserve(r, end) || (seq != r->next && !run_add(r, seq, end))) {
		release_idle(r);
		return ERR_MEMORY;
	}
	ensure(end - r->taken <= r->size);
	uint32_t at = (r->head + (seq - r->taken)) & (r->size - 1);
	uint32_t first = r->size - at < size ? r->size - at : size;
	memcpy(r->ring + at, bytes, first);
	memcpy(r->ring, bytes + first, size - first);
	if (seq == r->next) {
		r->next = end;
		swallow(r);
	}
	return r->next - before;
}

static void advance(struct tcp_receive *r, uint32_t size)
{
	r->taken += size;
	r->round_bytes += size;
	if (r->size)
		r->head = (r->head + size) & (r->size - 1);
	release_idle(r);
}

int64_t tcp_receive_pass(struct tcp_receive *r, uint32_t size)
{
	uint32_t before = r->next;
	ensure(r->next == r->taken && size <= INT32_MAX);
	r->next += size;
	swallow(r);
	advance(r, size);
	return r->next - before;
}

uint32_t tcp_receive_peek(const struct tcp_receive *r, const uint8_t **bytes)
{
	uint32_t there = tcp_receive_unread(r);
	if (!there)
		return 0;
	*bytes = r->ring + r->head;
	return r->size - r->head < there ? r->size - r->head : there;
}

void tcp_receive_take(struct tcp_receive *r, uint32_t size, uint64_t now)
{
	(void)now;
	ensure(size <= tcp_receive_unread(r));
	advance(r, size);
}

uint32_t tcp_receive_sacks(struct tcp_receive *r, uint32_t blocks[][2], uint32_t most)
{
	uint32_t n = 0;
	if (r->duplicate[0] != r->duplicate[1] && n < most) { /* RFC 2883 §4 */
		memcpy(blocks[n++], r->duplicate, sizeof r->duplicate);
		r->duplicate[0] = r->duplicate[1] = 0;
	}
	/* RFC 2018 §4: the run that changed last goes first, so that a lost acknowledgment costs
	 * least. */
	uint32_t latest = 0;
	while (latest < r->run_count &&
	       (seq_lt(r->latest, r->runs[latest].seq) || seq_le(r->runs[latest].end, r->latest)))
		latest++;
	if (latest < r->run_count && n < most) {
		blocks[n][0] = r->runs[latest].seq;
		blocks[n++][1] = r->runs[latest].end;
	}
	/* Then those before and after it in turn: what is near was told longest ago on a lossy
	 * path. */
	for (uint32_t k = r->run_count; k-- > 0 && n < most;) {
		if (k == latest)
			continue;
		blocks[n][0] = r->runs[k].seq;
		blocks[n++][1] = r->runs[k].end;
	}
	return n;
}

uint32_t tcp_receive_window(struct tcp_receive *r, uint64_t rtt_ns, bool pressure, uint64_t now)
{
	uint64_t passed = now - r->round_start,
	         round = rtt_ns < ROUND_MIN_NS ? ROUND_MIN_NS : rtt_ns;
	/* Right-sizing: a sender in slow start delivers twice as much in the next round trip as in
	 * this one, and has begun the one after that when this is told. A round much longer than a
	 * round trip measures the application's pauses: no reason to grow. */
	if (rtt_ns && r->round_start && passed < 4 * round && !pressure) {
		uint64_t wanted = 4ull * r->round_bytes;
		wanted = wanted > r->max ? r->max : wanted;
		r->window = wanted > r->window ? (uint32_t)wanted : r->window;
	}
	if (rtt_ns && passed >= round) {
		r->round_start = now;
		r->round_bytes = 0;
	}
	uint32_t unread = tcp_receive_unread(r);
	return unread < r->window ? r->window - unread : 0;
}

uint64_t tcp_receive_memory(void)
{
	return memory;
}

bool tcp_receive_is_valid(const struct tcp_receive *r)
{
	uint32_t at = r->next;
	if (r->run_count > r->run_capacity || r->run_capacity > RECEIVE_RUNS_MAX ||
	    (r->size & (r->size - 1)) || (r->size == 0) != (r->ring == NULL))
		return false;
	for (uint32_t k = 0; k < r->run_count; k++) {
		if (!seq_lt(at, r->runs[k].seq) || !seq_lt(r->runs[k].seq, r->runs[k].end))
			return false;
		at = r->runs[k].end;
	}
	return highest(r) - r->taken <= r->size && (!r->size || r->head < r->size) &&
	       (r->ring == NULL || highest(r) != r->taken) && r->window <= r->max;
}
