/* SPDX-License-Identifier: ISC */
/*
 * The bounds come from sysinfo(2) and from the files of control groups, version 2 (memory.max) or 1
 * (memory.limit_in_bytes), of our own group and all above it. What cannot be read is no bound: a
 * host without control groups is the usual reason.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <tender/allowance.h>

#define MIB 20

static bool read_text(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);
	if (fd >= 0)
		close(fd);
	to[n > 0 ? n : 0] = 0;
	return n > 0;
}

/* The least bound from the group at `path` (below `base`) up to the root. */
static uint64_t least(const char *root, const char *base, const char *path, const char *file)
{
	char whole[4096 + 128], text[32];
	uint64_t bytes = UINT64_MAX;
	int head = snprintf(whole, sizeof whole, "%s%s", root, base);
	size_t length = strlen(path);
	if (head < 0 || (size_t)head + length + 64 > sizeof whole)
		return bytes;
	for (;;) {
		snprintf(whole + head, sizeof whole - (size_t)head, "%.*s/%s", (int)length, path,
		         file);
		if (read_text(whole, text, sizeof text) && *text >= '0' && *text <= '9') {
			uint64_t v = strtoull(text, NULL, 10);
			if (v < bytes)
				bytes = v;
		}
		if (!length)
			return bytes;
		while (length && path[--length] != '/')
			;
	}
}

static uint64_t group_bytes(const char *root)
{
	char path[4096], text[8192], *save = NULL;
	uint64_t bytes = UINT64_MAX;
	snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
	if (!read_text(path, text, sizeof text))
		return bytes;
	/* "0::/path" of version 2; "7:cpu,memory:/path" of version 1. */
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *names = strchr(line, ':'), *at = names ? strchr(names + 1, ':') : NULL;
		uint64_t v = UINT64_MAX;
		if (!at)
			continue;
		*at++ = 0;
		if (!names[1])
			v = least(root, "/sys/fs/cgroup", at, "memory.max");
		else if (strstr(names + 1, "memory"))
			v = least(root, "/sys/fs/cgroup/memory", at, "memory.limit_in_bytes");
		if (v < bytes)
			bytes = v;
	}
	return bytes;
}

void allowance_find(struct allowance *a, const char *root, uint64_t wanted)
{
	struct sysinfo s;
	*a = (struct allowance){ UINT64_MAX, UINT64_MAX };
	if (!sysinfo(&s))
		a->ram = (uint64_t)s.totalram * s.mem_unit;
	if (wanted > ALLOWANCE_UNASKED)
		a->group = group_bytes(root);
}

int allowance_heap(const struct allowance *a, const struct amp_note *n, uint64_t given,
                   uint64_t beside, uint64_t *heap, struct defect *why)
{
	if (given && given < n->memory_min) {
		defect_set(why, "needs at least --memory %lluK",
		           (unsigned long long)(n->memory_min >> 10));
		return AMP_EXIT_USAGE;
	}
	uint64_t most = a->ram < ALLOWANCE_MEMORY_MAX ? a->ram : ALLOWANCE_MEMORY_MAX;
	if (given) {
		if (given > most || beside > most - given) {
			defect_set(why,
			           "--memory %lluM and the image's %lluM beside it are more than "
			           "the %lluM that this host has: give less",
			           (unsigned long long)(given >> MIB),
			           (unsigned long long)(beside >> MIB),
			           (unsigned long long)(most >> MIB));
			return AMP_EXIT_TENDER;
		}
		*heap = given;
		return 0;
	}
	uint64_t group = a->group / 4 * 3, part = a->ram / ALLOWANCE_RAM_PART;
	bool by_group = group < part;
	uint64_t bound = by_group ? group : part;
	uint64_t room = bound > beside ? (bound - beside) & ~(uint64_t)(AMP_PAGE - 1) : 0;
	*heap = n->memory_default < room ? n->memory_default : room;
	if (*heap >= n->memory_min && beside <= bound)
		return 0;
	defect_set(why,
	           "needs %lluM of memory, more than the %lluM that an image gets here (%s): "
	           "--memory SIZE gives it its heap all the same",
	           (unsigned long long)((n->memory_min + beside + (1 << MIB) - 1) >> MIB),
	           (unsigned long long)(bound >> MIB),
	           by_group ? "three quarters of its control group's" : "a quarter of the host's");
	return AMP_EXIT_TENDER;
}
