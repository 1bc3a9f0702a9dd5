/* SPDX-License-Identifier: ISC */
/*
 * A rules file, a rule a line (docs/manifest.md):
 *
 *	type .ENDING|PATTERN TYPE
 *	header PATTERN NAME: VALUE
 *	redirect [STATUS] PATTERN TARGET
 *	fallback PATTERN PATH
 *
 * PATTERN is a path as URLs have it, with // and a host's name before it or not; a star stands for any characters.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "builder.h"

#define STAR '\001' /* in a decoded pattern, where a star may be a character, too */

enum rule_kind { TYPE, HEADER, REDIRECT, FALLBACK };
struct rule {
	enum rule_kind kind;
	uint32_t status;
	char *from; /* FILE:LINE */
	char *host; /* "": the site without one; "*": any */
	char *pattern;
	bool ending; /* the pattern is that of names */
	char *name, *value;
};
static struct rule *rules;
static size_t rule_count;

/* ---- Reading ---- */

static char *word_next(char **line)
{
	char *start = *line + strspn(*line, " \t");
	char *end = start + strcspn(start, " \t");
	*line = end + (*end != 0);
	*end = 0;
	return start;
}

static uint8_t hex(char c)
{
	return c >= '0' && c <= '9'                     ? (uint8_t)(c - '0')
	       : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (uint8_t)((c | 0x20) - 'a' + 10)
	                                                : 255;
}

static bool is_printable(const char *s)
{
	for (; *s; s++) {
		if (*s < 0x20 || *s > 0x7e)
			return false;
	}
	return true;
}

