/* SPDX-License-Identifier: ISC */
/*
 * Master files: entries read from a stack of files by the lexer (lexer.c), data by rdata_parse.c,
 * records given to the caller one by one. What an entry leaves out comes from what was before it:
 * the owner, the class (RFC 1035 §5.1), and the TTL as BIND has it:
 *
 *	1. the record's own; else
 *	2. $TTL's last (RFC 2308 §4); else
 *	3. the last that a record stated (RFC 1035 §5.1); else
 *	4. an SOA's minimum field, for that SOA and, as if $TTL had said it, for what follows; else
 * it is a problem.
 *
 * After a problem the parser goes on behind the entry. An included file begins with the owner,
 * class and TTL of where it is included; origin and owner are restored behind it, $TTL is not.
 */
#include <app/dns/master.h>

#include <stdio.h>
#include <string.h>

#include <core/error.h>
#include <app/dns/generate.h>
#include <app/dns/lexer.h>
#include <app/dns/rdata.h>
#include <app/dns/text.h>
#include <app/dns/type.h>

struct source {
	struct dns_lexer lexer;
	const char *name;              /* in messages */
	struct dns_name origin, owner; /* owner: kept while another file is read */
	bool has_owner;
	bool unclosed; /* a parenthesis was found open at its end */
};

struct master {
	const struct dns_master_events *events;
	struct dns_problem problem;
	int problems;
	int result;               /* negative: the caller's, who wants no more */
	struct dns_record record; /* the one in work; its owner is the last owner */
	bool has_owner;
	uint32_t default_ttl, stated_ttl;
	bool has_default, has_stated;
	uint64_t generated; /* records, by all of $GENERATE */
	uint32_t included;  /* files */
	unsigned depth;     /* of sources */
	struct source sources[DNS_INCLUDE_DEPTH_MAX + 1];
	char text[DNS_GENERATE_TEXT_MAX]; /* what $GENERATE made */
	uint8_t data[DNS_DATA_MAX];
};

static bool over(const struct master *m)
{
	return m->result < 0 || m->problems >= (int)DNS_PROBLEMS_MAX;
}

/* Hands the problem noted to the caller. */
static void report(struct master *m, const char *file)
{
	if (m->problem.line == 0)
		return;
	m->events->problem(m->events->context, file, m->problem.line, m->problem.text);
	m->problem.line = 0;
	if (++m->problems == (int)DNS_PROBLEMS_MAX)
		m->events->problem(m->events->context, file, 0,
		                   "so many problems are enough; the rest was not read");
}

/* ---- Owner, TTL, class, type ---- */

static void copy_name(struct dns_name *to, const struct dns_name *from)
{
	to->size = from->size;
	memcpy(to->wire, from->wire, from->size);
}

static bool word(struct dns_lexer *x, const char *what)
{
	switch (x->token.kind) {
	case DNS_TOKEN_WORD:
		return true;
	case DNS_TOKEN_QUOTED:
		return dns_lexer_refuse(x, "is quoted where %s is wanted; take the quotes out",
		                        what);
	case DNS_TOKEN_BAD:
		return false;
	}
	return dns_lexer_fail(x, "the line ends where %s is wanted; complete it", what);
}

static bool parse_name(struct dns_lexer *x, const struct dns_name *origin, struct dns_name *name,
                       const char *what)
{
	const char *why;

	if (!word(x, what))
		return false;
	if (dns_name_parse_why(name, x->token.text, x->token.size, origin, &why) < 0)
		return dns_lexer_refuse(x, "%s", why);
	dns_lexer_next(x);
	return true;
}

static bool parse_ttl(struct dns_lexer *x, uint32_t *ttl)
{
	if (!word(x, "a TTL"))
		return false;
	if (!dns_text_seconds(x->token.text, x->token.size, ttl))
		return dns_lexer_refuse(x, "is not a TTL; write seconds, or units like 1w2d3h4m5s");
	if (*ttl > INT32_MAX)
		return dns_lexer_refuse(x, "is a TTL of more than 2147483647 seconds; shorten it");
	dns_lexer_next(x);
	return true;
}

