/* SPDX-License-Identifier: ISC */
/* SQLite's volume, read by ampoule_volume.h alone: its roots, and the two files in it. */
#ifndef STORE_VOLUME_H
#define STORE_VOLUME_H

#include <stdio.h>

#include <ampoule_volume.h>
#include <store/disk.h>

/* SipHash-1-3. */
uint64_t sip_hash(const uint64_t key[2], const void *bytes, size_t size);

enum volume_found {
	VOLUME_NONE, /* something else */
	VOLUME_BLANK,
	VOLUME_DAMAGED, /* no root is whole, or the newest one says what cannot be */
	VOLUME_FOUND
};
struct volume {
	struct disk *disk;
	struct amp_volume_root root; /* the newest one that is whole */
	bool named[2], whole[2];     /* roots: there is one; its sum is right */
	uint64_t sequence[2];
};
/* False: it cannot be read. */
bool volume_look(struct volume *, struct disk *, enum volume_found *);
/* `size` bytes of a file, which are there. */
bool volume_read(struct volume *, int file, uint64_t at, void *to, size_t size);
/* Is there a journal that SQLite takes back? One of a transaction that has ended may be there too, without its head
 * (journal_mode=PERSIST). One that cannot be read counts. */
bool volume_is_amid(struct volume *);
/* All of a file. -1 with a defect. */
int volume_dump(struct volume *, int file, FILE *to, struct defect *);

/* Tells what is wrong with the roots and with the head of the database. */
void volume_check(struct volume *, void (*damage)(void *of, const char *what), void *of);

/* Makes a volume of a database of that size; the device's head is not a volume's until all is there. */
int volume_make(struct disk *, FILE *from, uint64_t size, struct defect *);
/* The journal's place moves to the end of a file that has grown; none is to be taken back. */
int volume_grow(struct volume *, struct defect *);
/* Bytes that a volume for a database of that size needs, with as much again to grow. */
uint64_t volume_size_for(uint64_t database);

/* The head of a database, 100 bytes: null, or what is wrong. `size` is the file's. */
const char *volume_database_flaw(const uint8_t head[100], uint64_t size);

#endif
