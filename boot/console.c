/* SPDX-License-Identifier: ISC */
/* A 16550 at port 0x3f8, which every platform that we know has or lets be. Its queue of 16 bytes is filled at a time. */
#include <stdbool.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <boot/console.h>
#include <boot/processor.h>

#define SERIAL      0x3f8u
#define LINE_STATUS 5u
#define EMPTY       0x20u
#define QUEUE       16u
#define TRIES       100000u /* looks until a port that takes nothing is given up */
#define PLACES      2u

struct serial {
	uint16_t port;
	bool there;
};
static struct serial output, errors;
static bool split;
static console_put *places[PLACES];

static void serial_write(struct serial *s, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned tries = 0;
		while (i % QUEUE == 0 && s->there &&
		       !(in8((uint16_t)(s->port + LINE_STATUS)) & EMPTY)) {
			relax();
			s->there = ++tries < TRIES;
		}
		if (!s->there)
			return;
		out8(s->port, (uint8_t)bytes[i]);
	}
}

static void serial_open(struct serial *s, uint16_t port)
{
	s->port = port;
	s->there = in8((uint16_t)(port + LINE_STATUS)) != 0xff;
	out8((uint16_t)(port + 1), 0);    /* no interrupts */
	out8((uint16_t)(port + 3), 0x80); /* 115,200 baud */
	out8(port, 1);
	out8((uint16_t)(port + 1), 0);
	out8((uint16_t)(port + 3), 3); /* eight bits, no parity */
	out8((uint16_t)(port + 2), 7); /* queues on, and empty */
}

void console_begin(void)
{
	serial_open(&output, SERIAL);
}

void console_split(uint16_t port)
{
	serial_open(&errors, port);
	split = true;
}

void console_add(console_put *put)
{
	for (unsigned i = 0; i < PLACES; i++)
		if (!places[i]) {
			places[i] = put;
			return;
		}
}

static void everywhere(const char *bytes, size_t size)
{
	serial_write(&output, bytes, size);
	for (unsigned i = 0; i < PLACES && places[i]; i++)
		places[i](bytes, size);
}

void console_write(unsigned stream, const char *bytes, size_t size)
{
	size_t from = 0;
	if (split) {
		serial_write(stream == AMP_STREAM_OUTPUT ? &output : &errors, bytes, size);
		return;
	}
	for (size_t i = 0; i < size; i++)
		if (bytes[i] == '\n') {
			everywhere(bytes + from, i - from);
			everywhere("\r\n", 2);
			from = i + 1;
		}
	everywhere(bytes + from, size - from);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
	console_write((unsigned)fd, bytes, size);
	return (ssize_t)size;
}
