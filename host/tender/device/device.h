/* SPDX-License-Identifier: ISC */
/*
 * What a device of an image is to the tender, and what a kind of device is: TAP, AF_XDP, a file.
 * All of host/tender outside this folder knows devices by this header and devices.h alone; kinds.c
 * is the only list of kinds.
 *
 * The life of a device, with who calls:
 *
 *   open                  (devices.c) from the command line's text; all privileges are there
 *   need, place           (devices.c) address space is made for it, and it is laid out there; both
 *                         again if the first way to run the image turned out not to work
 *   polls                 (pump) what to sleep on, once more before each sleep of PUMP_INLINE
 *   allow                 (confinement) the system calls that it will make: the last moment for all else
 *   pass, pending, ready, wakeup, woke, soon, lost
 *                         (pump) under the pump's lock, or by the only thread
 *   report, last_words    at the end
 *   close                 where no image has run
 *
 * A pass serves a whole batch, so an indirect call a device and pass is all that the contract
 * costs; nothing here is called for each packet or request.
 */
#ifndef TENDER_DEVICE_DEVICE_H
#define TENDER_DEVICE_DEVICE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/defect.h>
#include <tender/device/memory.h>
#include <tender/device/net_words.h>
#include <tender/device/rate.h>
#include <tender/filter.h>
#include <tender/gate.h>

/* ---- What the image sees ---- */

/* A type is the ABI's: which rings there are. The image knows nothing of kinds. */
struct device_type {
	uint32_t type;      /* enum amp_device_type */
	const char *option; /* of the command line, without its dashes */
	const char *noun;   /* in messages: "the image has no NOUN device" */
	/* The rings that the gate of a sandboxed image looks at before it sleeps. */
	void (*gate)(const struct amp_device *view, struct gate_device *);
};
#define DEVICE_TYPES 2u
extern const struct device_type device_type_net, device_type_block;
extern const struct device_type *const device_types[DEVICE_TYPES]; /* types.c */

/* ---- What open, need and place say to each other ---- */

/* What is asked for on the command line. */
struct device_wish {
	const char *
	        text; /* behind the kind's prefix, without the words of net_words.h; until open returns */
	const struct amp_note_device *note; /* the image's words about the device */
	const char *image;                  /* its name */
	uint16_t abi_minor;                 /* its ABI */
	const uint8_t *mac; /* what the image is to have if the device can choose; null: any */
	/* To be called by a device that ends the tender itself, before it does; may be null. */
	void (*ending)(void);
};

/* May a device see the image's heap? A process that runs an image shares no memory without need. */
enum device_heap {
	DEVICE_HEAP_UNUSED,
	DEVICE_HEAP_WELCOME, /* if it costs the image nothing */
	DEVICE_HEAP_NEEDED,
};

/* What a device takes of the image's address space. Bytes; all zero before need is called. */
struct device_need {
	uint64_t rings;   /* zeroed memory, shared with the image; whole pages */
	uint64_t frames;  /* the frame area */
	uint64_t queues;  /* room over which the device maps rings of the kernel's */
	uint32_t further; /* receive queues beside the first one: entries of struct amp_queue */
	enum device_heap heap;
};

/* Where it got that, and what else it needs to lay itself out. */
struct device_place {
	struct device_memory rings, frames, queues;
	struct device_memory heap; /* size 0: this process does not see it */
	uint64_t *
	        heap_log; /* a bit a page of it that the device has written to; null: nobody asks */
	/* What it points to is 0 while this process sees the heap as it is; then the process that has it, to be asked for what it
	 * has there (process_vm_readv). Such a heap is read only. */
	const int *heap_owner;
	const struct device_memory *constants; /* the image's segments that it cannot write */
	uint32_t constant_count;               /* at most AMP_SEGMENTS_MAX */
	struct amp_queue *further;             /* in boot information, */
	uint32_t further_at;                   /* that many bytes behind its first */
	/* The image's view. Its name is there already; its type and all else are place's to fill in. */
	struct amp_device *view;
	uint32_t concurrent; /* AMP_NET_CONCURRENT if the tender works while the image runs, or 0 */
	/* The image is a process of its own. It has the device's sockets and serves them itself: then polls and pass have
	 * nothing to do with these. */
	bool apart;
};

/* ---- A device ---- */

struct device {
	const struct device_kind *kind;
	void *state;                        /* the kind's: state_size bytes, zero before open */
	const struct amp_note_device *note; /* the image's words about it */
	uint32_t index;                     /* of its note, and of its view in boot information */
	uint16_t abi_minor;                 /* the image's ABI */
	bool placed;
	struct rate rate;  /* set only where the kind keeps to it */
	uint64_t *traffic; /* where a pass of packets.h leaves its count; null: nobody reads it */

