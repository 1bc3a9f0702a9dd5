/* SPDX-License-Identifier: ISC */
/*
 * core/log.h shows each line; it is queued as the message that it becomes. One task sends: it waits for a line, opens what
 * it sends by if that is not open, and takes the line out of the queue when it was handed over.
 */
#include <app/syslog/internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/metric.h>
#include <core/print.h>
#include <core/task.h>
#include <net/interface.h>
#include <net/resolver.h>
#include <net/tcp.h>
#include <net/tcp_served.h>
#include <net/udp.h>

#define QUEUE_LEAST  4096u
#define FACILITY_MAX 23u
#define PREFIX_MAX   8u /* "1024 " */

static struct {
	bool started;
	struct syslog_options options;
	struct syslog_origin origin;
	struct syslog_queue queue;
	struct syslog_counters counters;
	struct task *sender;
	struct task_queue wait;
	uint64_t sequence;
	uint64_t untold; /* lines dropped since the last line that told of some */
	/* What it sends by; all null: it is not open. */
	struct udp_socket *udp;
	struct net_address address; /* of udp */
	struct tcp_connection *tcp;
	void *stream; /* of the layer */
} s = { .wait = TASK_QUEUE_INIT(s.wait) };

/* ---- Taking lines ---- */

static bool queue_line(enum log_level level, const char *who, const char *text, size_t size)
{
	char message[SYSLOG_MESSAGE_MAX];
	uint32_t n = syslog_message(message, &s.origin, level, clock_wall(), s.sequence + 1, who,
	                            text, size);
	if (!syslog_queue_put(&s.queue, message, n))
		return false;
	s.sequence++;
	return true;
}

/* The line that says how many are missing comes where they would be. */
static bool tell_dropped(void)
{
	char text[64];
	if (!s.untold)
		return true;
	int n = print_text(text, sizeof text, "%llu lines were dropped: the queue was full",
	                   (unsigned long long)s.untold);
	if (!queue_line(LOG_WARNING, "syslog", text, (size_t)n))
		return false;
	s.untold = 0;
	return true;
}

static void take(enum log_level level, const char *who, const char *text, size_t size)
{
	if (task_self() && task_self() == s.sender)
		return;
	s.counters.lines++;
	if (!tell_dropped() || !queue_line(level, who, text, size)) {
		s.counters.dropped++;
		s.untold++;
		return;
	}
	task_wake_one(&s.wait);
}

/* ---- Sending ---- */

static bool is_layered(void)
{
	return tcp_served_layered && s.options.layer;
}

static void close_all(void)
{
	if (s.udp)
		udp_close(s.udp);
	if (s.tcp && is_layered())
		s.options.layer->close(s.stream);
	else if (s.tcp)
		tcp_close(s.tcp);
	s.udp = NULL;
	s.tcp = NULL;
	s.stream = NULL;
}

static int open_udp(uint64_t deadline)
{
	int n = resolver_lookup(s.options.host, &s.address, 1, deadline);
	if (n <= 0)
		return n ? n : ERR_ABSENT;
	int error = udp_open(&s.udp, NULL, 0, NULL, NULL);
	if (!error)
		udp_hear(s.udp, NULL);
	return error;
}

static int open_tcp(uint64_t deadline)
{
	const struct tcp_options options = { .no_delay = true, .user_timeout_ns = SYSLOG_WRITE_NS };
	struct tcp_connection *c;
	int error = resolver_connect(&c, s.options.host, s.options.port, &options, deadline);
	if (error)
		return error;
	if (is_layered()) {
		error = s.options.layer->open(&s.stream, s.options.layer_context, c, s.options.host,
		                              deadline);
		if (error) {
			tcp_close(c);
			return error;
		}
	}
	s.tcp = c;
	return OK;
}

/* What the receiver says is nothing that we want; but it may say that it is gone (RFC 6587 §3.4). */
static int look_at_peer(void)
{
	const uint8_t *bytes;
	int64_t n = is_layered() ? s.options.layer->peek(s.stream, &bytes, clock_now())
	                         : tcp_peek(s.tcp, &bytes, clock_now());
	if (n == ERR_TIMEOUT)
		return OK;
	if (n <= 0)
		return n ? (int)n : ERR_CLOSED;
	if (is_layered())
		s.options.layer->consume(s.stream, (uint32_t)n);
	else
		tcp_consume(s.tcp, (uint32_t)n);
	return OK;
}

