/* SPDX-License-Identifier: ISC */
/* Values in the order of the document. Texts are written over the document itself, behind what has
 * been read: what an escape stands for is never longer than the escape, and a NUL takes the place
 * of the closing quote or of what follows a number. */
#include <app/json/json.h>

#include <string.h>

#include <core/error.h>

#define DEPTH_MAX 32u

static int failed(const struct json_reader *r, struct json_defect *defect, int error,
                  const char *expected)
{
	if (defect)
		*defect = (struct json_defect){ error, r->offset, expected };
	return error;
}

int json_parse(struct json_value *values, uint32_t room, char *bytes, uint32_t size,
               struct json_defect *defect)
{
	struct json_reader r;
	uint32_t open[DEPTH_MAX], depth = 0, count = 0, number_end = 0;
	bool ends_number = false;
	const char *key = NULL;
	uint32_t key_size = 0;
	json_reader_open(&r, bytes, size, DEPTH_MAX);
	json_give(&r, bytes, size);
	json_finish(&r);
	for (;;) {
		/* Each text begins where the document has been read to, its quote included: that is
		 * never before what was kept. */
		enum json_event e = json_next(&r);
		/* What follows a number is read only now. */
		if (ends_number)
			bytes[number_end] = 0;
		ends_number = false;
		if (e == JSON_ERROR)
			return failed(&r, defect, r.error, r.expected);
		if (e == JSON_END)
			return OK;
		if (e == JSON_OBJECT_END || e == JSON_ARRAY_END) {
			depth--;
			values[open[depth]].next = count - open[depth];
			continue;
		}
		char *text = r.text;
		uint32_t text_size = r.text_size;
		bool has_text = e == JSON_KEY || e == JSON_STRING || e == JSON_NUMBER;
		if (has_text) {
			if (e == JSON_NUMBER) {
				ends_number = true;
				number_end = (uint32_t)(text - bytes) + text_size;
			} else {
				text[text_size] = 0; /* there was a quote, or more */
			}
			r.text += text_size + 1;
			r.text_size = 0;
			r.text_room = size > (uint32_t)(r.text - bytes)
			                      ? size - (uint32_t)(r.text - bytes)
			                      : 0;
		}
		if (e == JSON_KEY) {
			key = text;
			key_size = text_size;
			continue;
		}
		if (count == room)
			return failed(&r, defect, ERR_TOO_BIG, "fewer values");
		values[count] = (struct json_value){
			.kind = e, .next = 1, .key = key, .key_size = key_size
		};
		if (has_text) {
			values[count].text = text;
			values[count].text_size = text_size;
		}
		key = NULL;
		key_size = 0;
		if (depth)
			values[open[depth - 1]].count++;
		if (e == JSON_OBJECT || e == JSON_ARRAY)
			open[depth++] = count;
		count++;
	}
}

const struct json_value *json_element(const struct json_value *v, uint32_t k)
{
	if ((v->kind != JSON_OBJECT && v->kind != JSON_ARRAY) || k >= v->count)
		return NULL;
	const struct json_value *at = v + 1;
	while (k--)
		at += at->next;
	return at;
}

const struct json_value *json_member(const struct json_value *v, const char *key)
{
	uint32_t size = (uint32_t)strlen(key);
	if (v->kind != JSON_OBJECT)
		return NULL;
	const struct json_value *at = v + 1;
	for (uint32_t k = 0; k < v->count; k++, at += at->next)
		if (at->key_size == size && !memcmp(at->key, key, size))
			return at;
	return NULL;
}

const struct json_value *json_member_of(const struct json_value *v, const char *key,
                                        enum json_event kind)
{
	const struct json_value *m = json_member(v, key);
	return m && m->kind == kind ? m : NULL;
}
