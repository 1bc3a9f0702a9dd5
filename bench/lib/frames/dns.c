/* SPDX-License-Identifier: ISC */
/* bench/dns's queries at the DNS server: one again and again, few enough for every cache, all, and
 * without memoising. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/dns/dns.h>
#include <core/bytes.h>
#include <core/file.h>
#include <core/panic.h>
#include <net/wire.h>

#include "wire.h"
#include "work.h"

#define QUERY_MAX   128u
#define QUERIES_MAX 65536u
#define QUERIES     400000u /* asked for a figure */

struct query {
	uint16_t size;
	uint8_t bytes[QUERY_MAX - 2];
};

static struct query *queries;
static uint32_t count;

static uint16_t type_of(const char *text, uint32_t size)
{
	static const struct {
		const char *text;
		uint16_t type;
	} types[] = { { "A", 1 }, { "AAAA", 28 }, { "MX", 15 }, { "TXT", 16 } };
	for (uint32_t k = 0; k < sizeof types / sizeof *types; k++) {
		if (strlen(types[k].text) == size && memcmp(types[k].text, text, size) == 0)
			return types[k].type;
	}
	panic("queries: a type that is not known");
}

/* A line, "NAME TYPE", as a query with EDNS, as dnsload asks. */
static void encode(struct query *q, const char *line, uint32_t size)
{
	struct bytes_out out = bytes_out(q->bytes, sizeof q->bytes);
	uint32_t at = 0, end = 0;
	static const uint8_t head[] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1 };
	static const uint8_t tail[] = { 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0 };
	bytes_put_copy(&out, head, sizeof head);
	while (at < size && line[at] != ' ') {
		for (end = at; end < size && line[end] != '.' && line[end] != ' '; end++)
			;
		bytes_put_u8(&out, (uint8_t)(end - at));
		bytes_put_copy(&out, line + at, end - at);
		at = end + (end < size && line[end] == '.');
	}
	bytes_put_u8(&out, 0);
	bytes_put_u16(&out, type_of(line + at + 1, size - at - 1));
	bytes_put_copy(&out, tail, sizeof tail);
	ensure(!out.failed);
	q->size = (uint16_t)out.at;
}

static void load(void)
{
	const struct file *f = file_find("queries");
	ensure(f && (queries = malloc(QUERIES_MAX * sizeof *queries)) != NULL);
	const char *text = (const char *)f->data;
	for (uint64_t at = 0, end; at < f->size && count < QUERIES_MAX; at = end + 1) {
		const char *nl = memchr(text + at, '\n', f->size - at);
		end = nl ? (uint64_t)(nl - text) : f->size;
		encode(&queries[count++], text + at, (uint32_t)(end - at));
	}
}

static uint32_t answered;

static void sent(void *context, const uint8_t *bytes, uint32_t size, uint32_t whole)
{
	(void)context;
	const uint8_t *dns = bytes + WIRE_HEADERS + sizeof(struct udp_header);
	if (size != whole || size < WIRE_HEADERS + sizeof(struct udp_header) + 12 ||
	    bytes_load_u16(bytes + 12) != ETHERNET_TYPE_IP4 || bytes[23] != IP4_PROTOCOL_UDP)
		return; /* ARP's announcements */
	uint32_t rcode = dns[3] & 15u;
	answered += dns[2] & 0x80 && (rcode == 0 || rcode == 3);
}

/* Asks `total` of the first `some` queries, in order; ns of one. */
static double ask(const struct wire_peer *peer, uint16_t port, uint32_t some, uint32_t total)
{
	uint64_t ns = 0;
	uint32_t next = 0;
	answered = 0;
	for (uint32_t asked = 0; asked < total; asked += WORK_BATCH) {
		for (uint32_t k = 0; k < WORK_BATCH; k++) {
			const struct query *q = &queries[next];
			uint8_t *packet = wire_put(peer->wire);
			struct udp_header *h = (void *)(packet + WIRE_HEADERS);
			uint16_t size = (uint16_t)(q->size + sizeof *h);
			bytes_store_u16(h->source, (uint16_t)(20000 + k));
			bytes_store_u16(h->destination, port);
			bytes_store_u16(h->length, size);
			memcpy(h + 1, q->bytes, q->size);
			bytes_store_u16((uint8_t *)(h + 1), (uint16_t)asked);
			wire_send_ip4(peer, packet, IP4_PROTOCOL_UDP, size, 6);
			next = next + 1 < some ? next + 1 : 0;
		}
		ns += wire_turn(peer->wire);
		wire_collect(peer->wire, sent, NULL);
	}
	if (answered < total)
		panic("%u queries were asked, %u answered", total, answered);
	return (double)ns / (double)total;
}

static void tell(const char *name, struct dns_server *s, const struct wire_peer *peer,
                 uint16_t port, uint32_t some)
{
	if (!work_wanted(name))
		return;
	ask(peer, port, some,
	    (some + WORK_BATCH - 1) / WORK_BATCH * WORK_BATCH); /* now it is memoised */
	struct dns_counters before = dns_counters(s);
	double ns = ask(peer, port, some, QUERIES);
	struct dns_counters after = dns_counters(s);
	printf("{\"work\": \"%s\", \"ns\": %.1f, \"hits\": %.3f}\n", name, ns,
	       (double)(after.cache_hits - before.cache_hits) / QUERIES);
}

void work_dns(struct wire *w, uint32_t us)
{
	struct dns_server *memoising, *plain;
	struct wire_peer peer;
	wire_peer(&peer, w, us);
	load();
	ensure(!dns_serve(&memoising, file_find("zones"), &(struct dns_options){ .port = 53 }));
	ensure(!dns_serve(&plain, file_find("zones"),
	                  &(struct dns_options){ .port = 54, .no_cache = true }));
	tell("DNS, one question", memoising, &peer, 53, 1);
	tell("DNS, 1,000 questions", memoising, &peer, 53, 1000);
	tell("DNS, 50,000 questions", memoising, &peer, 53, count);
	tell("DNS, one question, not memoised", plain, &peer, 54, 1);
	tell("DNS, 50,000 questions, not memoised", plain, &peer, 54, count);
}
