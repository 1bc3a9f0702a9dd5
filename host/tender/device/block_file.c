/* SPDX-License-Identifier: ISC */
/* Opening with all checks, and the plain way of reading and writing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/device/block_file.h>
#include <tender/device/block_request.h>

#define SECTOR 512u
/* A tender that has just ended may still hold its file: the kernel lets go of what io_uring works
 * on when the last request is done, some milliseconds later. */
#define GRACE_MS 1000
#define HEAD     8192u /* bytes that tell a format */
_Static_assert(HEAD >= AMP_BLOCK_BLANK, "more than what says blank");

struct wish {
	char path[4096];
	bool read_only, cut;
	uint64_t cut_at, seed, fail_at;
};

static bool number(const char *text, uint64_t *to)
{
	char *end;
	errno = 0;
	if (*text < '0' || *text > '9')
		return false;
	*to = strtoull(text, &end, 10);
	return !errno && !*end;
}

/* Takes words off the end as long as they are ours: a file's name may have commas. */
static int parse(const char *text, struct wish *w, struct defect *why)
{
	*w = (struct wish){ .seed = 1 };
	if (strlen(text) >= sizeof w->path)
		return defect_set(why, "the file's name is too long");
	strcpy(w->path, text);
	for (char *comma; (comma = strrchr(w->path, ',')) != NULL; *comma = 0) {
		const char *word = comma + 1;
		bool good;
		if (!strcmp(word, "ro"))
			good = w->read_only = true;
		else if (!strncmp(word, "cut=", 4))
			good = w->cut = number(word + 4, &w->cut_at) && w->cut_at;
		else if (!strncmp(word, "seed=", 5))
			good = number(word + 5, &w->seed);
		else if (!strncmp(word, "fail=", 5))
			good = number(word + 5, &w->fail_at) && w->fail_at;
		else
			break;
		if (!good)
			return defect_set(why, "%s: want a number from 1 on", word);
	}
	return *w->path ? 0 : defect_set(why, "want NAME=FILE");
}

/* Sets size and sector size, and whether O_DIRECT may be used. */
static int measure(struct block_file *f, const char *path, struct defect *why)
{
	struct stat s;
	if (fstat(f->fd, &s))
		return defect_set(why, "%s: %s", path, strerror(errno));
	f->sector_size = SECTOR;
	if (S_ISBLK(s.st_mode)) {
		int sector = 0;
		if (ioctl(f->fd, BLKGETSIZE64, &f->size) || ioctl(f->fd, BLKSSZGET, &sector))
			return defect_set(why, "%s: %s", path, strerror(errno));
		f->sector_size = (uint32_t)sector;
	} else if (S_ISREG(s.st_mode)) {
		f->size = (uint64_t)s.st_size;
		struct statx x;
		if (!statx(f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &x) &&
		    x.stx_mask & STATX_DIOALIGN &&
		    (x.stx_dio_offset_align > SECTOR || x.stx_dio_mem_align > SECTOR))
			f->sector_size = 4096;
	} else {
		return defect_set(why, "%s is neither a file nor a block device", path);
	}
	if (f->sector_size != SECTOR && f->sector_size != 4096)
		return defect_set(why, "%s has sectors of %u bytes; 512 and 4096 are supported",
		                  path, f->sector_size);
	if (f->size % f->sector_size && S_ISREG(s.st_mode) && f->sector_size == 4096 &&
	    f->size % SECTOR == 0)
		f->sector_size = SECTOR; /* then without O_DIRECT */
	if (!f->size || f->size % f->sector_size)
		return defect_set(why,
		                  "%s has %llu bytes, which are no whole sectors of %u: make it "
		                  "with truncate -s SIZE",
		                  path, (unsigned long long)f->size, f->sector_size);
	return 0;
}

