/* SPDX-License-Identifier: ISC */
/* The tree of a YAML file, built from libfyaml's events: its document builder would stop at the
 * first mistake. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libfyaml.h>

#include <builder/text.h>
#include <builder/yaml.h>

struct reader {
	struct fy_parser *parser;
	const char *shown;
	struct report *report;
	bool stop; /* too deep, or out of events */
};

const char *node_kind_name(const struct node *n)
{
	static const char *const names[] = { "empty", "text", "a list", "a map" };

	return names[n->kind];
}

static bool is_quoted(struct fy_event *e)
{
	if (e->type != FYET_SCALAR || !e->scalar.value)
		return false;
	enum fy_scalar_style style = fy_token_scalar_style(e->scalar.value);
	return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

static struct node *node_new(enum node_kind kind, struct fy_event *e)
{
	struct node *n = keep(sizeof *n);
	const struct fy_mark *mark = fy_event_start_mark(e);

	n->kind = kind;
	n->line = mark ? mark->line + 1 : 1;
	n->column = mark ? mark->column + 1 : 1;
	/* libfyaml's mark is behind the quote or the asterisk. */
	if (n->column > 1 && (e->type == FYET_ALIAS || is_quoted(e)))
		n->column--;
	return n;
}

static void refuse(struct reader *r, const struct node *n, const char *what)
{
	report_at(r->report, r->shown, n->line, n->column, "%s", what);
}

static struct node *read_scalar(struct reader *r, struct fy_event *e)
{
	struct node *n = node_new(NODE_TEXT, e);
	struct fy_token *token = e->scalar.value;
	size_t size = 0;
	const char *text = token ? fy_token_get_text(token, &size) : NULL;

	if (e->scalar.anchor || e->scalar.tag)
		refuse(r, n, "anchors and tags have no meaning here: write the value itself");
	n->text = keep_text(text ? text : "", text ? size : 0);
	n->size = text ? size : 0;
	if (memchr(n->text, 0, n->size)) {
		refuse(r, n, "the text holds a NUL: take it out");
		n->size = strlen(n->text);
	}
	if (!token || (fy_token_scalar_style(token) == FYSS_PLAIN &&
	               (n->size == 0 || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0)))
		n->kind = NODE_NULL;
	return n;
}

static struct node *read_node(struct reader *, struct fy_event *, unsigned depth);

static struct node *read_members(struct reader *r, struct fy_event *start, enum node_kind kind,
                                 unsigned depth)
{
	struct node *n = node_new(kind, start), **tail = &n->first;
	bool map = kind == NODE_MAP;

	if (map ? start->mapping_start.anchor || start->mapping_start.tag
	        : start->sequence_start.anchor || start->sequence_start.tag)
		refuse(r, n, "anchors and tags have no meaning here: write the value itself");
	if (depth >= YAML_DEPTH) {
		refuse(r, n, "is nested too deep: nothing here goes deeper than 4 levels");
		r->stop = true;
		return n;
	}
	while (!r->stop) {
		struct fy_event *e = fy_parser_parse(r->parser);
		if (!e) {
			r->stop = true;
			break;
		}
		if (e->type == (map ? FYET_MAPPING_END : FYET_SEQUENCE_END)) {
			fy_parser_event_free(r->parser, e);
			break;
		}
		struct node *key = NULL, *value = read_node(r, e, depth + 1);
		fy_parser_event_free(r->parser, e);
		if (map) {
			key = value;
			e = r->stop ? NULL : fy_parser_parse(r->parser);
			if (!e) {
				r->stop = true;
				break;
			}
			value = read_node(r, e, depth + 1);
			fy_parser_event_free(r->parser, e);
			if (key->kind != NODE_TEXT) {
				refuse(r, key, "a key must be a plain word");
				continue;
			}
		}
		/* An empty value has no place of its own: its key's is where to look. */
		if (key && value->kind == NODE_NULL) {
			value->line = key->line;
			value->column = key->column;
		}
		value->key = key;
		*tail = value;
		tail = &value->next;
		n->count++;
	}
	return n;
}

static struct node *read_node(struct reader *r, struct fy_event *e, unsigned depth)
{
	struct node *n;

	switch (e->type) {
	case FYET_SCALAR:
		return read_scalar(r, e);
	case FYET_SEQUENCE_START:
		return read_members(r, e, NODE_LIST, depth);
	case FYET_MAPPING_START:
		return read_members(r, e, NODE_MAP, depth);
	case FYET_ALIAS:
		n = node_new(NODE_NULL, e);
		refuse(r, n, "aliases have no meaning here: write the value itself");
		return n;
	default:
		r->stop = true;
		return node_new(NODE_NULL, e);
	}
}

/* Reports each key of a map, and of the maps in it, that is there twice. */
static int by_key(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
	int c = strcmp(x->key->text, y->key->text);

	if (c)
		return c;
	if (x->key->line != y->key->line)
		return x->key->line < y->key->line ? -1 : 1;
	return x->key->column < y->key->column ? -1 : 1;
}

static void find_duplicates(struct reader *r, const struct node *n)
{
	for (const struct node *m = n->first; m; m = m->next)
		find_duplicates(r, m);
	if (n->kind != NODE_MAP || n->count < 2)
		return;
	const struct node **sorted = keep_array(n->count, sizeof *sorted);
	unsigned count = 0;

	for (const struct node *m = n->first; m; m = m->next)
		sorted[count++] = m;
	qsort(sorted, count, sizeof *sorted, by_key);
	for (unsigned i = 1; i < count; i++)
		if (strcmp(sorted[i]->key->text, sorted[i - 1]->key->text) == 0)
			report_at(r->report, r->shown, sorted[i]->key->line, sorted[i]->key->column,
			          "%s is there twice, first in line %d: keep one",
			          sorted[i]->key->text, sorted[i - 1]->key->line);
}

static void report_syntax(struct reader *r, struct fy_diag *diag)
{
	void *at = NULL;
	const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &at);

	if (e)
		report_at(r->report, r->shown, e->line > 0 ? e->line : 1,
		          e->column > 0 ? e->column : 1,
		          "not YAML: %s; what follows was not looked at",
		          e->msg ? e->msg : "cannot be read");
	else
		report_at(r->report, r->shown, 1, 1, "not YAML: cannot be read");
}

