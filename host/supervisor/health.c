/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <supervisor/health.h>
#include <tender/device/publish.h>

#define FORMS                                                                                      \
	"want tcp:[ADDRESS:]PORT, http:[ADDRESS:]PORT/PATH, dns:[ADDRESS:]PORT/NAME or "           \
	"command:[ADDRESS:]PORT/TEXT=ANSWER"

static uint32_t kind_parse(const char **at)
{
	const char *name;
	for (uint32_t kind = AMP_HEALTH_TCP; (name = health_kind_name(kind)); kind++) {
		size_t n = strlen(name);
		if (!strncmp(*at, name, n) && (*at)[n] == ':') {
			*at += n + 1;
			return kind;
		}
	}
	return 0;
}

static void clear(struct health *h)
{
	memset(h, 0, sizeof *h);
	h->fd = -1;
	h->address.ip4.sin_family = AF_INET;
	h->address.ip4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

/* An address of this family, and where it says all of them, the loopback's. */
static void set_address(struct health *h, int family, const uint8_t *bytes)
{
	static const uint8_t all[16];
	size_t size = family == AF_INET6 ? 16 : 4;
	memset(&h->address, 0, sizeof h->address);
	h->address.any.sa_family = (sa_family_t)family;
	bool loopback = !memcmp(bytes, all, size);
	if (family == AF_INET6)
		h->address.ip6.sin6_addr = in6addr_loopback;
	else
		h->address.ip4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!loopback)
		memcpy(family == AF_INET6 ? (void *)&h->address.ip6.sin6_addr
		                          : (void *)&h->address.ip4.sin_addr,
		       bytes, size);
}

static void set_port(struct health *h, uint16_t port)
{
	if (h->address.any.sa_family == AF_INET6)
		h->address.ip6.sin6_port = htons(port);
	else
		h->address.ip4.sin_port = htons(port);
}

/* What follows the address, if there is one; null: it is none. */
static const char *take_address(struct health *h, const char *at)
{
	bool six = *at == '[';
	size_t size = strcspn(at, six ? "]" : ":/");
	const char *end = at + size + six;
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[16];
	if (!six && *end != ':')
		return at;
	if (size - six >= sizeof text || (six && !at[size]) || *end != ':')
		return NULL;
	memcpy(text, at + six, size - six);
	text[size - six] = 0;
	if (inet_pton(six ? AF_INET6 : AF_INET, text, bytes) != 1)
		return NULL;
	set_address(h, six ? AF_INET6 : AF_INET, bytes);
	return end + 1;
}

int health_parse(struct health *h, const char *text, struct defect *why)
{
	const char *at = text;
	struct defect what;
	clear(h);
	uint32_t kind = kind_parse(&at);
	at = kind ? take_address(h, at) : NULL;
	if (!at)
		return defect_set(why, "%s: " FORMS, text);
	if (health_note_parse(&h->note, kind, at, &what))
		return defect_set(why, "%s: %s; " FORMS, text, what.text);
	set_port(h, h->note.port);
	return 0;
}

bool health_of_image(struct health *h, const struct amp_note_health *note, bool six,
                     const char *const *ports, unsigned count)
{
	struct publish p;
	struct defect why;
	clear(h);
	for (unsigned i = 0; i < count; i++) {
		if (publish_parse(&p, ports[i], &why) || p.udp != (note->kind == AMP_HEALTH_DNS) ||
		    note->port < p.to || note->port - p.to > p.last - p.first)
			continue;
		h->note = *note;
		if (p.address.family ? p.address.family == NET_IP6 : six)
			set_address(h, AF_INET6, p.address.bytes);
		else
			set_address(h, AF_INET, p.address.bytes);
		set_port(h, (uint16_t)(p.first + (note->port - p.to)));
		return true;
	}
	return false;
}

const char *health_text(const struct health *h, char room[HEALTH_ADDRESSED_MAX])
{
	char whole[HEALTH_TEXT_MAX], address[INET6_ADDRSTRLEN] = "";
	bool six = h->address.any.sa_family == AF_INET6;
	health_note_text(&h->note, ntohs(six ? h->address.ip6.sin6_port : h->address.ip4.sin_port),
	                 whole);
	if (six)
		inet_ntop(AF_INET6, &h->address.ip6.sin6_addr, address, sizeof address);
	else if (h->address.ip4.sin_addr.s_addr != htonl(INADDR_LOOPBACK))
		inet_ntop(AF_INET, &h->address.ip4.sin_addr, address, sizeof address);
	const char *colon = strchr(whole, ':');
	snprintf(room, HEALTH_ADDRESSED_MAX, "%.*s:%s%s%s%s", (int)(colon - whole), whole,
	         six ? "[" : "", address,
	         six        ? "]:"
	         : *address ? ":"
	                    : "",
	         colon + 1);
	return room;
}

const char *health_status_name(enum health_status s)
{
	static const char *const names[] = { "starting", "healthy", "unhealthy" };
	return names[s];
}

void health_stop(struct health *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	h->next = UINT64_MAX;
}

void health_begin(struct health *h, uint64_t now)
{
	health_stop(h);
	h->status = HEALTH_STARTING;
	h->failures = 0;
	h->began = h->next = now;
}

