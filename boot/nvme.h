/* SPDX-License-Identifier: ISC */
/*
 * NVMe (NVM Express Base 2.0, NVM Command Set 1.0): a controller's namespaces as block devices of the image's, each with a pair
 * of queues of its own. Parts lie where they are: a command takes as much of a request as its list of pages can say, and a request
 * is as many commands as that needs.
 *
 * The controller is hostile: it may say anything in its registers, in what it identifies and in its completions, at any time. A
 * completion is believed only if it is in its turn (the phase bit), of this queue, and of a command that is under way. One
 * that is silent for too long is reset, once, and its requests fail; at a second time it stays off.
 */
#ifndef BOOT_NVME_H
#define BOOT_NVME_H

#include <boot/driver.h>

#define NVME_CONTROLLERS 8u
#define NVME_DISKS       8u  /* namespaces of a controller */
#define NVME_DEPTH       32u /* entries of a queue, at most */
#define NVME_PIECES      31u /* commands of a queue that are under way, at most: it is never full */
#define NVME_SERIAL      20u
#define NVME_DOORBELLS   0x1000u

struct nvme;

/* Registers, and the way to memory. A controller without its own says where they are. */
struct nvme_transport {
	uint32_t (*get)(struct nvme *, uint32_t at);
	void (*set)(struct nvme *, uint32_t at, uint32_t v);
	/* It may use memory, or not any more, whatever it thinks. */
	void (*allow)(struct nvme *, bool);
	/* Registers of so many bytes are to be used. False: there are not so many. */
	bool (*reach)(struct nvme *, uint32_t bytes);
};

struct nvme_command {
	uint32_t first, nsid, reserved[2];
	uint64_t metadata, prp[2];
	uint32_t d[6]; /* dwords 10 to 15 */
};

struct nvme_completion {
	uint32_t result, reserved, head,
	        status; /* head: of sq, and its id; status: the command's id, phase, status */
};

struct nvme_queue {
	uint16_t id, depth;
	uint32_t doorbell; /* where the register of sq lies; that of cq is behind it */
	struct nvme_command *sq;
	volatile struct nvme_completion *cq;
	uint16_t tail, head;
	bool phase;
	uint64_t lies;
};

/* A request of the image's, of which all or some commands are under way. */
struct nvme_job {
	bool used, failed;
	uint32_t pieces, part, part_count;
	uint64_t at;   /* in that part: what comes before is in commands */
	uint64_t left; /* bytes that are in none yet */
	struct amp_block_request request;
	struct iovec parts[AMP_BLOCK_PARTS_MAX];
};

/* A command that is under way. Its number is the command's id. */
struct nvme_piece {
	bool used;
	uint32_t job;      /* NVME_PIECES: the kernel's own */
	uint64_t deadline; /* of the TSC */
};

struct nvme_disk {
	struct nvme *controller;
	uint32_t nsid;
	const struct amp_note_device *note;
	const struct pages *pages;
	struct block_extent extent;
	struct nvme_queue q;
	struct ring requests, answers;
	struct device_memory heap;
	uint64_t *lists; /* a page for each piece: of addresses, or a range that is discarded */
	struct nvme_piece pieces[NVME_PIECES];
	struct nvme_job jobs[NVME_PIECES];
	uint32_t in_flight, job_count;
	uint32_t current; /* the job that is not all in commands; NVME_PIECES: none */
};

struct nvme {
	const struct nvme_transport *transport;
	char place[32]; /* for messages */
	uint32_t address;
	volatile uint8_t *registers; /* the transport's */
	volatile uint32_t *messages;
	struct nvme_queue admin;
	uint8_t *identity; /* a page that it writes */
	uint32_t stride;   /* bytes from one doorbell to the next */
	uint16_t depth_most;
	uint64_t piece_most; /* bytes of a command */
	bool caches, discards;
	bool reset, dead; /* reset: it was, once */
	uint64_t check;   /* the TSC's value when a command may be overdue */
	char serial[NVME_SERIAL + 1];
	uint32_t disk_count;
	struct nvme_disk *disks[NVME_DISKS];
};

extern struct nvme nvme_controllers[NVME_CONTROLLERS];
extern uint32_t nvme_count;

/* Finds the machine's controllers. */
void nvme_find(void);

/* Begins one that its transport has described, and finds its disks; namespaces that nobody can use are told and passed over. -1
 * with a defect. */
int nvme_open(struct nvme *, struct defect *why);

/* `of` is a struct nvme_disk. */
extern const struct driver nvme_driver;

#endif
