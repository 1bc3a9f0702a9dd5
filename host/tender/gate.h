/* SPDX-License-Identifier: ISC */
/*
 * The gates: one page of position-independent code for each tender (gate.S), copied into the
 * image's gate page, with the numbers that it needs in the page's second half. C and assembler
 * share this header.
 */
#ifndef TENDER_GATE_H
#define TENDER_GATE_H

#define GATE_DATA 2048 /* offset of struct gate_data in the page */

/* KVM: I/O ports that ring 3 may touch. */
#define PORT_CALL                                                                                  \
	0x500 /* 4 bytes in: a gate call other than kick; exits to the tender, EAX is the result   \
	       */
#define PORT_KICK 0x510 /* 4 bytes out: an ioeventfd */
/* KVM: out of ring 3's reach; the exception stubs write here. */
#define PORT_FAULT 0x80 /* + vector */

/* Offsets in struct gate_data. */
#define GATE_DEVICE_COUNT 0
#define GATE_CONTROL      8
#define GATE_MONO         16
#define GATE_KICK         24
#define GATE_ONE          32
#define GATE_UNMAP        40 /* three ranges: address, size */
#define GATE_ENTRY        88
#define GATE_STACK        96
#define GATE_BOOT         104
#define GATE_MXCSR        112
#define GATE_XSAVE        116
#define GATE_POLL_COUNT   120
#define GATE_DEVICES      128
#define GATE_DEVICE_SIZE  104
#define GATE_SOON         (GATE_DEVICES + 16 * GATE_DEVICE_SIZE) /* two words: seconds, nanoseconds */
#define GATE_AREA         (GATE_SOON + 16)
#define GATE_FS_BY_CALL   (GATE_AREA + 8)

/* Offset in struct amp_boot. */
#define BOOT_STOP_AT 272

/* Offsets in struct gate_device. */
#define DEVICE_TX_PRODUCER 32
#define DEVICE_TX_CONSUMER 40
#define DEVICE_SOCKET      72
#define DEVICE_FILL_FLAGS  80
#define DEVICE_FURTHER     88
#define DEVICE_FURTHERS    96
/* In struct amp_queue. */
#define QUEUE_FILL_FLAGS 16
#define QUEUE_SIZE       80

/* Descriptors of the sandbox's child beside its console. With sockets, it waits by polling them, the timer, and the bell
 * that the tender rings for other devices. */
#define CHILD_KICK    3
#define CHILD_TIMER   4
#define CHILD_BELL    5
#define CHILD_SOCKETS 6

/* Offsets in struct gate_control. */
#define CONTROL_WAITING           0
#define CONTROL_FIRST_INSTRUCTION 8
#define CONTROL_FIRST_OUTPUT      16
#define CONTROL_TIMER             24
#define CONTROL_POLLS             32
#define CONTROL_BELL_SEEN         (CONTROL_POLLS + 8 + 6) /* revents of the second */
#define CONTROL_OUTPUT_ERROR      (CONTROL_POLLS + (2 + 16 * 16) * 8)
#define CONTROL_TURNS             (CONTROL_OUTPUT_ERROR + 4)
#define CONTROL_RESUME            (CONTROL_OUTPUT_ERROR + 8)
#define CONTROL_HELD              (CONTROL_OUTPUT_ERROR + 16)

#define GATE_WAITING 0x80000000 /* in CONTROL_WAITING, beside the AMP_WAIT_* bits */
#define GATE_EVENTS  63         /* all of those */

#ifndef __ASSEMBLER__
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include <ampoule_abi.h>

_Static_assert(GATE_EVENTS == (AMP_WAIT_RECEIVE | AMP_WAIT_COMPLETE | AMP_WAIT_BLOCK |
                               AMP_WAIT_STOP | AMP_WAIT_WARM | AMP_WAIT_SECRETS),
               "none is forgotten");

struct gate_device {
	/* Addresses of uint32_t in the image. Rings that a kind of device does not have: twice the same address, so that they
	 * are empty. */
	uint64_t rx_producer, rx_consumer;
	uint64_t completion_producer, completion_consumer;
	uint64_t tx_producer, tx_consumer, tx_flags; /* of a block device: its requests */
	uint64_t answers_producer, answers_consumer;
	uint64_t socket; /* its number in the child, where the image rings it itself; 0: none */
	uint64_t fill_flags, further, further_count; /* further: address of struct amp_queue */
};

struct gate_data {
	uint64_t device_count; /* KVM: kick's bound; sandbox: entries of devices */
	/* Sandbox only, from here on: */
	uint64_t control; /* address of struct gate_control */
	uint64_t mono;    /* CLOCK_MONOTONIC at image time 0 */
	uint64_t kick;    /* eventfd number in the child */
	uint64_t one;     /* 1, what is written to it */
	struct {
		uint64_t at, size;
	} unmap[3]; /* what goes before the first instruction; size 0: none */
	uint64_t entry, stack, boot;
	uint32_t mxcsr;
	uint32_t xsave; /* 1: the kernel has switched XSAVE on; 2: the processor has XSAVEC, too */
	uint64_t
	        poll_count; /* entries of the control's polls; 0: no sockets, it waits at the futex */
	struct gate_device devices[AMP_DEVICES_MAX];
	uint64_t soon[2];    /* how long it waits for what no descriptor tells of */
	uint64_t area;       /* a page that is zero, and is again when the image begins */
	uint32_t fs_by_call; /* FS base is set by a system call: the kernel has no FSGSBASE */
};

