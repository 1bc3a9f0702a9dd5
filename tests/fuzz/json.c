/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the JSON reader: how a document is cut makes no difference, a tree is made of exactly
 * those that are JSON, and what the writer prints of it is read as the same again.
 */
#include <stdlib.h>
#include <string.h>

#include <app/json/json.h>
#include <core/error.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct result {
	uint64_t events, hash, offset;
	int64_t error; /* no padding: results are compared as bytes */
};

static struct result read_in_pieces(const uint8_t *data, size_t size, size_t piece,
                                    struct json_writer *w)
{
	struct result out = { 0 };
	struct json_reader r;
	static char text[1 << 16];
	size_t given = 0;
	json_reader_open(&r, text, sizeof text, 32); /* as deep as a tree */
	for (;;) {
		enum json_event e = json_next(&r);
		if (e == JSON_MORE) {
			size_t n = size - given < piece ? size - given : piece;
			if (!n)
				json_finish(&r);
			else
				json_give(&r, data + given, n);
			given += n;
			continue;
		}
		out.events++;
		out.hash = (out.hash + e) * 0x9e3779b97f4a7c15ull;
		if (e == JSON_KEY || e == JSON_STRING || e == JSON_NUMBER)
			for (uint32_t k = 0; k < r.text_size; k++)
				out.hash = (out.hash ^ (uint8_t)text[k]) * 0x100000001b3ull;
		out.offset = r.offset;
		out.error = e == JSON_ERROR ? r.error : OK;
		if (e == JSON_END || e == JSON_ERROR)
			return out;
		if (!w)
			continue;
		switch (e) {
		case JSON_OBJECT:
			json_object(w);
			break;
		case JSON_OBJECT_END:
			json_object_end(w);
			break;
		case JSON_ARRAY:
			json_array(w);
			break;
		case JSON_ARRAY_END:
			json_array_end(w);
			break;
		case JSON_KEY:
			json_key_bytes(w, text, r.text_size);
			break;
		case JSON_STRING:
			json_string_bytes(w, text, r.text_size);
			break;
		case JSON_NUMBER:
			json_number(w, text, r.text_size);
			break;
		case JSON_NULL:
			json_null(w);
			break;
		default:
			json_bool(w, e == JSON_TRUE);
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char printed[1 << 18];
	static struct json_value values[1 << 14];
	struct json_writer w;
	if (size > 1 << 13)
		return 0;
	json_writer_open(&w, printed, sizeof printed);
	struct result whole = read_in_pieces(data, size, size ? size : 1, NULL),
	              bytes = read_in_pieces(data, size, 1, NULL),
	              threes = read_in_pieces(data, size, 3, NULL);
	if (memcmp(&whole, &bytes, sizeof whole) || memcmp(&whole, &threes, sizeof whole))
		abort();
	char *copy = malloc(size + 1);
	memcpy(copy, data, size);
	int error = json_parse(values, 1 << 14, copy, (uint32_t)size, NULL);
	free(copy);
	if (error != whole.error)
		abort();
	if (error)
		return 0;
	read_in_pieces(data, size, size, &w);
	if (json_writer_end(&w))
		abort();
	struct result again = read_in_pieces((uint8_t *)printed, w.size, 7, NULL);
	if (again.events != whole.events || again.hash != whole.hash)
		abort();
	return 0;
}