/* [TTL] [class] type, in either order (RFC 1035 §5.1). */
static bool parse_head(struct master *m, struct dns_lexer *x, bool *has_ttl)
{
	struct dns_record *r = &m->record;
	bool has_class = false;

	*has_ttl = false;
	for (;;) {
		if (!word(x, "a record type"))
			return false;
		const char *text = x->token.text;
		size_t size = x->token.size;
		uint32_t ttl;
		if (text[0] >= '0' && text[0] <= '9' && dns_text_seconds(text, size, &ttl)) {
			if (*has_ttl)
				return dns_lexer_refuse(x, "is a second TTL; take one out");
			if (!parse_ttl(x, &r->ttl))
				return false;
			*has_ttl = true;
			continue;
		}
		int class = dns_class_number(text, size);
		if (class >= 0) {
			if (has_class)
				return dns_lexer_refuse(x, "is a second class; take one out");
			if (class == 0 || class == DNS_CLASS_NONE || class == DNS_CLASS_ANY)
				return dns_lexer_refuse(x,
				                        "is a class for messages only; write IN");
			r->class = (uint16_t)class;
			has_class = true;
			dns_lexer_next(x);
			continue;
		}
		int type = dns_type_number(text, size);
		if (type < 0)
			return dns_lexer_refuse(
			        x, "is neither a TTL, a class nor a record type; correct "
			           "it, or write TYPE and a number");
		if (dns_type_is_meta((uint16_t)type))
			return dns_lexer_refuse(x,
			                        "is a type for messages only; take the record out");
		r->type = (uint16_t)type;
		dns_lexer_next(x);
		return true;
	}
}

/* Settles the TTL by the rules above. */
static bool settle_ttl(struct master *m, struct dns_lexer *x, bool has_ttl)
{
	struct dns_record *r = &m->record;

	if (has_ttl) {
		m->stated_ttl = r->ttl;
		m->has_stated = true;
	} else if (m->has_default) {
		r->ttl = m->default_ttl;
	} else if (m->has_stated) {
		r->ttl = m->stated_ttl;
	} else if (r->type == DNS_SOA && r->size >= 4) {
		struct bytes_in in = bytes_in(r->data, r->size);
		bytes_seek(&in, r->size - 4u);
		r->ttl = bytes_get_u32(&in);
		if (r->ttl > INT32_MAX)
			return dns_lexer_fail(
			        x, "the SOA's minimum is its TTL, but more than 2147483647; "
			           "shorten it");
		m->default_ttl = r->ttl;
		m->has_default = true;
	} else {
		return dns_lexer_fail(
		        x, "no TTL: neither here nor before; put a line like $TTL 3600 at "
		           "the file's beginning");
	}
	return true;
}

/* An entry from its TTL, class or type on; its owner is set. */
static bool parse_record(struct master *m, struct dns_lexer *x, const struct dns_name *origin)
{
	struct dns_record *r = &m->record;
	struct bytes_out out = bytes_out(m->data, sizeof m->data);
	bool has_ttl;

	if (!parse_head(m, x, &has_ttl) || !dns_rdata_parse(r->type, r->class, x, origin, &out))
		return false;
	r->data = m->data;
	r->size = (uint16_t)out.at;
	if (!settle_ttl(m, x, has_ttl)) {
		m->problem.line = r->line;
		return false;
	}
	int result = m->events->record(m->events->context, r);
	if (result < 0)
		m->result = result;
	return true;
}

/* ---- Directives; the token is what follows the directive's name ---- */

static struct source *top(struct master *m)
{
	return &m->sources[m->depth - 1];
}

static bool end_of_line(struct dns_lexer *x)
{
	if (x->token.kind == DNS_TOKEN_BAD)
		return false;
	return dns_lexer_at_end(x) ||
	       dns_lexer_refuse(x, "is more than the directive takes; take it out");
}

