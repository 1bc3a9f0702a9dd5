/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include <boot/xen_bus.h>
#include <boot/xen_store.h>

#define LIST    2048u
#define NUMBER  24u
#define WAITS   20u
#define STEP_NS 500000000ull

/* Digits and nothing else. False: it is no number. */
static bool parse(const char *text, uint64_t *v)
{
	*v = 0;
	const char *c = text;
	for (; *c >= '0' && *c <= '9' && *v <= UINT64_MAX / 10 - 1; c++)
		*v = *v * 10 + (uint64_t)(*c - '0');
	return c > text && !*c;
}

uint32_t xen_bus_list(const char *kind, uint32_t *numbers, uint32_t most)
{
	static char names[LIST];
	char path[STORE_PATH];
	uint32_t count = 0;
	snprintf(path, sizeof path, "device/%s", kind);
	int size = store_list(path, names, sizeof names);
	for (int at = 0; at < size; at += (int)strlen(names + at) + 1) {
		uint64_t v;
		if (!parse(names + at, &v) || v > UINT32_MAX || count == most)
			continue;
		uint32_t k = count++;
		for (; k && numbers[k - 1] > v; k--)
			numbers[k] = numbers[k - 1];
		numbers[k] = (uint32_t)v;
	}
	return count;
}

int xen_bus_text(const struct xen_bus *b, const char *half, const char *node, char *to,
                 uint32_t size)
{
	char path[STORE_PATH];
	snprintf(path, sizeof path, "%s/%s", half == b->back ? b->back : b->front, node);
	return store_read(path, to, size);
}

static uint64_t number(const struct xen_bus *b, const char *half, const char *node,
                       uint64_t otherwise)
{
	char text[NUMBER];
	uint64_t v;
	return xen_bus_text(b, half, node, text, sizeof text) >= 0 && parse(text, &v) ? v
	                                                                              : otherwise;
}

uint64_t xen_bus_number(const struct xen_bus *b, const char *node, uint64_t otherwise)
{
	return number(b, b->back, node, otherwise);
}

int xen_bus_say_text(const struct xen_bus *b, const char *node, const char *value)
{
	char path[STORE_PATH];
	snprintf(path, sizeof path, "%s/%s", b->front, node);
	return store_write(path, value);
}

int xen_bus_say(const struct xen_bus *b, const char *node, uint64_t value)
{
	char text[NUMBER];
	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	return xen_bus_say_text(b, node, text);
}

/* Waits for a state, or one that follows. -1: it is not reached, or left behind. */
static int wait_for(struct xen_bus *b, enum xen_state least, struct defect *why)
{
	for (uint32_t i = 0; i < WAITS; i++) {
		uint64_t is = xen_bus_number(b, "state", XEN_UNKNOWN);
		if (is >= least && is <= XEN_CONNECTED)
			return 0;
		if (is >= XEN_CLOSING)
			break;
		/* The look has cleared the port: what has fired before it is kept. */
		if (!store_fired(b->watch))
			store_wait(STEP_NS);
	}
	return defect_set(why, "Xen's device %s: its backend in domain %u is not there", b->front,
	                  b->domain);
}

int xen_bus_open(struct xen_bus *b, const char *kind, uint32_t which, struct defect *why)
{
	char path[STORE_PATH];
	*b = (struct xen_bus){ .watch = STORE_NONE };
	snprintf(b->front, sizeof b->front, "device/%s/%u", kind, which);
	uint64_t domain = number(b, b->front, "backend-id", UINT64_MAX);
	if (xen_bus_text(b, b->front, "backend", b->back, sizeof b->back) <= 0 ||
	    domain > UINT16_MAX)
		return defect_set(why, "Xen's device %s has no backend", b->front);
	b->domain = (uint16_t)domain;
	snprintf(path, sizeof path, "%s/state", b->back);
	b->watch = store_watch(path);
	return wait_for(b, XEN_INIT_WAIT, why);
}

int xen_bus_connect(struct xen_bus *b, struct defect *why)
{
	return wait_for(b, XEN_CONNECTED, why);
}

bool xen_bus_is_open(struct xen_bus *b)
{
	if (b->closed || !store_fired(b->watch))
		return !b->closed;
	if (xen_bus_number(b, "state", XEN_CLOSED) >= XEN_CLOSING) {
		b->closed = true;
		xen_bus_say(b, "state", XEN_CLOSED);
	}
	return !b->closed;
}
