/* SPDX-License-Identifier: ISC */
/*
 * Hold and busy are two words, each written before the other one is read, with a full fence between: of a copier that asks for a
 * hold and a tender that begins to take requests, one sees the other.
 *
 * A write is noted when it is done, and before it is answered. So what was copied while a write was under way is noted behind that,
 * and copied again.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tender/clock.h>
#include <tender/device/block_copy.h>

uint64_t block_copy_bytes(uint64_t file_size)
{
	uint64_t chunks = file_size / BLOCK_COPY_CHUNK + 1;
	return BLOCK_COPY_NOTES + (chunks + 63) / 64 * 8;
}

void block_copy_open(struct block_copy *c, const struct block_file *f)
{
	struct stat s;
	*c = (struct block_copy){ .fd = -1 };
	if (fstat(f->fd, &s))
		return;
	uint64_t bytes = block_copy_bytes(f->size);
	int fd = memfd_create(BLOCK_COPY_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return;
	/* Whoever maps it can then not take it from under the tender. */
	bool made = !ftruncate(fd, (off_t)bytes) &&
	            !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	void *p = made ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (p == MAP_FAILED) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->mapped = bytes;
	c->shared = p;
	bool device = S_ISBLK(s.st_mode);
	c->shared->device = device ? s.st_rdev : s.st_dev;
	c->shared->inode = device ? 0 : s.st_ino;
	c->shared->size = f->size;
	memcpy(c->shared->magic, BLOCK_COPY_MAGIC, sizeof c->shared->magic);
}

void block_copy_close(struct block_copy *c)
{
	if (!c->shared)
		return;
	munmap(c->shared, c->mapped);
	close(c->fd);
	*c = (struct block_copy){ .fd = -1 };
}

bool block_copy_enter(struct block_copy *c, uint32_t under_way)
{
	struct block_copy_shared *s = c->shared;
	if (!s)
		return true;
	__atomic_store_n(&s->busy, under_way + 1, __ATOMIC_SEQ_CST);
	uint32_t word = __atomic_load_n(&s->word, __ATOMIC_SEQ_CST);
	c->held = word == BLOCK_COPY_HOLD;
	if (c->held && clock_mono() >= __atomic_load_n(&s->until, __ATOMIC_ACQUIRE))
		/* If that fails, the copier has just ended it itself. */
		c->held = !__atomic_compare_exchange_n(&s->word, &word, BLOCK_COPY_NOTE, false,
		                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	if (c->held)
		__atomic_store_n(&s->busy, under_way, __ATOMIC_RELEASE);
	return !c->held;
}

void block_copy_leave(struct block_copy *c, uint32_t under_way)
{
	if (c->shared)
		__atomic_store_n(&c->shared->busy, under_way, __ATOMIC_RELEASE);
}

void block_copy_note(struct block_copy *c, uint64_t at, uint64_t size)
{
	struct block_copy_shared *s = c->shared;
	if (!s || __atomic_load_n(&s->word, __ATOMIC_ACQUIRE) == BLOCK_COPY_NONE)
		return;
	uint64_t *notes = (uint64_t *)(void *)((uint8_t *)s + BLOCK_COPY_NOTES);
	for (uint64_t k = at / BLOCK_COPY_CHUNK; k <= (at + size - 1) / BLOCK_COPY_CHUNK; k++)
		__atomic_or_fetch(&notes[k / 64], 1ull << (k % 64), __ATOMIC_RELAXED);
}
