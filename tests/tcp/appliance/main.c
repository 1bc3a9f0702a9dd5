/* SPDX-License-Identifier: ISC */
/*
 * What tests/tcp/run and bench/tcp talk to. Every stream is the same endless pseudo-random one, so
 * that both ends know each byte. Ports:
 *
 *   7   echo, by handlers: what the send buffer does not take is left in the receive window
 *   9   sink: reads to the end, answers with "COUNT ok" or "COUNT bad AT", by a task
 *   10  the same, which answers with "COUNT ok SHA-256"
 *   11  as 9, by handlers: each byte is looked at where it came, and never copied
 *   12  count: reads to the end into memory of its own, as a socket's reader does, and answers with
 *       "COUNT ok"; 13 the same by handlers, where the bytes came: for bench/tcp
 *   19  source: reads a number, a newline; sends so many bytes and closes, by a task
 *   20  the same from memory that never changes, without copying; at most STATIC_SIZE bytes
 *   21  as 19, from memory that is something else as soon as tcp_write has returned
 *   79  figures: all of TCP's counters and the heap's, a line each
 *   99  client: reads a line "sink|digest|source|echoes ADDRESS PORT COUNT", connects to there, and
 * answers a line. sink, digest: asks for so many bytes as from port 19, and answers as ports 9 and
 * 10 do. source: sends so many, and tells what the peer said to them after the end (a half-close).
 * echoes: so many connections, by handlers, open at once; each sends ECHO_SIZE bytes and wants them
 * back: "COUNT ok" or how many did not do.
 */
#include "appliance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/file.h>
#include <core/heap.h>
#include <core/sha256.h>
#include <core/task.h>
#include <net/tcp.h>

#define STREAM_SIZE                                                                                \
	1048573u /* the stream repeats after so many bytes: a prime, as no buffer's size is */
#define LINE_MAX  160u
#define ECHO_SIZE 4096u /* bytes of each connection of "echoes" */

static const uint8_t *stream; /* compiled in, so that port 20 sends it as it lies */
static uint8_t *written; /* the same in memory that might change, from where port 19 sends it */

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

static const struct tcp_handlers echo_handlers = { .received = echo,
	                                           .writable = echo_writable,
	                                           .finished = echo_finished };

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

/* Reads to the end of the stream and says how it was. */
static void sink(struct tcp_connection *c, struct tcp_connection *report, bool digest)
{
	struct sha256 sha;
	char hex[2 * SHA256_SIZE + 2] = "";
	uint64_t count = 0, bad = UINT64_MAX;
	const uint8_t *bytes;
	int64_t n;
	char text[LINE_MAX];
	sha256_begin(&sha);
	while ((n = tcp_peek(c, &bytes, CLOCK_NEVER)) > 0) {
		if (digest)
			sha256_add(&sha, bytes, (size_t)n);
		for (uint32_t k = 0; k < n;) {
			uint32_t at = (uint32_t)(count % STREAM_SIZE), part = STREAM_SIZE - at;
			part = part < n - k ? part : (uint32_t)n - k;
			if (memcmp(bytes + k, stream + at, part) != 0 && bad == UINT64_MAX)
				bad = count;
			count += part;
			k += part;
		}
		tcp_consume(c, (uint32_t)n);
	}
	if (digest) {
		hex[0] = ' ';
		uint8_t sum[SHA256_SIZE];
		sha256_end(&sha, sum);
		for (uint32_t k = 0; k < sizeof sum; k++)
			snprintf(hex + 1 + 2 * k, 3, "%02x", sum[k]);
	}
	if (n < 0)
		snprintf(text, sizeof text, "%llu error %s\n", (unsigned long long)count,
		         error_text((int)n));
	else if (bad != UINT64_MAX)
		snprintf(text, sizeof text, "%llu bad %llu\n", (unsigned long long)count,
		         (unsigned long long)bad);
	else
		snprintf(text, sizeof text, "%llu ok%s\n", (unsigned long long)count, hex);
	say(report, text);
}

static void serve_count(struct tcp_connection *c)
{
	uint64_t count = 0;
	char text[LINE_MAX];
	uint8_t *room = malloc(STREAM_SIZE);
	int64_t n = room ? 0 : ERR_MEMORY;
	while (room && (n = tcp_read(c, room, STREAM_SIZE, CLOCK_NEVER)) > 0)
		count += (uint64_t)n;
	free(room);
	snprintf(text, sizeof text, "%llu %s\n", (unsigned long long)count,
	         n ? error_text((int)n) : "ok");
	say(c, text);
}

