/* SPDX-License-Identifier: ISC */
/*
 * The file or block device of the host that a store lies on, or memory in a test. It is locked as the tender locks it: who writes
 * has it alone, who reads shares it with others who read.
 */
#ifndef STORE_DISK_H
#define STORE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tender/defect.h>

#define DISK_PAGE 4096u
#define DISK_BULK (1u << 20) /* bytes that are moved at once */

enum disk_use {
	DISK_READ,  /* at rest */
	DISK_LIVE,  /* an appliance may have it, and write */
	DISK_WRITE, /* alone */
};

struct disk {
	const char *path;
	int fd;          /* -1: memory */
	uint8_t *memory; /* not owned */
	uint64_t size;   /* bytes */
	bool device;     /* a block device */
	bool live;       /* an appliance has it */
	bool direct;     /* it is read past the page cache, as the tender writes */
	uint8_t *bounce; /* DISK_BULK, aligned */
};

/* -1 with a defect, which names the path. */
int disk_open(struct disk *, const char *path, enum disk_use, struct defect *why);
/* Over memory of the caller's. */
void disk_memory(struct disk *, uint8_t *bytes, uint64_t size);
void disk_close(struct disk *);
/* An appliance may begin to use it from here on. */
void disk_unlock(struct disk *);

/* All of it. False and errno: it cannot be read; EIO for what lies beyond its end. */
bool disk_read(struct disk *, uint64_t at, void *to, size_t size);
bool disk_write(struct disk *, uint64_t at, const void *from, size_t size);
bool disk_flush(struct disk *);
/* Has the file become larger since it was opened? */
bool disk_grew(const struct disk *);
/* The next bytes from `at` on that are not a hole: their size, 0 at the end; *at moves there. */
uint64_t disk_data(struct disk *, uint64_t *at);

#endif
