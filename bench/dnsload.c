/* SPDX-License-Identifier: ISC */
/*
 * A DNS load generator that knows what became of each query. It keeps a window of queries
 * outstanding over a few sockets (closed loop, the server's saturation) or sends at a fixed rate
 * (open loop, latency under a known load), in batches by sendmmsg and recvmmsg, and prints one JSON
 * object.
 *
 * Each socket owns a table of slots, one for each query that may be outstanding on it. A query's ID
 * is its slot's number with the slot's generation above, so an answer finds its query without a
 * search, and an answer that comes after its query was given up is recognized as late. An answer
 * counts only if its question is the query's, byte for byte. The loop never sleeps: the server must
 * not pay for waking its client. Time in passes without any work is counted instead: where
 * idle_share is near 0, this program was the limit, not the server.
 *
 * Datagrams go by sockets (sendmmsg, recvmmsg), or by an AF_XDP socket on the client's interface, which costs the load's
 * core a third: where the sockets would be the limit. The sockets of that are source ports.
 *
 * Latency is from just before a batch is sent (fixed rate: from when the query was due, so that a
 * stall counts for all that it delayed) to just after its batch is received.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/packets.h"

#define BATCH         32
#define ANSWER_MAX    4096
#define SOCKETS_MAX   64
#define SOCKET_BUFFER (8 << 20)
#define SECOND        1000000000ull
#define SCAN_NS       5000000ull /* between looks for queries to give up */
#define SUB_BITS      6          /* of the latency histogram: 1.6 % resolution */
#define BUCKETS       ((64 - SUB_BITS) << SUB_BITS)

struct query {
	uint16_t size; /* bytes of data */
	uint8_t *data; /* header and question, ID 0 */
};

struct slot {
	uint64_t since; /* when sent or due; 0: free */
	uint32_t query;
	uint16_t generation;
	uint16_t next_free;
};

struct channel {
	int fd;
	uint16_t first_free; /* NONE: none */
	struct slot *slots;
};
#define NONE       0xffff
#define FIRST_PORT 20000 /* with -i */

static struct query *queries;
static uint32_t query_count, query_next;
static struct channel channels[SOCKETS_MAX];
static unsigned socket_count = 4, slot_count, slot_bits;
static uint64_t histogram[BUCKETS], rcodes[16];
static bool echo;
static uint64_t sent, answered, lost, late, wrong, truncated, bytes_in, slowest, send_refused;
static volatile sig_atomic_t stopped;
static const char *interface; /* of AF_XDP; null: sockets */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list list;

	fputs("dnsload: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	exit(1);
}

/* ---- Queries ------------------------------------------------------------------------------------
 */

static int type_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} types[] = { { "A", 1 },     { "NS", 2 },     { "CNAME", 5 },  { "SOA", 6 },
		      { "PTR", 12 },  { "HINFO", 13 }, { "MX", 15 },    { "TXT", 16 },
		      { "RP", 17 },   { "AFSDB", 18 }, { "AAAA", 28 },  { "LOC", 29 },
		      { "SRV", 33 },  { "NAPTR", 35 }, { "DNAME", 39 }, { "SSHFP", 44 },
		      { "TLSA", 52 }, { "SPF", 99 },   { "ANY", 255 },  { "URI", 256 },
		      { "CAA", 257 } };

	if (!strncasecmp(name, "TYPE", 4))
		return atoi(name + 4);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (!strcasecmp(name, types[i].name))
			return types[i].number;
	return -1;
}

/* A name in presentation form to wire form. Returns its size, or -1. */
static int encode_name(const char *text, uint8_t *wire)
{
	int at = 1, label = 0;

	if (!strcmp(text, "."))
		text = "";
	for (; *text; text++) {
		int c = (unsigned char)*text;

		if (c == '.') {
			if (at - label - 1 == 0)
				return -1;
			wire[label] = (uint8_t)(at - label - 1);
			label = at++;
			continue;
		}
		if (c == '\\' && text[1] >= '0' && text[1] <= '9' && text[2] && text[3]) {
			c = (text[1] - '0') * 100 + (text[2] - '0') * 10 + text[3] - '0';
			text += 3;
		} else if (c == '\\' && text[1]) {
			c = (unsigned char)*++text;
		}
		if (at - label > 63 || at > 253)
			return -1;
		wire[at++] = (uint8_t)c;
	}
	wire[label] = (uint8_t)(at - label - 1);
	if (wire[label])
		wire[at++] = 0;
	return at;
}

