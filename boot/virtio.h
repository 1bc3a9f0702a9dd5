/* SPDX-License-Identifier: ISC */
/*
 * Virtio devices (virtio 1.2), found on PCI and in memory (MMIO). A transport is a set of registers; drivers know devices by this
 * header alone.
 */
#ifndef BOOT_VIRTIO_H
#define BOOT_VIRTIO_H

#include <boot/virtq.h>
#include <boot/words.h>
#include <tender/defect.h>

enum virtio_kind { VIRTIO_NET = 1, VIRTIO_BLOCK = 2, VIRTIO_CONSOLE = 3, VIRTIO_RANDOM = 4 };

#define VIRTIO_DEVICES   32u
#define VIRTIO_QUEUES    2u /* that a driver uses */
#define VIRTIO_EVENT_IDX (1ull << 29)
#define VIRTIO_VERSION_1 (1ull << 32)

struct virtio;
struct virtio_transport {
	uint64_t (*features)(struct virtio *);
	void (*accept)(struct virtio *, uint64_t features);
	uint8_t (*status)(struct virtio *);
	void (*set_status)(struct virtio *, uint8_t);
	/* Queue `which` is at most so long; 0: there is none. */
	uint16_t (*queue_most)(struct virtio *, uint16_t which);
	/* Tells the device where it is, and leads its interrupts to us. False: it does not take that. */
	bool (*queue_set)(struct virtio *, uint16_t which, const struct virtq *);
	void (*notify)(struct virtio *, uint16_t which);
	/* An interrupt is taken notice of: the next one may come. */
	void (*settle)(struct virtio *);
};

struct virtio {
	const struct virtio_transport *transport;
	enum virtio_kind kind;
	char place[32]; /* for messages: "PCI 00:02.0" */
	uint64_t features;
	volatile uint8_t *config; /* the device's own registers, */
	uint32_t config_size;
	/* A transport's: */
	volatile uint8_t *common, *notify, *isr, *vectors;
	uint32_t notify_step;
	uint16_t notify_at[VIRTIO_QUEUES];
	uint32_t line;
	uint32_t address; /* of PCI */
	bool legacy;      /* MMIO, version 1 */
	bool used;        /* a driver has it */
};

extern struct virtio virtio_devices[VIRTIO_DEVICES];
extern uint32_t virtio_count;

/* Finds them all, in the order of their places. */
void virtio_find(const struct words *);
/* The next one of a kind that no driver has, behind `after` (null: the first). */
struct virtio *virtio_next(enum virtio_kind, const struct virtio *after);

/* Resets it and agrees on features: those of `want` that it has. -1 with a defect. */
int virtio_agree(struct virtio *, uint64_t want, struct defect *why);
/* Makes a queue of at most `most` entries. -1 with a defect. */
int virtio_queue(struct virtio *, uint16_t which, struct virtq *, uint16_t most,
                 struct defect *why);
/* All is set up: it may begin. */
void virtio_begin(struct virtio *);
/* Resets it: it uses no memory any more, and another driver may have it. -1 with a defect: it does not say so. */
int virtio_stop(struct virtio *, struct defect *why);
/* Shows the device what was given, and notifies it if it wants that. */
void virtio_kick(struct virtio *, uint16_t which, struct virtq *);

/* Bytes of the configuration, as they are; zero where it has none. */
void virtio_config(const struct virtio *, uint32_t at, void *to, uint32_t size);

/* Transports. */
void virtio_pci_find(void);
void virtio_mmio_find(const struct words *);
struct virtio *virtio_add(enum virtio_kind, const struct virtio_transport *);

#endif
