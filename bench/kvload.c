/* SPDX-License-Identifier: ISC */
/*
 * Load for a memcached or, with another argument "redis", for a Redis (RESP): kvload ADDRESS PORT
 * CONNECTIONS DEPTH SETS SIZE KEYS SECONDS [redis]. Each connection sends DEPTH commands in one
 * write, and the next DEPTH when all of them are answered; SETS of 100 commands are sets, the
 * others gets, of KEYS keys with values of SIZE bytes, which are all stored first. Each answer is
 * checked: its length, and that the value is the key's. Prints one line: commands, seconds, and
 * latencies of a round in microseconds (p50, p99, most), and how many gets missed.
 *
 * One thread, one epoll; nothing is formatted while it runs: all requests are laid out before.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NAME_SIZE 14 /* "key-%010u" */
#define DEPTH_MAX 256
#define BUFFER    (4u << 20)
#define BUCKETS   200000 /* of 0.5 us */

struct connection {
	int fd;
	uint32_t asked[DEPTH_MAX]; /* key; the upper bit: a set */
	uint32_t next, count;      /* answers that came, that are to come */
	char *in;
	uint32_t have;
	uint64_t sent_at;
};

/* What both speak, in each one's words. */
static const struct words {
	const char *get, *set; /* of a key; and of a size: its value follows, and a line's end */
	const char *value, *value_end; /* of a size and a key; after the value and its line's end */
	const char *stored, *missed;
} memcached = { "get key-%010u\r\n",
	        "set key-%010u 0 0 %u\r\n",
	        "VALUE key-%2$010u 0 %1$u\r\n",
	        "END\r\n",
	        "STORED\r\n",
	        "END\r\n" },
  redis = { "*2\r\n$3\r\nGET\r\n$14\r\nkey-%010u\r\n",
	    "*3\r\n$3\r\nSET\r\n$14\r\nkey-%010u\r\n$%u\r\n",
	    "$%1$u\r\n",
	    "",
	    "+OK\r\n",
	    "$-1\r\n" };
static const struct words *words = &memcached;
static uint32_t stored_size, missed_size, end_size;

static char *gets_, *sets_, *values; /* of all keys, one after another */
static uint32_t get_size, set_size, value_answer, keys, size, depth, set_share;
static char *out;
static uint64_t done, misses, latency[BUCKETS + 1], random_state = 88172645463325252u;

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t below(uint32_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * bound >> 32);
}

static void die(const char *what)
{
	fprintf(stderr, "kvload: %s: %s\n", what, errno ? strerror(errno) : "not what was to come");
	exit(1);
}

static void lay_out(void)
{
	char text[128];
	stored_size = (uint32_t)strlen(words->stored);
	missed_size = (uint32_t)strlen(words->missed);
	end_size = (uint32_t)strlen(words->value_end);
	get_size = (uint32_t)sprintf(text, words->get, 0);
	uint32_t head = (uint32_t)sprintf(text, words->set, 0, size);
	set_size = head + size + 2;
	value_answer = (uint32_t)sprintf(text, words->value, size, 0);
	gets_ = malloc((size_t)keys * (get_size + 1));
	sets_ = malloc((size_t)keys * set_size + 1);
	values = malloc((size_t)keys * (value_answer + size + 2 + end_size) + 1);
	if (!gets_ || !sets_ || !values)
		die("memory");
	for (uint32_t k = 0; k < keys; k++) {
		char *set = sets_ + (size_t)k * set_size,
		     *value = values + (size_t)k * (value_answer + size + 2 + end_size);
		sprintf(text, words->get, k);
		memcpy(gets_ + (size_t)k * get_size, text, get_size);
		sprintf(set, words->set, k, size);
		for (uint32_t at = 0; at < size; at++)
			set[head + at] = (char)('a' + (k + at) % 26);
		memcpy(set + head + size, "\r\n", 2);
		sprintf(value, words->value, size, k);
		memcpy(value + value_answer, set + head, size + 2);
		memcpy(value + value_answer + size + 2, words->value_end, end_size);
	}
}

static void send_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			continue; /* the other side reads: it has at most a window's worth of
			             answers to give */
		if (sent <= 0)
			die("send");
		bytes += sent;
		n -= (size_t)sent;
	}
}

static void ask(struct connection *c)
{
	uint32_t n = 0;
	for (uint32_t k = 0; k < depth; k++) {
		uint32_t key = below(keys);
		bool set = below(100) < set_share;
		memcpy(out + n,
		       set ? sets_ + (size_t)key * set_size : gets_ + (size_t)key * get_size,
		       set ? set_size : get_size);
		n += set ? set_size : get_size;
		c->asked[k] = key | (set ? 1u << 31 : 0);
	}
	c->next = 0;
	c->count = depth;
	c->sent_at = now_ns();
	send_all(c->fd, out, n);
}

