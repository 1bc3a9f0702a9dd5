/* SPDX-License-Identifier: ISC */
/* A snapshot on its way through a pipe: without the holes that its file has. */
#ifndef TENDER_SNAPSHOT_STREAM_H
#define TENDER_SNAPSHOT_STREAM_H

#include <tender/snapshot.h>

/*
 * struct snapshot_header, its page's rest and the arguments, then the table, the pages of all runs, the image. The magic
 * number is another one, so that nobody takes one for the other.
 */
#define SNAPSHOT_STREAM_MAGIC 0x6d727473706d61ull /* "ampstrm" */

/* Writes the snapshot. -1 with a defect. */
int snapshot_stream_write(const struct snapshot *, int to, struct defect *why);
/* Reads one into a file in memory, which snapshot_open and snapshot_verify have still to look at: its descriptor, or -1 with a
 * defect. */
int snapshot_stream_read(int from, struct defect *why);

#endif