static int source(struct tcp_connection *c, uint64_t size, bool reuse)
{
	static uint8_t reused[300000]; /* not of the heap: it can be lent, but not sent from */
	uint8_t *room = reuse ? malloc(sizeof reused) : NULL;
	int error = OK;
	for (uint64_t at = 0; at < size;) {
		uint32_t from = (uint32_t)(at % STREAM_SIZE), part = STREAM_SIZE - from;
		part = part < size - at ? part : (uint32_t)(size - at);
		if (room) {
			uint8_t *to = at / sizeof reused % 2 ? reused : room;
			part = part < sizeof reused ? part : sizeof reused;
			memcpy(to, stream + from, part);
			error = tcp_write_through(c, to, part, CLOCK_NEVER);
			memset(to, 0xee, part);
		} else {
			error = tcp_write_through(c, written + from, part, CLOCK_NEVER);
		}
		if (error)
			break;
		at += part;
	}
	free(room);
	return error;
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
	sink(c, c, false);
}

static void serve_digest(struct tcp_connection *c)
{
	sink(c, c, true);
}

static void serve_source(struct tcp_connection *c)
{
	char line[LINE_MAX];
	if (read_line(c, line))
		source(c, strtoull(line, NULL, 10), false);
}

static void serve_reused(struct tcp_connection *c)
{
	char line[LINE_MAX];
	if (read_line(c, line))
		source(c, strtoull(line, NULL, 10), true);
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
		snprintf(text, sizeof text, "%s %llu\n", tcp_counter_name(k),
		         (unsigned long long)tcp_counter(k));
		say(c, text);
	}
	struct heap_figures heap = heap_figures();
	snprintf(text, sizeof text, "heap %llu\nheap_total %llu\n", (unsigned long long)heap.used,
	         (unsigned long long)heap.total);
	say(c, text);
}

/* ---- A sink by handlers ---- */

struct seen {
	uint64_t count, bad; /* bytes; where the first wrong one was, UINT64_MAX: nowhere */
};

static uint32_t seen_received(void *context, struct tcp_connection *c, const uint8_t *bytes,
                              uint32_t size)
{
	struct seen *s = context;
	(void)c;
	for (uint32_t k = 0; k < size;) {
		uint32_t at = (uint32_t)(s->count % STREAM_SIZE), part = STREAM_SIZE - at;
		part = part < size - k ? part : size - k;
		if (memcmp(bytes + k, stream + at, part) != 0 && s->bad == UINT64_MAX)
			s->bad = s->count;
		s->count += part;
		k += part;
	}
	return size;
}

static void seen_finished(void *context, struct tcp_connection *c)
{
	struct seen *s = context;
	char text[LINE_MAX];
	int n = s->bad == UINT64_MAX
	                ? snprintf(text, sizeof text, "%llu ok\n", (unsigned long long)s->count)
	                : snprintf(text, sizeof text, "%llu bad %llu\n",
	                           (unsigned long long)s->count, (unsigned long long)s->bad);
	tcp_write_some(c, text, (uint32_t)n);
	tcp_shutdown(c);
}

static void seen_closed(void *context, struct tcp_connection *c, int reason)
{
	(void)c;
	(void)reason;
	free(context);
}

static uint32_t count_received(void *context, struct tcp_connection *c, const uint8_t *bytes,
                               uint32_t size)
{
	struct seen *s = context;
	(void)c;
	(void)bytes;
	s->count += size;
	return size;
}

static const struct tcp_handlers seen_handlers = { .received = seen_received,
	                                           .finished = seen_finished,
	                                           .closed = seen_closed };

static const struct tcp_handlers count_handlers = { .received = count_received,
	                                            .finished = seen_finished,
	                                            .closed = seen_closed };

/* context: the handlers. */
static bool seen_accept(void *context, struct tcp_connection *c)
{
	struct seen *s = malloc(sizeof *s);
	if (!s)
		return false;
	*s = (struct seen){ .bad = UINT64_MAX };
	tcp_watch(c, context, s);
	return true;
}

/* ---- Many connections at once ---- */

struct many {
	uint32_t count, opened, done, failed;
	struct task_queue queue; /* the task that waits for all of them */
};

struct one {
	struct many *many;
	struct tcp_connection *c; /* null: gone */
	uint32_t from;            /* in the stream */
	uint32_t sent, got;
};

static void one_write(struct one *o)
{
	o->sent += tcp_write_some(o->c, stream + o->from + o->sent, ECHO_SIZE - o->sent);
}

static void one_opened(void *context, struct tcp_connection *c)
{
	struct one *o = context;
	(void)c;
	if (++o->many->opened + o->many->failed == o->many->count)
		task_wake_all(&o->many->queue);
}

static uint32_t one_received(void *context, struct tcp_connection *c, const uint8_t *bytes,
                             uint32_t size)
{
	struct one *o = context;
	(void)c;
	if (o->got > ECHO_SIZE)
		return size;
	if (size > ECHO_SIZE - o->got || memcmp(bytes, stream + o->from + o->got, size) != 0) {
		o->many->failed++;
		o->got = UINT32_MAX; /* never done */
		return size;
	}
	o->got += size;
	if (o->got == ECHO_SIZE)
		o->many->done++;
	if (o->many->done + o->many->failed >= o->many->count)
		task_wake_all(&o->many->queue);
	return size;
}

