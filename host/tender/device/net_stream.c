/* SPDX-License-Identifier: ISC */
/*
 * A batch is one sendmsg of at most NET_STREAM_BATCH bytes, which AF_UNIX queues as one piece or refuses: lengths are never
 * cut in two. What it refuses is copied, since the image gets its frames back, and goes first next time; until then nothing is
 * begun, so that the copy is bounded by two batches.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tender/device/net_stream.h>

#define ETHERNET_HEADER 14u
#define TYPE            12u /* where a frame has them */
#define IP4_PROTOCOL    23u
#define IP6_NEXT        20u
#define SEND_FLAGS      (MSG_DONTWAIT | MSG_NOSIGNAL)

int net_stream_open(struct net_stream *s, int fd, uint32_t most, struct defect *why)
{
	s->fd = fd;
	s->most = most;
	s->room = epoll_create1(EPOLL_CLOEXEC);
	return s->room < 0 ? defect_set(why, "cannot make an event queue: %s", strerror(errno)) : 0;
}

void net_stream_close(struct net_stream *s)
{
	if (s->room >= 0)
		close(s->room);
	s->room = -1;
}

/* ---- Out ---- */

/* The other side takes no more: `room` watches for when it does. It is empty at other times, so that neither room nor the
 * end of the stream wakes anybody who did not ask. */
static void watch(struct net_stream *s, bool on)
{
	struct epoll_event e = { .events = EPOLLOUT };
	epoll_ctl(s->room, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, s->fd, &e);
}

/* How many bytes the socket took. */
static size_t put(struct net_stream *s, struct iovec *v, size_t count)
{
	struct msghdr m = { .msg_iov = v, .msg_iovlen = count };
	ssize_t n;
	do
		n = sendmsg(s->fd, &m, SEND_FLAGS);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN && errno != ENOBUFS)
		s->gone = true;
	return n < 0 ? 0 : (size_t)n;
}

/* True: all has gone. A batch at a time, so that lengths stay whole here, too. */
static bool go_on(struct net_stream *s)
{
	while (s->out_at < s->out_end) {
		uint32_t end = s->out_at < s->out_second ? s->out_second : s->out_end;
		struct iovec v = { s->out + s->out_at, end - s->out_at };
		s->out_at += (uint32_t)put(s, &v, 1);
		if (s->out_at < end)
			return false;
	}
	s->out_at = s->out_end = s->out_second = 0;
	watch(s, false);
	return true;
}

void net_stream_flush(struct net_stream *s)
{
	bool waits = net_stream_waits(s);
	if (!s->vectors)
		return;
	size_t done = waits ? 0 : put(s, s->v, s->vectors);
	if (done < s->bytes && !s->gone) {
		s->out_second = s->out_end;
		for (uint32_t k = 0; k < s->vectors; k++) {
			size_t size = s->v[k].iov_len, skip = done < size ? done : size;
			memcpy(s->out + s->out_end, (uint8_t *)s->v[k].iov_base + skip,
			       size - skip);
			s->out_end += (uint32_t)(size - skip);
			done -= skip;
		}
		if (!waits)
			watch(s, true);
	}
	s->vectors = s->bytes = s->packets = 0;
}

bool net_stream_ready(struct net_stream *s)
{
	return !s->gone && (!net_stream_waits(s) || go_on(s));
}

/* Copies a packet's first bytes and puts the copy before the rest of its first piece. False: it may not go. */
static bool look(struct net_stream *s, struct iovec *first)
{
	uint8_t *copy = s->looked_at[s->packets];
	uint32_t size = first->iov_len < NET_GUARD_LOOK ? (uint32_t)first->iov_len : NET_GUARD_LOOK;
	memcpy(copy, first->iov_base, size);
	__asm__ volatile("" ::: "memory"); /* the copy stays the copy */
	if (!net_guard_lets(s->guard, copy, size))
		return false;
	first[-1] = (struct iovec){ copy, size };
	*first = (struct iovec){ (uint8_t *)first->iov_base + size, first->iov_len - size };
	return true;
}

/* Has the other side read all that went? */
static bool is_read(const struct net_stream *s)
{
	int left;
	return !net_stream_waits(s) && !ioctl(s->fd, SIOCOUTQ, &left) && !left;
}

/* False: it may not go. What has been gathered goes first where the packet has to be read by itself. */
static bool stage(struct net_stream *s, const struct iovec *v, uint32_t count, uint32_t extra)
{
	for (bool again = false;; again = true) {
		struct iovec *to = s->v + s->vectors;
		memcpy(to + extra, v, count * sizeof *v);
		if (!s->guard)
			return true;
		if (!look(s, to + extra))
			return false;
		const uint8_t *bytes = to[extra - 1].iov_base;
		uint32_t size = (uint32_t)to[extra - 1].iov_len;
		if (!s->pace)
			return true;
		if (!again && !net_pace_together(s->pace, bytes, size)) {
			net_stream_flush(s);
			if (!is_read(s))
				return false;
			net_pace_read(s->pace);
			continue; /* at the beginning, now */
		}
		net_pace_goes(s->pace, bytes, size);
		return true;
	}
}