static bool do_origin(struct master *m)
{
	struct source *s = top(m);
	struct dns_name origin;

	if (!parse_name(&s->lexer, &s->origin, &origin, "a domain name") || !end_of_line(&s->lexer))
		return false;
	copy_name(&s->origin, &origin);
	return true;
}

static bool do_ttl(struct master *m)
{
	struct dns_lexer *x = &top(m)->lexer;
	uint32_t ttl;

	if (!parse_ttl(x, &ttl) || !end_of_line(x))
		return false;
	m->default_ttl = ttl;
	m->has_default = true;
	return true;
}

/* Begins a file; *why says why it cannot. */
static bool open_source(struct master *m, const char *from, const char *name,
                        const struct dns_name *origin, const char **why)
{
	struct source *s = &m->sources[m->depth];
	const char *as = name;
	size_t size = 0;

	*why = "no reason was given";
	const char *text = m->events->open(m->events->context, from, name, &size, &as, why);
	if (!text)
		return false;
	m->depth++;
	s->name = as;
	s->unclosed = false;
	copy_name(&s->origin, origin);
	/* A byte order mark would become part of the first word. */
	bool bom = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
	if (bom) {
		m->problem.line = 1;
		strcpy(m->problem.text,
		       "the file begins with a UTF-8 byte order mark; save it without");
		report(m, as);
		text += 3;
		size -= 3;
	}
	dns_lexer_init(&s->lexer, text, size, 1, &m->problem);
	return true;
}

static bool do_include(struct master *m)
{
	struct source *s = top(m);
	struct dns_lexer *x = &s->lexer;
	struct dns_name origin;
	struct dns_token file = x->token;
	char name[DNS_FILE_NAME_MAX];
	const char *why;

	copy_name(&origin, &s->origin);
	if (file.kind != DNS_TOKEN_QUOTED && !word(x, "a file name"))
		return false;
	int size = dns_token_decode(&file, (uint8_t *)name, sizeof name - 1);
	if (size <= 0 || memchr(name, '\0', (size_t)size))
		return dns_lexer_refuse(x, "is no file name; write one of 1 to %u bytes",
		                        (unsigned)sizeof name - 1);
	name[size] = '\0';
	dns_lexer_next(x);
	if (!dns_lexer_at_end(x) && !parse_name(x, &s->origin, &origin, "an origin"))
		return false;
	if (!end_of_line(x))
		return false;
	struct dns_token end = x->token;
	x->token = file;
	bool ok = m->depth <= DNS_INCLUDE_DEPTH_MAX && m->included < DNS_INCLUDES_MAX;
	if (m->included >= DNS_INCLUDES_MAX) {
		dns_lexer_refuse(x, "is one file too many; $INCLUDE may bring in %u in all",
		                 DNS_INCLUDES_MAX);
	} else if (!ok) {
		dns_lexer_refuse(
		        x,
		        "is included too deeply, %u files in one another; a file that includes "
		        "itself?",
		        DNS_INCLUDE_DEPTH_MAX);
	} else {
		copy_name(&s->owner, &m->record.owner);
		s->has_owner = m->has_owner;
		m->included++;
		ok = open_source(m, s->name, name, &origin, &why);
		if (!ok)
			dns_lexer_refuse(x, "cannot be read: %s", why);
	}
	x->token = end;
	return ok;
}

/* One record of $GENERATE: `size` bytes of m->text, the owner's first. */
static bool parse_generated(struct master *m, uint32_t owner_size, uint32_t size, uint32_t line)
{
	const struct dns_name *origin = &top(m)->origin;
	struct dns_lexer x;
	const char *why;

	if (dns_name_parse_why(&m->record.owner, m->text, owner_size, origin, &why) < 0) {
		x = (struct dns_lexer){ .problem = &m->problem };
		x.token = (struct dns_token){ .text = m->text, .size = owner_size, .line = line };
		return dns_lexer_refuse(&x, "%s", why);
	}
	dns_lexer_init(&x, m->text + owner_size, size - owner_size, line, &m->problem);
	x.line_fixed = true;
	return parse_record(m, &x, origin);
}

/* $GENERATE range owner [TTL] [class] type data. The data is one quoted string as in BIND, or all
 * that follows on the line. */
