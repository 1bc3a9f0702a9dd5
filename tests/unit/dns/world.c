/* SPDX-License-Identifier: ISC */
/* Zones, queries and responses as text: see world.h. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <app/dns/type.h>
#include <core/random.h>

/* What core has from the tender. */
void random_bytes(void *to, size_t size)
{
	if (getrandom(to, size, 0) != (ssize_t)size)
		abort();
}

struct dns_builder_rules world_rules;

struct building {
	struct world *world;
	struct dns_builder *builder;
	const char *text;
};

static void report(void *context, const char *file, uint32_t line, bool error, const char *text)
{
	struct world *w = ((struct building *)context)->world;
	size_t room = sizeof w->report - w->report_size;
	int n = snprintf(w->report + w->report_size, room, "%s:%u: %s%s\n", file, line,
	                 error ? "" : "warning: ", text);
	w->report_size += n < 0 || (size_t)n >= room ? 0 : (unsigned)n;
}

static int record(void *context, const struct dns_record *r)
{
	return dns_builder_record(((struct building *)context)->builder, r);
}

static void problem(void *context, const char *file, uint32_t line, const char *text)
{
	report(context, file, line, true, text);
}

static const char *open_text(void *context, const char *from, const char *name, size_t *size,
                             const char **as, const char **why)
{
	struct building *b = context;
	if (from) {
		*why = "there are no files here";
		return NULL;
	}
	*size = strlen(b->text);
	*as = name;
	return b->text;
}

int world_build(struct world *w, const char *const *zones)
{
	struct building b = { .world = w };
	static const struct dns_name root = { 1, { 0 } };
	const struct dns_master_events events = {
		.context = &b, .record = record, .problem = problem, .open = open_text
	};
	int result = 0;

	memset(w, 0, sizeof *w);
	b.builder = dns_builder_new(report, &b);
	assert_non_null(b.builder);
	dns_builder_set_rules(b.builder, world_rules);
	for (; *zones; zones += 2) {
		struct dns_name origin;
		assert_int_equal(dns_name_parse(&origin, zones[0], strlen(zones[0]), &root), 0);
		b.text = zones[1];
		int added = dns_builder_zone(b.builder, &origin, zones[0]);
		result += added ? 1 : dns_master_parse(zones[0], &origin, &events);
	}
	if (result == 0)
		result = dns_builder_finish(b.builder, &w->blob, &w->size);
	dns_builder_free(b.builder);
	if (result == 0) {
		const char *why = "";
		if (dns_database_open(&w->db, w->blob, w->size, &why))
			fail_msg("dns_database_open: %s", why);
		dns_responder_init(&w->responder, &w->db, NULL);
	}
	return result;
}

void world_open(struct world *w, const char *const *zones)
{
	if (world_build(w, zones))
		fail_msg("the zones do not build:\n%s", w->report);
}

void world_close(struct world *w)
{
	free(w->blob);
	w->blob = NULL;
}

/* ---- Queries ---- */

