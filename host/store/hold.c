/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <store/hold.h>

#define LINK "/memfd:" BLOCK_COPY_NAME " (deleted)"

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool ended(const struct hold *h)
{
	struct pollfd p = { .fd = h->process, .events = POLLIN };
	return poll(&p, 1, 0) == 1;
}

/* ---- Finding it ---- */

/* Is this memory about the disk's file? Maps it. */
static bool takes(struct hold *h, const struct stat *file)
{
	struct stat s;
	if (fstat(h->fd, &s) || (uint64_t)s.st_size < BLOCK_COPY_NOTES)
		return false;
	void *p = mmap(NULL, (size_t)s.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, h->fd, 0);
	if (p == MAP_FAILED)
		return false;
	h->shared = p;
	h->bytes = (uint64_t)s.st_size;
	bool device = S_ISBLK(file->st_mode);
	return !memcmp(h->shared->magic, BLOCK_COPY_MAGIC, sizeof h->shared->magic) &&
	       h->shared->device == (device ? file->st_rdev : file->st_dev) &&
	       h->shared->inode == (device ? 0 : file->st_ino) &&
	       block_copy_bytes(h->shared->size) == h->bytes;
}

static void let_go(struct hold *h)
{
	if (h->shared)
		munmap(h->shared, h->bytes);
	if (h->fd >= 0)
		close(h->fd);
	if (h->process >= 0)
		close(h->process);
	*h = (struct hold){ .fd = -1, .process = -1 };
}

/* Looks among the files of one process. *denied: it may be there, and we may not look. */
static bool look_at(struct hold *h, const char *pid, const struct stat *file, bool *denied)
{
	char path[600], to[64];
	snprintf(path, sizeof path, "/proc/%s/fd", pid);
	DIR *all = opendir(path);
	*denied |= !all && errno == EACCES;
	for (struct dirent *e; all && (e = readdir(all)) != NULL;) {
		snprintf(path, sizeof path, "/proc/%s/fd/%s", pid, e->d_name);
		ssize_t n = readlink(path, to, sizeof to);
		if (n != (ssize_t)strlen(LINK) || memcmp(to, LINK, (size_t)n) != 0)
			continue;
		h->process = (int)syscall(SYS_pidfd_open, atoi(pid), 0);
		h->fd = open(path, O_RDWR | O_CLOEXEC);
		if (h->process >= 0 && h->fd >= 0 && takes(h, file)) {
			closedir(all);
			return true;
		}
		let_go(h);
	}
	if (all)
		closedir(all);
	return false;
}

int hold_open(struct hold *h, const struct disk *d, struct defect *why)
{
	struct stat file;
	bool found = false, denied = false;
	DIR *all = opendir("/proc");
	*h = (struct hold){ .fd = -1, .process = -1 };
	if (fstat(d->fd, &file) || !all)
		return defect_set(why, "%s: its appliance cannot be found: %s", d->path,
		                  strerror(errno));
	for (struct dirent *e; !found && (e = readdir(all)) != NULL;)
		found = isdigit((unsigned char)*e->d_name) && look_at(h, e->d_name, &file, &denied);
	closedir(all);
	if (!found)
		return defect_set(why,
		                  denied ? "%s is in use by an appliance that this user may not "
		                           "look at: copy it as its user, or as root"
		                         : "%s is in use by what is no appliance of this version: "
		                           "stop that first",
		                  d->path);
	if (!flock(h->fd, LOCK_EX | LOCK_NB))
		return 0;
	let_go(h);
	return defect_set(why, "%s is being copied already", d->path);
}

void hold_close(struct hold *h)
{
	if (h->shared)
		__atomic_store_n(&h->shared->word, BLOCK_COPY_NONE, __ATOMIC_SEQ_CST);
	let_go(h);
}

/* ---- Notes ---- */

static uint64_t *notes(const struct hold *h)
{
	return (uint64_t *)(void *)((uint8_t *)h->shared + BLOCK_COPY_NOTES);
}

static uint64_t words(const struct hold *h)
{
	return (h->bytes - BLOCK_COPY_NOTES) / 8;
}

void hold_note(struct hold *h)
{
	for (uint64_t k = 0; k < words(h); k++)
		if (__atomic_load_n(&notes(h)[k], __ATOMIC_RELAXED))
			__atomic_store_n(&notes(h)[k], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&h->shared->word, BLOCK_COPY_NOTE, __ATOMIC_SEQ_CST);
}

uint64_t hold_noted(struct hold *h, uint64_t from)
{
	for (uint64_t k = from / 64; k < words(h); k++) {
		uint64_t word = __atomic_load_n(&notes(h)[k], __ATOMIC_RELAXED);
		if (k == from / 64)
			word &= ~0ull << (from % 64);
		if (!word)
			continue;
		uint64_t bit = (uint64_t)__builtin_ctzll(word);
		__atomic_and_fetch(&notes(h)[k], ~(1ull << bit), __ATOMIC_SEQ_CST);
		return k * 64 + bit;
	}
	return UINT64_MAX;
}

uint64_t hold_noted_count(const struct hold *h)
{
	uint64_t n = 0;
	for (uint64_t k = 0; k < words(h); k++)
		n += (uint64_t)__builtin_popcountll(
		        __atomic_load_n(&notes(h)[k], __ATOMIC_RELAXED));
	return n;
}

/* ---- Holding ---- */

enum held hold_begin(struct hold *h, uint64_t ns)
{
	struct block_copy_shared *s = h->shared;
	uint64_t until = now() + ns;
	__atomic_store_n(&s->until, until, __ATOMIC_RELEASE);
	__atomic_store_n(&s->word, BLOCK_COPY_HOLD, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&s->busy, __ATOMIC_SEQ_CST)) {
		if (ended(h))
			return HELD_ENDED;
		if (now() >= until) {
			hold_end(h);
			return HELD_TOO_LONG;
		}
		usleep(20);
	}
	return HELD;
}

enum held hold_end(struct hold *h)
{
	uint32_t word = BLOCK_COPY_HOLD;
	bool was = __atomic_compare_exchange_n(&h->shared->word, &word, BLOCK_COPY_NOTE, false,
	                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	if (ended(h))
		return HELD_ENDED;
	return was ? HELD : HELD_TOO_LONG;
}