static bool do_generate(struct master *m)
{
	struct dns_lexer *x = &top(m)->lexer;
	uint32_t line = x->token.line;
	struct dns_range range;
	const char *why;

	if (!word(x, "a range"))
		return false;
	if (!dns_range_parse(&range, x->token.text, x->token.size, &why))
		return dns_lexer_refuse(x, "%s", why);
	uint32_t count = dns_range_count(&range);
	if (count > DNS_GENERATE_MAX || m->generated + count > DNS_GENERATE_TOTAL_MAX)
		return dns_lexer_refuse(x,
		                        "asks for %u records; a directive may make %u, all of them "
		                        "together %u",
		                        count, DNS_GENERATE_MAX, DNS_GENERATE_TOTAL_MAX);
	dns_lexer_next(x);
	if (!word(x, "an owner name"))
		return false;
	struct dns_token owner = x->token;
	dns_lexer_next(x);
	/* The rest is a template as it stands: from here, to the end of the last token. */
	const char *rest = x->token.text - (x->token.kind == DNS_TOKEN_QUOTED);
	const char *rest_end = rest, *quoted = NULL;
	unsigned strings = 0;
	for (; !dns_lexer_at_end(x); dns_lexer_next(x)) {
		if (x->token.kind == DNS_TOKEN_BAD)
			return false;
		if (x->token.line != line)
			return dns_lexer_fail(x, "$GENERATE must stand on one line; join them");
		bool is_quoted = x->token.kind == DNS_TOKEN_QUOTED;
		if (is_quoted && strings++ == 0)
			quoted = x->token.text;
		rest_end = x->token.text + x->token.size + is_quoted;
		strings += !is_quoted && quoted;
	}
	if (rest == rest_end)
		return dns_lexer_fail(x,
		                      "the line ends where a record type is wanted; complete it");
	/* One string that ends the line is not data, but what stands in it is. */
	bool unquote = quoted && strings == 1;
	struct dns_name kept;
	copy_name(&kept, &m->record.owner);
	m->record.line = line;
	bool ok = true;
	for (uint32_t i = 0; ok && i < count && !over(m); i++) {
		uint32_t number = range.first + i * range.step;
		struct bytes_out out = bytes_out(m->text, sizeof m->text);
		int e = dns_generate_text(&out, owner.text, owner.size, number);
		uint32_t owner_size = out.at;
		bytes_put_u8(&out, ' ');
		if (e == OK && unquote) {
			e = dns_generate_text(&out, rest, (size_t)(quoted - 1 - rest), number);
			if (e == OK)
				e = dns_generate_text(&out, quoted, (size_t)(rest_end - 1 - quoted),
				                      number);
		} else if (e == OK) {
			e = dns_generate_text(&out, rest, (size_t)(rest_end - rest), number);
		}
		if (e < 0)
			ok = dns_lexer_fail(
			        x, "bad braces after a $; write ${OFFSET,WIDTH,BASE} with base "
			           "d, o, x, X, n or N");
		else if (out.failed)
			ok = dns_lexer_fail(x,
			                    "a record of more than %u bytes comes out; shorten it",
			                    DNS_GENERATE_TEXT_MAX);
		else
			ok = parse_generated(m, owner_size, out.at, line);
		m->problem.line = ok ? 0 : line;
	}
	m->generated += count;
	copy_name(&m->record.owner, &kept);
	return ok;
}

static bool do_directive(struct master *m)
{
	static const struct {
		char name[10];
		bool (*act)(struct master *);
	} directives[] = {
		{ "$ORIGIN", do_origin },
		{ "$TTL", do_ttl },
		{ "$INCLUDE", do_include },
		{ "$GENERATE", do_generate },
	};
	struct dns_lexer *x = &top(m)->lexer;

	for (size_t i = 0; i < sizeof directives / sizeof directives[0]; i++) {
		if (!dns_token_is(&x->token, directives[i].name))
			continue;
		dns_lexer_next(x);
		return directives[i].act(m);
	}
	return dns_lexer_refuse(
	        x, "is no directive; write $ORIGIN, $TTL, $INCLUDE or $GENERATE, or \\$ for a "
	           "name that begins with a dollar");
}

