/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cli/env_file.h>

/* What is read here lives as long as the process. Null: it is too large, errno 0; or cannot be read. */
static char *whole(const char *path, size_t *size)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(ENV_FILE_MAX + 2) : NULL;
	errno = f ? 0 : errno;
	if (text)
		*size = fread(text, 1, ENV_FILE_MAX + 1, f);
	bool failed = f && ferror(f);
	int error = errno;
	if (f)
		fclose(f);
	errno = error;
	if (!text || failed)
		return NULL;
	errno = 0;
	if (*size > ENV_FILE_MAX)
		return NULL;
	text[*size] = 0;
	return text;
}

int env_file_read(const char *path, const char **sets, unsigned *count, unsigned max,
                  struct defect *why)
{
	size_t size = 0;
	unsigned number = 0;
	char *at = whole(path, &size);
	if (!at)
		return errno ? defect_set(why, "--env-file %s: %s", path, strerror(errno))
		             : defect_set(why, "--env-file %s: larger than %u bytes", path,
		                          ENV_FILE_MAX);
	if (strlen(at) != size)
		return defect_set(why, "--env-file %s: it is no text: a byte is 0", path);
	for (char *end = at + size, *next; at < end; at = next) {
		char *stop = strchr(at, '\n');
		next = stop ? stop + 1 : end;
		if (stop)
			*stop = 0;
		size_t n = strlen(at);
		if (n && at[n - 1] == '\r')
			at[--n] = 0;
		number++;
		at += strspn(at, " \t");
		if (!*at || *at == '#')
			continue;
		char *equals = strchr(at, '=');
		if (!equals || equals == at)
			return defect_set(why, "--env-file %s:%u: want NAME=VALUE", path, number);
		if (*count == max)
			return defect_set(why, "--env-file %s:%u: more than %u arguments", path,
			                  number, max);
		/* A file's value is what it says: @ doubled is @ (tender/args.h). */
		bool marked = equals[1] == '@' && equals[2];
		size_t room = strlen(at) + 2;
		char *set = malloc(room);
		if (!set)
			return defect_set(why, "no memory");
		snprintf(set, room, "%.*s%s%s", (int)(equals + 1 - at), at, marked ? "@" : "",
		         equals + 1);
		sets[(*count)++] = set;
	}
	return 0;
}