/* libfyaml reads any bytes; we want text, and want to say where it is not. */
static bool check_bytes(struct reader *r, const char *bytes, size_t size)
{
	int line = 1;

	for (size_t i = 0; i < size;) {
		const char *end = memchr(bytes + i, '\n', size - i);
		size_t n = (end ? (size_t)(end - bytes) : size) - i;

		for (size_t j = 0; j < n; j++) {
			uint8_t c = (uint8_t)bytes[i + j];
			if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f) {
				report_at(r->report, r->shown, line, (int)j + 1,
				          "a control character (0x%02x): take it out", c);
				return false;
			}
		}
		if (!utf8_is_valid(bytes + i, n)) {
			report_at(r->report, r->shown, line, 1,
			          "this line is not UTF-8: save the file as UTF-8");
			return false;
		}
		i += n + 1;
		line++;
	}
	return true;
}

struct node *yaml_read(const char *path, const char *shown, struct report *report)
{
	struct reader r = { .shown = shown, .report = report };
	struct node *root = NULL;
	size_t size;
	const char *bytes = (const char *)file_read(path, &size);

	if (!bytes) {
		report_at(report, shown, 0, 0, "cannot be read: %s", strerror(errno));
		return NULL;
	}
	if (size > YAML_SIZE_MAX) {
		report_at(report, shown, 0, 0,
		          "has %zu bytes, and %u is the most: this is no manifest", size,
		          YAML_SIZE_MAX);
		return NULL;
	}
	if (!check_bytes(&r, bytes, size))
		return NULL;

	struct fy_diag_cfg diag_cfg;
	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	struct fy_diag *diag = fy_diag_create(&diag_cfg);
	if (!diag)
		die(126, "out of memory");
	fy_diag_set_collect_errors(diag, true);
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE |
		                             FYPCF_ALLOW_DUPLICATE_KEYS,
		                    .diag = diag };
	r.parser = fy_parser_create(&cfg);
	if (!r.parser || fy_parser_set_string(r.parser, bytes, size) < 0)
		die(126, "libfyaml cannot start");

	struct fy_event *e;
	unsigned documents = 0;
	while (!r.stop && (e = fy_parser_parse(r.parser)) != NULL) {
		switch (e->type) {
		case FYET_STREAM_START:
		case FYET_STREAM_END:
		case FYET_DOCUMENT_END:
			break;
		case FYET_DOCUMENT_START:
			if (++documents == 2) {
				const struct fy_mark *mark = fy_event_start_mark(e);
				report_at(report, shown, mark ? mark->line + 1 : 1,
				          mark ? mark->column + 1 : 1,
				          "a second document: one file describes one thing; take "
				          "it out");
				r.stop = true;
			}
			break;
		default:
			root = read_node(&r, e, 0);
			break;
		}
		fy_parser_event_free(r.parser, e);
	}
	if (fy_parser_get_stream_error(r.parser)) {
		report_syntax(&r, diag);
		root = NULL;
	} else if (!root) {
		report_at(report, shown, 1, 1, "is empty: a map with its keys is needed");
	} else {
		find_duplicates(&r, root);
	}
	fy_parser_destroy(r.parser);
	fy_diag_destroy(diag);
	return root;
}