/* Takes answers out of what came. */
static void take(struct connection *c)
{
	uint32_t at = 0;
	while (c->next < c->count) {
		uint32_t asked = c->asked[c->next], key = asked & ~(1u << 31);
		const char *want = words->stored;
		uint32_t n = stored_size;
		if (asked == key) {
			n = value_answer + size + 2 + end_size;
			want = values + (size_t)key * n;
			if (c->have - at >= missed_size &&
			    !memcmp(c->in + at, words->missed, missed_size)) {
				misses++;
				n = missed_size;
				want = words->missed;
			}
		}
		if (c->have - at < n)
			break;
		if (memcmp(c->in + at, want, n) != 0) {
			fprintf(stderr, "kvload: wanted %.60s, got %.60s\n", want, c->in + at);
			exit(1);
		}
		at += n;
		c->next++;
	}
	memmove(c->in, c->in + at, c->have - at);
	c->have -= at;
}

static int connect_to(const char *address, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 || fd < 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof to))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

static void fill(struct connection *c)
{
	for (uint32_t k = 0; k < keys;) {
		uint32_t n = keys - k < 100 ? keys - k : 100, got = 0;
		send_all(c->fd, sets_ + (size_t)k * set_size, (size_t)n * set_size);
		while (got < n * stored_size) {
			ssize_t more = recv(c->fd, c->in + got, n * stored_size - got, 0);
			if (more <= 0)
				die("recv");
			got += (uint32_t)more;
		}
		for (uint32_t a = 0; a < n; a++) {
			if (memcmp(c->in + a * stored_size, words->stored, stored_size) != 0) {
				errno = 0;
				die("storing");
			}
		}
		k += n;
	}
}

static double quantile(double share)
{
	uint64_t all = 0, sum = 0;
	for (uint32_t k = 0; k <= BUCKETS; k++)
		all += latency[k];
	for (uint32_t k = 0; k <= BUCKETS; k++) {
		sum += latency[k];
		if (sum && (double)sum >= share * (double)all)
			return k * 0.5;
	}
	return 0;
}

int main(int argc, char **argv)
{
	bool resp = argc == 10 && !strcmp(argv[9], "redis");
	if (argc != 9 && !resp) {
		fprintf(stderr, "usage: kvload ADDRESS PORT CONNECTIONS DEPTH SETS SIZE KEYS "
		                "SECONDS [redis]\n");
		return 2;
	}
	words = resp ? &redis : &memcached;
	uint16_t port = (uint16_t)atoi(argv[2]);
	uint32_t count = (uint32_t)atoi(argv[3]);
	depth = (uint32_t)atoi(argv[4]);
	set_share = (uint32_t)atoi(argv[5]);
	size = (uint32_t)atoi(argv[6]);
	keys = (uint32_t)atoi(argv[7]);
	double seconds = atof(argv[8]);
	if (!count || !depth || depth > DEPTH_MAX || !keys || keys >= 1u << 31 || seconds <= 0)
		die("arguments");
	lay_out();
	uint32_t answer = value_answer + size + 2 + end_size, room = depth * answer + 4096;
	out = malloc((size_t)depth * (set_size > get_size ? set_size : get_size) + 1);
	struct connection *all = calloc(count, sizeof *all);
	int poll = epoll_create1(0);
	if (!out || !all || poll < 0)
		die("start");
	for (uint32_t k = 0; k < count; k++) {
		all[k].fd = connect_to(argv[1], port);
		all[k].in = malloc(room);
		if (!all[k].in)
			die("memory");
	}
	fill(&all[0]);
	for (uint32_t k = 0; k < count; k++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = &all[k] };
		fcntl(all[k].fd, F_SETFL, O_NONBLOCK);
		if (epoll_ctl(poll, EPOLL_CTL_ADD, all[k].fd, &e))
			die("epoll");
	}
	uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), now = start, rounds = 0,
	         passes = 0;
	for (uint32_t k = 0; k < count; k++)
		ask(&all[k]);
	while (now < end) {
		struct epoll_event events[64];
		int n = epoll_wait(poll, events, 64, 1000);
		if (n <= 0) {
			errno = 0;
			die("no answer for a second");
		}
		passes++;
		now = now_ns();
		for (int k = 0; k < n; k++) {
			struct connection *c = events[k].data.ptr;
			ssize_t got = recv(c->fd, c->in + c->have, room - c->have, 0);
			if (got < 0 && errno == EAGAIN)
				continue;
			if (got <= 0)
				die("recv");
			c->have += (uint32_t)got;
			take(c);
			if (c->next < c->count)
				continue;
			done += c->count;
			rounds++;
			uint64_t took = (now - c->sent_at) / 500;
			latency[took < BUCKETS ? took : BUCKETS]++;
			ask(c);
		}
	}
	double took = (double)(now - start) / 1e9;
	uint32_t most = BUCKETS;
	while (most && !latency[most])
		most--;
	printf("commands=%llu seconds=%.3f rate=%.0f p50=%.1f p99=%.1f most=%.1f misses=%llu "
	       "rounds=%llu passes=%llu\n",
	       (unsigned long long)done, took, (double)done / took, quantile(0.5), quantile(0.99),
	       most * 0.5, (unsigned long long)misses, (unsigned long long)rounds,
	       (unsigned long long)passes);
	return 0;
}
