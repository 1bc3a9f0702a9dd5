/* SPDX-License-Identifier: ISC */
/* A temporary folder for one test (folder.h). */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <builder/text.h>

#include "folder.h"

static char made[64];

const char *folder(void)
{
	if (!*made) {
		strcpy(made, "/tmp/ampoule-build.XXXXXX");
		if (!mkdtemp(made))
			abort();
	}
	return made;
}

const char *folder_path(const char *path)
{
	return keep_format("%s/%s", folder(), path);
}

void folder_put(const char *path, const char *text)
{
	char *full = (char *)(uintptr_t)folder_path(path), *slash = strrchr(full, '/');

	*slash = 0;
	if (!folder_make(full))
		abort();
	*slash = '/';
	FILE *f = fopen(full, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

void folder_remove(void)
{
	if (*made)
		nftw(made, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	*made = 0;
}
