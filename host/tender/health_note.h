/* SPDX-License-Identifier: ISC */
/* How an image's health is asked, as text and in its note: tcp:PORT, http:PORT/PATH, dns:PORT/NAME, command:PORT/TEXT=ANSWER. */
#ifndef TENDER_HEALTH_NOTE_H
#define TENDER_HEALTH_NOTE_H

#include <stddef.h>

#include <ampoule_abi.h>
#include <tender/defect.h>

#define HEALTH_FORMS       "tcp:PORT, http:PORT/PATH, dns:PORT/NAME or command:PORT/TEXT=ANSWER"
#define HEALTH_INTERVAL_MS 5000u
#define HEALTH_TIMEOUT_MS  2000u
#define HEALTH_RETRIES     3u
#define HEALTH_TEXT_MAX    (AMP_TEXT_MAX + 32u)

/* Its name, as in front of the colon; null: no such kind. */
const char *health_kind_name(uint32_t kind);

/* What is behind KIND: and, of a port of some host's, behind its address. Fills in kind, port and `what`; times become those
 * that nobody has said. -1 with a defect, which does not name the text. */
int health_note_parse(struct amp_note_health *, uint32_t kind, const char *text, struct defect *);
/* All of what a note says; times included. */
int health_note_check(const struct amp_note_health *, struct defect *);
/* The text again, with its kind, as of `port`. */
const char *health_note_text(const struct amp_note_health *, uint16_t port,
                             char room[HEALTH_TEXT_MAX]);
/* One side of a command, decoded into `room`: which 0: what is sent, 1: what comes. Bytes. */
size_t health_note_bytes(const struct amp_note_health *, unsigned which, char room[AMP_TEXT_MAX]);

#endif