static void add_query(const char *name, int type, bool edns)
{
	static const uint8_t opt[11] = { 0, 0, 41, 1232 >> 8, 1232 & 0xff };
	uint8_t wire[12 + 256 + 4 + sizeof opt] = { 0 };
	int size = encode_name(name, wire + 12);
	struct query *query;

	if (size < 0)
		die("bad name %s", name);
	size += 12;
	wire[5] = 1; /* one question */
	wire[size++] = (uint8_t)(type >> 8);
	wire[size++] = (uint8_t)type;
	wire[size++] = 0;
	wire[size++] = 1;
	if (edns) {
		wire[11] = 1;
		memcpy(wire + size, opt, sizeof opt);
		size += (int)sizeof opt;
	}
	if ((query_count & (query_count + 1)) == 0) {
		queries = realloc(queries, (query_count + 1) * 2 * sizeof *queries);
		if (!queries)
			die("out of memory");
	}
	query = &queries[query_count++];
	query->size = (uint16_t)size;
	query->data = malloc((size_t)size);
	if (!query->data)
		die("out of memory");
	memcpy(query->data, wire, (size_t)size);
}

/* dnsperf's format: NAME TYPE a line; ; and # begin a comment. */
static void read_queries(const char *path, bool edns)
{
	char line[2048], name[1100], type[32];
	FILE *file = fopen(path, "re");

	if (!file)
		die("%s: %s", path, strerror(errno));
	for (int number = 1; fgets(line, sizeof line, file); number++) {
		if (line[0] == ';' || line[0] == '#' || line[0] == '\n')
			continue;
		if (sscanf(line, "%1099s %31s", name, type) != 2 || type_number(type) < 0)
			die("%s:%d: expected NAME TYPE", path, number);
		add_query(name, type_number(type), edns);
	}
	fclose(file);
	if (!query_count)
		die("%s: no query", path);
}

/* ---- Latency
 * ------------------------------------------------------------------------------------- */

static unsigned bucket(uint64_t ns)
{
	unsigned high;

	if (ns < 1u << SUB_BITS)
		return (unsigned)ns;
	high = 63u - (unsigned)__builtin_clzll(ns);
	return ((high - SUB_BITS + 1) << SUB_BITS) +
	       (unsigned)(ns >> (high - SUB_BITS) & ((1u << SUB_BITS) - 1));
}

/* The middle of a bucket, in microseconds. */
static double bucket_us(unsigned b)
{
	unsigned high = b >> SUB_BITS, low = b & ((1u << SUB_BITS) - 1);

	if (!high)
		return b / 1e3;
	return ((double)((1ull << SUB_BITS) + low) + 0.5) * (double)(1ull << (high - 1)) / 1e3;
}

static double percentile(double share)
{
	uint64_t total = 0, seen = 0;

	for (unsigned b = 0; b < BUCKETS; b++)
		total += histogram[b];
	for (unsigned b = 0; b < BUCKETS; b++) {
		seen += histogram[b];
		if (total && (double)seen >= share * (double)total)
			return bucket_us(b);
	}
	return 0;
}

/* ---- Sockets
 * ------------------------------------------------------------------------------------- */

static void release(struct channel *channel, unsigned at)
{
	channel->slots[at].since = 0;
	channel->slots[at].generation++;
	channel->slots[at].next_free = channel->first_free;
	channel->first_free = (uint16_t)at;
}