	/* Of a network device: the text's words, to which open may add what it knows. */
	struct net_words words;

	/* Said by open. */
	/* The host moves its packets while the image runs: a thread of the tender's would have nothing to do. */
	bool by_host;
	/* Only a system call finds its packets: to look on for a while before a sleep may pay. */
	bool by_calls;
	/* No descriptor tells that what was sent is done: a sleep that waits for that is short. A pass may change it. */
	bool untold;
	int watch; /* a descriptor that says when to ask `lost`; -1: none. Not owned. */

	/* Said by place: what an image that runs apart polls; the first one is its doorbell. */
	const int *sockets;
	uint32_t socket_count; /* at most AMP_NET_QUEUES_MAX; 0: none */

	/* Said by the pump, if the kind has `busy`: nothing new is to be begun. */
	bool hold;

	/* Said by pass: the host's side is gone for good, and the run ends. */
	bool gone;
};

/* Who makes a pass, and so what it may do. */
enum device_pass {
	/* Whoever looks after the device: both directions. */
	DEVICE_PASS_ALL,
	/* The thread that runs the image, while another one looks after the device: both directions, but nothing is begun whose
	 * end would interrupt the thread that began it. */
	DEVICE_PASS_WAIT,
	/* A thread that serves kicks, while the image's own may be asleep on the device's descriptors: only what comes from the
	 * image; nothing is taken from under that sleep. */
	DEVICE_PASS_KICK,
};

/* Functions that may be null say so. Behind allow, none opens or allocates anything, for the filter would end the tender. */
struct device_kind {
	const char *prefix; /* of its text, behind NAME=; "": all texts that are not empty */
	const char *form;   /* how a text looks, for messages: "tap:INTERFACE" */
	const char *help;   /* lines for `ampoule run --help`, each with its line feed */
	const struct device_type *type;
	size_t state_size;
	bool shows_text; /* messages about open name the text beside the device */
	bool keeps_rate; /* pass, pending, polls, woke and allow look at the device's rate */

	/* 0, or the exit status with a defect: AMP_EXIT_USAGE where the text is wrong whatever the host has, else
	 * AMP_EXIT_TENDER. close is called in any case. */
	int (*open)(struct device *, const struct device_wish *, struct defect *why);

	void (*need)(const struct device *, struct device_need *);

	/* Lays the device out and fills in the image's view. A second call begins anew; the first place is gone by then.
	 * -1 with a defect. */
	int (*place)(struct device *, const struct device_place *, struct defect *why);

	/* Adds rules for the system calls of all the functions below, and keeps the descriptors that they need. What polls names
	 * may be read and written and `watch` read, and both stay open, without that; poll is allowed. Null: those do. */
	void (*allow)(const struct device *, struct filter *);

	/* One bounded batch. Returns how many ring entries were moved, or 1 if more may be waiting; 0: nothing to do. */
	uint32_t (*pass)(struct device *, enum device_pass);

	/* Is one of the events AMP_WAIT_* there? */
	bool (*ready)(const struct device *, uint64_t events);

	/* Is there work in the rings that a kick would announce, and that a pass can do? */
	bool (*pending)(struct device *);

	/* Tells the image whether to kick. Null: it is told otherwise. */
	void (*wakeup)(struct device *, bool need);

	/* Descriptors that become readable when a pass would find something; an error on one means that the device is gone.
	 * How many, at most AMP_NET_QUEUES_MAX. */
	uint32_t (*polls)(const struct device *, struct pollfd *to);

	/* A sleep on its descriptors has ended: one that stays readable until it is read is read. Null: none is. */
	void (*woke)(struct device *);

	/* Is an answer due so soon that it is better to stay awake, if the image does? `now`: CLOCK_MONOTONIC, ns. Null: never. */
	bool (*soon)(const struct device *, uint64_t now);

	/* `watch` is readable: is the host's side gone? Null: there is no watch. */
	bool (*lost)(struct device *);

	/* Is something under way that a picture of the image would have half done? Null: never; packets may be lost. */
	bool (*busy)(const struct device *);

	/* Counters, for -v; once it is placed. */
	void (*report)(const struct device *);

	/* It is gone: says in a line what was lost and what to do. Null: a general line does. */
	void (*last_words)(const struct device *);

	/* Releases all that it holds of the host. */
	void (*close)(struct device *);
};

/* All kinds there are. Of each type, the first is the one that messages recommend. */
extern const struct device_kind *const device_kinds[]; /* kinds.c */
extern const uint32_t device_kind_count;

#endif
