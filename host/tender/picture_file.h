/* SPDX-License-Identifier: ISC */
/*
 * The file of a picture (snapshot.h) as it is written: pieces of it in any order, each small enough that packets are moved
 * between two of them. A page may be written again; sums and table are made of the file when all pages are there.
 */
#ifndef TENDER_PICTURE_FILE_H
#define TENDER_PICTURE_FILE_H

#include <stdbool.h>
#include <stdint.h>

struct filter;
struct picture_subject;
struct space;

/* Room for what is noted about each page; before the seal. */
void picture_file_room(const struct space *);
void picture_file_allow(struct filter *, const struct space *, int fd);

/* A new one, of nothing yet. `page_map`: of the process that has the memory; -1: none. `any_page`: one that is shared and not
 * resident may be there all the same. `forks`: what lies in the heap's base, as that is or is about to be, is not to be in it.
 * False: there is no room. */
bool picture_file_begin(const struct picture_subject *, int fd, int page_map, bool any_page,
                        bool forks);

/* What is said of the image at this point: where it goes on, and whether it ends here. */
void picture_file_point(const struct picture_subject *, uint64_t entry, bool ends);

/* Has the kernel take note of what the image writes from now on (written.h). False: it cannot. */
bool picture_file_watch(void);

/* Each takes a step, and is true where another one is to follow. */
bool picture_file_image(void);
bool picture_file_touched(
        bool watch); /* pages that may hold anything; to be watched from then on */
/* Pages that were written to since they were looked at last, with `again` to be watched further; adds to *pages. */
bool picture_file_written(bool again, uint64_t *pages);
bool picture_file_table(void);

/* Frames of packets, which are written to by whoever: the image stands still. */
void picture_file_frames(void);

/* The header: from here on it is a snapshot. */
void picture_file_end(void);

/* Null: no error so far. Else what is wrong, and *error. */
const char *picture_file_error(int *error);
uint64_t picture_file_pages(void); /* in its table */

#endif
