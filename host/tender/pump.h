/* SPDX-License-Identifier: ISC */
/*
 * The pump serves all devices of an image, by what device.h says of any. It knows nothing of how
 * the image runs; that calls it in one of three ways:
 *
 *   PUMP_THREAD    (KVM, two CPUs or more) a thread of its own sleeps until packets or kicks come,
 *                  and moves packets while the image runs. The image's wait sleeps on a futex.
 *   PUMP_INLINE    (KVM, one CPU, or a device whose packets the host moves) the image's own wait
 *                  moves packets and sleeps on the devices; a thread only serves kicks of an image
 *                  that does not wait.
 *   PUMP_OUTSIDE   (sandbox) the caller's loop moves packets; the image sleeps by itself, in its
 *                  own process.
 */
#ifndef TENDER_PUMP_H
#define TENDER_PUMP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include <tender/clock.h>
#include <tender/defect.h>
#include <tender/device/devices.h>

/* In `epoll`, as data.u32: a device's place in the list; then the kick; and, from here on, a device's `watch`. */
#define PUMP_KICK   AMP_DEVICES_MAX
#define PUMP_WATCH  (AMP_DEVICES_MAX + 1)
#define PUMP_EVENTS (2 * AMP_DEVICES_MAX + 1)

enum pump_mode { PUMP_THREAD, PUMP_INLINE, PUMP_OUTSIDE };

struct pump {
	enum pump_mode mode;
	pthread_mutex_t lock; /* rings, clock, asleep; taken for a pass, never while sleeping */
	struct devices *devices;
	struct clock *clock;
	int kick;            /* eventfd: written by the image's kick */
	int epoll;           /* the devices, edge-triggered, and kick */
	uint32_t asleep;     /* futex: 1 while the image's wait sleeps on it */
	uint64_t asleep_for; /* its AMP_WAIT_* bits */
	/* PUMP_INLINE, PUMP_OUTSIDE: whether to stay awake is learnt from how long there was nothing to do lately. */
	uint64_t idle_average, slept_from; /* ns; decaying; since when */
	uint32_t waits;
	uint64_t quiet_from; /* CLOCK_MONOTONIC: since when pump_press is heeded; 0: it is not */
	void (*begun)(struct pump *); /* called by the thread before all else */
	void (*still)(
	        void); /* called under the lock where a picture is asked for and the image stands still */
	void (*gone)(const struct device *); /* the host's side of it is; does not return */
};

/* Makes kick and epoll and adds the devices, which are placed. */
int pump_open(struct pump *, enum pump_mode, struct devices *, struct clock *, struct defect *why);
/* Starts the thread, if the mode and devices want one. */
int pump_start(struct pump *, struct defect *why);

/* Is a picture wanted, and nothing under way that would be half done in it? Nothing new is begun until pump_goes_on. */
bool pump_rests(struct pump *);
void pump_goes_on(struct pump *);
/* A picture is wanted, and the image does not wait: who gets packets without end never does. So from now on it gets some and none by
 * turns, until pump_goes_on or for two seconds. */
void pump_press(struct pump *);

/* One pass over all devices, a bounded batch of each; true if any entry was moved. */
bool pump_pass(struct pump *);
bool pump_ready(const struct pump *, uint64_t events); /* AMP_WAIT_* */
bool pump_pending(struct pump *);                      /* work that a kick would announce */
bool pump_expects(const struct pump *); /* answers, so soon that who polls need not sleep */
/* For PUMP_OUTSIDE, before it sleeps: looks for packets for a while, if that has paid. True: some came. And after. */
bool pump_stay(struct pump *);
void pump_woke(struct pump *);
void pump_need_wakeup(struct pump *, bool need); /* tells the image whether to kick */

/* What an event of `epoll` says of a device's end, if it is one of the pump's: calls `gone`. */
void pump_event(struct pump *, const struct epoll_event *);

/* AMP_GATE_WAIT for PUMP_THREAD and PUMP_INLINE; deadline in image time. */
void pump_wait(struct pump *, uint64_t deadline_ns, uint64_t events);

#endif
