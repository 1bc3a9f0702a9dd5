/* SPDX-License-Identifier: ISC */
/* The user's appliances in the background, as the daily verbs see them. */
#ifndef AMPOULE_CLI_SHELF_H
#define AMPOULE_CLI_SHELF_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <supervisor/place.h>
#include <supervisor/record.h>

struct appliance {
	char name[PLACE_NAME_MAX];
	int folder;
	bool is_held;   /* its supervisor lives */
	json_t *state;  /* of state.json; an empty object if there is none that can be read */
	const char *id; /* "" if it is not known */
	const char *
	        status; /* one of record.h's names, or "lost": the supervisor died without a word */
};

struct shelf {
	int root; /* -1: there is none */
	char path[PLACE_PATH_MAX];
	struct appliance *items; /* by name */
	unsigned count;
};

void shelf_read(struct shelf *); /* ends the process if it cannot be read */
/* By name, id, or the beginning of an id that is nobody else's. Null: none, and a line says so. */
struct appliance *shelf_find(struct shelf *, const char *word);
void appliance_look(struct appliance *); /* again */

const char *appliance_text(const struct appliance *, const char *key); /* "" if there is none */
int64_t appliance_number(const struct appliance *, const char *key, int64_t otherwise);
/* When, in seconds since 1970; 0: never. */
int64_t appliance_time(const struct appliance *, const char *key);
/* A process of its state; pid 0 if it is not there any more, whoever has its number now. */
struct record_process appliance_process(const struct appliance *, const char *key);
/* Kills what is left of it, by descriptors of the very processes. */
void appliance_kill(const struct appliance *);
/* Waits until the supervisor has ended. False: it has not, after so many ms; -1: for ever. */
bool appliance_wait(struct appliance *, int64_t ms);

#endif
