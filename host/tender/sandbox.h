/* SPDX-License-Identifier: ISC */
/*
 * The sandbox tender: the image in a child process of its own that holds nothing but the image's
 * regions and may make four system calls, from the gate page only. The tender watches it by ptrace
 * and moves its packets.
 */
#ifndef TENDER_SANDBOX_H
#define TENDER_SANDBOX_H

#include <sys/types.h>
#include <sys/user.h>

#include <tender/crash.h>
#include <tender/gate.h>
#include <tender/pump.h>
#include <tender/timing.h>

struct picture_subject;

struct sandbox {
	pid_t child;
	struct gate_control *control; /* shared with the child: hints only */
	int signals;                  /* signalfd: the child has stopped or ended */
	struct picture_subject *
	        subject; /* what a picture is taken of; its child and resume are the sandbox's to fill in */
	bool told;                   /* it may not have seen what it was told (leave.h), */
	uint32_t told_at;            /* when so many waits had begun */
	struct user_regs_struct was; /* of the child, before it was made to make a call */
	int base; /* the number of the heap's base in the child; 0: it has none */
	int ended; /* a wait status of the child that came while it was stopped for something else; 0: none */
	int timer, bell; /* with sockets: what the child polls beside them; else -1 */
};

/* Bytes at the start of the rings' region that the sandbox needs for itself: struct gate_control, and a page for the registers of
 * a clone, whose stack is not zero. */
#define SANDBOX_CONTROL_SIZE 8192u

/* Checks what the host must be able to do for that image. */
int sandbox_possible(const struct image *, struct defect *why);

/* Fills the gate page. `views`: the image's of its devices. */
void sandbox_gate(struct sandbox *, struct space *, const struct image *, const struct devices *,
                  const struct amp_device *views, uint64_t boot, const struct clock *);

/* Lets the child ring and poll the sockets of those devices that have some. After sandbox_gate. -1 with a defect. */
int sandbox_sockets(struct sandbox *, struct space *, const struct devices *,
                    const struct amp_device *views, struct defect *why);

/* Forks the child and attaches to it; the image runs from here on. */
int sandbox_start(struct sandbox *, struct space *, const struct pump *, struct defect *why);

/* Watches it to its end: its exit status, SANDBOX_CRASHED with *crash filled in (the child is still
 * there to be read), SANDBOX_SIGNAL + n if somebody sent it signal n, or -1 with a defect. */
#define SANDBOX_CRASHED 256
#define SANDBOX_SIGNAL  512
int sandbox_loop(struct sandbox *, struct pump *, struct crash *, struct defect *why);

/* Ends the child, if it is still there, and waits for it. Safe in a signal handler. */
void sandbox_end(struct sandbox *);

#endif
