/* SPDX-License-Identifier: ISC */
/* Whether, and when, an appliance that has ended is started anew. */
#ifndef SUPERVISOR_RESTART_H
#define SUPERVISOR_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define RESTART_FIRST_MS 100u   /* before the first attempt; then twice as long each time */
#define RESTART_LAST_MS  10000u /* at most */
#define RESTART_LIFE_MS  10000u /* who has lived so long begins from RESTART_FIRST_MS again */

enum restart_when { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS };

struct restart {
	enum restart_when when;
	uint32_t max;   /* attempts of on-failure; 0: no bound */
	uint32_t count; /* attempts until now */
	uint32_t pause; /* ms before the next one; 0: the first */
};

/* "no", "on-failure", "on-failure:N", "always", "unless-stopped" (docker's, here the same). False: something else. */
bool restart_parse(struct restart *, const char *text);
/* The same in words again. */
const char *restart_text(const struct restart *, char room[32]);

/* It has ended with this status after so many ms of life. True: start it anew after *pause ms. */
bool restart_next(struct restart *, int status, uint64_t life_ms, uint32_t *pause);

#endif