static void open_channel(struct channel *channel, const struct sockaddr_in *server)
{
	int size = SOCKET_BUFFER;

	channel->fd = -1;
	if (interface)
		goto slots;
	channel->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (channel->fd < 0)
		die("socket: %s", strerror(errno));
	if (setsockopt(channel->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		setsockopt(channel->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (setsockopt(channel->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
		setsockopt(channel->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	if (connect(channel->fd, (const struct sockaddr *)server, sizeof *server) < 0)
		die("connect: %s", strerror(errno));
	slots:
	channel->slots = calloc(slot_count, sizeof *channel->slots);
	if (!channel->slots)
		die("out of memory");
	channel->first_free = NONE;
	for (unsigned i = slot_count; i-- > 0;)
		release(channel, i);
}

static void take_answer(struct channel *channel, const uint8_t *data, size_t size, uint64_t at,
                        bool count)
{
	const struct query *query;
	struct slot *slot;
	unsigned id, index;
	uint64_t ns;

	if (size < 12) {
		wrong++;
		return;
	}
	id = (unsigned)data[0] << 8 | data[1];
	index = id & ((1u << slot_bits) - 1);
	if (index >= slot_count) {
		wrong++;
		return;
	}
	slot = &channel->slots[index];
	if (!slot->since || (uint16_t)(slot->generation << slot_bits | index) != id) {
		late++;
		return;
	}
	query = &queries[slot->query];
	/* QR set (an echo's is not), the opcode QUERY, one question, and it is ours. */
	size_t question = query->size - 12u - (query->data[11] ? 11u : 0u);
	if (!(data[2] & 0x80) != echo || (echo && size != query->size) || (data[2] & 0x78) ||
	    data[4] || data[5] != 1 || size < 12 + question ||
	    memcmp(data + 12, query->data + 12, question) != 0) {
		wrong++;
		release(channel, index);
		return;
	}
	ns = at > slot->since ? at - slot->since : 0;
	release(channel, index);
	if (!count)
		return;
	answered++;
	bytes_in += size;
	truncated += data[2] >> 1 & 1;
	rcodes[data[3] & 15]++;
	histogram[bucket(ns)]++;
	if (ns > slowest)
		slowest = ns;
}

static bool counting; /* for take_packet */

static void take_packet(unsigned channel, const uint8_t *data, size_t size, uint64_t at)
{
	if (channel < socket_count)
		take_answer(&channels[channel], data, size, at, counting);
}

/* Takes what is there. Returns how many. */
static int receive(struct channel *channel, bool count)
{
	static uint8_t data[BATCH][ANSWER_MAX];
	static struct iovec parts[BATCH];
	static struct mmsghdr messages[BATCH];
	uint64_t at;
	int n;

	if (interface) { /* of all channels */
		counting = count;
		return packets_receive(take_packet, now);
	}
	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ data[i], ANSWER_MAX };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	n = recvmmsg(channel->fd, messages, BATCH, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return 0;
	at = now();
	for (int i = 0; i < n; i++)
		take_answer(channel, data[i], messages[i].msg_len, at, count);
	return n;
}

/* Sends up to most queries. due: when the first was due, and the time between two (0, 0: now).
 * Returns how many. */
static int transmit(struct channel *channel, int most, double due, double step, bool count)
{
	static uint8_t data[BATCH][512];
	static struct iovec parts[BATCH];
	static struct mmsghdr messages[BATCH];
	static unsigned index[BATCH];
	uint64_t at = now();
	int n = 0, done;

	while (n < most && n < BATCH && channel->first_free != NONE) {
		unsigned i = channel->first_free;
		struct slot *slot = &channel->slots[i];
		const struct query *query = &queries[query_next];
		unsigned id = (uint16_t)(slot->generation << slot_bits | i);
		uint8_t *to = data[n];

		if (interface && !(to = packets_reserve((unsigned)(channel - channels))))
			break;
		channel->first_free = slot->next_free;
		slot->query = query_next;
		slot->since = step > 0 ? (uint64_t)(due + step * n) : at;
		query_next = query_next + 1 == query_count ? 0 : query_next + 1;
		memcpy(to, query->data, query->size);
		to[0] = (uint8_t)(id >> 8);
		to[1] = (uint8_t)id;
		if (interface)
			packets_add(query->size);
		parts[n] = (struct iovec){ data[n], query->size };
		messages[n].msg_hdr = (struct msghdr){ .msg_iov = &parts[n], .msg_iovlen = 1 };
		index[n++] = i;
	}
	if (!n)
		return 0;
	if (interface) {
		packets_flush();
		if (count)
			sent += (uint64_t)n;
		return n;
	}
	done = sendmmsg(channel->fd, messages, (unsigned)n, MSG_DONTWAIT);
	if (done < 0) {
		send_refused++;
		done = 0;
	}
	for (int i = done; i < n; i++) {
		channel->slots[index[i]].generation--;
		release(channel, index[i]);
	}
	if (count)
		sent += (uint64_t)done;
	return done;
}

static void give_up(uint64_t before, bool count)
{
	for (unsigned s = 0; s < socket_count; s++) {
		for (unsigned i = 0; i < slot_count; i++) {
			if (channels[s].slots[i].since && channels[s].slots[i].since < before) {
				release(&channels[s], i);
				if (count)
					lost++;
			}
		}
	}
}

static unsigned outstanding(void)
{
	unsigned n = 0;

	for (unsigned s = 0; s < socket_count; s++)
		for (unsigned i = 0; i < slot_count; i++)
			n += channels[s].slots[i].since != 0;
	return n;
}

/* ---- The run
 * --------------------------------------------------------------------------------------- */

static void on_signal(int signal)
{
	(void)signal;
	stopped = 1;
}

static void ignore_until_now(void)
{
	memset(histogram, 0, sizeof histogram);
	memset(rcodes, 0, sizeof rcodes);
	sent = answered = lost = late = wrong = truncated = bytes_in = slowest = 0;
}

/* Sends for this many nanoseconds; rate 0: as fast as the window allows. Returns the time taken;
 * *idle_ns is the part of it in passes that found nothing to do. */
static uint64_t phase(uint64_t length, double rate, uint64_t timeout, uint64_t *idle_ns)
{
	uint64_t start = now(), at = start, scanned = start, due = 0;
	double step = rate > 0 ? (double)SECOND / rate : 0;

	*idle_ns = 0;
	while (at - start < length && !stopped) {
		uint64_t before = at;
		int work = 0;

		for (unsigned s = 0; s < socket_count; s++) {
			work += receive(&channels[s], true);
			if (!step) {
				work += transmit(&channels[s], BATCH, 0, 0, true);
			} else {
				uint64_t want = (uint64_t)((double)(now() - start) / step);
				int most = want > due
				                   ? (int)(want - due < BATCH ? want - due : BATCH)
				                   : 0;
				int n = most ? transmit(&channels[s], most,
				                        (double)start + (double)due * step, step,
				                        true)
				             : 0;

				due += (uint64_t)n;
				work += n;
			}
		}
		at = now();
		if (!work)
			*idle_ns += at - before;
		if (at - scanned > SCAN_NS) {
			give_up(at - timeout, true);
			scanned = at;
		}
	}
	return at - start;
}

/* Waits for the answers that are still due. */
static void drain(uint64_t timeout, bool count)
{
	uint64_t end = now() + timeout;

	while (outstanding() && now() < end)
		for (unsigned s = 0; s < socket_count; s++)
			receive(&channels[s], count);
	give_up(UINT64_MAX, count);
}

static double number(const char *text, const char *what, double low, double high)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || value < low || value > high)
		die("bad %s: %s (%g to %g)", what, text, low, high);
	return value;
}

static const char usage[] =
        "usage: dnsload -s ADDRESS -d QUERIES [OPTION...]\n"
        "  -p PORT      (53)\n"
        "  -t SECONDS   of the measured part (5)\n"
        "  -u SECONDS   of warming up before, not counted (0.5)\n"
        "  -w QUERIES   outstanding at most (128)\n"
        "  -S SOCKETS   (4)\n"
        "  -r RATE      queries a second, sent when due; without it, as fast as the window allows\n"
        "  -T MS        after which a query counts as lost (1000)\n"
        "  -e           with EDNS(0), 1232 bytes\n"
        "  -E           the server is an echo: an answer is the query itself\n"
        "  -i INTERFACE sends and receives by an AF_XDP socket on it\n";

int main(int argc, char **argv)
{
	struct sockaddr_in server = { .sin_family = AF_INET };
	double seconds = 5, warm = 0.5, rate = 0, timeout_ms = 1000;
	unsigned window = 128, port = 53;
	const char *file = NULL, *address = NULL;
	uint64_t idle_ns, ns, timeout, answered_in_time;
	bool edns = false, first = true;
	int option;

	while ((option = getopt(argc, argv, "s:p:d:t:u:w:S:r:T:i:eEh")) != -1) {
		switch (option) {
		case 's':
			address = optarg;
			break;
		case 'p':
			port = (unsigned)number(optarg, "port", 1, 65535);
			break;
		case 'd':
			file = optarg;
			break;
		case 't':
			seconds = number(optarg, "seconds", 0.01, 86400);
			break;
		case 'u':
			warm = number(optarg, "seconds", 0, 3600);
			break;
		case 'w':
			window = (unsigned)number(optarg, "window", 1, 32768);
			break;
		case 'S':
			socket_count = (unsigned)number(optarg, "sockets", 1, SOCKETS_MAX);
			break;
		case 'r':
			rate = number(optarg, "rate", 1, 1e8);
			break;
		case 'T':
			timeout_ms = number(optarg, "time-out", 1, 60000);
			break;
		case 'i':
			interface = optarg;
			break;
		case 'e':
			edns = true;
			break;
		case 'E':
			echo = true;
			break;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (!address || !file || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	server.sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, address, &server.sin_addr) != 1)
		die("bad address %s", address);
	read_queries(file, edns);
	if (socket_count > window)
		socket_count = window;
	slot_count = (window + socket_count - 1) / socket_count;
	while (1u << slot_bits < slot_count)
		slot_bits++;
	timeout = (uint64_t)(timeout_ms * 1e6);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (interface)
		packets_open(interface, &server, FIRST_PORT);
	for (unsigned i = 0; i < socket_count; i++)
		open_channel(&channels[i], &server);

	if (warm > 0) {
		phase((uint64_t)(warm * 1e9), rate, timeout, &idle_ns);
		drain(timeout, false);
		ignore_until_now();
	}
	ns = phase((uint64_t)(seconds * 1e9), rate, timeout, &idle_ns);
	answered_in_time = answered;
	drain(timeout, true);

	printf("{\"seconds\": %.6f, \"sent\": %lu, \"answered\": %lu, \"lost\": %lu, \"late\": "
	       "%lu, \"wrong\": %lu, "
	       "\"truncated\": %lu, \"send_refused\": %lu, \"rate\": %.1f, \"bytes_per_answer\": "
	       "%.1f, "
	       "\"idle_share\": %.4f, \"window\": %u, \"sockets\": %u, \"latency_us\": {\"p50\": "
	       "%.2f, \"p90\": %.2f, "
	       "\"p99\": %.2f, \"p99.9\": %.2f, \"max\": %.2f}, \"rcodes\": {",
	       (double)ns / 1e9, sent, answered, lost, late, wrong, truncated, send_refused,
	       (double)answered_in_time * 1e9 / (double)ns,
	       answered ? (double)bytes_in / (double)answered : 0, (double)idle_ns / (double)ns,
	       slot_count * socket_count, socket_count, percentile(0.5), percentile(0.9),
	       percentile(0.99), percentile(0.999), (double)slowest / 1e3);
	for (unsigned i = 0; i < 16; i++) {
		if (rcodes[i]) {
			printf("%s\"%u\": %lu", first ? "" : ", ", i, rcodes[i]);
			first = false;
		}
	}
	puts("}}");
	return answered ? 0 : 1;
}
