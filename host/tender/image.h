/* SPDX-License-Identifier: ISC */
/*
 * An image file, decoded: everything in it is hostile, so headers and note are copied once from the
 * file, checked against abi/ampoule_abi.h section 1, and only the copies are used. Contents of
 * segments are never interpreted here.
 */
#ifndef TENDER_IMAGE_H
#define TENDER_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/defect.h>

/* What this tender maps at most; the ABI's address range alone would allow 48 TiB. */
#define IMAGE_SEGMENTS_BYTES_MAX (4ull << 30)
#define IMAGE_FILE_MAX           (IMAGE_SEGMENTS_BYTES_MAX + (1ull << 20))
#define IMAGE_STACKS_BYTES_MAX   (16ull << 30)

enum rights { RIGHT_X = 1, RIGHT_W = 2, RIGHT_R = 4 }; /* = PF_X, PF_W, PF_R */

struct image_segment {
	uint64_t at;   /* address; multiple of AMP_PAGE */
	uint64_t size; /* bytes in memory, rounded up to AMP_PAGE; not zero */
	uint64_t file_offset, file_size;
	uint32_t rights; /* RIGHT_* */
};

struct image {
	const char *path;   /* the caller's */
	int fd;             /* owned; closed by image_close */
	uint64_t file_size; /* bytes of the file when it was checked */
	uint64_t entry;
	uint32_t segment_count;
	struct image_segment segments[AMP_SEGMENTS_MAX];
	bool movable;                  /* it has a table of what holds its addresses: */
	uint64_t moves_at, moves_size; /* bytes in the file */
	uint32_t table_count;          /* data among code: */
	uint64_t tables_at;            /* bytes in the file, struct amp_table */
	uint64_t
	        moved; /* what was added to the addresses here, and is to be to the words of the table; modulo 2^64 */
	struct amp_note note;
	struct amp_note_device devices[AMP_DEVICES_MAX];
	struct amp_note_arg args[AMP_ARGS_MAX];
	struct amp_note_library libraries[AMP_LIBRARIES_MAX];
	struct amp_note_health health; /* kind 0: it says nothing */
};
_Static_assert(sizeof(struct image) % 8 == 0, "clear_words");

/* Opens and checks. 0; or, with the defect (which does not name the file), IMAGE_HOST where the host has no descriptor left for
 * it, else -1. */
#define IMAGE_HOST (-2)
int image_open(struct image *, const char *path, struct defect *why);
/* In two steps, for who gives up opening files in between. image_check closes it where it fails. */
int image_open_file(struct image *, const char *path, struct defect *why);
/* image_open_file of a file that is open; takes the descriptor. */
void image_of(struct image *, const char *path, int fd);
int image_check(struct image *, struct defect *why);
/* Between the two: in place of the file a sealed copy. Closes it where it fails. */
int image_copy(struct image *, struct defect *why);
/* image_open of a sealed copy of the file, which nothing that happens to the file reaches. */
int image_open_copy(struct image *, const char *path, struct defect *why);
/* Bytes of the file, where image_check has found them. -1 with a defect. */
int image_read(const struct image *, void *to, uint64_t size, uint64_t at, struct defect *why);
void image_close(struct image *);

/* Unmapped bytes below each stack. */
static inline uint64_t image_stack_guard(const struct image *image)
{
	return image->note.stack_guard ? image->note.stack_guard : AMP_PAGE;
}

/* Bytes from one stack to the next. */
static inline uint64_t image_stack_stride(const struct image *image)
{
	return image_stack_guard(image) + image->note.stack_size;
}

static inline uint64_t image_stacks_size(const struct image *image)
{
	return image_stack_stride(image) * image->note.stack_count;
}

#endif
