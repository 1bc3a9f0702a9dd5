/* SPDX-License-Identifier: ISC */
/* Both directions. What is read is put where the header says only when the header is what its digest says. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tender/snapshot_stream.h>

#define PIECE (256u << 10)
/* What a pipe is to hold, so that its two ends do not wait for each other after each 64 KiB. Without it they do. */
#define PIPE_SIZE (1u << 20)

static int write_all(int to, const void *bytes, uint64_t size, struct defect *why)
{
	for (uint64_t done = 0; done < size;) {
		ssize_t n = write(to, (const uint8_t *)bytes + done, size - done);
		if (n < 0 && errno != EINTR)
			return defect_set(why, "cannot be written: %s", strerror(errno));
		done += n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

static int read_all(int from, void *bytes, uint64_t size, struct defect *why)
{
	for (uint64_t done = 0; done < size;) {
		ssize_t n = read(from, (uint8_t *)bytes + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return defect_set(why, "cannot be read: %s", strerror(errno));
		if (!n)
			return defect_set(why, "ends too early: send it again");
		done += (uint64_t)n;
	}
	return 0;
}

/* `size` bytes at `at` of the file. */
static int send_piece(const struct snapshot *s, int to, uint64_t at, uint64_t size, uint8_t *piece,
                      struct defect *why)
{
	for (uint64_t n; size; size -= n, at += n) {
		n = size < PIECE ? size : PIECE;
		ssize_t got = pread(s->fd, piece, n, (off_t)at);
		if (got <= 0)
			return defect_set(why, "cannot be read: %s",
			                  got ? strerror(errno) : "it is cut short");
		n = (uint64_t)got;
		if (write_all(to, piece, n, why))
			return -1;
	}
	return 0;
}

int snapshot_stream_write(const struct snapshot *s, int to, struct defect *why)
{
	const struct snapshot_header *h = &s->header;
	uint8_t *piece = calloc(1, PIECE);
	fcntl(to, F_SETPIPE_SZ, PIPE_SIZE);
	int failed = piece ? 0 : defect_set(why, "no memory");
	if (!failed) {
		const uint64_t magic = SNAPSHOT_STREAM_MAGIC;
		memcpy(piece, h, sizeof *h);
		memcpy(piece, &magic, sizeof magic);
		memcpy(piece + SNAPSHOT_ARGS_AT, s->args, h->arg_count * sizeof *s->args);
		failed = write_all(to, piece, SNAPSHOT_REGIONS_AT, why) ||
		         write_all(to, s->runs, h->run_count * sizeof *s->runs, why);
	}
	for (uint32_t i = 0; !failed && i < h->run_count; i++)
		failed = send_piece(
		        s, to, h->regions[s->runs[i].region].file_at + s->runs[i].page * AMP_PAGE,
		        s->runs[i].pages * AMP_PAGE, piece, why);
	failed = failed || send_piece(s, to, h->image_at, h->image_size, piece, why);
	free(piece);
	return failed ? -1 : 0;
}

static int put(int to, const void *bytes, uint64_t size, uint64_t at, struct defect *why)
{
	if (pwrite(to, bytes, size, (off_t)at) == (ssize_t)size)
		return 0;
	return defect_set(why, "finds no memory: %s", strerror(errno));
}

static int copy(int from, int to, uint64_t at, uint64_t size, uint8_t *piece, struct defect *why)
{
	for (uint64_t n; size; size -= n, at += n) {
		n = size < PIECE ? size : PIECE;
		if (read_all(from, piece, n, why) || put(to, piece, n, at, why))
			return -1;
	}
	return 0;
}

static int receive(int from, int to, struct snapshot *s, uint8_t *piece, struct defect *why)
{
	const uint64_t magic = SNAPSHOT_MAGIC;
	struct snapshot_header *h = &s->header;
	uint64_t is;
	if (read_all(from, piece, SNAPSHOT_REGIONS_AT, why))
		return -1;
	memcpy(&is, piece, sizeof is);
	if (is != SNAPSHOT_STREAM_MAGIC)
		return defect_set(why, "is not a snapshot on its way: `ampoule snapshot -o -` "
		                       "writes one");
	memcpy(piece, &magic, sizeof magic);
	memcpy(h, piece, sizeof *h);
	if (snapshot_check(h, h->file_size, why) || put(to, piece, SNAPSHOT_REGIONS_AT, 0, why))
		return -1;
	memcpy(s->args, piece + SNAPSHOT_ARGS_AT, h->arg_count * sizeof *s->args);
	s->runs = malloc(h->run_count * sizeof *s->runs + 1);
	if (!s->runs)
		return defect_set(why, "finds no memory");
	if (read_all(from, s->runs, h->run_count * sizeof *s->runs, why) ||
	    snapshot_check_table(s, why) ||
	    put(to, s->runs, h->run_count * sizeof *s->runs, h->table_at, why))
		return -1;
	for (uint32_t i = 0; i < h->run_count; i++)
		if (copy(from, to,
		         h->regions[s->runs[i].region].file_at + s->runs[i].page * AMP_PAGE,
		         s->runs[i].pages * AMP_PAGE, piece, why))
			return -1;
	return copy(from, to, h->image_at, h->image_size, piece, why);
}

int snapshot_stream_read(int from, struct defect *why)
{
	static struct snapshot s;
	uint8_t *piece = malloc(PIECE);
	fcntl(from, F_SETPIPE_SZ, PIPE_SIZE);
	int to = memfd_create("snapshot", MFD_CLOEXEC);
	int failed = piece && to >= 0 ? receive(from, to, &s, piece, why)
	                              : defect_set(why, "finds no memory: %s", strerror(errno));
	free(piece);
	free(s.runs);
	s.runs = NULL;
	if (!failed && ftruncate(to, (off_t)s.header.file_size))
		failed = defect_set(why, "finds no memory: %s", strerror(errno));
	if (!failed)
		return to;
	if (to >= 0)
		close(to);
	return -1;
}