/* Shared with the sandbox's child, which may write anything here: hints and measurements only. */
struct gate_control {
	uint32_t waiting; /* futex: 0, or GATE_WAITING | what may end the wait */
	uint32_t traced;  /* futex: 1 once the tender has attached; before the first instruction */
	uint64_t first_instruction; /* TSC */
	uint64_t first_output;      /* TSC; 0: none yet */
	uint64_t timer;             /* what the timer is set to, image time; UINT64_MAX: not set */
	struct pollfd polls[2 + AMP_DEVICES_MAX * AMP_NET_QUEUES_MAX]; /* timer, bell, sockets */
	int32_t output_error; /* -errno of the last output that was lost; 0: none */
	uint32_t turns;       /* waits that have begun */
	uint64_t resume;      /* the third argument of the last wait */
	uint32_t held;        /* 1: a wait with AMP_WAIT_WARM has no deadline: it is to be seen */
};

_Static_assert(offsetof(struct gate_data, control) == GATE_CONTROL, "as in assembler");
_Static_assert(offsetof(struct gate_data, mono) == GATE_MONO, "as in assembler");
_Static_assert(offsetof(struct gate_data, kick) == GATE_KICK, "as in assembler");
_Static_assert(offsetof(struct gate_data, one) == GATE_ONE, "as in assembler");
_Static_assert(offsetof(struct gate_data, unmap) == GATE_UNMAP, "as in assembler");
_Static_assert(offsetof(struct gate_data, entry) == GATE_ENTRY, "as in assembler");
_Static_assert(offsetof(struct gate_data, stack) == GATE_STACK, "as in assembler");
_Static_assert(offsetof(struct gate_data, boot) == GATE_BOOT, "as in assembler");
_Static_assert(offsetof(struct amp_boot, stop_at_ns) == BOOT_STOP_AT, "as in assembler");
_Static_assert(offsetof(struct gate_data, mxcsr) == GATE_MXCSR, "as in assembler");
_Static_assert(offsetof(struct gate_data, xsave) == GATE_XSAVE, "as in assembler");
_Static_assert(offsetof(struct gate_data, devices) == GATE_DEVICES, "as in assembler");
_Static_assert(offsetof(struct gate_data, poll_count) == GATE_POLL_COUNT, "as in assembler");
_Static_assert(offsetof(struct gate_data, soon) == GATE_SOON, "as in assembler");
_Static_assert(offsetof(struct gate_data, area) == GATE_AREA, "as in assembler");
_Static_assert(offsetof(struct gate_data, fs_by_call) == GATE_FS_BY_CALL, "as in assembler");
_Static_assert(offsetof(struct gate_control, resume) == CONTROL_RESUME, "as in assembler");
_Static_assert(offsetof(struct gate_control, held) == CONTROL_HELD, "as in assembler");
_Static_assert(sizeof(struct gate_device) == GATE_DEVICE_SIZE, "as in assembler");
_Static_assert(offsetof(struct gate_device, tx_producer) == DEVICE_TX_PRODUCER, "as in assembler");
_Static_assert(offsetof(struct gate_device, tx_consumer) == DEVICE_TX_CONSUMER, "as in assembler");
_Static_assert(offsetof(struct gate_device, socket) == DEVICE_SOCKET, "as in assembler");
_Static_assert(offsetof(struct gate_device, fill_flags) == DEVICE_FILL_FLAGS, "as in assembler");
_Static_assert(offsetof(struct gate_device, further) == DEVICE_FURTHER, "as in assembler");
_Static_assert(offsetof(struct gate_device, further_count) == DEVICE_FURTHERS, "as in assembler");
_Static_assert(offsetof(struct amp_queue, fill.flags) == QUEUE_FILL_FLAGS, "as in assembler");
_Static_assert(sizeof(struct amp_queue) == QUEUE_SIZE, "as in assembler");
_Static_assert(GATE_DATA + sizeof(struct gate_data) <= AMP_PAGE, "one page");
_Static_assert(offsetof(struct gate_control, first_output) == CONTROL_FIRST_OUTPUT,
               "as in assembler");
_Static_assert(offsetof(struct gate_control, timer) == CONTROL_TIMER, "as in assembler");
_Static_assert(offsetof(struct gate_control, polls) == CONTROL_POLLS, "as in assembler");
_Static_assert(offsetof(struct gate_control, output_error) == CONTROL_OUTPUT_ERROR,
               "as in assembler");
_Static_assert(offsetof(struct gate_control, turns) == CONTROL_TURNS, "as in assembler");
_Static_assert(offsetof(struct gate_control, polls[1].revents) == CONTROL_BELL_SEEN,
               "as in assembler");

/* The pages, to be copied; the gate's entry is their first byte. gate_sandbox_enter is where the
 * sandbox's child leaves the tender's code for good; gate_sandbox_call, where its tender has it make a system call. */
extern const uint8_t gate_kvm[AMP_PAGE], gate_sandbox[AMP_PAGE], gate_sandbox_enter[],
        gate_sandbox_call[];
#endif

#endif