uint32_t world_query(uint8_t *to, const char *text)
{
	static const struct dns_name root = { 1, { 0 } };
	char copy[2048], *save;
	struct dns_name name;
	uint16_t flags = 0, class = DNS_IN, id = 0x1234, opt_flags = 0;
	unsigned edns = 0, version = 0, options = 0, option[8];
	bool opt = false, keepalive = false;

	snprintf(copy, sizeof copy, "%s", text);
	char *word = strtok_r(copy, " ", &save);
	assert_int_equal(dns_name_parse(&name, word, strlen(word), &root), 0);
	word = strtok_r(NULL, " ", &save);
	int type = dns_type_number(word, strlen(word));
	if (type < 0)
		fail_msg("type %s?", word);
	while ((word = strtok_r(NULL, " ", &save))) {
		if (strcmp(word, "CH") == 0)
			class = DNS_CH;
		else if (strcmp(word, "ANY") == 0)
			class = DNS_CLASS_ANY;
		else if (strncmp(word, "CLASS", 5) == 0)
			class = (uint16_t)atoi(word + 5);
		else if (strncmp(word, "id=", 3) == 0)
			id = (uint16_t)atoi(word + 3);
		else if (strcmp(word, "rd") == 0)
			flags |= 0x0100;
		else if (strcmp(word, "ad") == 0)
			flags |= 0x0020;
		else if (strcmp(word, "cd") == 0)
			flags |= 0x0010;
		else if (strcmp(word, "zbit") == 0)
			flags |= 0x0040;
		else if (strcmp(word, "tc") == 0)
			flags |= 0x0200;
		else if (strcmp(word, "aa") == 0)
			flags |= 0x0400;
		else if (strcmp(word, "ra") == 0)
			flags |= 0x0080;
		else if (strncmp(word, "edns=", 5) == 0)
			opt = true, edns = (unsigned)atoi(word + 5);
		else if (strcmp(word, "do") == 0)
			opt_flags |= 0x8000;
		else if (strcmp(word, "z") == 0)
			opt_flags |= 0x0040;
		else if (strncmp(word, "version=", 8) == 0)
			version = (unsigned)atoi(word + 8);
		else if (strncmp(word, "option=", 7) == 0)
			option[options++] = (unsigned)atoi(word + 7);
		else if (strcmp(word, "keepalive") == 0)
			keepalive = true;
		else
			fail_msg("query word %s?", word);
	}
	struct bytes_out out = bytes_out(to, 600);
	bytes_put_u16(&out, id);
	bytes_put_u16(&out, flags);
	bytes_put_u16(&out, 1);
	bytes_put_u32(&out, 0);
	bytes_put_u16(&out, opt);
	bytes_put_copy(&out, name.wire, name.size);
	bytes_put_u16(&out, (uint16_t)type);
	bytes_put_u16(&out, class);
	if (opt) {
		bytes_put_u8(&out, 0);
		bytes_put_u16(&out, DNS_OPT);
		bytes_put_u16(&out, (uint16_t)edns);
		bytes_put_u8(&out, 0);
		bytes_put_u8(&out, (uint8_t)version);
		bytes_put_u16(&out, opt_flags);
		bytes_put_u16(&out, (uint16_t)(options * 12 + (keepalive ? 4 : 0)));
		if (keepalive)
			bytes_put_u32(&out, DNS_KEEPALIVE << 16);
		for (unsigned i = 0; i < options; i++) {
			bytes_put_u16(&out, (uint16_t)option[i]);
			bytes_put_u16(&out, 8);
			bytes_put_u64(&out, 0x0102030405060708);
		}
	}
	assert_false(out.failed);
	return out.at;
}

/* ---- Responses ---- */

struct text {
	char *at;
	size_t room;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(t->at, t->room, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->room)
		fail_msg("no room for the response's text");
	t->at += n;
	t->room -= (size_t)n;
}

/* Prints a name that may be compressed; the offset after it. */
static uint32_t say_name(struct text *t, const uint8_t *m, uint32_t size, uint32_t at)
{
	uint32_t end = 0, lowest = at, total = 0;

	if (at < size && m[at] == 0)
		say(t, ".");
	for (;;) {
		if (at >= size)
			fail_msg("a name goes past the end");
		if (m[at] >= 0xc0) {
			if (at + 1 >= size)
				fail_msg("a pointer goes past the end");
			uint32_t to = (m[at] & 0x3fu) << 8 | m[at + 1];
			if (!end)
				end = at + 2;
			if (to >= lowest || to < 12)
				fail_msg("a pointer at %u leads to %u", at, to);
			at = lowest = to;
			continue;
		}
		if (m[at] > 63)
			fail_msg("a label type of %02x", m[at]);
		if (m[at] == 0)
			return end ? end : at + 1;
		total += m[at] + 1u;
		if (at + m[at] >= size || total > 254)
			fail_msg("a label goes past the end");
		for (unsigned i = 1; i <= m[at]; i++)
			say(t, m[at + i] == '.' ? "\\%c" : "%c", m[at + i]);
		say(t, ".");
		at += m[at] + 1u;
	}
}

