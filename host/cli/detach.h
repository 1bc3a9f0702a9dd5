/* SPDX-License-Identifier: ISC */
/* `ampoule run -d`: its options, and the words that the tender is started with. */
#ifndef AMPOULE_CLI_DETACH_H
#define AMPOULE_CLI_DETACH_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include <tender/tender.h>

#define DETACH_OPTIONS   13u  /* of detach_options, its end not included */
#define DETACH_FIRST     1024 /* getopt's value of the first */
#define DETACH_WORDS_MAX 512u

extern const struct option detach_options[DETACH_OPTIONS];
extern const char detach_help[];

struct detach {
	const char *verb;    /* "clone", "standby"; null: "run" */
	bool has_no_image;   /* its words name none */
	char *const *others; /* what is given behind the image */
	unsigned other_count;
	uint64_t generation; /* of a clone, and the snapshot's id: */
	const char *parent;
	bool is_wanted;
	const char *needs; /* an option that means nothing without -d was given: its name */
	const char *values[DETACH_OPTIONS]; /* what each was given; "": one without a value */
	const char *ports[16];
	unsigned port_count;
	unsigned again_count;
	char *again
	        [DETACH_OPTIONS +
	         8]; /* "ampoule", "run", "-d", "--replace", the other options of detach_options */
	unsigned count;
	char *words[DETACH_WORDS_MAX]; /* "ampoule", "run", what was given */
};

/* Takes one of detach_options. False: it is none. */
bool detach_take(struct detach *, int option, const char *value);
/* Another option, or the image (name null). False: there are too many. */
bool detach_word(struct detach *, const char *name, const char *value);
/* The first given of those that are about one appliance, its health and its watchdog; null: none. */
const char *detach_tender_option(const struct detach *);
/* Runs it in the background: the exit status of `ampoule run -d`. */
int detach_run(struct detach *, const struct tender_options *);

#endif
