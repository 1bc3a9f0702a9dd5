/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <tender/health_note.h>

static const char *const names[] = { NULL, "tcp", "http", "dns", "command" };

const char *health_kind_name(uint32_t kind)
{
	return kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

/* A name of DNS: labels of 1 to 63 bytes, 253 together (RFC 1035 section 2.3.4). */
static bool name_is_valid(const char *name)
{
	size_t label = 0, n = strlen(name);
	if (!n || n > 253 || *name == '.' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != n)
		return false;
	for (; *name; name++) {
		if (*name == '.' && !label)
			return false;
		label = *name == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return true;
}

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

/* Decodes [from, end) into `to`, which has room for as many bytes. The bytes, or -1: an escape that is none. */
static int decode(const char *from, const char *end, char *to)
{
	static const char letters[] = "rnt\\=", bytes[] = "\r\n\t\\=";
	int n = 0;
	while (from < end) {
		char c = *from++;
		if (c == '\\') {
			const char *letter = from < end ? strchr(letters, *from) : NULL;
			if (letter && *letter) {
				c = bytes[letter - letters];
				from++;
			} else if (end - from >= 3 && *from == 'x' && digit(from[1]) >= 0 &&
			           digit(from[2]) >= 0) {
				c = (char)(digit(from[1]) << 4 | digit(from[2]));
				from += 3;
			} else {
				return -1;
			}
		}
		to[n++] = c;
	}
	return n;
}

/* Where TEXT ends: the first = without a backslash. */
static const char *middle(const char *what)
{
	for (; *what && *what != '='; what++)
		if (*what == '\\' && what[1])
			what++;
	return what;
}

size_t health_note_bytes(const struct amp_note_health *h, unsigned which, char room[AMP_TEXT_MAX])
{
	const char *equals = middle(h->what), *end = h->what + strlen(h->what);
	int n = which ? decode(*equals ? equals + 1 : end, end, room)
	              : decode(h->what, equals, room);
	return n > 0 ? (size_t)n : 0;
}

static int check_what(const struct amp_note_health *h, struct defect *why)
{
	char room[AMP_TEXT_MAX];
	const char *equals, *end = h->what + strnlen(h->what, sizeof h->what);
	if (end == h->what + sizeof h->what)
		return defect_set(why, "is longer than %u bytes", AMP_TEXT_MAX - 1);
	for (const char *c = h->what; c < end; c++)
		if (*c < (h->kind == AMP_HEALTH_COMMAND ? 0x20 : 0x21) || *c > 0x7e)
			return defect_set(why, "has a byte that is not printable ASCII: write \\r, "
			                       "\\n, \\xHH in single quotes");
	for (const char *c = end; c < h->what + sizeof h->what; c++)
		if (*c)
			return defect_set(why, "goes on behind its end");
	switch (h->kind) {
	case AMP_HEALTH_TCP:
		return *h->what ? defect_set(why, "wants a port alone") : 0;
	case AMP_HEALTH_HTTP:
		return *h->what != '/' ? defect_set(why, "wants a path, as in 80/") : 0;
	case AMP_HEALTH_DNS:
		return name_is_valid(h->what)
		               ? 0
		               : defect_set(why, "wants a name to ask for, as in 53/example.org");
	default:
		equals = middle(h->what);
		if (!*equals || decode(equals + 1, end, room) <= 0 ||
		    decode(h->what, equals, room) < 0)
			return defect_set(why, "wants what is sent and what comes, as in "
			                       "11211/version\\r\\n=VERSION");
		return 0;
	}
}

int health_note_check(const struct amp_note_health *h, struct defect *why)
{
	if (!health_kind_name(h->kind) || !h->port || !h->retries)
		return defect_set(why, "has a kind, port or retries that are none");
	if (!h->interval_ms || h->interval_ms > AMP_HEALTH_MS_MAX || !h->timeout_ms ||
	    h->timeout_ms > AMP_HEALTH_MS_MAX || h->start_ms > AMP_HEALTH_MS_MAX)
		return defect_set(why, "has times of no time, or of more than an hour");
	return check_what(h, why);
}

int health_note_parse(struct amp_note_health *h, uint32_t kind, const char *text,
                      struct defect *why)
{
	size_t n = strspn(text, "0123456789");
	uint32_t port = 0;
	for (size_t i = 0; i < n && port < 65536; i++)
		port = port * 10 + (uint32_t)(text[i] - '0');
	if (!n || !port || port > 65535 || (text[n] && (text[n] != '/' || kind == AMP_HEALTH_TCP)))
		return defect_set(why, "wants a port, 1 to 65535, first");
	*h = (struct amp_note_health){ .kind = kind,
		                       .port = (uint16_t)port,
		                       .retries = HEALTH_RETRIES,
		                       .interval_ms = HEALTH_INTERVAL_MS,
		                       .timeout_ms = HEALTH_TIMEOUT_MS };
	/* Of a path the slash is a part; nothing is the root. */
	const char *what = text + n + (text[n] && kind != AMP_HEALTH_HTTP ? 1 : 0);
	if (kind == AMP_HEALTH_HTTP && !*what)
		what = "/";
	if (strlen(what) >= sizeof h->what)
		return defect_set(why, "is longer than %u bytes", AMP_TEXT_MAX - 1);
	memcpy(h->what, what, strlen(what));
	return check_what(h, why);
}

const char *health_note_text(const struct amp_note_health *h, uint16_t port,
                             char room[HEALTH_TEXT_MAX])
{
	bool bare = !*h->what || h->kind == AMP_HEALTH_HTTP;
	snprintf(room, HEALTH_TEXT_MAX, "%s:%u%s%s", health_kind_name(h->kind), port,
	         bare ? "" : "/", h->what);
	return room;
}
