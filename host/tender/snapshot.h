/* SPDX-License-Identifier: ISC */
/*
 * A snapshot file: the picture of an image in a wait, from which clones go on (section 6 of abi/ampoule_abi.h). It is as
 * hostile as an image: headers and table are copied once, checked, and only the copies are used; contents of memory are
 * never interpreted.
 *
 *   page 0     struct snapshot_header
 *   from page 1 struct snapshot_arg[arg_count]: what the image was started with
 *   regions    each at a multiple of a page, as large as in memory, and mostly holes
 *   image      the image file, so that a snapshot is all that a clone needs
 *   table      struct snapshot_run[run_count]: which pages of which regions are there; all others are zero
 *
 * A fork's picture, which is in memory only, has of the heap's pages those that differ from a second file, its base. It comes with
 * that or not at all. Sums of pages are zero there.
 *
 * All numbers are little-endian. The header's digest covers header and table; a run's sum its pages.
 */
#ifndef TENDER_SNAPSHOT_H
#define TENDER_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/args.h>
#include <tender/defect.h>
#include <tender/image.h>
#include <tender/space.h>

#define SNAPSHOT_MAGIC       0x70616e73706d61ull /* "ampsnap" */
#define SNAPSHOT_VERSION     2u
#define SNAPSHOT_MINOR_MIN   3u /* of the ABI: an image of an earlier one has no clones */
#define SNAPSHOT_REGIONS_MAX 32u
#define SNAPSHOT_RUNS_MAX    (1u << 20)
#define SNAPSHOT_BYTES_MAX   (32ull << 40) /* of a file, holes included */

struct snapshot_region {
	uint32_t kind;     /* enum region_kind: what the image can write, and boot information */
	uint32_t index;    /* which segment or device */
	uint64_t at, size; /* in the image */
	uint64_t file_at;  /* REGION_BOOT: nothing is there */
};

struct snapshot_arg {
	uint64_t number;
	uint32_t set, reserved; /* 1: by whoever started it; else it is the image's own */
	char text[AMP_TEXT_MAX];
};
#define SNAPSHOT_ARGS_AT    AMP_PAGE
#define SNAPSHOT_REGIONS_AT (4ull * AMP_PAGE)
_Static_assert(SNAPSHOT_ARGS_AT + AMP_ARGS_MAX * sizeof(struct snapshot_arg) <= SNAPSHOT_REGIONS_AT,
               "all arguments have room");

struct snapshot_device {
	char name[AMP_NAME_MAX];
	uint32_t type; /* 0: it was not there */
	uint32_t sector_size;
	uint64_t size;  /* block: bytes; net: of the frame area */
	uint8_t mac[6]; /* net */
	uint8_t reserved[2];
};

struct snapshot_header {
	uint64_t magic;
	uint32_t version, size; /* size: of this structure */
	uint8_t sha256[32]; /* of this structure with zeros here; what follows has one of its own */
	uint8_t table_sha256[32]; /* of the arguments, and the table behind them */
	uint64_t file_size;
	uint64_t image_at, image_size;
	uint64_t table_at;
	uint32_t run_count, region_count, device_count;
	uint32_t arg_count;
	uint32_t cpu_level;
	uint16_t abi_major, abi_minor; /* the image's */
	uint8_t build_id[32];
	char name[AMP_NAME_MAX], image_version[AMP_NAME_MAX]; /* the image's */
	char tender[AMP_NAME_MAX];                            /* that has taken it */
	uint64_t generation;   /* of the image that it was taken of */
	uint64_t image_ns;     /* its clock at the point */
	int64_t wall_ns;       /* since 1970 */
	uint64_t moved;        /* as in struct image */
	uint64_t entry, stack; /* where a clone is entered, and with which RSP */
	uint64_t touched;      /* pages in all runs */
	uint8_t parent
	        [16]; /* of a clone's picture: the first bytes of the digest of what it came from; else zero */
	uint64_t ended; /* 1: the image that it was taken of ended there */
	uint64_t base_at,
	        base_size; /* where the heap's first pages are in its base; size 0: it has none */
	struct snapshot_device devices[AMP_DEVICES_MAX];
	struct snapshot_region regions[SNAPSHOT_REGIONS_MAX];
};
_Static_assert(sizeof(struct snapshot_header) <= AMP_PAGE, "one page");

struct snapshot_run {
	uint32_t region;
	uint32_t sum; /* CRC-32C of its pages */
	uint64_t page, pages;
};

struct snapshot {
	int fd;   /* owned; snapshot_close */
	int base; /* likewise; -1: none */
	struct snapshot_header header;
	struct snapshot_run *runs;
	struct snapshot_arg args[AMP_ARGS_MAX];
};

/* Takes the descriptor, whatever comes of it, and checks all but the sums of the pages. 0, or -1 with a defect. */
int snapshot_open(struct snapshot *, int fd, struct defect *why);
/* The same of a fork's picture, with its base: a file that does not become shorter. -1: it has to be whole without one. */
int snapshot_open_fork(struct snapshot *, int fd, int base, struct defect *why);
void snapshot_close(struct snapshot *);

/* The two steps of snapshot_open, of what somebody else has read: the header, of a file of so many bytes; then the arguments
 * and the table. */
int snapshot_check(const struct snapshot_header *, uint64_t file_size, struct defect *why);
int snapshot_check_table(const struct snapshot *, struct defect *why);

/* Reads all pages that are there and compares the sums. */
int snapshot_verify(const struct snapshot *, struct defect *why);

/* The image in it as a file of its own, sealed, in memory; not yet checked, path is the caller's. */
int snapshot_image(const struct snapshot *, struct image *, const char *path, struct defect *why);

/* Is it of this image, which has been checked? Then the image lies where the snapshot's did. */
int snapshot_fits(const struct snapshot *, struct image *, struct defect *why);

const struct snapshot_region *snapshot_region(const struct snapshot *, enum region_kind,
                                              uint32_t index);

/* Arguments that nobody has set are what they were. */
void snapshot_args(const struct snapshot *, struct args *);

/* The bytes of a region, whose first run is looked for in the table: into memory that is zero. */
int snapshot_read(const struct snapshot *, const struct snapshot_region *, uint8_t *to,
                  struct defect *why);

/* The bytes of one run, into its region. */
int snapshot_read_run(const struct snapshot *, const struct snapshot_run *, uint8_t *region,
                      struct defect *why);

/* Pages of a region whose bytes the file has, as bits: for who cannot see in memory what was never touched. */
bool snapshot_has(const struct snapshot *, const struct snapshot_region *, uint64_t page);

uint32_t snapshot_sum(uint32_t sum, const void *bytes, uint64_t size);
void snapshot_digest(const struct snapshot_header *, uint8_t to[32]);

#endif