/* The path of a URL, decoded; stars become STAR. It ends the program if no client could ask for it. */
static char *path_of(const struct rule *r, const char *word)
{
	char *path = site_checked(malloc(strlen(word) + 1)), *to = path;
	if (*word != '/')
		site_fail("%s: %s is no path; write it with a slash before it", r->from, word);
	for (const char *p = word; *p;) {
		char c = *p++;
		if (c == '%' && hex(p[0]) <= 15 && hex(p[1]) <= 15) {
			c = (char)(hex(p[0]) << 4 | hex(p[1]));
			p += 2;
			if (c == '/')
				c = 0;
		} else if (c == '*') {
			*to++ = STAR;
			continue;
		} else if (c == '%' || c == '?' || c == '#') {
			c = 0;
		}
		if ((uint8_t)c < 0x20 || c == 0x7f)
			site_fail(
			        "%s: %s is no path of a URL: percent signs have two digits behind "
			        "them, and no control characters, ? nor # are in it",
			        r->from, word);
		*to++ = c;
	}
	*to = 0;
	for (const char *p = path; *p;) {
		size_t n = strcspn(++p, "/");
		if ((!n && *p) || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			site_fail("%s: %s: no client can ask for a path with empty parts, . or ..",
			          r->from, word);
		p += n;
	}
	return path;
}

static void pattern_read(struct rule *r, const char *word)
{
	r->host = site_checked(strdup(""));
	if (strncmp(word, "//", 2) == 0) {
		size_t n = strcspn(word += 2, "/");
		free(r->host);
		if (n == 1 && *word == '*' && (r->kind == TYPE || r->kind == HEADER))
			r->host = site_checked(strdup("*"));
		else
			r->host = site_host(word, n, r->from);
		word += n;
	}
	r->pattern = path_of(r, word);
}

/* token "/" token, and what may come behind it (RFC 9110 §8.3.1). */
static void type_read(struct rule *r, const char *type)
{
	static const char mark[] = "!#$%&'*+-.^_`|~";
	const char *p = type;
	for (int part = 0; part < 2; part++) {
		const char *start = p;
		while (*p && (isalnum((unsigned char)*p) || strchr(mark, *p)))
			p++;
		if (p == start || (part == 0 && *p++ != '/'))
			site_fail("%s: %s is no content type; write it as in text/html", r->from,
			          type);
	}
	if ((*p && *p != ';') || !is_printable(type))
		site_fail("%s: %s is no content type; write it as in text/html; charset=utf-8",
		          r->from, type);
	r->value = site_checked(strdup(type));
}

static void header_read(struct rule *r, char *line)
{
	static const char *const ours[] = { "date",
		                            "connection",
		                            "keep-alive",
		                            "content-length",
		                            "transfer-encoding",
		                            "upgrade",
		                            "trailer",
		                            "te",
		                            "content-encoding",
		                            "content-range",
		                            "accept-ranges",
		                            "etag",
		                            "last-modified",
		                            "location",
		                            "vary",
		                            "server" };
	char *colon = strchr(line, ':');
	size_t size = colon ? (size_t)(colon - line) : 0;
	for (size_t k = 0; k < size; k++) {
		if (!isalnum((unsigned char)line[k]) && !strchr("!#$%&'*+-.^_`|~", line[k]))
			size = 0;
	}
	if (!size)
		site_fail("%s: no header field is there; write NAME: VALUE behind the path",
		          r->from);
	r->name = site_checked(strndup(line, size));
	colon += 1 + strspn(colon + 1, " \t");
	r->value = site_checked(strdup(colon));
	if (!is_printable(r->value))
		site_fail("%s: the value of %s may have printable ASCII only", r->from, r->name);
	if (strcasecmp(r->name, "content-type") == 0)
		site_fail("%s: a content type is said by a line of its own: type PATTERN TYPE",
		          r->from);
	for (size_t k = 0; k < sizeof ours / sizeof *ours; k++) {
		if (strcasecmp(r->name, ours[k]) == 0)
			site_fail("%s: %s is the server's to say", r->from, r->name);
	}
}

/* A star in such a pattern is the last segment, or there is none. */
static bool is_below(const struct rule *r)
{
	const char *star = strchr(r->pattern, STAR);
	if (star && (star[1] || star[-1] != '/'))
		site_fail("%s: a star may only be the last part of this path, as in /old/*",
		          r->from);
	return star;
}

static void redirect_read(struct rule *r, char *line)
{
	char *word = word_next(&line), *end;
	r->status = 301;
	if (*word >= '0' && *word <= '9') {
		r->status = (uint32_t)strtoul(word, &end, 10);
		if (*end || (r->status != 301 && r->status != 302 && r->status != 303 &&
		             r->status != 307 && r->status != 308))
			site_fail("%s: %s is no status of a redirection; there are 301, 302, 303, "
			          "307 and 308",
			          r->from, word);
		word = word_next(&line);
	}
	pattern_read(r, word);
	const char *target = word_next(&line), *star = strchr(target, '*');
	size_t scheme = strspn(target, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
	if ((*target != '/' && (!scheme || target[scheme] != ':')) || !is_printable(target))
		site_fail("%s: '%s' is no target; write a path or a URL, as it is to be sent",
		          r->from, target);
	if (star && (!is_below(r) || star[1]))
		site_fail("%s: a star ends the target, if one ends the path", r->from);
	char *itself = site_escaped(r->pattern);
	if (!is_below(r) && !*r->host && strcmp(target, itself) == 0)
		site_fail("%s: it leads to itself", r->from);
	free(itself);
	r->value = site_checked(strdup(target));
	if (*word_next(&line))
		site_fail("%s: there is more behind the target than can be; a space is %%20",
		          r->from);
}

static void fallback_read(struct rule *r, char *line)
{
	pattern_read(r, word_next(&line));
	if (!is_below(r))
		site_fail("%s: a fallback is for all that is below a folder; write a star behind "
		          "it, as "
		          "in /app/*",
		          r->from);
	r->value = path_of(r, word_next(&line));
	if (*word_next(&line))
		site_fail("%s: there is more behind the file than can be; a space is %%20",
		          r->from);
}

static void rule_read(char *line, const char *from)
{
	static const char *const names[] = { "type", "header", "redirect", "fallback" };
	const char *word = word_next(&line);
	struct rule r = { .from = site_checked(strdup(from)) };
	while (r.kind <= FALLBACK && strcmp(word, names[r.kind]) != 0)
		r.kind++;
	line += strspn(line, " \t");
	switch (r.kind) {
	case TYPE:
		word = word_next(&line);
		r.ending = *word == '.';
		if (r.ending) {
			r.host = site_checked(strdup("*"));
			r.pattern = site_checked(strdup(word));
		} else {
			pattern_read(&r, word);
		}
		type_read(&r, line + strspn(line, " \t"));
		break;
	case HEADER:
		pattern_read(&r, word_next(&line));
		header_read(&r, line + strspn(line, " \t"));
		break;
	case REDIRECT:
		redirect_read(&r, line);
		break;
	case FALLBACK:
		fallback_read(&r, line);
		break;
	default:
		site_fail("%s: no rule %s; there are type, header, redirect and fallback", from,
		          word);
	}
	rules = site_checked(realloc(rules, (rule_count + 1) * sizeof *rules));
	rules[rule_count++] = r;
}

void site_rules_read(const char *path, const char *shown)
{
	char *line = NULL;
	size_t room = 0, number = 0;
	ssize_t size;
	FILE *f = fopen(path, "r");
	if (!f)
		site_fail("%s: %s", shown, strerror(errno));
	site_note_read(path);
	while ((size = getline(&line, &room, f)) >= 0) {
		char *from = site_text("%s:%zu", shown, ++number);
		if (strlen(line) != (size_t)size)
			site_fail("%s: a NUL is in it; this is a text file", from);
		while (size && isspace((unsigned char)line[size - 1]))
			line[--size] = 0;
		char *start = line + strspn(line, " \t");
		if (*start && *start != '#')
			rule_read(start, from);
		free(from);
	}
	if (ferror(f))
		site_fail("%s: %s", shown, strerror(errno));
	free(line);
	fclose(f);
}

/* ---- What they make ---- */

static bool matches(const char *pattern, const char *path)
{
	const char *star = NULL, *again = NULL;
	while (*path) {
		if (*pattern == STAR) {
			star = ++pattern;
			again = path;
		} else if (*pattern == *path) {
			pattern++;
			path++;
		} else if (star) { /* the last star takes one more */
			pattern = star;
			path = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == STAR)
		pattern++;
	return !*pattern;
}

static bool fits(const struct rule *r, const struct site_item *i)
{
	const char *path = i->key + i->host_size;
	if (r->ending) {
		size_t n = strlen(path), size = strlen(r->pattern);
		return n >= size && strcasecmp(path + n - size, r->pattern) == 0;
	}
	bool of_host = strcmp(r->host, "*") == 0 || (strlen(r->host) == i->host_size &&
	                                             memcmp(r->host, i->key, i->host_size) == 0);
	return of_host && matches(r->pattern, path);
}

const char *site_rules_type(const struct site_item *i)
{
	for (size_t k = rule_count; k--;) {
		if (rules[k].kind == TYPE && fits(&rules[k], i))
			return rules[k].value;
	}
	return NULL;
}

/* Does one of the rules from number k on set that field of this file? */
static bool is_set_from(size_t k, const struct site_item *i, const char *name)
{
	for (; k < rule_count; k++) {
		if (rules[k].kind == HEADER && strcasecmp(rules[k].name, name) == 0 &&
		    fits(&rules[k], i))
			return true;
	}
	return false;
}

char *site_rules_fields(const struct site_item *i, const char *cache_control, bool page)
{
	char *all;
	size_t size;
	FILE *f = site_checked(open_memstream(&all, &size));
	if (cache_control && !is_set_from(0, i, "Cache-Control"))
		fprintf(f, "Cache-Control: %s\r\n", cache_control);
	for (size_t k = 0; k < rule_count; k++) {
		const struct rule *r = &rules[k];
		if (r->kind != HEADER || !fits(r, i) || is_set_from(k + 1, i, r->name) ||
		    !*r->value)
			continue;
		bool life = strcasecmp(r->name, "Cache-Control") == 0 ||
		            strcasecmp(r->name, "Expires") == 0;
		if (!page || !life)
			fprintf(f, "%s: %s\r\n", r->name, r->value);
	}
	if (fclose(f))
		site_checked(NULL);
	return all;
}

/* The pattern as a key: a star and a slash before it become the slash and a NUL. */
static uint32_t below_key(const struct rule *r)
{
	uint32_t n = (uint32_t)strlen(r->pattern);
	r->pattern[n - 1] = 0;
	return n;
}

static void apply_redirect(const struct rule *r)
{
	bool below = is_below(r);
	uint32_t size = below ? below_key(r) : (uint32_t)strlen(r->pattern);
	struct site_item *i = site_add(r->host, r->pattern, size,
	                               below ? SITE_BELOW_REDIRECT : SITE_REDIRECT, r->from);
	char *star = strchr(r->value, '*');
	i->rest = star;
	if (star)
		*star = 0;
	i->status = r->status;
	i->location = r->value;
}

static size_t number_of(const struct site_item *i)
{
	return i->same_as ? i->same_as : (size_t)(i - site_items) + 1;
}

static void apply_fallback(const struct rule *r)
{
	const struct site_item *file = site_find(r->host, r->value, (uint32_t)strlen(r->value));
	if (!file || file->kind != SITE_FILE)
		site_fail("%s: there is no file at %s%s%s", r->from, *r->host ? "//" : "", r->host,
		          r->value);
	size_t number = number_of(file);
	uint32_t size = below_key(r);
	site_add(r->host, r->pattern, size, SITE_BELOW_FILE, r->from)->same_as = number;
}

static void add_page(const char *host)
{
	const struct site_item *page = site_find(host, "/404.html", 9);
	if (!page || page->kind != SITE_FILE)
		return;
	size_t number = number_of(page);
	char *from = site_checked(strdup(page->from));
	site_add(host, "", 1, SITE_NOT_FOUND, from)->same_as = number;
	free(from);
}

/* A path without a star that no file has is a slip. */
static void check_met(const struct rule *r)
{
	if (r->ending || strchr(r->pattern, STAR))
		return;
	for (size_t n = 0; n < site_item_count; n++) {
		const struct site_item *i = &site_items[n];
		if (i->kind == SITE_FILE && !i->same_as && fits(r, i))
			return;
	}
	char *path = site_escaped(r->pattern);
	site_fail("%s: there is no file at %s%s", r->from, path,
	          path[strlen(path) - 1] == '/' ? ": name its index.html" : "");
}

void site_rules_apply(void)
{
	for (size_t k = 0; k < rule_count; k++) {
		if (rules[k].kind == REDIRECT)
			apply_redirect(&rules[k]);
		else if (rules[k].kind == FALLBACK)
			apply_fallback(&rules[k]);
		else
			check_met(&rules[k]);
	}
	add_page("");
	for (size_t n = 0, count = site_item_count; n < count; n++) {
		if (site_items[n].kind == SITE_HOST)
			add_page(site_items[n].key);
	}
}
