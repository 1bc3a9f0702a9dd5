/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <standby/roster.h>
#include <supervisor/place.h>

static int map(struct roster *r, int fd, int rights, int flags)
{
	void *at = mmap(NULL, r->size, rights, flags, fd, 0);
	if (at == MAP_FAILED)
		return -1;
	r->head = at;
	r->entries = (struct roster_entry *)(r->head + 1);
	return 0;
}

int roster_make(struct roster *r, const char *folder, uint32_t count, struct defect *why)
{
	int fd = -1, failed;
	r->size = sizeof *r->head + (uint64_t)count * sizeof *r->entries;
	if (folder) {
		int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd = at < 0 ? -1
		            : openat(at, PLACE_ROSTER ".new",
		                     O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
		failed = fd < 0 || ftruncate(fd, (off_t)r->size) ||
		         map(r, fd, PROT_READ | PROT_WRITE, MAP_SHARED) ||
		         renameat(at, PLACE_ROSTER ".new", at, PLACE_ROSTER);
		if (at >= 0)
			close(at);
	} else {
		failed = map(r, -1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	}
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (failed)
		return defect_set(why, "the list of standbys: %s", strerror(error));
	madvise(r->head, r->size, MADV_DONTFORK);
	*r->head = (struct roster_head){ ROSTER_MAGIC, count, sizeof *r->entries };
	return 0;
}

int roster_read(struct roster *r, int folder)
{
	struct stat st;
	int fd = openat(folder, PLACE_ROSTER, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	*r = (struct roster){ 0 };
	if (fd < 0)
		return -1;
	bool fits = !fstat(fd, &st) && st.st_size >= (off_t)sizeof *r->head;
	r->size = fits ? (uint64_t)st.st_size : 0;
	fits = fits && !map(r, fd, PROT_READ, MAP_SHARED);
	close(fd);
	if (!fits) {
		r->size = 0;
		return -1;
	}
	if (r->head->magic == ROSTER_MAGIC && r->head->entry_size == sizeof *r->entries &&
	    r->head->count <= (r->size - sizeof *r->head) / sizeof *r->entries)
		return 0;
	roster_close(r);
	return -1;
}

void roster_close(struct roster *r)
{
	if (r->size)
		munmap(r->head, r->size);
	*r = (struct roster){ 0 };
}

const char *roster_state_name(uint32_t state)
{
	static const char *const names[ROSTER_STATES] = { "asleep",  "awake",  "ending",
		                                          "waiting", "paused", "gone" };
	return state < ROSTER_STATES ? names[state] : "?";
}
