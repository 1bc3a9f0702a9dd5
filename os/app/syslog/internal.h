/* SPDX-License-Identifier: ISC */
/* A message as bytes, the queue of those that wait, and what counts them. */
#ifndef SYSLOG_INTERNAL_H
#define SYSLOG_INTERNAL_H

#include <stddef.h>

#include <app/syslog/syslog.h>
#include <core/list.h>
#include <core/log.h>

#define SYSLOG_MESSAGE_MAX 1024u /* bytes; RFC 5426 §3.2: receivers take 2048 */

/* ---- message.c ---- */
struct syslog_origin {
	const char *host, *software, *version; /* version: null */
	uint8_t facility;
};
/* Returns the bytes written, without a NUL; text is cut where it does not fit. `wall` is in ns since 1970. */
uint32_t syslog_message(char to[SYSLOG_MESSAGE_MAX], const struct syslog_origin *, enum log_level,
                        int64_t wall, uint64_t sequence, const char *who, const char *text,
                        size_t size);

/* ---- queue.c ---- */
struct syslog_line {
	struct list link;
	uint32_t size;
	char bytes[];
};
struct syslog_queue {
	struct list lines; /* of syslog_line, the oldest first */
	uint32_t bytes, max;
};
void syslog_queue_open(struct syslog_queue *, uint32_t max);
bool syslog_queue_put(struct syslog_queue *, const char *bytes, uint32_t size); /* false: no room */
struct syslog_line *syslog_queue_first(struct syslog_queue *);                  /* null: empty */
void syslog_queue_drop_first(struct syslog_queue *);

/* ---- metrics.c ---- */
void syslog_metrics_add(void);

#endif