static void one_writable(void *context, struct tcp_connection *c)
{
	(void)c;
	one_write(context);
}

static void one_closed(void *context, struct tcp_connection *c, int reason)
{
	struct one *o = context;
	(void)c;
	(void)reason;
	o->c = NULL;
	o->many->failed++;
	task_wake_all(&o->many->queue);
}

static const struct tcp_handlers one_handlers = { .opened = one_opened,
	                                          .received = one_received,
	                                          .writable = one_writable,
	                                          .closed = one_closed };

static void echoes(struct tcp_connection *report, struct net_address address, uint16_t port,
                   uint32_t count)
{
	struct many many = { .count = count };
	struct one *ones = calloc(count, sizeof *ones);
	uint64_t deadline = clock_now() + 120 * NS_PER_S;
	char text[LINE_MAX];
	if (!ones) {
		say(report, "no memory\n");
		return;
	}
	task_queue_init(&many.queue);
	for (uint32_t k = 0; k < count; k++) {
		ones[k] =
		        (struct one){ .many = &many, .from = k * 997u % (STREAM_SIZE - ECHO_SIZE) };
		if (tcp_connect_watch(&ones[k].c, address, port, NULL, &one_handlers, &ones[k]))
			many.failed++;
	}
	while (many.opened + many.failed < count && !task_wait(&many.queue, deadline)) {
	}
	uint32_t opened = many.opened;
	for (uint32_t k = 0; k < count && opened == count; k++)
		one_write(&ones[k]);
	while (many.done + many.failed < count && !task_wait(&many.queue, deadline)) {
	}
	for (uint32_t k = 0; k < count; k++)
		if (ones[k].c)
			tcp_close(ones[k].c);
	free(ones);
	if (many.done == count)
		snprintf(text, sizeof text, "%u ok\n", count);
	else
		snprintf(text, sizeof text, "%u opened, %u done, %u failed\n", opened, many.done,
		         many.failed);
	say(report, text);
}

/* ---- The client ---- */

static void serve_client(struct tcp_connection *c)
{
	char line[LINE_MAX], what[16], to_text[NET_ADDRESS_TEXT_MAX], text[LINE_MAX];
	struct net_address address;
	unsigned port;
	unsigned long long count;
	struct tcp_connection *to;
	if (!read_line(c, line))
		return;
	if (sscanf(line, "%15s %45s %u %llu", what, to_text, &port, &count) != 4 ||
	    !net_address_parse(to_text, &address)) {
		say(c, "what?\n");
		return;
	}
	if (strcmp(what, "echoes") == 0) {
		echoes(c, address, (uint16_t)port, (uint32_t)count);
		return;
	}
	int error = tcp_connect(&to, address, (uint16_t)port, NULL, clock_now() + 60 * NS_PER_S);
	if (error) {
		snprintf(text, sizeof text, "0 error %s\n", error_text(error));
		say(c, text);
		return;
	}
	if (strcmp(what, "source") == 0) {
		error = source(to, count, false);
		tcp_shutdown(to);
		if (!error && !read_line(to, line))
			error = ERR_CLOSED;
		snprintf(text, sizeof text, "%llu %s %s\n", count, error ? error_text(error) : "ok",
		         error ? "" : line);
		say(c, text);
	} else {
		snprintf(text, sizeof text, "%llu\n", count);
		say(to, text);
		sink(to, c, strcmp(what, "digest") == 0);
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
	} services[] = { { serve_sink, 9 },     { serve_digest, 10 }, { serve_count, 12 },
		         { serve_source, 19 },  { serve_static, 20 }, { serve_reused, 21 },
		         { serve_figures, 79 }, { serve_client, 99 } };
	struct tcp_listener *l;
	const struct file *f = file_find("stream");
	if (!f || f->size != STREAM_SIZE)
		return 2;
	stream = f->data;
	written = malloc(STREAM_SIZE);
	if (!written)
		return 2;
	memcpy(written, stream, STREAM_SIZE);
	task_sleep_until(clock_now() + arg_late() * NS_PER_S);
	if (tcp_listen(&l, NULL, 7, NULL))
		return 1;
	tcp_listen_watch(l, echo_accept, NULL);
	if (tcp_listen(&l, NULL, 11, NULL))
		return 1;
	tcp_listen_watch(l, seen_accept, (void *)&seen_handlers);
	if (tcp_listen(&l, NULL, 13, NULL))
		return 1;
	tcp_listen_watch(l, seen_accept, (void *)&count_handlers);
	for (uint32_t k = 0; k < sizeof services / sizeof *services; k++) {
		if (tcp_listen(&l, NULL, services[k].port, NULL))
			return 1;
		tcp_listen_watch(l, serve_accept, (void *)&services[k].serve);
	}
	for (;;)
		task_sleep_until(CLOCK_NEVER);
}
