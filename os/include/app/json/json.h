/* SPDX-License-Identifier: ISC */
/*
 * JSON (RFC 8259), strictly. Only documents of the grammar are accepted. Text is valid UTF-8 without lone surrogates.
 * Numbers stay text, so that none loses a digit. Nothing is allocated: all memory is the caller's, and its size is the
 * bound.
 *
 * There are three parts. The reader turns bytes, in whatever pieces they come, into events. The tree holds a small document that
 * has come whole. The writer prints.
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
	JSON_ERROR, /* see reader->error; the reader is of no further use */
	JSON_OBJECT,
	JSON_OBJECT_END,
	JSON_ARRAY,
	JSON_ARRAY_END,
	JSON_KEY,    /* text: the member's name; its value follows */
	JSON_STRING, /* text: its characters, escapes undone; may hold NUL */
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
	const char *expected; /* of an error: the input that would have been right there */
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
/* Says that no more follows. json_next then gives JSON_END or JSON_ERROR, after a number that ends there. */
void json_finish(struct json_reader *);
enum json_event json_next(struct json_reader *);

/* Converts a JSON number exactly. False: it has a fraction or an exponent, or does not fit. */
bool json_to_integer(const char *text, uint32_t size, int64_t *to);
bool json_to_unsigned(const char *text, uint32_t size, uint64_t *to);

/* ---- A whole document ---- */

struct json_value {
	enum json_event
	        kind; /* JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL */
	uint32_t count;         /* members, elements */
	uint32_t next;          /* values until its next sibling: itself and all below it */
	const char *key, *text; /* in the document's bytes; a NUL follows each */
	uint32_t key_size, text_size;
};

struct json_defect {
	int error;
	uint64_t offset;
	const char *expected;
};

/* Makes values[0] the document. `bytes` are size + 1 bytes (the last one's value does not matter); they are overwritten, and
 * texts lie there. ERR_TOO_BIG: more than `room` values, or deeper than 32. The defect may be null. */
int json_parse(struct json_value *values, uint32_t room, char *bytes, uint32_t size,
               struct json_defect *);

/* The object's first member of that name. Null: there is none, or it is no object. json_member_of: only if it is of that kind. */
const struct json_value *json_member(const struct json_value *, const char *key);
const struct json_value *json_member_of(const struct json_value *, const char *key,
                                        enum json_event kind);
/* Member or element number k. Null: there are fewer. */
const struct json_value *json_element(const struct json_value *, uint32_t k);

/* ---- Writing ---- */

struct json_writer {
	char *to; /* the caller's buffer */
	uint32_t room, size;
	/* Takes the buffer's bytes, when it is full and at the end. Any result but 0 is an error. Null: bytes that do not fit are
	 * lost, and json_writer_end says so. */
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
/* OK, ERR_TOO_BIG (it did not fit), or the error of flush; never a length: that is `size`, of what flush has not taken. The
 * document must be complete. */
int json_writer_end(struct json_writer *);

void json_object(struct json_writer *);
void json_object_end(struct json_writer *);
void json_array(struct json_writer *);
void json_array_end(struct json_writer *);
void json_key(struct json_writer *, const char *);
void json_key_bytes(struct json_writer *, const char *, uint32_t size);
/* Bytes that are not UTF-8 become U+FFFD. */
void json_string(struct json_writer *, const char *);
void json_string_bytes(struct json_writer *, const char *, uint32_t size);
void json_integer(struct json_writer *, int64_t);
void json_unsigned(struct json_writer *, uint64_t);
void json_bool(struct json_writer *, bool);
void json_null(struct json_writer *);
/* A number as a reader gave it. */
void json_number(struct json_writer *, const char *text, uint32_t size);

#endif
