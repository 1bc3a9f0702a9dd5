/* SPDX-License-Identifier: ISC */
/* Growing text, lasting memory, whole files, last lines (text.h). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <builder/text.h>

#define FILE_READ_MAX (8ull << 30) /* bytes; more is no manifest, object or image of ours */

/* Every block hangs on one chain, so that leak checkers see that nothing is lost. */
struct block {
	struct block *next;
	size_t size;
	max_align_t bytes[];
};
static struct block *blocks;
static const char *program = "ampoule";

void *keep(size_t size)
{
	struct block *b = size < SIZE_MAX - sizeof *b ? calloc(1, sizeof *b + size) : NULL;

	if (!b)
		die(126, "out of memory");
	b->next = blocks;
	b->size = size;
	blocks = b;
	return b->bytes;
}

void *keep_array(size_t count, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(count, size, &all))
		die(126, "out of memory");
	return keep(all ? all : 1);
}

char *keep_text(const char *s, size_t size)
{
	char *copy = keep(size + 1);

	memcpy(copy, s, size);
	return copy;
}

char *keep_format(const char *format, ...)
{
	va_list ap;
	char *s;

	va_start(ap, format);
	int n = vasprintf(&s, format, ap);
	va_end(ap);
	if (n < 0)
		die(126, "out of memory");
	char *copy = keep_text(s, (size_t)n);
	free(s);
	return copy;
}

static void text_reserve(struct text *t, size_t more)
{
	if (t->room - t->size > more)
		return;
	size_t room = (t->size + more + 1) * 2;
	char *s = keep(room);

	if (t->size)
		memcpy(s, t->s, t->size);
	t->s = s;
	t->room = room;
}

void text_bytes(struct text *t, const void *bytes, size_t size)
{
	text_reserve(t, size);
	if (size)
		memcpy(t->s + t->size, bytes, size);
	t->size += size;
	t->s[t->size] = 0;
}

void text_add(struct text *t, const char *format, ...)
{
	va_list ap, again;

	va_start(ap, format);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0)
		die(126, "out of memory");
	text_reserve(t, (size_t)n);
	vsnprintf(t->s + t->size, (size_t)n + 1, format, again);
	va_end(again);
	t->size += (size_t)n;
}

void list_add(void *list, unsigned *count, const void *member)
{
	void ***at = list;
	unsigned n = *count;

	/* Grows whenever the count is a power of two (or zero). */
	if ((n & (n - 1)) == 0) {
		void **grown = keep_array(n ? (size_t)n * 2 : 1, sizeof *grown);
		if (n)
			memcpy(grown, *at, n * sizeof *grown);
		*at = grown;
	}
	(*at)[n] = (void *)(uintptr_t)member;
	*count = n + 1;
}

void die_as(const char *name)
{
	program = name;
}

/* One line, whatever names it quotes. */
static void complain(const char *format, va_list ap)
{
	char line[PATH_MAX + 1024];

	vsnprintf(line, sizeof line, format, ap);
	for (char *c = line; *c; c++)
		if ((uint8_t)*c < 0x20 || *c == 0x7f)
			*c = '?';
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", program, line);
}

void tell(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	complain(format, ap);
	va_end(ap);
}

_Noreturn void die(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	complain(format, ap);
	va_end(ap);
	exit(status);
}

uint8_t *file_read(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? NULL : file_read_open(fd, size);
}

uint8_t *file_read_open(int fd, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		goto fail;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		goto fail;
	}
	if ((uint64_t)st.st_size > FILE_READ_MAX) {
		errno = EFBIG;
		goto fail;
	}
	size_t room = (size_t)st.st_size, got = 0;
	uint8_t *bytes = keep(room + 1);

	while (got < room) {
		ssize_t n = read(fd, bytes + got, room - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			goto fail;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	close(fd);
	bytes[got] = 0;
	*size = got;
	return bytes;
fail:;
	int e = errno;
	close(fd);
	errno = e;
	return NULL;
}

bool file_write(const char *path, const void *bytes, size_t size, unsigned mode)
{
	struct stat st;

	/* The rename would put a file in the place of a device such as /dev/null. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EEXIST;
		return false;
	}
	char *beside = keep_format("%s.new.%d", path, (int)getpid());
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	const char *at = bytes;
	int e;

	if (fd < 0)
		return false;
	while (size) {
		ssize_t n = write(fd, at, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			goto fail;
		at += n;
		size -= (size_t)n;
	}
	if (close(fd) < 0 || rename(beside, path) < 0) {
		fd = -1;
		goto fail;
	}
	return true;
fail:
	e = errno;
	if (fd >= 0)
		close(fd);
	unlink(beside);
	errno = e;
	return false;
}

bool file_update(const char *path, const struct text *t)
{
	size_t size;
	uint8_t *old = file_read(path, &size);

	if (old && size == t->size && (size == 0 || memcmp(old, t->s, size) == 0))
		return true;
	return file_write(path, t->s, t->size, 0644);
}

bool folder_make(const char *path)
{
	char *p = keep_text(path, strlen(path));

	for (char *slash = p + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = 0;
		if (mkdir(p, 0755) < 0 && errno != EEXIST)
			return false;
		*slash = '/';
	}
	struct stat st;
	if (mkdir(p, 0755) < 0 && errno != EEXIST)
		return false;
	if (stat(p, &st) < 0)
		return false;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return false;
	}
	return true;
}

bool text_ends(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

bool utf8_is_valid(const char *s, size_t size)
{
	const uint8_t *p = (const uint8_t *)s, *end = p + size;

	while (p < end) {
		unsigned more = *p < 0x80   ? 0
		                : *p < 0xc2 ? 9
		                : *p < 0xe0 ? 1
		                : *p < 0xf0 ? 2
		                : *p < 0xf5 ? 3
		                            : 9;

		if (*p == 0 || more == 9 || (size_t)(end - p) <= more)
			return false;
		for (unsigned i = 1; i <= more; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		/* Overlong forms, surrogates, beyond U+10FFFF (RFC 3629 section 4). */
		if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
		    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
			return false;
		p += more + 1;
	}
	return true;
}

bool text_is_clean(const char *s, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((uint8_t)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return utf8_is_valid(s, size);
}

/* Optimal string alignment distance, for words of up to 63 bytes. */
static unsigned distance(const char *a, const char *b)
{
	unsigned d[64][64];
	size_t m = strlen(a), n = strlen(b);

	if (m > 63 || n > 63)
		return 99;
	for (size_t i = 0; i <= m; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= n; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= m; i++)
		for (size_t j = 1; j <= n; j++) {
			unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	return d[m][n];
}

const char *nearest(const char *word, const char *const *words, unsigned count)
{
	const char *best = NULL;
	unsigned least = 99;

	for (unsigned i = 0; i < count; i++) {
		unsigned d = distance(word, words[i]);
		if (d < least) {
			least = d;
			best = words[i];
		}
	}
	/* Near: a third of the letters wrong at most, and never more than three. */
	return best && least <= 3 && least * 3 <= strlen(word) + 2 ? best : NULL;
}
