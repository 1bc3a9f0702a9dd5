/* SPDX-License-Identifier: ISC */
/*
 * What tests/tcp/run and bench/tcp talk to. Every stream is the same endless pseudo-random one, so that both ends know
 * each byte. Ports:
 *
 *   7   echo, by handlers: what the send buffer does not take is left in the receive window
 *   9   sink: reads to the end, answers with "COUNT ok" or "COUNT bad AT", by a task
 *   19  source: reads a number, a newline; sends so many bytes and closes, by a task
 *   20  the same from memory that never changes, without copying; at most STATIC_SIZE bytes
 *   79  figures: all of TCP's counters and the heap's, a line each
 *   99  client: reads a line "sink|source ADDRESS PORT COUNT", connects to there and sends or reads so many
 *       bytes; answers as the sink does
 */
#include "appliance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/task.h>
#include <net/tcp.h>

#define STREAM_SIZE (1u << 20) /* the stream repeats after so many bytes, and an offset of 8 KiB makes it another */
#define LINE_MAX    128u

static uint8_t *stream;

static void stream_make(void)
{
	uint64_t x = 0x9e3779b97f4a7c15u;
	stream = malloc(STREAM_SIZE);
	if (!stream)
		exit(2);
	for (uint32_t k = 0; k < STREAM_SIZE; k += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(stream + k, &x, 8);
	}
}

/* ---- Echo ---- */

static uint32_t echo(void *context, struct tcp_connection *c, const uint8_t *bytes, uint32_t size)
{
	(void)context;
	return tcp_write_some(c, bytes, size);
}

static void echo_writable(void *context, struct tcp_connection *c)
{
	(void)context;
	tcp_resume(c);
}

static void echo_finished(void *context, struct tcp_connection *c)
{
	(void)context;
	tcp_shutdown(c);
}

static const struct tcp_handlers echo_handlers = { .received = echo, .writable = echo_writable, .finished = echo_finished };

static bool echo_accept(void *context, struct tcp_connection *c)
{
	(void)context;
	tcp_watch(c, &echo_handlers, NULL);
	return true;
}

/* ---- Tasks ---- */

static void say(struct tcp_connection *c, const char *text)
{
	tcp_write(c, text, (uint32_t)strlen(text), CLOCK_NEVER);
}

/* Reads to the end of the stream, or `most` bytes, and says how it was. */
static void sink(struct tcp_connection *c, struct tcp_connection *report)
{
	uint64_t count = 0, bad = UINT64_MAX;
	const uint8_t *bytes;
	int64_t n;
	char text[LINE_MAX];
	while ((n = tcp_peek(c, &bytes, CLOCK_NEVER)) > 0) {
		for (uint32_t k = 0; k < n;) {
			uint32_t at = (uint32_t)(count & (STREAM_SIZE - 1)), part = STREAM_SIZE - at;
			part = part < n - k ? part : (uint32_t)n - k;
			if (memcmp(bytes + k, stream + at, part) != 0 && bad == UINT64_MAX)
				bad = count;
			count += part;
			k += part;
		}
		tcp_consume(c, (uint32_t)n);
	}
	if (n < 0)
		snprintf(text, sizeof text, "%llu error %s\n", (unsigned long long)count, error_text((int)n));
	else if (bad != UINT64_MAX)
		snprintf(text, sizeof text, "%llu bad %llu\n", (unsigned long long)count, (unsigned long long)bad);
	else
		snprintf(text, sizeof text, "%llu ok\n", (unsigned long long)count);
	say(report, text);
}

static int source(struct tcp_connection *c, uint64_t size)
{
	for (uint64_t at = 0; at < size;) {
		uint32_t from = (uint32_t)(at & (STREAM_SIZE - 1)), part = STREAM_SIZE - from;
		part = part < size - at ? part : (uint32_t)(size - at);
		part = part < 65536 ? part : 65536;
		int error = tcp_write(c, stream + from, part, CLOCK_NEVER);
		if (error)
			return error;
		at += part;
	}
	return OK;
}