static uint32_t say_record(struct text *t, const char *section, const uint8_t *m, uint32_t size,
                           uint32_t at)
{
	static const struct {
		uint16_t type;
		uint8_t prefix, names;
	} layouts[] = { { DNS_NS, 0, 1 },    { DNS_CNAME, 0, 1 }, { DNS_PTR, 0, 1 },
		        { DNS_SOA, 0, 2 },   { DNS_MX, 2, 1 },    { DNS_SRV, 6, 1 },
		        { DNS_DNAME, 0, 1 }, { 14, 0, 2 } };
	char type_text[16];

	say(t, "%s ", section);
	at = say_name(t, m, size, at);
	if (size - at < 10)
		fail_msg("a record's head goes past the end");
	uint16_t type = bytes_load_u16(m + at), class = bytes_load_u16(m + at + 2);
	uint32_t ttl = bytes_load_u32(m + at + 4), length = bytes_load_u16(m + at + 8);
	at += 10;
	if (length > size - at)
		fail_msg("a record goes past the end");
	uint32_t end = at + length;
	if (type == DNS_OPT) {
		t->at -= 2; /* the root's dot */
		t->room += 2;
		say(t, " OPT %u ext=%u version=%u%s%s", class, ttl >> 24, ttl >> 16 & 255,
		    ttl & 0x8000 ? " do" : "", ttl & 0x7fff ? " Z" : "");
	} else {
		dns_type_text(type, type_text);
		say(t, " %u %s%s", ttl,
		    class == DNS_CH   ? "CH "
		    : class == DNS_IN ? ""
		                      : "CLASS? ",
		    type_text);
	}
	if (type == DNS_A && length == 4) {
		say(t, " %u.%u.%u.%u", m[at], m[at + 1], m[at + 2], m[at + 3]);
		at = end;
	} else if ((type == DNS_TXT || type == DNS_HINFO) && length) {
		while (at < end) {
			say(t, " \"%.*s\"", m[at], m + at + 1);
			at += m[at] + 1u;
		}
	}
	for (unsigned i = 0; i < sizeof layouts / sizeof *layouts; i++) {
		if (layouts[i].type != type)
			continue;
		for (unsigned j = 0; j + 1 < layouts[i].prefix + 1u; j += 2, at += 2)
			say(t, " %u", bytes_load_u16(m + at));
		for (unsigned j = 0; j < layouts[i].names; j++) {
			say(t, " ");
			at = say_name(t, m, end, at);
		}
		for (; type == DNS_SOA && at + 4 <= end; at += 4)
			say(t, " %u", bytes_load_u32(m + at));
	}
	if (at < end) {
		say(t, " ");
		for (; at < end; at++)
			say(t, "%02x", m[at]);
	}
	if (at != end)
		fail_msg("a record's data are longer than it says");
	say(t, "\n");
	return at;
}

void world_render(char *to, size_t room, const uint8_t *m, uint32_t size)
{
	static const char *const rcodes[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
		                              "NOTIMP",  "REFUSED", "YXDOMAIN" };
	static const char *const sections[] = { "AN", "NS", "AR" };
	struct text t = { to, room };

	if (size == 0) {
		say(&t, "nothing");
		return;
	}
	if (size < 12)
		fail_msg("a response of %u bytes", size);
	uint16_t flags = bytes_load_u16(m + 2);
	if (!(flags & 0x8000))
		fail_msg("the response is none: QR is 0");
	if ((flags & 15) < 7)
		say(&t, "%s", rcodes[flags & 15]);
	else
		say(&t, "RCODE%u", flags & 15);
	if (flags & 0x7800)
		say(&t, " opcode=%u", flags >> 11 & 15);
	say(&t, "%s%s%s%s%s%s%s", flags & 0x400 ? " aa" : "", flags & 0x200 ? " tc" : "",
	    flags & 0x100 ? " rd" : "", flags & 0x80 ? " ra" : "", flags & 0x40 ? " Z" : "",
	    flags & 0x20 ? " ad" : "", flags & 0x10 ? " cd" : "");
	uint32_t at = 12;
	if (bytes_load_u16(m + 4) == 1) {
		char discarded[1100];
		struct text d = { discarded, sizeof discarded };
		at = say_name(&d, m, size, at) + 4;
	} else if (bytes_load_u16(m + 4) == 0) {
		say(&t, " no-question");
	} else {
		fail_msg("%u questions", bytes_load_u16(m + 4));
	}
	say(&t, "\n");
	for (unsigned i = 0; i < 3; i++)
		for (unsigned n = bytes_load_u16(m + 6 + 2 * i); n; n--)
			at = say_record(&t, sections[i], m, size, at);
	if (at != size)
		fail_msg("%u bytes after the last record", size - at);
}

uint32_t world_ask(struct world *w, const char *query, uint8_t response[4096])
{
	uint8_t packet[600];
	uint32_t size = world_query(packet, query);
	uint32_t end = dns_answer(&w->responder, packet, size, response, 4096);

	if (end >= 12 && memcmp(packet, response, 2) != 0)
		fail_msg("%s: the response has another ID", query);
	return end;
}

void world_expect(struct world *w, const char *query, const char *expected)
{
	uint8_t response[4096];
	static char text[65536];

	world_render(text, sizeof text, response, world_ask(w, query, response));
	if (strcmp(text, expected) != 0)
		fail_msg("%s\n--- expected:\n%s--- got:\n%s", query, expected, text);
}

uint32_t world_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 16);
}