/* An answer of ICMP's to an earlier datagram: nobody is there. */
static int hear_udp(void)
{
	uint8_t byte;
	int64_t n = udp_receive(s.udp, &byte, sizeof byte, NULL, NULL, clock_now());
	return n == ERR_REFUSED || n == ERR_UNREACHABLE ? (int)n : OK;
}

static int send_udp(const struct syslog_line *l)
{
	int error = s.udp ? hear_udp() : open_udp(clock_now() + SYSLOG_CONNECT_NS);
	return error ? error : udp_send(s.udp, s.address, s.options.port, l->bytes, l->size);
}

static int send_tcp(const struct syslog_line *l)
{
	char framed[PREFIX_MAX + SYSLOG_MESSAGE_MAX];
	int error = s.tcp ? look_at_peer() : open_tcp(clock_now() + SYSLOG_CONNECT_NS);
	if (error)
		return error;
	int n = print_text(framed, PREFIX_MAX, "%u ", l->size);
	memcpy(framed + n, l->bytes, l->size);
	uint64_t deadline = clock_now() + SYSLOG_WRITE_NS;
	uint32_t size = (uint32_t)n + l->size;
	return is_layered() ? s.options.layer->write(s.stream, framed, size, deadline)
	                    : tcp_write(s.tcp, framed, size, deadline);
}

static void send_all(void *arg)
{
	uint64_t retry = SYSLOG_RETRY_FIRST_NS;
	(void)arg;
	for (;;) {
		struct syslog_line *l = syslog_queue_first(&s.queue);
		if (!l) {
			task_wait(&s.wait, CLOCK_NEVER);
			continue;
		}
		uint32_t size = l->size;
		int error = s.options.tcp ? send_tcp(l) : send_udp(l);
		if (!error) {
			s.counters.sent++;
			s.counters.bytes += size;
			syslog_queue_drop_first(&s.queue);
			tell_dropped();
			retry = SYSLOG_RETRY_FIRST_NS;
			continue;
		}
		s.counters.failed++;
		close_all();
		log_warning("syslog", "%s, port %u: %s", s.options.host, s.options.port,
		            error_text(error));
		task_sleep_until(clock_now() + retry);
		retry = retry < s.options.retry_max_ns / 2 ? 2 * retry : s.options.retry_max_ns;
	}
}

int syslog_start(const struct syslog_options *o)
{
	if (!o->host || !*o->host)
		return OK;
	if (s.started)
		return ERR_EXISTS;
	if (o->facility > FACILITY_MAX || (o->queue_max && o->queue_max < QUEUE_LEAST))
		return ERR_INVALID;
	s.options = *o;
	s.options.tcp |= o->layer != NULL;
	s.options.port = o->port ? o->port : o->layer ? SYSLOG_TLS_PORT : SYSLOG_PORT;
	s.options.retry_max_ns = o->retry_max_ns ? o->retry_max_ns : SYSLOG_RETRY_MAX_NS;
	s.origin = (struct syslog_origin){
		.host = interface_host_name,
		.software = o->software ? o->software : interface_host_name,
		.version = o->version,
		.facility = o->facility ? o->facility : SYSLOG_FACILITY,
	};
	syslog_queue_open(&s.queue, o->queue_max ? o->queue_max : SYSLOG_QUEUE_DEFAULT);
	s.sender = task_spawn("syslog", send_all, NULL);
	if (!s.sender) {
		log_error("syslog", "no stack for the task that sends: the manifest has to grant "
		                    "one more");
		return ERR_MEMORY;
	}
	s.started = true;
	log_watch(take);
	if (metric_shown)
		syslog_metrics_add();
	return OK;
}

struct syslog_counters syslog_counters(void)
{
	struct syslog_counters c = s.counters;
	c.queued = s.queue.bytes;
	return c;
}
