/* SPDX-License-Identifier: ISC */
/* Runs one image from file to exit status. */
#ifndef TENDER_TENDER_H
#define TENDER_TENDER_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/clock.h>
#include <tender/device/devices.h>
#include <tender/jail.h>
#include <tender/trust.h>

#define TENDER_SETS_MAX 64u

struct image;
struct snapshot;

enum tender_choice { TENDER_ANY, TENDER_KVM, TENDER_SANDBOX };

struct tender_options {
	const char *
	        path; /* the image; of a clone: the snapshot, for messages and beside which its signature is */
	const struct snapshot *from; /* what a clone goes on from, open; null: a fresh start */
	struct image *
	        image; /* its image: checked, trusted, and where the snapshot's lay (snapshot_fits) */
	int warm_fd;   /* where its picture goes when it is warm, and it ends; 0: nowhere */
	bool moved; /* a clone that takes its original's place, connections included; its MAC addresses, too */
	struct trust_options trust;
	struct jail_options jail;
	enum tender_choice choice;
	struct device_texts devices[DEVICE_TYPES]; /* by index of device_types */
	const char *sets[TENDER_SETS_MAX];         /* "NAME=VALUE" */
	unsigned set_count;
	uint64_t memory;       /* heap bytes; 0: what the note says */
	uint64_t stop_timeout; /* ns that the image has to end when a signal asks it to; 0: none */
	unsigned verbosity;    /* how often -v was given */
	bool timing;
	const char *label; /* of the table of its times; null: it needs none */
	const uint8_t (*macs)
	        [6]; /* by the image's devices, AMP_DEVICES_MAX: zero: any; null: any of all */
	uint64_t *
	        traffic; /* AMP_DEVICES_MAX, shared with whoever looks at them: packets of each device, but for what came to
	                      many (multicast, broadcast); null: nobody does */
	bool fixed_layout;         /* the image lies where it was linked */
	struct clock_sample start; /* clock_sample() at the start of the process */
};

/* Finds what all that are forked from this process have in common. */
void tender_prepare(const struct tender_options *);

/* For who starts one now and then, and waits in between: keeps what each of them would have to bring about anew. */
void tender_keep(const struct tender_options *);

/* Runs it and returns the exit status of the process, one of abi/ampoule_abi.h's. Anything wrong
 * has been said in one line on standard error. To be called once a process: it gives privileges up
 * for good. */
int tender_run(const struct tender_options *);

#endif
