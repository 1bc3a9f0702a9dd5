/* SPDX-License-Identifier: ISC */
/* What the tender gives up before the image's first instruction: privileges, the file system,
 * system calls. */
#ifndef TENDER_CONFINEMENT_H
#define TENDER_CONFINEMENT_H

#include <sys/types.h>

#include <tender/defect.h>
#include <tender/device/devices.h>

/*
 * Started by root: an empty, deleted directory becomes the root, and user and group become ones
 * that nobody else has. All capabilities go. To be called after everything has been opened, before
 * threads and children are made. What the host did not allow is said in one line on standard error; none
 * of it is fatal, since the filter follows.
 */
void confinement_drop(void);
/* A user id that nothing of the host has, drawn at random: two runs seldom share one. */
unsigned confinement_draw_user(void);

/*
 * Each thread has a filter of its own, of what it does and on which descriptors. They are made first, since together they
 * say which descriptors stay open; then each thread puts its own on. The devices are placed. Behind it nothing allocates
 * memory, but the model of lost power (block_cut.c).
 */
struct confinement_fds {
	int kick, epoll;   /* the pump's */
	int vcpu;          /* KVM */
	int signals, bell; /* the watcher of a sandboxed image; bell -1: none */
	pid_t child;
	bool parts; /* whose heap may be parted from its base */
	const struct image *image;
};

/* Of the thread that runs a KVM image, of the pump's thread beside it, and of the process that watches a sandboxed image. */
void confinement_image(struct filter *, const struct confinement_fds *, const struct devices *);
void confinement_pump(struct filter *, const struct confinement_fds *, const struct devices *);
void confinement_watcher(struct filter *, const struct confinement_fds *, const struct devices *);

/* Closes what none of them keeps. */
int confinement_close(const struct filter *const *, unsigned count, struct defect *why);
/* Puts it on the calling thread. */
int confinement_seal(const struct filter *, struct defect *why);

#endif
