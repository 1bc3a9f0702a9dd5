/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the loader: an input is a list of patches to a good image, so that mutations get past the first magic
 * number. What is accepted must keep the promises of tender/image.h, and those of tender/moves.h where it is loaded.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tender/moves.h>

#include "sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void require(int truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

static void promises(const struct image *m)
{
	uint64_t end = AMP_IMAGE_LOW;
	require(m->segment_count >= 1 && m->segment_count <= AMP_SEGMENTS_MAX, "segment count");
	for (uint32_t i = 0; i < m->segment_count; i++) {
		const struct image_segment *g = &m->segments[i];
		require(g->at >= end && g->at % AMP_PAGE == 0, "segments ascend, on pages");
		require(g->size && g->size <= AMP_IMAGE_HIGH - g->at, "segments end in range");
		require(g->file_size <= g->size, "file part fits");
		require((g->rights & (RIGHT_W | RIGHT_X)) != (RIGHT_W | RIGHT_X), "never W and X");
		end = g->at + g->size;
	}
	require(m->note.stack_count >= 1 && m->note.stack_count <= AMP_STACKS_MAX, "stack count");
	require(m->note.stack_base >= AMP_IMAGE_LOW &&
	                image_stacks_size(m) <= AMP_IMAGE_HIGH - m->note.stack_base,
	        "stacks in range");
	require(m->note.device_count <= AMP_DEVICES_MAX && m->note.arg_count <= AMP_ARGS_MAX &&
	                m->note.library_count <= AMP_LIBRARIES_MAX,
	        "counts of the note");
	for (uint32_t i = 0; i < m->note.device_count; i++)
		require(memchr(m->devices[i].name, 0, AMP_NAME_MAX) != NULL, "names end");
}

/* A table of two words of data. */
static void make_movable(struct sample *s)
{
	static const uint8_t table[] = { 5, 0, 0, 0, 0x88, 0x80, 0x01, 0x80, 0x40 };
	s->note.note.flags = AMP_NOTE_MOVES;
	memcpy((uint8_t *)s + s->rodata.p_offset + s->rodata.p_filesz, table, sizeof table);
}

static uint64_t sum(const uint8_t *bytes, uint64_t size)
{
	uint64_t all = 0;
	for (uint64_t i = 0; i < size; i++)
		all = all * 31 + bytes[i];
	return all;
}

/* Moved, an image keeps all promises, and its code is what the file says. */
static void move(struct image *image)
{
	const struct space_need need = { .heap = AMP_PAGE, .boot = AMP_PAGE };
	struct image_segment before[AMP_SEGMENTS_MAX];
	struct space s;
	struct defect why;
	uint64_t bytes = image_stacks_size(image);
	memcpy(before, image->segments, sizeof before);
	moves_draw(image);
	promises(image);
	for (uint32_t i = 0; i < image->segment_count; i++) {
		bytes += image->segments[i].size;
		require(image->segments[i].at - before[i].at == image->moved, "all move alike");
	}
	if (bytes > 64 << 20 || space_make(&s, SPACE_GUEST, image, &need, &why))
		return;
	require(space_is_valid(&s), "the space is valid");
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *g = &image->segments[i];
		static uint8_t code[4 * AMP_PAGE];
		uint64_t n = g->file_size < sizeof code ? g->file_size : sizeof code;
		if (!(g->rights & RIGHT_X) ||
		    pread(image->fd, code, n, (off_t)g->file_offset) != (ssize_t)n)
			continue;
		require(sum(code, n) == sum(space_region(&s, REGION_SEGMENT, i)->host, n),
		        "no word in code is changed");
	}
	space_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct sample sample;
	struct image image;
	struct defect why;
	char path[32];
	size_t length = SAMPLE_SIZE;
	sample_make(&sample);
	make_movable(&sample);
	/* The interesting bytes are the headers (first page) and the note (third page). */
	for (; size >= 12; input += 12, size -= 12) {
		uint16_t at;
		uint64_t value;
		memcpy(&at, input + 1, sizeof at);
		memcpy(&value, input + 4, sizeof value);
		size_t width = (size_t)1 << (input[3] & 3);
		size_t where = input[0] & 1 ? at % 512u : 2 * AMP_PAGE + at % AMP_PAGE;
		if ((input[0] & 0xfe) == 0xfe)
			length = value % (SAMPLE_SIZE + 1);
		else
			memcpy((uint8_t *)&sample + where, &value, width);
	}
	int fd = memfd_create("image", MFD_CLOEXEC);
	if (fd < 0 || write(fd, &sample, length) != (ssize_t)length)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	why.text[0] = 0;
	if (image_open(&image, path, &why)) {
		require(why.text[0] && !strchr(why.text, '\n'), "one line says why");
	} else {
		promises(&image);
		if (image.movable)
			move(&image);
		image_close(&image);
	}
	close(fd);
	return 0;
}