bool net_stream_add(struct net_stream *s, const struct iovec *v, uint32_t count, uint32_t size)
{
	uint32_t whole = NET_STREAM_LENGTH + size, extra = s->guard ? 2 : 1;
	if (size > s->most)
		return false;
	if (s->vectors + extra + count > NET_STREAM_VECTORS || s->bytes + whole > NET_STREAM_BATCH)
		net_stream_flush(s);
	if (!stage(s, v, count, extra))
		return false;
	struct iovec *to = s->v + s->vectors;
	s->lengths[s->packets] = htonl(size);
	to[0] = (struct iovec){ &s->lengths[s->packets++], NET_STREAM_LENGTH };
	s->vectors += extra + count;
	s->bytes += whole;
	return true;
}

/* ---- In ---- */

/* False: there is no more now. */
static bool more(struct net_stream *s, uint32_t want)
{
	if (s->drained || s->gone)
		return false;
	if (want > NET_STREAM_IN - s->in_at) {
		memmove(s->in, s->in + s->in_at, s->in_end - s->in_at);
		s->in_end -= s->in_at;
		s->in_at = 0;
	}
	uint32_t room = NET_STREAM_IN - s->in_end;
	ssize_t n;
	do
		n = read(s->fd, s->in + s->in_end, room);
	while (n < 0 && errno == EINTR);
	s->gone = !n || (n < 0 && errno != EAGAIN);
	if (n <= 0)
		return false;
	s->in_end += (uint32_t)n;
	s->drained = (uint32_t)n < room;
	return true;
}

static uint32_t copy(const uint8_t *from, uint32_t size, const struct iovec *v, uint32_t count)
{
	uint32_t at = 0;
	for (uint32_t k = 0; k < count && at < size; k++) {
		uint32_t n = v[k].iov_len < size - at ? (uint32_t)v[k].iov_len : size - at;
		memcpy(v[k].iov_base, from + at, n);
		at += n;
	}
	return size;
}

/* IP's version, if a frame is TCP without further headers between; else 0. */
static uint8_t tcp_of(const uint8_t *frame, uint32_t size)
{
	if (size <= IP4_PROTOCOL)
		return 0;
	if (frame[TYPE] == 0x08 && !frame[TYPE + 1])
		return frame[IP4_PROTOCOL] == IPPROTO_TCP ? 4 : 0;
	bool six = frame[TYPE] == 0x86 && frame[TYPE + 1] == 0xdd;
	return six && frame[IP6_NEXT] == IPPROTO_TCP ? 6 : 0;
}

uint32_t net_stream_read(struct net_stream *s, const struct iovec *v, uint32_t count)
{
	static const uint8_t none[6];
	uint32_t size = 0, have;
	for (;;) {
		have = s->in_end - s->in_at;
		if (!have)
			s->in_at = s->in_end = 0;
		if (have >= NET_STREAM_LENGTH) {
			memcpy(&size, s->in + s->in_at, sizeof size);
			size = ntohl(size);
			/* Where the next frame begins nobody knows then. */
			if (size < ETHERNET_HEADER || size > AMP_PACKET_MAX) {
				s->bad = size;
				s->gone = true;
				return 0;
			}
			if (have - NET_STREAM_LENGTH >= size)
				break;
		}
		if (!more(s, NET_STREAM_LENGTH + size))
			return 0;
	}
	uint8_t *frame = s->in + s->in_at + NET_STREAM_LENGTH;
	if (s->readdress && !memcmp(frame, none, sizeof none))
		memcpy(frame, s->mac, sizeof s->mac);
	s->tcp = tcp_of(frame, size);
	if (s->guard)
		net_guard_heard(s->guard, frame, size);
	s->in_at += NET_STREAM_LENGTH + size;
	return copy(frame, size, v, count);
}

void net_stream_allow(const struct net_stream *s, struct filter *f)
{
	const struct filter_arg flags = { 2, FILTER_EQUAL, SEND_FLAGS };
	filter_allow_on(f, SYS_sendmsg, s->fd, &flags, 1);
	const struct filter_arg queue = { 1, FILTER_EQUAL, SIOCOUTQ };
	if (s->pace)
		filter_allow_on(f, SYS_ioctl, s->fd, &queue, 1);
	for (uint64_t how = EPOLL_CTL_ADD; how <= EPOLL_CTL_DEL; how++) {
		const struct filter_arg watch[] = { { 1, FILTER_EQUAL, how },
			                            { 2, FILTER_EQUAL, (uint64_t)s->fd } };
		filter_allow_on(f, SYS_epoll_ctl, s->room, watch, 2);
	}
}
