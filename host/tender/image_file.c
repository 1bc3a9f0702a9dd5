/* SPDX-License-Identifier: ISC */
/* An image as a file of the host's: opened, copied, read. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tender/clear.h>
#include <tender/image_file.h>

static int regular(int fd, uint64_t *size, struct defect *why)
{
	struct stat st;
	if (fstat(fd, &st))
		return defect_set(why, "cannot be examined: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return defect_set(why, "is not a regular file");
	*size = (uint64_t)st.st_size;
	return 0;
}

int image_file_size(const struct image *image, uint64_t *size, struct defect *why)
{
	return regular(image->fd, size, why);
}

int image_file_read(const struct image *image, void *to, uint64_t size, uint64_t at)
{
	for (uint64_t done = 0; done < size;) {
		ssize_t n = pread(image->fd, (uint8_t *)to + done, size - done, (off_t)(at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : -1;
		done += (uint64_t)n;
	}
	return 0;
}

/* Non-blocking: a FIFO given as image is refused instead of waited for. */
int image_open_file(struct image *image, const char *path, struct defect *why)
{
	clear_words(image, sizeof *image);
	image->path = path;
	image->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (image->fd < 0) {
		bool full = errno == EMFILE || errno == ENFILE;
		defect_set(why, "cannot be opened: %s%s", strerror(errno),
		           errno == EMFILE ? ": raise the limit on open files (ulimit -n)" : "");
		return full ? IMAGE_HOST : -1;
	}
	return 0;
}

void image_of(struct image *image, const char *path, int fd)
{
	clear_words(image, sizeof *image);
	image->path = path;
	image->fd = fd;
}

int image_open(struct image *image, const char *path, struct defect *why)
{
	int status = image_open_file(image, path, why);
	return status ? status : image_check(image, why);
}

/* The file's bytes in memory that nobody can write to any more. */
static int copy(int fd, struct defect *why)
{
	uint64_t size;
	if (regular(fd, &size, why))
		return -1;
	if (size > IMAGE_FILE_MAX)
		return defect_set(why, "is larger than %llu MiB", IMAGE_FILE_MAX >> 20);
	int to = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (to < 0)
		return defect_set(why, "cannot be copied: %s", strerror(errno));
	for (off_t left = (off_t)size; left > 0;) {
		ssize_t n = sendfile(to, fd, NULL, (size_t)left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			defect_set(why, "cannot be copied: %s",
			           n ? strerror(errno) : "it became shorter meanwhile");
			close(to);
			return -1;
		}
		left -= n;
	}
	if (fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) {
		defect_set(why, "its copy cannot be sealed: %s", strerror(errno));
		close(to);
		return -1;
	}
	return to;
}

int image_copy(struct image *image, struct defect *why)
{
	int sealed = copy(image->fd, why);
	image_close(image);
	image->fd = sealed;
	return sealed < 0 ? -1 : 0;
}

int image_open_copy(struct image *image, const char *path, struct defect *why)
{
	int status = image_open_file(image, path, why);
	return status ? status : image_copy(image, why) ? -1 : image_check(image, why);
}

void image_close(struct image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	image->fd = -1;
}
