/* SPDX-License-Identifier: ISC */
/*
 * JSON (RFC 8259), strictly: nothing is accepted that the grammar does not have, text is valid UTF-8 without lone surrogates,
 * and numbers stay the text that they came as, so that none loses a digit. Nothing is allocated: all memory is the caller's,
 * and bounds everything.
 *
 * Three parts: the reader turns bytes, in whatever pieces they come, into events; the tree holds a small document that is
 * all there; the writer prints.
 */
#ifndef APP_JSON_JSON_H
#define APP_JSON_JSON_H

#include <stdbool.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 512u /* arrays and objects within each other, at most */

/* ---- Reading ---- */

enum json_event {
	JSON_MORE,  /* all given bytes are used up: json_give, or json_finish */
	JSON_END,   /* the document is complete, and nothing follows it */
	JSON_ERROR, /* see reader->error; for good */
	JSON_OBJECT,
	JSON_OBJECT_END,
	JSON_ARRAY,
	JSON_ARRAY_END,
	JSON_KEY,    /* text: the member's name; its value follows */
	JSON_STRING, /* text: what it says, escapes undone; may hold NUL */
	JSON_NUMBER, /* text: as it came */
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
};

struct json_reader {
	char *text; /* of the last KEY, STRING, NUMBER; no NUL behind it; the caller's buffer */
	uint32_t text_size;
	int error;            /* ERR_MALFORMED; ERR_TOO_BIG: text_room or depth_max */
	uint64_t offset;      /* bytes taken; of an error: where it is */
	const char *expected; /* of an error: what would have been right there */
	/* The reader's own: */
	uint32_t text_room;
	uint16_t depth, depth_max, code, high; /* of a \u escape, and a first surrogate */
	uint8_t state, hex, more, least, literal;
	bool is_key, last;
	const uint8_t *at, *end;
	uint64_t objects[JSON_DEPTH_MAX / 64]; /* a bit a level: it is an object */
};

/* depth_max: at most JSON_DEPTH_MAX. A longer string or number than text_room is an error. */
void json_reader_open(struct json_reader *, char *text, uint32_t text_room, uint32_t depth_max);
/* More of the document, after JSON_MORE; it must stay until the next JSON_MORE. */
void json_give(struct json_reader *, const void *bytes, uint64_t size);
/* There is no more. Then JSON_END, or JSON_ERROR (or a number that ends there, first). */
void json_finish(struct json_reader *);
enum json_event json_next(struct json_reader *);

/* Of a JSON number: exactly, or false: it has a fraction or exponent, or does not fit. */
bool json_to_integer(const char *text, uint32_t size, int64_t *to);
bool json_to_unsigned(const char *text, uint32_t size, uint64_t *to);

/* ---- A document that is all there ---- */

struct json_value {
	enum json_event
	        kind; /* JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL */
	uint32_t count;         /* members, elements */
	uint32_t next;          /* values until its next brother: itself and all below it */
	const char *key, *text; /* in the document's bytes; a NUL follows each */
	uint32_t key_size, text_size;
};

struct json_defect {
	int error;
	uint64_t offset;
	const char *expected;
};

/* values[0] becomes the document. `bytes`, size + 1 of them (the last one's value does not matter), are overwritten: texts lie
 * there. ERR_TOO_BIG: more than `room` values, or deeper than 32. *defect may be null. */
int json_parse(struct json_value *values, uint32_t room, char *bytes, uint32_t size,
               struct json_defect *);

/* The first of the object's members of that name, null: none, or it is no object. The second: only if it is of that kind. */
const struct json_value *json_member(const struct json_value *, const char *key);
const struct json_value *json_member_of(const struct json_value *, const char *key,
                                        enum json_event kind);
/* Member or element number k; null: there are not so many. */
const struct json_value *json_element(const struct json_value *, uint32_t k);

/* ---- Writing ---- */

struct json_writer {
	char *to; /* the caller's buffer */
	uint32_t room, size;
	/* Where the buffer is full and at the end: takes its bytes; not 0 means that it cannot. Null: what does not fit is lost, and
	 * json_writer_end says so. */
	int (*flush)(void *of, const char *bytes, uint32_t size);
	void *of;
	bool html; /* < > & are escaped, so that it may stand in a page */
	/* The writer's own: */
	bool comma, after_key;
	int error;
	uint16_t depth;
	uint64_t objects[JSON_DEPTH_MAX / 64];
};

void json_writer_open(struct json_writer *, char *to, uint32_t room);
/* OK; ERR_TOO_BIG: it did not fit; or what flush said. The document must be complete. */
int json_writer_end(struct json_writer *);

void json_object(struct json_writer *);
void json_object_end(struct json_writer *);
void json_array(struct json_writer *);
void json_array_end(struct json_writer *);
void json_key(struct json_writer *, const char *);
void json_key_bytes(struct json_writer *, const char *, uint32_t size);
/* What is no UTF-8 in it becomes U+FFFD. */
void json_string(struct json_writer *, const char *);
void json_string_bytes(struct json_writer *, const char *, uint32_t size);
void json_integer(struct json_writer *, int64_t);
void json_unsigned(struct json_writer *, uint64_t);
void json_bool(struct json_writer *, bool);
void json_null(struct json_writer *);
/* A number as a reader gave it. */
void json_number(struct json_writer *, const char *text, uint32_t size);

#endif
