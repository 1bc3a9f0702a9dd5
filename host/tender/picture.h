/* SPDX-License-Identifier: ISC */
/*
 * Taking a picture of the image that runs: a snapshot (snapshot.h). Who wants one sends a request over a socket that the
 * supervisor has made before the start, with the descriptor of a regular file; no file is opened here. The kernel signals
 * that a request is there, which ends the sleep of whoever waits for the image.
 *
 * A picture costs the image the time of a fork(), for what this process sees of its memory: the copy is written by a child, as
 * the image goes on. What it does not see, a sandboxed image's own memory, is read while that stands still.
 */
#ifndef TENDER_PICTURE_H
#define TENDER_PICTURE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ampoule_abi.h>
#include <tender/args.h>
#include <tender/clock.h>
#include <tender/filter.h>
#include <tender/picture_request.h>
#include <tender/space.h>

/* To be called by the process that will run the image, as long as it may open files. */
void picture_open(void);
bool picture_is_offered(void);
/* The picture that is taken when the image says that it is warm, where it then ends: into this regular file, which the caller
 * opens. -1 with a defect. */
int picture_when_warm(int fd, struct defect *why);
void picture_warm(void); /* it says so */
bool picture_awaits_warmth(void);
bool picture_is_taken(void); /* that one, and well */

/* Of a process that runs a sandboxed image: how to see which of its pages were touched. Before and after it is made. */
void picture_prepare(void);
void picture_child(pid_t);

/* The system calls of all below. `forks`: this process sees the image's memory. */
void picture_allow(struct filter *, const struct image *, bool forks);

/* A request may be there, or is. */
extern volatile sig_atomic_t picture_asked;

/* The image, which stands still. */
struct picture_subject {
	const struct image *image;
	const struct space *space;
	const struct clock *clock;
	const struct amp_device *views;
	const struct args *args;
	const char *tender;
	uint64_t resume; /* the third argument of its wait */
	pid_t child;     /* whose memory it is; 0: this process sees it */
};

/* Is there a request? Then devices are to come to rest, and the image to stand still. */
bool picture_wanted(void);

/* Takes one, if there is a request. True: the image is to end here. */
bool picture_take(const struct picture_subject *);

#endif
