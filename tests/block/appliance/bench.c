/* SPDX-License-Identifier: ISC */
/* Random reads, `depth` in flight: each request goes out again from its own done, as a server's
 * would. */
#include <core/clock.h>
#include <core/error.h>
#include <core/loop.h>
#include <core/task.h>

#include "try.h"

#define DEPTH_MAX 1024u

struct reader {
	struct block_request request;
	struct block_part part;
	uint64_t since; /* ns */
};

static struct reader readers[DEPTH_MAX];
static struct block *device;
static uint64_t random_state, places, end, count, latency_sum, latency_most;
static uint32_t in_flight;
static struct task_queue over = TASK_QUEUE_INIT(over);

static void go(struct reader *r)
{
	r->request.at = draw(&random_state) % places * r->part.size;
	r->since = clock_now();
	in_flight++;
	block_submit(device, &r->request);
}

static void done(struct block_request *request)
{
	struct reader *r = request->of;
	need(request->result == OK, "a read gave %d", request->result);
	uint64_t now = clock_now(), took = now - r->since;
	in_flight--;
	count++;
	latency_sum += took;
	if (took > latency_most)
		latency_most = took;
	if (now < end)
		go(r);
	else if (!in_flight)
		task_wake_all(&over);
}

void bench_run(struct block *b, uint64_t seed, uint32_t depth, uint64_t bytes, uint64_t ns)
{
	need(depth && depth <= DEPTH_MAX, "depth is 1 to %u", DEPTH_MAX);
	need(bytes && bytes <= b->size && bytes % b->sector_size == 0, "bytes do not fit");
	device = b;
	random_state = seed;
	places = b->size / bytes;
	for (uint32_t i = 0; i < depth; i++) {
		struct reader *r = &readers[i];
		r->part = (struct block_part){ pages_or_fail(bytes), bytes };
		r->request = (struct block_request){
			.op = BLOCK_READ, .parts = &r->part, .part_count = 1, .done = done, .of = r
		};
	}
	uint64_t start = clock_now();
	end = start + ns;
	for (uint32_t i = 0; i < depth; i++)
		go(&readers[i]);
	while (in_flight)
		task_wait(&over, CLOCK_NEVER);
	uint64_t took = clock_now() - start;
	struct loop_figures f = loop_figures();
	printf("{\"requests\": %llu, \"ns\": %llu, \"latency_mean_ns\": %llu, \"latency_max_ns\": "
	       "%llu, "
	       "\"waits\": %llu, \"waited_ns\": %llu}\n",
	       (unsigned long long)count, (unsigned long long)took,
	       (unsigned long long)(latency_sum / count), (unsigned long long)latency_most,
	       (unsigned long long)f.waits, (unsigned long long)f.waited_ns);
}
