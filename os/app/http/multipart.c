/* SPDX-License-Identifier: ISC */
/*
 * A delimiter is CR LF, two hyphens and the boundary, and CR stands at its begin only: what was matched so far and goes on
 * otherwise is data, and the next match can begin at a CR only. The line end before the first delimiter may be missing: the
 * parser begins with it matched.
 */
#include <app/http/multipart.h>

#include <app/http/http_internal.h>

#include <string.h>

#include <app/http/form.h>
#include <core/heap.h>

#define READ_SIZE 4096u

enum { DATA, BOUNDARY, PADDING, HYPHEN, LINE_END, HEAD, EPILOGUE };

/* ---- Parameters: ;name=token or ;name="text" ---- */

static char *skip(char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* A quoted text, decoded in place; null: it does not end. Only quotes are escaped: some browsers send backslashes of paths as
 * they are. */
static char *unquote(char *p, char **value)
{
	char *to = *value = p;
	for (; *p && *p != '"'; p++) {
		if (p[0] == '\\' && p[1] == '"')
			p++;
		*to++ = *p;
	}
	if (!*p)
		return NULL;
	*to = 0;
	return p + 1;
}

/* The next parameter of what stands behind a semicolon, which goes on; its texts get a NUL each. Null: no more; or malformed,
 * and then *p is null. */
static char *parameter(char **p, char **value)
{
	char *name = skip(*p), *end = name;
	if (!*name)
		return NULL;
	while (http_is_token(*end))
		end++;
	*p = NULL;
	if (end == name || *end != '=')
		return NULL;
	*end++ = 0;
	bool quoted = *end == '"';
	*value = end;
	while (!quoted && http_is_token(*end))
		end++;
	if (quoted)
		end = unquote(end + 1, value);
	else if (end == *value)
		return NULL;
	char *after = end ? skip(end) : NULL;
	if (!after || (*after && *after != ';'))
		return NULL;
	*p = after + (*after == ';');
	if (!quoted)
		*end = 0;
	return name;
}

static bool same(const char *a, const char *b)
{
	return http_text_is_nocase((struct http_text){ a, (uint32_t)strlen(a) }, b);
}

/* ---- Parts' heads ---- */

/* False: it is not form-data, or has no name. */
static bool disposition(char *value, struct http_part *part)
{
	char *p = value, *name, *text;
	while (http_is_token(*p))
		p++;
	if (*skip(p) != ';' || p - value != 9 ||
	    !http_text_is_nocase((struct http_text){ value, 9 }, "form-data"))
		return false;
	p = skip(p) + 1;
	while ((name = parameter(&p, &text))) {
		if (same(name, "name") && !part->name)
			part->name = text;
		else if (same(name, "filename") && !part->filename)
			part->filename = text;
	}
	return part->name && p;
}

/* A line of a part's head, NUL-terminated. */
static bool field(char *line, struct http_part *part)
{
	char *p = line;
	while (http_is_token(*p))
		p++;
	if (p == line || *p != ':')
		return false;
	*p = 0;
	char *value = skip(p + 1), *end = value + strlen(value);
	if (http_value_end(value, end) != end)
		return false;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = 0;
	if (same(line, "content-disposition"))
		return !part->name && disposition(value, part);
	if (same(line, "content-type"))
		part->type = value;
	return true; /* RFC 7578 §4.8: others are ignored */
}

/* What a handler returned. */
static int told(struct http_multipart *m, int error)
{
	m->by_handler = error != 0;
	return error;
}

static int part_begin(struct http_multipart *m)
{
	struct http_part part = { NULL, NULL, NULL };
	m->head[m->head_size] = 0;
	if (memchr(m->head, 0, m->head_size))
		return ERR_MALFORMED;
	for (char *line = m->head; *line;) {
		char *end = strstr(line, "\r\n");
		*end = 0;
		if (!field(line, &part))
			return ERR_MALFORMED;
		line = end + 2;
	}
	if (!part.name)
		return ERR_MALFORMED;
	if (++m->parts > HTTP_PARTS_MAX)
		return ERR_TOO_BIG;
	m->in_part = true;
	return told(m, m->handlers->begin ? m->handlers->begin(m->context, &part) : OK);
}

/* ---- Bytes ---- */

static int data(struct http_multipart *m, const void *bytes, uint32_t size)
{
	if (!m->in_part || !size || !m->handlers->data)
		return OK;
	return told(m, m->handlers->data(m->context, bytes, size));
}

/* Up to the next delimiter; *used says how many bytes. */
static int take_data(struct http_multipart *m, const uint8_t *bytes, uint32_t size, uint32_t *used)
{
	uint32_t k = 0;
	if (!m->matched) {
		const uint8_t *cr = memchr(bytes, '\r', size);
		k = cr ? (uint32_t)(cr - bytes) : size;
		*used = k + (cr != NULL);
		m->matched = cr != NULL;
		return data(m, bytes, k);
	}
	while (k < size && m->matched < m->delimiter_size &&
	       bytes[k] == (uint8_t)m->delimiter[m->matched]) {
		k++;
		m->matched++;
	}
	*used = k;
	if (m->matched == m->delimiter_size) {
		bool ended = m->in_part;
		m->matched = 0;
		m->in_part = false;
		m->state = BOUNDARY;
		return told(m, ended && m->handlers->end ? m->handlers->end(m->context) : OK);
	}
	if (k == size)
		return OK;
	uint32_t was = m->matched;
	m->matched = 0;
	return data(m, m->delimiter, was);
}

/* A byte behind a delimiter, or of a head. */
static int take_byte(struct http_multipart *m, uint8_t c)
{
	switch (m->state) {
	case BOUNDARY:
	case PADDING:
		if (c == '-' && m->state == BOUNDARY)
			m->state = HYPHEN;
		else if (c == '\r')
			m->state = LINE_END;
		else if (c == ' ' || c == '\t') /* RFC 2046 §5.1.1: transport padding */
			m->state = PADDING;
		else
			return ERR_MALFORMED;
		return OK;
	case HYPHEN:
		m->state = EPILOGUE;
		return c == '-' ? OK : ERR_MALFORMED;
	case LINE_END:
		m->state = HEAD;
		m->head_size = 0;
		return c == '\n' ? OK : ERR_MALFORMED;
	default:
		if (m->head_size == HTTP_PART_HEAD_MAX)
			return ERR_TOO_BIG;
		m->head[m->head_size++] = (char)c;
		bool line = c == '\n' && m->head_size >= 2 && m->head[m->head_size - 2] == '\r';
		if (c == '\n' && !line)
			return ERR_MALFORMED;
		if (!line || (m->head_size > 2 && m->head[m->head_size - 3] != '\n'))
			return OK;
		m->head_size -= 2; /* the empty line */
		m->state = DATA;
		int error = part_begin(m);
		m->head_size = 0;
		return error;
	}
}

int http_multipart_take(struct http_multipart *m, const uint8_t *bytes, uint32_t size)
{
	while (!m->error && size && m->state != EPILOGUE) {
		uint32_t used = 1;
		m->error =
		        m->state == DATA ? take_data(m, bytes, size, &used) : take_byte(m, *bytes);
		bytes += used;
		size -= used;
	}
	return m->error;
}

int http_multipart_end(const struct http_multipart *m)
{
	return m->error ? m->error : m->state == EPILOGUE ? OK : ERR_MALFORMED;
}

int http_multipart_open(struct http_multipart *m, const struct http_exchange *x,
                        const struct http_part_handlers *handlers, void *context)
{
	struct http_text type = http_header(x, "content-type");
	char text[256], *p = text, *name, *value;
	*m = (struct http_multipart){ .handlers = handlers, .context = context, .matched = 2 };
	if (!http_type_is(x, "multipart/form-data") || type.size >= sizeof text)
		return ERR_INVALID;
	memcpy(text, type.bytes, type.size);
	text[type.size] = 0;
	p += strcspn(text, ";");
	p += *p == ';';
	while ((name = parameter(&p, &value))) {
		size_t size = strlen(value);
		if (!same(name, "boundary"))
			continue;
		if (!size || size > HTTP_PART_BOUNDARY_MAX || value[size - 1] == ' ')
			return ERR_INVALID;
		memcpy(m->delimiter, "\r\n--", 4);
		memcpy(m->delimiter + 4, value, size);
		m->delimiter_size = (uint32_t)size + 4;
		return OK;
	}
	return ERR_INVALID;
}

/* Its errors are answered, but for those of handlers. */
static int read_parts(struct http_exchange *x, struct http_multipart *m, uint64_t deadline_ns)
{
	uint8_t bytes[READ_SIZE];
	int64_t n;
	while ((n = http_read(x, bytes, sizeof bytes, deadline_ns)) > 0) {
		if (http_multipart_take(m, bytes, (uint32_t)n))
			break;
	}
	return n < 0 ? (int)n : http_multipart_end(m);
}

int http_multipart_read(struct http_exchange *x, const struct http_part_handlers *handlers,
                        void *context, uint64_t deadline_ns)
{
	struct http_multipart *m = heap_alloc(sizeof *m);
	if (!m) {
		http_fail(x, 503);
		return ERR_MEMORY;
	}
	int error = http_multipart_open(m, x, handlers, context);
	if (error) {
		heap_free(m);
		http_fail(x, 415);
		return error;
	}
	error = read_parts(x, m, deadline_ns);
	bool theirs = m->by_handler;
	heap_free(m);
	if (error && !theirs)
		http_fail(x, error == ERR_TOO_BIG ? 413 : error == ERR_TIMEOUT ? 408 : 400);
	return error;
}