short health_events(const struct health *h)
{
	return h->sent ? POLLIN : POLLOUT;
}

uint64_t health_due(const struct health *h)
{
	return !h->note.kind ? UINT64_MAX : h->fd >= 0 ? h->end : h->next;
}

/* ---- A question ---- */

static size_t dns_question(const struct health *h, uint8_t *q)
{
	static const uint8_t head[12] = { 'a', 'm', 1, 0, 0, 1 }; /* number, RD, one question */
	size_t at = sizeof head;
	memcpy(q, head, sizeof head);
	for (const char *label = h->note.what; *label;) {
		size_t n = strcspn(label, ".");
		q[at++] = (uint8_t)n;
		memcpy(q + at, label, n);
		at += n;
		label += n + (label[n] == '.');
	}
	memcpy(q + at, (const uint8_t[]){ 0, 0, 1, 0, 1 }, 5); /* the root; A, IN */
	return at + 5;
}

static bool ask(struct health *h)
{
	char text[AMP_TEXT_MAX + 128];
	size_t n = 0;
	if (h->note.kind == AMP_HEALTH_HTTP)
		n = (size_t)snprintf(
		        text, sizeof text,
		        "GET %s HTTP/1.0\r\nHost: localhost\r\nUser-Agent: ampoule\r\n\r\n",
		        h->note.what);
	else if (h->note.kind == AMP_HEALTH_DNS)
		n = dns_question(h, (uint8_t *)text);
	else if (h->note.kind == AMP_HEALTH_COMMAND)
		n = health_note_bytes(&h->note, 0, text);
	h->sent = true;
	return !n || send(h->fd, text, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* 1: good, 0: bad, -1: not yet. */
static int judge(struct health *h, ssize_t n)
{
	char answer[AMP_TEXT_MAX];
	size_t size;
	int status;
	if (n <= 0)
		return 0;
	h->got += (uint32_t)n;
	switch (h->note.kind) {
	case AMP_HEALTH_HTTP:
		if (h->got < 12)
			return -1;
		return !strncmp(h->head, "HTTP/1.", 7) && h->head[8] == ' ' &&
		       (status = atoi(h->head + 9)) >= 200 && status < 400;
	case AMP_HEALTH_DNS:
		return h->got >= 4 && h->head[0] == 'a' && h->head[1] == 'm' && h->head[2] & 0x80 &&
		       !(h->head[3] & 15);
	case AMP_HEALTH_COMMAND:
		size = health_note_bytes(&h->note, 1, answer);
		if (h->got < size && !memcmp(h->head, answer, h->got))
			return -1;
		return h->got >= size && !memcmp(h->head, answer, size);
	default:
		return 1;
	}
}

static int go_on(struct health *h, uint64_t now)
{
	struct pollfd p = { h->fd, health_events(h), 0 };
	int error = 0;
	socklen_t size = sizeof error;
	if (poll(&p, 1, 0) <= 0)
		return now < h->end ? -1 : h->note.kind == AMP_HEALTH_TCP && h->sent;
	if (!h->sent) {
		if (getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error || !ask(h))
			return 0;
		if (h->note.kind == AMP_HEALTH_TCP)
			h->end = now + HEALTH_QUIET_MS;
		return -1;
	}
	ssize_t n = recv(h->fd, h->head + h->got, sizeof h->head - 1 - h->got, 0);
	return n < 0 && errno == EAGAIN ? -1 : judge(h, n);
}

static int begin(struct health *h, uint64_t now)
{
	h->sent = false;
	h->got = 0;
	memset(h->head, 0, sizeof h->head);
	h->end = now + h->note.timeout_ms;
	h->fd = socket(h->address.any.sa_family,
	               (h->note.kind == AMP_HEALTH_DNS ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC |
	                       SOCK_NONBLOCK,
	               0);
	if (h->fd < 0)
		return 0;
	return connect(h->fd, &h->address.any,
	               h->address.any.sa_family == AF_INET6 ? sizeof h->address.ip6
	                                                    : sizeof h->address.ip4) &&
	                       errno != EINPROGRESS
	               ? 0
	               : -1;
}

bool health_turn(struct health *h, uint64_t now)
{
	enum health_status before = h->status;
	int good;
	if (!h->note.kind || (h->fd < 0 && now < h->next))
		return false;
	good = h->fd < 0 ? begin(h, now) : go_on(h, now);
	if (good < 0)
		return false;
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	if (good) {
		h->status = HEALTH_HEALTHY;
		h->failures = 0;
	} else if (h->status != HEALTH_STARTING) {
		if (++h->failures >= h->note.retries)
			h->status = HEALTH_UNHEALTHY;
	} else if (now - h->began >=
	           h->note.start_ms + (uint64_t)h->note.interval_ms * h->note.retries) {
		h->status = HEALTH_UNHEALTHY;
	}
	uint32_t pause = h->status == HEALTH_STARTING && HEALTH_START_MS < h->note.interval_ms
	                         ? HEALTH_START_MS
	                         : h->note.interval_ms;
	h->next = now + pause;
	return h->status != before;
}