static bool read_line(struct tcp_connection *c, char line[LINE_MAX])
{
	for (uint32_t n = 0; n < LINE_MAX - 1; n++) {
		if (tcp_read_all(c, line + n, 1, CLOCK_NEVER))
			return false;
		if (line[n] == '\n') {
			line[n] = 0;
			return true;
		}
	}
	return false;
}

static void serve_sink(struct tcp_connection *c)
{
	sink(c, c);
}

static void serve_source(struct tcp_connection *c)
{
	char line[LINE_MAX];
	if (read_line(c, line))
		source(c, strtoull(line, NULL, 10));
}

static void serve_static(struct tcp_connection *c)
{
	char line[LINE_MAX];
	if (!read_line(c, line))
		return;
	for (uint64_t left = strtoull(line, NULL, 10); left;) {
		uint64_t part = left < STREAM_SIZE ? left : STREAM_SIZE;
		if (tcp_write_static(c, stream, part)) {
			tcp_drain(c, CLOCK_NEVER);
			continue;
		}
		left -= part;
	}
}

static void serve_figures(struct tcp_connection *c)
{
	char text[LINE_MAX];
	for (uint32_t k = 0; k < TCP_COUNT_MAX; k++) {
		snprintf(text, sizeof text, "%s %llu\n", tcp_counter_name(k), (unsigned long long)tcp_counter(k));
		say(c, text);
	}
	snprintf(text, sizeof text, "heap %llu\n", (unsigned long long)heap_figures().used);
	say(c, text);
}

static void serve_client(struct tcp_connection *c)
{
	char line[LINE_MAX], what[16], text[LINE_MAX];
	unsigned a[4], port;
	unsigned long long count;
	struct tcp_connection *to;
	if (!read_line(c, line))
		return;
	if (sscanf(line, "%15s %u.%u.%u.%u %u %llu", what, &a[0], &a[1], &a[2], &a[3], &port, &count) != 7) {
		say(c, "what?\n");
		return;
	}
	int error = tcp_connect(&to, a[0] << 24 | a[1] << 16 | a[2] << 8 | a[3], (uint16_t)port, NULL,
	                        clock_now() + 60 * NS_PER_S);
	if (error) {
		snprintf(text, sizeof text, "0 error %s\n", error_text(error));
		say(c, text);
		return;
	}
	if (strcmp(what, "source") == 0) {
		error = source(to, count);
		tcp_shutdown(to);
		if (!error)
			error = tcp_drain(to, CLOCK_NEVER);
		snprintf(text, sizeof text, "%llu %s\n", count, error ? error_text(error) : "ok");
		say(c, text);
	} else {
		snprintf(text, sizeof text, "%llu\n", count);
		say(to, text);
		sink(to, c);
	}
	tcp_close(to);
}

typedef void service_fn(struct tcp_connection *);

struct job {
	service_fn *serve;
	struct tcp_connection *c;
};

static void run_job(void *arg)
{
	struct job job = *(struct job *)arg;
	free(arg);
	job.serve(job.c);
	tcp_close(job.c);
}

static bool serve_accept(void *context, struct tcp_connection *c)
{
	struct job *job = malloc(sizeof *job);
	if (!job)
		return false;
	*job = (struct job){ .serve = *(service_fn **)context, .c = c };
	if (task_spawn("service", run_job, job))
		return true;
	free(job);
	return false;
}

int main(void)
{
	static const struct {
		service_fn *serve;
		uint16_t port;
	} services[] = { { serve_sink, 9 },     { serve_source, 19 },  { serve_static, 20 },
		         { serve_figures, 79 }, { serve_client, 99 } };
	struct tcp_listener *l;
	stream_make();
	if (tcp_listen(&l, 7, NULL))
		return 1;
	tcp_listen_watch(l, echo_accept, NULL);
	for (uint32_t k = 0; k < sizeof services / sizeof *services; k++) {
		if (tcp_listen(&l, services[k].port, NULL))
			return 1;
		tcp_listen_watch(l, serve_accept, (void *)&services[k].serve);
	}
	for (;;)
		task_sleep(UINT64_MAX);
}
