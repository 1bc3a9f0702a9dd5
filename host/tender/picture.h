/* SPDX-License-Identifier: ISC */
/*
 * Taking a picture of the image that runs: a snapshot (snapshot.h). Who wants one sends a request over a socket that the
 * supervisor has made before the start, with the descriptor of a regular file; no file is opened here. The kernel signals
 * that a request is there, which ends the sleep of whoever waits for the image.
 *
 * Of a heap with a base (space.h), nothing is copied for a fork. It is parted from that at the picture's point.
 *
 * A picture costs the image the time of a fork(), if this process sees its memory: the copy is written by a child, as
 * the image goes on. Where the heap is shared with its base, it is parted for that, and made one again when the child is done. A sandboxed image's memory is copied while that goes on, then what it has written to meanwhile, until little
 * is left; for that it stands still. Where the kernel cannot tell what was written to (written.h), it stands still for all.
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
bool picture_forks(void); /* forks are, too */
/* The picture that is taken when the image says that it is warm, where it then ends: into this regular file, which the caller
 * opens. -1 with a defect. */
int picture_when_warm(int fd, struct defect *why);
void picture_warm(void); /* it says so */
bool picture_awaits_warmth(void);
bool picture_is_taken(void); /* that one, and well */

/* Of a process that runs a sandboxed image: how to see which of its pages were touched. Before and after it is made. */
void picture_prepare(void);
void picture_child(pid_t);
/* Of both tenders, before the seal. */
void picture_room(struct space *);

/* The system calls of all below. `sees`: this process sees the image's memory. */
void picture_allow(struct filter *, const struct image *, bool sees);

/* A request may be there, or is. */
extern volatile sig_atomic_t picture_asked;

/* The image, which stands still. */
struct picture_subject {
	const struct image *image;
	struct space *space;
	const struct clock *clock;
	const struct amp_device *views;
	const struct args *args;
	const char *tender;
	uint64_t resume; /* the third argument of its wait */
	pid_t child;     /* whose memory it is; 0: this process sees it */
	/* Parts the heap, which is not yet, from its base; or, of another process, begins to, and `parted` waits until that is done.
	 * -1: nothing has changed. */
	int (*part)(const struct picture_subject *);
	int (*parted)(const struct picture_subject *);
	void *of;       /* part's own */
	uint64_t since; /* CLOCK_MONOTONIC, when it was stopped; 0: now */
};

/* From when on, by CLOCK_MONOTONIC, the one that is wanted may be taken; 0: at once. An image that ends behind it is told of it,
 * and so has to go on (leave.h). */
uint64_t picture_due(void);

/* Is there a request? Then devices are to come to rest, and the image to stand still. */
bool picture_wanted(void);

/*
 * Of an image in a process of its own: a step of copying its memory while it goes on, and of what is left to do behind the
 * picture. To be called again and again while `picture_asked`. True: little is left to copy, so devices are to come to rest and the
 * image to stand still for it.
 */
bool picture_ahead(const struct picture_subject *);
bool picture_is_busy(void); /* there are steps to take */
/* Of an image whose memory this process sees, and which stands still: a step of what is left to do behind a picture. False: there is
 * nothing. */
bool picture_behind(void);

/* Takes one, if there is a request. True: the image is to end here. */
bool picture_take(const struct picture_subject *);

#endif
