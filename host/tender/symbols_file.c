/* SPDX-License-Identifier: ISC */
/* NAME.debug as a file of the host's. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tender/symbols.h>

int symbols_open(const char *image_path)
{
	char path[4096];
	size_t n = strlen(image_path);
	if (n > 4 && !strcmp(image_path + n - 4, ".amp"))
		n -= 4;
	int length = snprintf(path, sizeof path, "%.*s.debug", (int)n, image_path);
	if (length < 0 || length >= (int)sizeof path)
		return -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

void symbols_map(struct symbols *s, int fd)
{
	struct stat st;
	*s = (struct symbols){ 0 };
	if (fd < 0 || fstat(fd, &st) || st.st_size <= 0)
		return;
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map != MAP_FAILED)
		*s = (struct symbols){ .file = map, .size = (uint64_t)st.st_size };
}

void symbols_free(struct symbols *s)
{
	if (s->file)
		munmap((void *)(uintptr_t)s->file, s->size);
	*s = (struct symbols){ 0 };
}
