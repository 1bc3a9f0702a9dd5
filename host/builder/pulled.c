/* SPDX-License-Identifier: ISC */
/*
 * Reads two reports of lld's (pulled.h). The map has a line for each input section: VMA LMA SIZE
 * ALIGN, then "FILE:(SECTION)". The other has a line for each archive member: who referred to it,
 * member, symbol, separated by tabs. Following the referrers up leads to an object of the build,
 * whose name begins with its source's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <builder/plan.h>
#include <builder/pulled.h>
#include <builder/text.h>

#define CHAIN_MAX 64u

static const char *next_line(const char *s)
{
	const char *end = strchr(s, '\n');

	return end ? end + 1 : s + strlen(s);
}

/* A line of the map that is of an archive's member: "/usr/lib/.../libc.a(write.lo):(.text)". False: it is another one. */
struct section {
	uint64_t address, size;
	const char *member, *name; /* not terminated */
	size_t member_size, name_size;
};

static bool read_section(const char *line, struct section *s)
{
	char *at;

	s->address = strtoull(line, &at, 16);
	if (at == line)
		return false;
	strtoull(at, &at, 16); /* LMA */
	s->size = strtoull(at, &at, 16);
	strtoull(at, &at, 10); /* alignment */
	at += strspn(at, " ");
	const char *end = strpbrk(at, "\n"), *colon = NULL;
	if (!end)
		end = at + strlen(at);
	for (const char *c = at; c + 1 < end; c++)
		if (c[0] == ':' && c[1] == '(')
			colon = c;
	if (!colon || colon[-1] != ')')
		return false;
	s->member = at;
	s->member_size = (size_t)(colon - at);
	s->name = colon + 2;
	s->name_size = (size_t)(end - s->name);
	return true;
}

/* The member whose input section holds the address. */
static const char *find_member(const char *map, uint64_t address)
{
	struct section s;

	for (const char *line = map; *line; line = next_line(line))
		if (read_section(line, &s) && address >= s.address && address - s.address < s.size)
			return keep_text(s.member, s.member_size);
	return NULL;
}

size_t pulled_ranges(const struct audit_range **to, const char *map)
{
	struct audit_range *ranges = NULL;
	size_t count = 0, room = 0;
	struct section s;

	for (const char *line = map ? map : ""; *line; line = next_line(line)) {
		if (!read_section(line, &s) || !s.size || s.name_size < 5 ||
		    memcmp(s.name, ".text", 5) != 0)
			continue;
		if (count == room) {
			struct audit_range *more = keep((room ? 2 * room : 256) * sizeof *more);

			if (count)
				memcpy(more, ranges, count * sizeof *more);
			ranges = more;
			room = room ? 2 * room : 256;
		}
		ranges[count++] = (struct audit_range){ s.address, s.size };
	}
	*to = ranges;
	return count;
}

struct reason {
	const char *referrer, *symbol;
};

static bool find_reason(const char *why, const char *member, struct reason *r)
{
	size_t n = strlen(member);

	for (const char *line = why; *line; line = next_line(line)) {
		const char *first = strchr(line, '\t'),
		           *second = first ? strchr(first + 1, '\t') : NULL;

		if (!second || second > next_line(line) || (size_t)(second - first - 1) != n ||
		    memcmp(first + 1, member, n) != 0)
			continue;
		r->referrer = keep_text(line, (size_t)(first - line));
		r->symbol = keep_text(second + 1, strcspn(second + 1, "\n"));
		return true;
	}
	return false;
}

/* main.c of .../object/main.c.0123abcd.o; write.lo of .../libc.a(write.lo). */
static const char *short_name(const char *file)
{
	const char *open = strrchr(file, '('), *slash = strrchr(file, '/'),
	           *start = slash ? slash + 1 : file;
	size_t n;

	if (open)
		return keep_text(open + 1, strcspn(open + 1, ")"));
	n = strlen(start);
	return n > 11 && strcmp(start + n - 2, ".o") == 0 && start[n - 11] == '.'
	               ? keep_text(start, n - 11)
	               : start;
}

/* libc of .../libc.a(write.lo). */
static const char *archive_name(const char *member)
{
	const char *open = strrchr(member, '('), *start = open ? open : member;

	while (start > member && start[-1] != '/')
		start--;
	size_t n = open ? (size_t)(open - start) : strlen(start);
	return keep_text(start, n > 2 && memcmp(start + n - 2, ".a", 2) == 0 ? n - 2 : n);
}

bool pulled_find(struct pulled *p, const char *map, const char *why, uint64_t address)
{
	const char *member = map && why ? find_member(map, address) : NULL, *at = member;
	struct reason r;

	if (!member)
		return false;
	*p = (struct pulled){ keep_format("%s's %s", archive_name(member), short_name(member)) };
	for (unsigned i = 0; i < CHAIN_MAX && find_reason(why, at, &r); i++) {
		if (!strchr(r.referrer, '(')) {
			p->by = short_name(r.referrer);
			p->object = r.referrer;
			p->call = r.symbol;
			break;
		}
		if (!p->asker && strncmp(r.referrer, PLAN_LIBC "(", sizeof PLAN_LIBC) != 0 &&
		    strncmp(member, PLAN_LIBC "(", sizeof PLAN_LIBC) == 0) {
			p->asker = keep_format("%s.a's %s", archive_name(r.referrer),
			                       short_name(r.referrer));
			p->asked = r.symbol;
		}
		at = r.referrer;
	}
	return true;
}
