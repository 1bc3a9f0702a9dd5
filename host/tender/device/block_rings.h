/* SPDX-License-Identifier: ISC */
/*
 * One block device: takes requests from the ring that it shares with the image, has the kernel work on many of them at once
 * (io_uring, straight from and to the image's memory), and answers. Where io_uring is not to be had, or the power-cut
 * model is on, one after another.
 */
#ifndef TENDER_DEVICE_BLOCK_RINGS_H
#define TENDER_DEVICE_BLOCK_RINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/device/block_copy.h>
#include <tender/device/block_file.h>
#include <tender/device/block_request.h>
#include <tender/device/ring.h>

struct block_counts {
	uint64_t reads, writes, flushes, discards; /* done */
	uint64_t bytes_read, bytes_written;
	uint64_t bad;    /* requests that do not fit */
	uint64_t failed; /* that the host could not do */
};

struct block_jobs; /* what the kernel works on */

struct block_rings {
	struct block_file *file; /* null: there is no device */
	struct ring requests, answers;
	struct device_memory heap; /* the image's memory extent */
	uint64_t *heap_log;        /* a bit a page of it that was written to; null: nobody asks */
	struct block_jobs *jobs;   /* null: no io_uring */
	uint32_t in_flight;
	struct block_copy copy; /* of a file that is written to */
	bool spare;             /* there are processors beside the one that runs the image */
	uint64_t moved;         /* CLOCK_MONOTONIC, ns: when one of few last began or ended */
	int event; /* eventfd: something has been done; who polls it (and not for edges) reads it. -1: all is done at once */
	/* That may still be taken; a request that begins before there are none goes whole. */
	uint64_t bytes_left, ops_left;
	uint64_t bytes_taken; /* by reads and writes */
	struct block_counts counts;
};

/* A block device to be laid out. */
struct block_layout {
	struct block_file *file; /* lives as long as the device */
	uint32_t ring_size;
	struct device_memory rings; /* shared, zero */
	struct device_memory heap;  /* the image's memory extent */
	uint64_t *heap_log;         /* as above */
	struct amp_device *view;    /* the image's */
};

/* Lays the rings out, and fills in the image's view; its name is the caller's. */
void block_rings_open(struct block_rings *, const struct block_layout *);
/* Gets io_uring, if it can be had; call before privileges go. */
void block_rings_start(struct block_rings *, uint32_t ring_size);
/* The descriptor of the kernel's ring; -1: there is none. */
int block_rings_ring(const struct block_rings *);
void block_rings_close(struct block_rings *);

/*
 * Takes requests and hands them to the kernel; hands answers out. How many that were. Reaping may be done by any thread
 * (under the pump's lock); taking should be left to one that does not run the image: the kernel finishes a request in the
 * thread that submitted it, which takes that out of KVM_RUN.
 */
uint32_t block_rings_take(struct block_rings *);
uint32_t block_rings_reap(struct block_rings *);

/* Few requests are under way, and not for long, or were just now, and there is a processor to spare: if the image polls, the
 * tender does well to do so, too. `now`: CLOCK_MONOTONIC, ns. */
bool block_rings_soon(const struct block_rings *, uint64_t now);

/* Is there work in the rings that a kick would announce? */
bool block_rings_pending(struct block_rings *);

#endif
