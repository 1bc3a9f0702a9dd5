/* SPDX-License-Identifier: ISC */
/* Regions: data, stacks, heap, frames of the first device, boot information. A page with something in it in each but the last. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tender/sha256.h>

#include "picture_make.h"

#define STACKS_AT (SAMPLE_BASE + (1 << 20))
#define HEAP_AT   (SAMPLE_BASE + (64 << 20))
#define FRAMES_AT (SAMPLE_BASE + (128 << 20))
#define BOOT_AT   (SAMPLE_BASE + (192 << 20))

static void page_make(uint8_t page[AMP_PAGE], uint32_t run)
{
	memset(page, (int)(run + 1), AMP_PAGE);
}

void picture_make(struct picture_parts *p)
{
	struct snapshot_header *h = &p->header;
	uint8_t page[AMP_PAGE];
	memset(p, 0, sizeof *p);
	sample_make(&p->image);
	const struct amp_note note = p->image.note.note, *n = &note;
	const uint64_t stacks = n->stack_count * (uint64_t)(n->stack_size + AMP_PAGE);
	*h = (struct snapshot_header){ .magic = SNAPSHOT_MAGIC,
		                       .version = SNAPSHOT_VERSION,
		                       .size = sizeof *h,
		                       .run_count = PICTURE_RUNS,
		                       .region_count = 5,
		                       .device_count = n->device_count,
		                       .arg_count = n->arg_count,
		                       .cpu_level = n->cpu_level,
		                       .abi_major = n->abi_major,
		                       .abi_minor = n->abi_minor,
		                       .tender = "kvm",
		                       .generation = 3,
		                       .image_ns = 123456789,
		                       .entry = SAMPLE_BASE + 64,
		                       .stack = STACKS_AT + 3 * AMP_PAGE + 8,
		                       .touched = PICTURE_RUNS };
	memcpy(h->build_id, n->build_id, sizeof h->build_id);
	memcpy(h->name, n->name, sizeof h->name);
	memcpy(h->image_version, n->version, sizeof h->image_version);
	memcpy(h->devices[0].name, p->image.note.devices[0].name, AMP_NAME_MAX);
	memcpy(h->devices[1].name, p->image.note.devices[1].name, AMP_NAME_MAX);
	h->devices[0].type = AMP_DEVICE_NET;
	h->devices[0].size = PICTURE_FRAMES;
	const struct snapshot_region regions[] = {
		{ REGION_SEGMENT, 2, SAMPLE_BASE + 4 * AMP_PAGE, 4 * AMP_PAGE, 0 },
		{ REGION_STACKS, 0, STACKS_AT, stacks, 0 },
		{ REGION_HEAP, 0, HEAP_AT, PICTURE_HEAP, 0 },
		{ REGION_FRAMES, 0, FRAMES_AT, PICTURE_FRAMES, 0 },
		{ REGION_BOOT, 0, BOOT_AT, 8 * AMP_PAGE, 0 },
	};
	uint64_t at = SNAPSHOT_REGIONS_AT;
	memcpy(h->regions, regions, sizeof regions);
	for (uint32_t i = 0; i < 4; i++) {
		h->regions[i].file_at = at;
		at += h->regions[i].size;
		page_make(page, i);
		p->runs[i] = (struct snapshot_run){ .region = i,
			                            .page = 2,
			                            .pages = 1,
			                            .sum = snapshot_sum(0, page, sizeof page) };
	}
	h->image_at = at;
	h->image_size = SAMPLE_SIZE;
	h->table_at = at + SAMPLE_SIZE;
	h->file_size = h->table_at + sizeof p->runs;
	p->args[1].set = 1;
	strcpy(p->args[1].text, "");
	p->args[1].number = 0x0a00000718;
	picture_seal(p);
}

void picture_seal(struct picture_parts *p)
{
	struct sha256 s;
	uint32_t args = p->header.arg_count < 3 ? p->header.arg_count : 3,
	         runs = p->header.run_count < PICTURE_RUNS ? p->header.run_count : PICTURE_RUNS;
	sha256_start(&s);
	sha256_add(&s, p->args, args * sizeof *p->args);
	sha256_add(&s, p->runs, runs * sizeof *p->runs);
	sha256_end(&s, p->header.table_sha256);
	snapshot_digest(&p->header, p->header.sha256);
}

static void put(int fd, const void *bytes, uint64_t size, uint64_t at)
{
	if (at > PICTURE_FILE_SIZE || pwrite(fd, bytes, size, (off_t)at) != (ssize_t)size)
		abort();
}

int picture_file(const struct picture_parts *p, uint64_t cut)
{
	/* Where the good one has it: what the header says may be anything. */
	static struct picture_parts good;
	uint8_t page[AMP_PAGE];
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	if (!good.header.magic)
		picture_make(&good);
	put(fd, &p->header, sizeof p->header, 0);
	put(fd, p->args, sizeof p->args, SNAPSHOT_ARGS_AT);
	for (uint32_t i = 0; i < PICTURE_RUNS; i++) {
		page_make(page, i);
		put(fd, page, sizeof page, good.header.regions[i].file_at + 2 * AMP_PAGE);
	}
	put(fd, &p->image, SAMPLE_SIZE, good.header.image_at);
	put(fd, p->runs, sizeof p->runs, good.header.table_at);
	uint64_t size = good.header.file_size;
	if (ftruncate(fd, (off_t)(cut < size ? size - cut : 0)))
		abort();
	return fd;
}
