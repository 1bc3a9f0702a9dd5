/* SPDX-License-Identifier: ISC */
/*
 * The zones that the words of a command line stand for. A word is
 *
 *	ORIGIN=FILE	one zone
 *	DIRECTORY	a zone for each file NAME.zone in it and below it, whose origin is NAME
 *	PATTERN		(with *, ? or [) the same for each file that it matches
 *	FILE		the same for one file
 *	@FILE		the words that stand in it, one a line; # begins a comment line
 *
 * Paths are relative to one folder. Names that begin with a dot are left out, as are links to
 * directories. The zones of one word are in the order of their paths. For build tools: it reads
 * directories and allocates.
 */
#ifndef DNS_ZONE_LIST_H
#define DNS_ZONE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define DNS_ZONE_FOLDERS_MAX 32u /* folders within each other */

struct dns_zone_file {
	char *origin;
	char *file;  /* relative to the folder, or absolute */
	char *where; /* what to name where the origin is wrong */
};

struct dns_zone_list {
	const char *folder;
	struct dns_zone_file *at;
	size_t count, room;
	char **inputs; /* list files and directories that were read, as paths to open */
	size_t input_count, input_room;
	bool failed; /* something was wrong, and said on standard error */
	unsigned depth;
};

/* Adds what the word stands for. What is wrong is said on standard error as WORD: text, or
 * FILE:LINE: text. Out of memory ends the program. */
void dns_zone_list_add(struct dns_zone_list *, const char *word);
void dns_zone_list_free(struct dns_zone_list *);

#endif
