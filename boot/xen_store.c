/* SPDX-License-Identifier: ISC */
/*
 * A message is a head and at most 4096 bytes, through rings of 1024 each way: it comes and goes in pieces. What has come of one is
 * kept in `in` until it is whole. An answer that nobody waits for any more is passed over by its number.
 */
#include <string.h>

#include <boot/xen_events.h>
#include <boot/xen_store.h>

enum { LIST = 1, READ = 2, WATCH = 4, WRITE = 11, WATCH_EVENT = 15, ERROR = 16 };
#define RING    1024u
#define BODY    4096u
#define WAIT_NS 10000000000ull
#define STEP_NS 1000000000ull

struct head {
	uint32_t type, id, transaction, size;
};

/* public/io/xs_wire.h: struct xenstore_domain_interface. */
struct store {
	char out[RING], in[RING];
	uint32_t out_read, out_written, in_read, in_written;
};

static volatile struct store *store;
static uint32_t port, number, in_read, out_written, watch_count;
static uint64_t fired;
static struct {
	struct head head;
	char body[BODY];
	uint32_t have; /* of both */
} in;

void store_begin(volatile void *ring, uint32_t p)
{
	store = ring;
	port = p;
	in.have = 0;
	watch_count = 0;
	fired = 0;
	number = 0;
	in_read = store->in_read;
	out_written = store->out_written;
	events_open(port);
}

void store_wait(uint64_t ns)
{
	if (store)
		events_wait(port, ns);
}

/* What it says cannot be: it is not listened to any more. */
static void give_up(void)
{
	store = NULL;
}

/* Takes in a message. False: it is not whole yet. */
static bool take_in(void)
{
	bool some = false;
	while (store) {
		uint32_t ready = __atomic_load_n(&store->in_written, __ATOMIC_ACQUIRE) - in_read;
		uint32_t want = sizeof in.head;
		if (in.have >= sizeof in.head)
			want += in.head.size;
		if (in.have == want && in.have >= sizeof in.head)
			break;
		if (ready > RING) {
			give_up();
			break;
		}
		if (!ready) {
			if (some)
				events_send(port);
			return false;
		}
		for (; ready && in.have < want; ready--, in.have++)
			((char *)&in)[in.have] = store->in[in_read++ % RING];
		__atomic_store_n(&store->in_read, in_read, __ATOMIC_RELEASE);
		some = true;
		if (in.have == sizeof in.head && in.head.size > BODY)
			give_up();
	}
	if (store && some)
		events_send(port);
	return store;
}

/* A watch's event is its path and its token: a number of ours. */
static void note_event(void)
{
	const char *end = memchr(in.body, 0, in.head.size);
	uint32_t which = 0, at = end ? (uint32_t)(end - in.body) + 1 : in.head.size;
	if (at >= in.head.size || in.body[in.head.size - 1])
		return;
	for (; in.body[at] >= '0' && in.body[at] <= '9' && which < STORE_WATCHES; at++)
		which = which * 10 + (uint32_t)(in.body[at] - '0');
	if (!in.body[at] && which < watch_count)
		fired |= 1ull << which;
}

static bool send(const char *bytes, uint32_t size)
{
	uint64_t waited = 0;
	while (size) {
		events_clear(port);
		uint32_t used = out_written - __atomic_load_n(&store->out_read, __ATOMIC_ACQUIRE);
		if (used > RING || waited > WAIT_NS) {
			give_up();
			return false;
		}
		uint32_t room = RING - used, n = room < size ? room : size;
		for (uint32_t i = 0; i < n; i++)
			store->out[out_written++ % RING] = bytes[i];
		__atomic_store_n(&store->out_written, out_written, __ATOMIC_RELEASE);
		bytes += n;
		size -= n;
		events_send(port);
		if (size) {
			events_wait(port, STEP_NS);
			waited += STEP_NS;
		}
	}
	return true;
}

/* A request, of one text or two, and its answer, which lies in `in` then. -1: it failed. */
static int ask(uint32_t type, const char *a, const char *b, uint32_t b_size)
{
	uint32_t size = (uint32_t)strlen(a) + 1;
	const struct head head = { type, ++number, 0, size + b_size };
	if (!store || head.size > BODY || !send((const char *)&head, sizeof head) ||
	    !send(a, size) || !send(b, b_size))
		return -1;
	for (uint64_t waited = 0; store && waited <= WAIT_NS;) {
		events_clear(port);
		if (!take_in()) {
			store_wait(STEP_NS);
			waited += STEP_NS;
			continue;
		}
		in.have = 0;
		if (in.head.type == WATCH_EVENT)
			note_event();
		else if (in.head.id == number)
			return in.head.type == type ? (int)in.head.size : -1;
	}
	return -1;
}

static int get(uint32_t type, const char *path, char *to, uint32_t size)
{
	int n = ask(type, path, "", 0);
	if (n < 0 || (uint32_t)n >= size)
		return -1;
	memcpy(to, in.body, (size_t)n);
	to[n] = 0;
	return n;
}

int store_read(const char *path, char *to, uint32_t size)
{
	return get(READ, path, to, size);
}

int store_list(const char *path, char *to, uint32_t size)
{
	return get(LIST, path, to, size);
}

int store_write(const char *path, const char *value)
{
	return ask(WRITE, path, value, (uint32_t)strlen(value)) < 0 ? -1 : 0;
}

uint32_t store_watch(const char *path)
{
	const char token[3] = { (char)('0' + watch_count / 10), (char)('0' + watch_count % 10), 0 };
	if (watch_count == STORE_WATCHES)
		return STORE_NONE;
	watch_count++;
	return ask(WATCH, path, token, sizeof token) < 0 ? STORE_NONE : watch_count - 1;
}

bool store_fired(uint32_t watch)
{
	while (take_in()) {
		in.have = 0;
		if (in.head.type == WATCH_EVENT)
			note_event();
	}
	if (watch >= STORE_WATCHES || !(fired >> watch & 1))
		return false;
	fired &= ~(1ull << watch);
	return true;
}
