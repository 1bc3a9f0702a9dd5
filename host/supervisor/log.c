/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <supervisor/log.h>
#include <supervisor/place.h>

#define HEAD_MAX 48u /* bytes of time, stream and flag */

void log_open(struct log *l, int folder, uint64_t max)
{
	struct stat st;
	memset(l, 0, sizeof *l);
	l->folder = folder;
	l->max = max;
	l->fd = openat(folder, PLACE_LOG, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
	               0600);
	if (l->fd >= 0 && !fstat(l->fd, &st))
		l->size = (uint64_t)st.st_size;
}

static void rotate(struct log *l)
{
	renameat(l->folder, PLACE_LOG, l->folder, PLACE_OLD_LOG);
	if (l->fd >= 0)
		close(l->fd);
	l->size = 0;
	l->fd = openat(l->folder, PLACE_LOG,
	               O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static void flush(struct log *l)
{
	size_t done = 0;
	if (l->size && l->size + l->used > l->max)
		rotate(l);
	while (done < l->used && l->fd >= 0) {
		ssize_t n = write(l->fd, l->room + done, l->used - done);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	l->size += done;
	/* A part of a line would be the beginning of the next one. */
	if (done < l->used && l->fd >= 0 && done && !ftruncate(l->fd, (off_t)(l->size - done)))
		l->size -= done;
	l->used = 0;
}

static void line(struct log *l, enum log_stream stream, char flag, const char *text, size_t n)
{
	static const char *const names[] = { "stdout", "stderr" };
	struct timespec now;
	struct tm tm;
	if (l->used + HEAD_MAX + n + 1 > sizeof l->room)
		flush(l);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	l->used += strftime(l->room + l->used, HEAD_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	l->used += (size_t)snprintf(l->room + l->used, HEAD_MAX, ".%09ldZ %s %c ", now.tv_nsec,
	                            names[stream], flag);
	memcpy(l->room + l->used, text, n);
	l->used += n;
	l->room[l->used++] = '\n';
}

void log_bytes(struct log *l, enum log_stream stream, const char *bytes, size_t size)
{
	char *kept = l->streams[stream].line;
	size_t *used = &l->streams[stream].used;
	while (size) {
		const char *end = memchr(bytes, '\n', size);
		size_t n = end ? (size_t)(end - bytes) : size, room = LOG_LINE_MAX - *used;
		bool whole = end && n <= room;
		if (n > room)
			n = room;
		memcpy(kept + *used, bytes, n);
		*used += n;
		bytes += n + whole;
		size -= n + whole;
		if (whole || *used == LOG_LINE_MAX) {
			line(l, stream, whole ? 'F' : 'P', kept, *used);
			*used = 0;
		}
	}
	flush(l);
}

void log_end(struct log *l)
{
	for (enum log_stream s = 0; s < LOG_STREAMS; s++) {
		if (l->streams[s].used)
			line(l, s, 'F', l->streams[s].line, l->streams[s].used);
		l->streams[s].used = 0;
	}
	flush(l);
}

void log_note(struct log *l, const char *format, ...)
{
	char text[512] = "ampoule: ";
	size_t n = strlen(text);
	va_list args;
	va_start(args, format);
	int more = vsnprintf(text + n, sizeof text - n, format, args);
	va_end(args);
	n += (size_t)more < sizeof text - n ? (size_t)more : sizeof text - n - 1;
	line(l, LOG_STDERR, 'F', text, n);
	flush(l);
}
