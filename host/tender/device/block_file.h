/* SPDX-License-Identifier: ISC */
/*
 * The file or block device of the host behind an image's block device: opened for one appliance alone, unless all of
 * them only read; with O_DIRECT where the host has it.
 *
 * For tests it can behave as hardware does that loses its power (`cut`): what was written since the last flush is kept, lost
 * or mixed sector by sector, and the tender ends with AMP_EXIT_CUT; or as one that fails (`fail`).
 */
#ifndef TENDER_DEVICE_BLOCK_FILE_H
#define TENDER_DEVICE_BLOCK_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <tender/defect.h>

struct block_cut;

struct block_file {
	int fd; /* -1: none */
	bool read_only;
	uint64_t size; /* bytes, whole sectors */
	uint32_t sector_size;
	uint64_t fail_at;         /* the request of that number fails; 0: none */
	uint64_t requests;        /* so far */
	struct block_cut *cut;    /* null: the power stays */
	void (*power_gone)(void); /* called before the tender ends with AMP_EXIT_CUT; may be null */
};

/* 0; -1 with a defect; BLOCK_FILE_WORDS with a defect: the text is wrong, whatever the file is. Waits up to a second for one
 * that has it. */
#define BLOCK_FILE_WORDS (-2)
/* Opens what "FILE[,ro][,cut=N][,seed=S][,fail=N]" says; read_only: the image does not write, whatever it says. */
int block_file_open(struct block_file *, const char *text, bool read_only, struct defect *why);
void block_file_close(struct block_file *);

/* Is `format` (note) on it, or nothing? Formats that are not known here pass. */
int block_file_check(const struct block_file *, const char *format, struct defect *why);

/* One after another: 0, or -1 where the host could not do it. */
int block_file_read(struct block_file *, struct iovec *, int count, uint64_t at);
int block_file_write(struct block_file *, struct iovec *, int count, uint64_t at);
int block_file_flush(struct block_file *);
int block_file_discard(struct block_file *, uint64_t at, uint64_t size);

/* The model of lost power (block_cut.c): after `writes` writes from now on. Null: no memory. */
struct block_cut *block_cut_new(uint64_t writes, uint64_t seed);
/* Before [at, at + size) of fd is written: remembers what was there, and what will be. False: no memory. */
bool block_cut_writing(struct block_cut *, int fd, uint64_t at, const uint8_t *bytes,
                       uint64_t size);
/* After a write. True: the power has gone, and the file is as that left it. */
bool block_cut_written(struct block_cut *, int fd);
void block_cut_flushed(struct block_cut *);
void block_cut_free(struct block_cut *); /* null: nothing happens */

#endif
