/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the loader of snapshots: an input is a list of patches to a good one, whose digests are made to fit unless it says
 * otherwise. What is accepted must keep the promises of tender/snapshot.h, and make a valid space.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tender/snapshot_stream.h>

#include "picture_make.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void require(int truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

static void promises(const struct snapshot *s)
{
	const struct snapshot_header *h = &s->header;
	uint64_t end = AMP_IMAGE_LOW, touched = 0;
	require(h->region_count <= SNAPSHOT_REGIONS_MAX && h->run_count <= SNAPSHOT_RUNS_MAX &&
	                h->device_count <= AMP_DEVICES_MAX && h->arg_count <= AMP_ARGS_MAX,
	        "counts");
	for (uint32_t i = 0; i < h->region_count; i++) {
		const struct snapshot_region *r = &h->regions[i];
		require(r->at >= end && r->size <= AMP_IMAGE_HIGH - r->at, "regions ascend");
		require(r->kind == REGION_BOOT || r->file_at % AMP_PAGE == 0, "regions are mapped");
		end = r->at + r->size;
	}
	for (uint32_t i = 0; i < h->run_count; i++) {
		const struct snapshot_run *r = &s->runs[i];
		require(r->region < h->region_count &&
		                r->page + r->pages <= h->regions[r->region].size / AMP_PAGE,
		        "runs lie in their region");
		touched += r->pages;
	}
	require(touched == h->touched, "pages are counted");
}

static void make_space(const struct snapshot *s, const struct image *image)
{
	struct space_need need = { .from = s, .boot = AMP_PAGE, .rings = AMP_PAGE };
	struct space space;
	struct defect why;
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < s->header.region_count; i++)
		bytes += s->header.regions[i].size;
	if (bytes > 64 << 20)
		return;
	for (uint32_t i = 0; i < s->header.device_count; i++)
		need.frames[i] = s->header.devices[i].size;
	if (space_make(&space, SPACE_GUEST, image, &need, &why))
		return;
	require(space_is_valid(&space), "the space is valid");
	space_free(&space);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct picture_parts p;
	static struct snapshot s;
	struct image image;
	struct defect why = { "" };
	uint64_t cut = 0;
	int sealed = 1, through = 0;
	picture_make(&p);
	for (; size >= 12; input += 12, size -= 12) {
		uint16_t at;
		uint64_t value;
		memcpy(&at, input + 1, sizeof at);
		memcpy(&value, input + 4, sizeof value);
		size_t width = (size_t)1 << (input[3] & 3);
		uint8_t *parts = (uint8_t *)&p.header, *image_bytes = (uint8_t *)&p.image;
		size_t room = sizeof p - offsetof(struct picture_parts, header);
		if (input[0] == 0xff)
			sealed = 0;
		else if (input[0] == 0xfe)
			cut = value % PICTURE_FILE_SIZE;
		else if (input[0] == 0xfd)
			through = 1;
		else if (input[0] & 1)
			memcpy(image_bytes + at % (sizeof p.image - 8), &value, width);
		else
			memcpy(parts + at % (room - 8), &value, width);
	}
	if (sealed)
		picture_seal(&p);
	int fd = picture_file(&p, cut);
	if (through) { /* as a stream, of whatever it is */
		const uint64_t magic = SNAPSHOT_STREAM_MAGIC;
		if (pwrite(fd, &magic, sizeof magic, 0) < 0)
			abort();
		int from = fd;
		fd = snapshot_stream_read(from, &why);
		close(from);
	}
	if (snapshot_open(&s, fd, &why)) {
		require(why.text[0] && !strchr(why.text, '\n'), "one line says why");
		return 0;
	}
	promises(&s);
	if (snapshot_verify(&s, &why) == 0 && snapshot_image(&s, &image, "x", &why) == 0 &&
	    image_check(&image, &why) == 0) {
		if (snapshot_fits(&s, &image, &why) == 0)
			make_space(&s, &image);
		image_close(&image);
	}
	snapshot_close(&s);
	return 0;
}