/* ---- Entries ---- */

static bool parse_entry(struct master *m)
{
	struct source *s = top(m);
	struct dns_lexer *x = &s->lexer;
	struct dns_record *r = &m->record;

	if (x->token.kind == DNS_TOKEN_BAD)
		return false;
	r->file = s->name;
	r->line = x->token.line;
	if (x->token.kind == DNS_TOKEN_WORD && x->token.text[0] == '$') {
		if (x->token.indented)
			return dns_lexer_refuse(
			        x, "is indented, and would be data; begin the line with it");
		return do_directive(m);
	}
	if (!x->token.indented) {
		struct dns_name owner;
		if (!parse_name(x, &s->origin, &owner, "an owner name"))
			return false;
		copy_name(&r->owner, &owner);
		m->has_owner = true;
	} else if (!m->has_owner) {
		return dns_lexer_fail(
		        x, "no owner: the line begins with white space, and no record is before "
		           "it; write the name, or @ for the origin");
	}
	return parse_record(m, x, &s->origin);
}

/* Where, at or after `at`, a line begins that is not indented, nor empty or a comment; *line counts
 * along. */
static size_t next_entry(const struct dns_lexer *x, size_t at, uint32_t *line)
{
	while (at < x->size) {
		const char *end = memchr(x->text + at, '\n', x->size - at);
		at = end ? (size_t)(end + 1 - x->text) : x->size;
		++*line;
		if (at < x->size && !strchr(" \t\r\n;", x->text[at]))
			break;
	}
	return at;
}

/* The file ended within parentheses: says so, and reads on with the next entry behind where they
 * opened, once. */
static void close_source(struct master *m)
{
	struct source *s = top(m);
	struct dns_lexer *x = &s->lexer;

	if (x->depth > 0) {
		m->problem.line = x->open_line;
		strcpy(m->problem.text,
		       "a parenthesis opens here and is never closed; add ) behind the data");
		report(m, s->name);
		if (!s->unclosed && !over(m)) {
			uint32_t line = x->open_line;
			size_t at = next_entry(x, x->open_at, &line);
			s->unclosed = true;
			dns_lexer_init(x, x->text + at, x->size - at, line, &m->problem);
			return;
		}
	}
	if (--m->depth > 0) {
		copy_name(&m->record.owner, &top(m)->owner);
		m->has_owner = top(m)->has_owner;
	}
}

int dns_master_parse(const char *file, const struct dns_name *origin,
                     const struct dns_master_events *events)
{
	struct master m;
	const char *why;

	/* Not the large buffers. */
	m.events = events;
	m.problem.line = 0;
	m.problems = m.result = 0;
	m.record.class = DNS_IN;
	m.has_owner = m.has_default = m.has_stated = false;
	m.default_ttl = m.stated_ttl = 0;
	m.generated = m.included = 0;
	m.depth = 0;
	copy_name(&m.record.owner, origin);
	if (!open_source(&m, NULL, file, origin, &why)) {
		snprintf(m.problem.text, sizeof m.problem.text, "cannot be read: %s", why);
		events->problem(events->context, file, 0, m.problem.text);
		return 1;
	}
	while (m.depth > 0 && !over(&m)) {
		struct source *s = top(&m);
		struct dns_lexer *x = &s->lexer;
		if (x->token.kind == DNS_TOKEN_END) {
			close_source(&m);
			continue;
		}
		if (x->token.kind == DNS_TOKEN_NEWLINE) {
			dns_lexer_next(x);
			continue;
		}
		if (parse_entry(&m))
			continue;
		dns_lexer_skip(x);
		/* What is left open at the end is the cause of what went wrong in it. */
		if (x->token.kind == DNS_TOKEN_END && x->depth > 0)
			m.problem.line = 0;
		report(&m, s->name);
	}
	return m.result < 0 ? m.result : m.problems;
}
