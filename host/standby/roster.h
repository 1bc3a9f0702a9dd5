/* SPDX-License-Identifier: ISC */
/*
 * What there is to see of the standbys of one waker: a file in its appliance's folder, which the waker maps and writes by
 * plain stores, and `ampoule ps` reads. Whoever is woken does not have it.
 */
#ifndef STANDBY_ROSTER_H
#define STANDBY_ROSTER_H

#include <stdint.h>

#include <tender/defect.h>

#define ROSTER_MAGIC 0x7962646e617473ull /* "standby" */
#define ROSTER_MAX   1000000u

enum roster_state {
	ROSTER_ASLEEP,
	ROSTER_AWAKE,
	ROSTER_ENDING,  /* awake, and has had nothing to do */
	ROSTER_WAITING, /* as many are awake as may be */
	ROSTER_PAUSED,  /* it could not be woken, and is tried again later */
	ROSTER_GONE,    /* its interface is */
	ROSTER_STATES
};

struct roster_entry {
	char name[48], image[48];
	uint32_t state, wakes, failures; /* failures: of the wakes, those that ended badly */
	int32_t pid;                     /* while it is awake; 0 */
	int64_t since;                   /* ns since 1970: its state */
};

struct roster_head {
	uint64_t magic;
	uint32_t count, entry_size;
};

struct roster {
	uint64_t size; /* of the mapping; 0: none */
	struct roster_head *head;
	struct roster_entry *entries;
};

/* In the folder `folder`; null: for nobody to see. -1 with a defect. */
int roster_make(struct roster *, const char *folder, uint32_t count, struct defect *why);
/* As it is in the folder with this descriptor; roster_close. -1: there is none that can be read. */
int roster_read(struct roster *, int folder);
void roster_close(struct roster *);
const char *roster_state_name(uint32_t state);

#endif
