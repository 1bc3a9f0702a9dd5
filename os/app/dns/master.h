/* SPDX-License-Identifier: ISC */
/*
 * Master files (RFC 1035 §5, RFC 2308 §4 for $TTL): parsed record by record into wire form. Runs in build tools,
 * and may run in an image; it reads files only through the caller's function.
 */
#ifndef DNS_MASTER_H
#define DNS_MASTER_H

#include <stddef.h>
#include <stdint.h>

#include <app/dns/name.h>

struct dns_record {
	struct dns_name owner; /* case as written */
	uint16_t type, class;
	uint32_t ttl; /* 0 to 2^31 - 1 */
	uint16_t size;
	const uint8_t *data; /* wire form, names uncompressed; valid during the callback */
	const char *file;    /* where it stands; valid as long as the parse */
	uint32_t line;       /* its first line, from 1 */
};

struct dns_master_events {
	void *context;
	/* A record. A negative result ends the parse, which returns it. */
	int (*record)(void *context, const struct dns_record *);
	/* Something is wrong (all of it is reported: the parse goes on with the next record). `text` says what and
	 * what to do. */
	void (*problem)(void *context, const char *file, uint32_t line, const char *text);
	/* $INCLUDE, and the first file: gives the whole content of `name`, as written, seen from file `from` (null:
	 * the first). Null: cannot be read (put the reason into why). It must stay valid until dns_master_parse
	 * returns; *as becomes the name used in messages. */
	const char *(*open)(void *context, const char *from, const char *name, size_t *size,
	                    const char **as, const char **why);
};
#define DNS_INCLUDE_DEPTH_MAX 16u
#define DNS_INCLUDES_MAX      10000u /* files in all */
#define DNS_PROBLEMS_MAX                                                                           \
	100u /* after so many it gives up, and says so in one report more, of line 0 */
#define DNS_GENERATE_MAX       1048576u  /* records that one $GENERATE makes at the most, */
#define DNS_GENERATE_TOTAL_MAX 16777216u /* and all of them in one parse */
#define DNS_GENERATE_TEXT_MAX  4096u     /* bytes of text of one of these */
#define DNS_FILE_NAME_MAX      1024u     /* bytes of a name in $INCLUDE with its NUL */

/* Parses `file` with the origin given. It needs about 100 KiB of stack and no other memory. Returns the number of problems reported (0: it is clean), or the
 * negative result of the record callback. */
int dns_master_parse(const char *file, const struct dns_name *origin,
                     const struct dns_master_events *);

#endif
