/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <store/disk.h>

/* A tender that has just ended may still hold its file, until its last request is done. */
#define GRACE_MS 1000

static int measure(struct disk *d, struct defect *why)
{
	struct stat s;
	if (fstat(d->fd, &s))
		return defect_set(why, "%s: %s", d->path, strerror(errno));
	d->device = S_ISBLK(s.st_mode);
	if (!d->device && !S_ISREG(s.st_mode))
		return defect_set(why, "%s is neither a file nor a block device", d->path);
	d->size = (uint64_t)s.st_size;
	if (d->device && ioctl(d->fd, BLKGETSIZE64, &d->size))
		return defect_set(why, "%s: %s", d->path, strerror(errno));
	return 0;
}

static int claim(struct disk *d, enum disk_use use, struct defect *why)
{
	for (int ms = 0;; ms += 5) {
		if (!flock(d->fd, (use == DISK_WRITE ? LOCK_EX : LOCK_SH) | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK)
			return defect_set(why, "%s cannot be locked: %s", d->path, strerror(errno));
		if (use == DISK_LIVE) {
			d->live = true;
			return 0;
		}
		if (ms >= GRACE_MS)
			break;
		usleep(5000);
	}
	return defect_set(why,
	                  use == DISK_WRITE
	                          ? "%s is in use by an appliance: stop that first"
	                          : "%s is in use by an appliance: stop that first, or "
	                            "look at a copy (`ampoule store copy` makes one meanwhile)",
	                  d->path);
}

void disk_unlock(struct disk *d)
{
	flock(d->fd, LOCK_UN);
}

/* While an appliance writes past the page cache, we read past it: what is there need not be what the device has. */
static void go_direct(struct disk *d)
{
	int flags = fcntl(d->fd, F_GETFL);
	if (flags < 0 || fcntl(d->fd, F_SETFL, flags | O_DIRECT))
		return;
	d->direct = pread(d->fd, d->bounce, DISK_PAGE, 0) == DISK_PAGE;
	if (!d->direct)
		fcntl(d->fd, F_SETFL, flags);
}

int disk_open(struct disk *d, const char *path, enum disk_use use, struct defect *why)
{
	struct stat s;
	*d = (struct disk){ .path = path, .fd = -1 };
	bool device = !stat(path, &s) && S_ISBLK(s.st_mode);
	int flags = (use == DISK_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK |
	            (device && use == DISK_WRITE ? O_EXCL : 0);
	d->fd = open(path, flags);
	if (d->fd < 0)
		return defect_set(why, "%s: %s", path,
		                  errno == EBUSY ? "in use (mounted, or by an appliance)"
		                                 : strerror(errno));
	if (posix_memalign((void **)&d->bounce, DISK_PAGE, DISK_BULK)) {
		defect_set(why, "no memory");
	} else if (!measure(d, why) && !claim(d, use, why)) {
		if (use == DISK_LIVE)
			go_direct(d);
		return 0;
	}
	disk_close(d);
	return -1;
}

void disk_memory(struct disk *d, uint8_t *bytes, uint64_t size)
{
	*d = (struct disk){ .path = "memory", .fd = -1, .memory = bytes, .size = size };
}

void disk_close(struct disk *d)
{
	if (d->fd >= 0)
		close(d->fd);
	free(d->bounce);
	d->fd = -1;
	d->bounce = NULL;
}

static bool read_all(int fd, uint64_t at, uint8_t *to, size_t size)
{
	while (size) {
		ssize_t n = pread(fd, to, size, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n ? errno : EIO;
			return false;
		}
		to += n;
		at += (uint64_t)n;
		size -= (size_t)n;
	}
	return true;
}

/* Through the bounce buffer, by whole pages. A device's last page may be short. */
static bool read_direct(struct disk *d, uint64_t at, uint8_t *to, size_t size)
{
	while (size) {
		uint64_t from = at - at % DISK_PAGE, end = from + DISK_BULK;
		end = end < d->size ? end : d->size;
		size_t n = (size_t)(end - at) < size ? (size_t)(end - at) : size;
		size_t whole = (size_t)(at + n - from + DISK_PAGE - 1) / DISK_PAGE * DISK_PAGE;
		if (from + whole > d->size)
			whole = (size_t)(d->size - from);
		if (!read_all(d->fd, from, d->bounce, whole))
			return false;
		memcpy(to, d->bounce + (at - from), n);
		at += n;
		to += n;
		size -= n;
	}
	return true;
}

bool disk_read(struct disk *d, uint64_t at, void *to, size_t size)
{
	if (at > d->size || size > d->size - at) {
		errno = EIO;
		return false;
	}
	if (d->fd < 0) {
		memcpy(to, d->memory + at, size);
		return true;
	}
	return d->direct ? read_direct(d, at, to, size) : read_all(d->fd, at, to, size);
}

bool disk_write(struct disk *d, uint64_t at, const void *from, size_t size)
{
	const uint8_t *bytes = from;
	if (at > d->size || size > d->size - at) {
		errno = ENOSPC;
		return false;
	}
	if (d->fd < 0) {
		memcpy(d->memory + at, from, size);
		return true;
	}
	while (size) {
		ssize_t n = pwrite(d->fd, bytes, size, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n ? errno : EIO;
			return false;
		}
		bytes += n;
		at += (uint64_t)n;
		size -= (size_t)n;
	}
	return true;
}

bool disk_flush(struct disk *d)
{
	return d->fd < 0 || !fsync(d->fd);
}

bool disk_grew(const struct disk *d)
{
	struct disk is = *d;
	struct defect why;
	return d->fd >= 0 && !measure(&is, &why) && is.size > d->size;
}

uint64_t disk_data(struct disk *d, uint64_t *at)
{
	if (*at >= d->size)
		return 0;
	if (d->fd < 0 || d->device)
		return d->size - *at;
	off_t from = lseek(d->fd, (off_t)*at, SEEK_DATA);
	if (from < 0 && errno == ENXIO) {
		*at = d->size;
		return 0;
	}
	if (from < 0) /* a file system without holes */
		return d->size - *at;
	off_t to = lseek(d->fd, from, SEEK_HOLE);
	*at = (uint64_t)from;
	return (to < 0 || (uint64_t)to > d->size ? d->size : (uint64_t)to) - *at;
}