/* Nobody else may use what we write, nor write what we read. */
static int claim(struct block_file *f, const char *path, struct defect *why)
{
	for (int ms = 0; ms < GRACE_MS; ms += 5) {
		if (!flock(f->fd, (f->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK)
			break;
		usleep(5000);
	}
	if (errno == EWOULDBLOCK)
		return defect_set(why, "%s is in use by another appliance, or by `ampoule store`%s",
		                  path, f->read_only ? ", which writes to it" : "");
	return defect_set(why, "%s cannot be locked: %s", path, strerror(errno));
}

int block_file_open(struct block_file *f, const char *text, bool read_only, struct defect *why)
{
	struct wish w;
	struct stat s;
	*f = (struct block_file){ .fd = -1 };
	if (parse(text, &w, why))
		return BLOCK_FILE_WORDS;
	f->read_only = read_only || w.read_only;
	f->fail_at = w.fail_at;
	bool device = !stat(w.path, &s) && S_ISBLK(s.st_mode);
	int flags = (f->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK |
	            (device && !f->read_only ? O_EXCL : 0);
	for (int ms = 0; ms < GRACE_MS; ms += 5) {
		f->fd = open(w.path, flags);
		if (f->fd >= 0 || errno != EBUSY)
			break;
		usleep(5000);
	}
	if (f->fd < 0) {
		if (errno == EBUSY)
			return defect_set(why, "%s is in use (mounted, or by another program)",
			                  w.path);
		return defect_set(why, "cannot open %s: %s%s", w.path, strerror(errno),
		                  errno == ENOENT ? ": make it with truncate -s SIZE"
		                  : !f->read_only && (errno == EACCES || errno == EROFS)
		                          ? ": to read it only, add ,ro"
		                          : "");
	}
	if (measure(f, w.path, why) || claim(f, w.path, why))
		goto fail;
	if (w.cut) {
		f->cut = block_cut_new(w.cut_at, w.seed);
		if (!f->cut) {
			defect_set(why, "no memory");
			goto fail;
		}
		return 0;
	}
	/* Where it does not work, a read says so at once; the page cache does, then. */
	if (!fcntl(f->fd, F_SETFL, O_DIRECT)) {
		uint8_t *sector = NULL; /* no better aligned than an image's memory has to be */
		bool works = !posix_memalign((void **)&sector, 4096, 8192) &&
		             pread(f->fd, sector + f->sector_size % 4096, f->sector_size, 0) ==
		                     (ssize_t)f->sector_size;
		free(sector);
		if (!works)
			fcntl(f->fd, F_SETFL, 0);
	}
	return 0;
fail:
	close(f->fd);
	f->fd = -1;
	return -1;
}

void block_file_close(struct block_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	block_cut_free(f->cut);
	f->cut = NULL;
}

int block_file_check(const struct block_file *f, const char *format, struct defect *why)
{
	uint8_t *head = NULL;
	int result = 0;
	if (!*format || posix_memalign((void **)&head, 4096, HEAD))
		return 0;
	uint64_t n = f->size < HEAD ? f->size : HEAD;
	memset(head, 0, HEAD);
	if (pread(f->fd, head, n, 0) != (ssize_t)n)
		result = defect_set(why, "cannot be read: %s", strerror(errno));
	if (!result)
		result = block_format_check(head, HEAD, format, why);
	free(head);
	return result;
}

/* ---- One after another ---- */

static bool fails(struct block_file *f)
{
	return f->fail_at && ++f->requests == f->fail_at;
}

/* All of it, whatever comes in between. */
static int transfer(struct block_file *f, struct iovec *v, int count, uint64_t at, bool write)
{
	while (count) {
		ssize_t n = write ? pwritev(f->fd, v, count, (off_t)at)
		                  : preadv(f->fd, v, count, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		at += (uint64_t)n;
		while (count && (size_t)n >= v->iov_len) {
			n -= (ssize_t)v->iov_len;
			v++;
			count--;
		}
		if (count) {
			v->iov_base = (uint8_t *)v->iov_base + n;
			v->iov_len -= (size_t)n;
		}
	}
	return 0;
}

int block_file_read(struct block_file *f, struct iovec *v, int count, uint64_t at)
{
	return fails(f) ? -1 : transfer(f, v, count, at, false);
}

int block_file_write(struct block_file *f, struct iovec *v, int count, uint64_t at)
{
	if (fails(f))
		return -1;
	uint64_t to = at;
	for (int k = 0; f->cut && k < count; to += v[k++].iov_len)
		if (!block_cut_writing(f->cut, f->fd, to, v[k].iov_base, v[k].iov_len))
			return -1;
	int result = transfer(f, v, count, at, true);
	if (f->cut && block_cut_written(f->cut, f->fd)) {
		if (f->power_gone)
			f->power_gone();
		_exit(AMP_EXIT_CUT);
	}
	return result;
}

int block_file_flush(struct block_file *f)
{
	if (fails(f))
		return -1;
	if (f->cut) {
		block_cut_flushed(f->cut);
		return 0; /* the file stands for the disk: what is in it has not been lost */
	}
	return f->read_only ? 0 : fdatasync(f->fd);
}

int block_file_discard(struct block_file *f, uint64_t at, uint64_t size)
{
	if (fails(f))
		return -1;
	if (!f->cut)
		fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
		          (off_t)size);
	return 0; /* a hint: where the host has nothing like it, the bytes stay */
}
