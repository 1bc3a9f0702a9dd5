/* SPDX-License-Identifier: ISC */
/* Maps of known keys and their values (fields.h). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <builder/fields.h>
#include <builder/text.h>
#include <builder/value.h>

void input_mistake(const struct input *in, const struct node *at, const char *format, ...)
{
	char text[900];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	report_at(in->report, in->shown, at->line, at->column, "%s", text);
}

bool fields_take(const struct input *in, const struct node *map, const char *what,
                 struct field *fields, unsigned count)
{
	const char *names[32];
	struct text known = { 0 };

	if (map->kind != NODE_MAP) {
		for (unsigned i = 0; i < count; i++)
			text_add(&known, "%s%s", i ? ", " : "", fields[i].name);
		input_mistake(in, map, "%s is %s; write a map of its keys (%s)", what,
		              node_kind_name(map), known.s);
		return false;
	}
	for (unsigned i = 0; i < count; i++)
		names[i] = fields[i].name;
	for (const struct node *m = map->first; m; m = m->next) {
		unsigned i = 0;

		while (i < count && strcmp(m->key->text, names[i]) != 0)
			i++;
		if (i < count) {
			/* A second one was reported already; the first counts. */
			if (!fields[i].value)
				fields[i].value = m;
			continue;
		}
		const char *near = nearest(m->key->text, names, count);
		if (near) {
			input_mistake(in, m->key, "unknown key %s in %s: did you mean %s?",
			              m->key->text, what, near);
			continue;
		}
		known.size = 0;
		for (i = 0; i < count; i++)
			text_add(&known, "%s%s", i ? ", " : "", fields[i].name);
		input_mistake(in, m->key, "unknown key %s in %s: known are %s", m->key->text, what,
		              known.s);
	}
	for (unsigned i = 0; i < count; i++)
		if (fields[i].required && !fields[i].value)
			input_mistake(in, map, "%s lacks %s: add the line `%s: ...`", what,
			              names[i], names[i]);
	return true;
}

const char *field_text(const struct input *in, const struct node *n, const char *name)
{
	if (!n)
		return NULL;
	if (n->kind == NODE_NULL)
		input_mistake(in, n, "%s is empty: write its value, or leave the key out", name);
	else if (n->kind != NODE_TEXT)
		input_mistake(in, n, "%s is %s; write one value", name, node_kind_name(n));
	else
		return n->text;
	return NULL;
}

bool field_number(const struct input *in, const struct node *n, const char *name, uint64_t min,
                  uint64_t max, uint64_t *number)
{
	const char *s = field_text(in, n, name);

	if (!s)
		return false;
	if (value_number(s, max, number) && *number >= min)
		return true;
	input_mistake(in, n, "%s: %s is out of bounds; write a number from %llu to %llu", name, s,
	              (unsigned long long)min, (unsigned long long)max);
	return false;
}

bool field_size(const struct input *in, const struct node *n, const char *name, uint64_t min,
                uint64_t max, uint64_t *bytes)
{
	const char *s = field_text(in, n, name), *why;

	if (!s)
		return false;
	if ((why = value_parse(AMP_ARG_SIZE, s, bytes)) != NULL) {
		input_mistake(in, n, "%s: %s %s", name, s, why);
		return false;
	}
	if (*bytes < min || *bytes > max) {
		input_mistake(in, n, "%s: %s is out of bounds; write a size from %s to %s", name, s,
		              value_size_text(min), value_size_text(max));
		return false;
	}
	if (*bytes % AMP_PAGE) {
		input_mistake(in, n, "%s: %s is no multiple of a page (4K); write %s", name, s,
		              value_size_text((*bytes / AMP_PAGE + 1) * AMP_PAGE));
		return false;
	}
	return true;
}

bool field_bool(const struct input *in, const struct node *n, const char *name, bool *truth)
{
	const char *s = field_text(in, n, name);
	uint64_t number;

	if (!s)
		return false;
	if (value_parse(AMP_ARG_BOOL, s, &number) != NULL) {
		input_mistake(in, n, "%s: %s is no bool; write true or false", name, s);
		return false;
	}
	*truth = number;
	return true;
}

bool field_list(const struct input *in, const struct node *n, const char *name)
{
	if (!n)
		return false;
	if (n->kind == NODE_LIST)
		return true;
	if (n->kind == NODE_TEXT)
		input_mistake(in, n, "%s is text; write a list: [%s]", name, n->text);
	else
		input_mistake(in, n, "%s is %s; write a list", name, node_kind_name(n));
	return false;
}
