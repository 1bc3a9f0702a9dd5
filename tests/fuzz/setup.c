/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes what the tender makes of a *valid* image, where tests/fuzz/image.c fuzzes what it takes for one: the input says
 * which devices, arguments, stacks and how much memory a note has and what the command line gives; from that a
 * good file is written, and goes through all that happens before the first instruction of either tender, and then
 * through passes over rings that hold the rest of the input. Block devices lie over files in memory, network devices over the
 * unit tests' kind that does nothing.
 */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tender/allowance.h>
#include <tender/confinement.h>
#include <tender/layout.h>
#include <tender/pages.h>
#include <tender/pump.h>
#include <tender/sandbox.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
int LLVMFuzzerInitialize(int *, char ***);

#define BASE      0x2a5a12300000ull
#define DISK_SIZE (1u << 20)
#define TEXT_AT   AMP_PAGE
#define NOTE_AT   (2u * AMP_PAGE)
#define DATA_AT   (NOTE_AT + NOTE_ROOM)
#define NOTE_ROOM (16u * AMP_PAGE) /* the largest note, and more */
#define PASSES    4

struct file {
	Elf64_Ehdr elf;
	Elf64_Phdr headers[AMP_SEGMENTS_MAX + 3];
};

static uint8_t bytes[DATA_AT + AMP_PAGE];
static int disks[AMP_DEVICES_MAX];
static const uint8_t *input;
static size_t left;

static void require(int truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

/* 0 where the input has ended, so that small inputs are small images. */
static uint32_t take(uint32_t below)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < 4 && left && below >> 8 * i; i++, left--)
		v |= (uint32_t)*input++ << 8 * i;
	return v % below;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (unsigned i = 0; i < AMP_DEVICES_MAX; i++) {
		disks[i] = memfd_create("disk", MFD_CLOEXEC);
		if (disks[i] < 0 || ftruncate(disks[i], DISK_SIZE))
			abort();
	}
	return 0;
}

/* ---- The image ---- */

static void add(struct file *f, uint32_t type, uint32_t rights, uint64_t offset, uint64_t at,
                uint64_t in_file, uint64_t size)
{
	f->headers[f->elf.e_phnum++] = (Elf64_Phdr){ .p_type = type,
		                                     .p_flags = rights,
		                                     .p_offset = offset,
		                                     .p_vaddr = at,
		                                     .p_filesz = in_file,
		                                     .p_memsz = size };
}

static void make_device(struct amp_note_device *d, uint32_t i)
{
	uint32_t what = take(8);
	*d = (struct amp_note_device){ .type = what & 1 ? AMP_DEVICE_BLOCK : AMP_DEVICE_NET,
		                       .flags = what & 2 ? AMP_NOTE_DEVICE_OPTIONAL : 0,
		                       .ring_size = 64u << take(10) };
	snprintf(d->name, sizeof d->name, "d%u", i);
	if (d->type == AMP_DEVICE_NET) {
		d->frame_count = 64 + take(what & 4 ? 262144 - 63 : 64);
		return;
	}
	d->flags |= what & 4 ? AMP_NOTE_DEVICE_READ_ONLY : 0;
	d->size_min = take(2) ? take(DISK_SIZE + 1) : 0;
	if (take(4) == 3)
		strcpy(d->format, "btree");
}

static void make_arg(struct amp_note_arg *a, uint32_t i)
{
	static const struct {
		uint32_t type;
		const char *value;
	} some[] = { { AMP_ARG_U16, "53" },        { AMP_ARG_STRING, "" },
		     { AMP_ARG_STRING, "a text" }, { AMP_ARG_CIDR, "10.0.0.2/24" },
		     { AMP_ARG_SIZE, "4G" },       { AMP_ARG_DURATION, "3h" } };
	uint32_t which = take(sizeof some / sizeof *some);
	*a = (struct amp_note_arg){ .type = some[which].type,
		                    .flags = take(2) ? AMP_NOTE_ARG_DYNAMIC : 0 };
	snprintf(a->name, sizeof a->name, "a%u", i);
	strcpy(a->value, some[which].value);
	if (which == 2 && take(2))
		memset(a->value, 'x', AMP_TEXT_MAX - 1);
}

static uint64_t pages(uint32_t below)
{
	return (uint64_t)take(below) * AMP_PAGE;
}

static void make_image(void)
{
	struct file *f = (struct file *)bytes;
	/* In the file it lies 4 bytes off. */
	static _Alignas(struct amp_note) uint8_t desc[NOTE_ROOM];
	uint32_t *head = (uint32_t *)(bytes + NOTE_AT);
	struct amp_note *n = (struct amp_note *)desc;
	memset(bytes, 0, sizeof bytes);
	uint64_t data = take(2) ? AMP_PAGE + pages(1 << 16) : 0,
	         stacks = BASE + (1ull << 30) + pages(1 << 18);
	*n = (struct amp_note){ .abi_major = AMP_ABI_MAJOR,
		                .abi_minor = (uint16_t)take(AMP_ABI_MINOR + 1),
		                .name = "made",
		                .version = "1",
		                .stack_base = stacks,
		                .stack_size = (1 + take(64)) * AMP_PAGE,
		                .stack_count = 1 + take(take(2) ? 1024 : 4),
		                .cpu_level = 1,
		                .device_count = take(AMP_DEVICES_MAX + 1),
		                .arg_count = take(AMP_ARGS_MAX + 1) };
	/* Every size from nothing on; with 15 bits of shift, up to far more than any host has. */
	n->memory_min = take(2) ? pages(1 << 12) << take(16) : 0;
	n->memory_default = n->memory_min + (take(2) ? pages(1 << 12) << take(16) : 0);
	uint8_t *at = (uint8_t *)(n + 1);
	for (uint32_t i = 0; i < n->device_count; i++, at += sizeof(struct amp_note_device))
		make_device((struct amp_note_device *)at, i);
	for (uint32_t i = 0; i < n->arg_count; i++, at += sizeof(struct amp_note_arg))
		make_arg((struct amp_note_arg *)at, i);
	n->size = (uint32_t)(at - (uint8_t *)n);
	head[0] = 8;
	head[1] = n->size;
	head[2] = AMP_NOTE_TYPE;
	memcpy(head + 3, AMP_NOTE_NAME, 8);
	uint64_t note = 20 + n->size;
	require(note <= NOTE_ROOM, "the generator's note has room");
	memcpy(head + 5, desc, n->size);

	memcpy(f->elf.e_ident, ELFMAG, SELFMAG);
	f->elf.e_ident[EI_CLASS] = ELFCLASS64;
	f->elf.e_ident[EI_DATA] = ELFDATA2LSB;
	f->elf.e_ident[EI_VERSION] = EV_CURRENT;
	f->elf.e_type = ET_EXEC;
	f->elf.e_machine = EM_X86_64;
	f->elf.e_version = EV_CURRENT;
	f->elf.e_entry = BASE;
	f->elf.e_phoff = offsetof(struct file, headers);
	f->elf.e_ehsize = sizeof f->elf;
	f->elf.e_phentsize = sizeof *f->headers;
	add(f, PT_LOAD, PF_R | PF_X, TEXT_AT, BASE, AMP_PAGE, AMP_PAGE);
	add(f, PT_LOAD, PF_R, NOTE_AT, BASE + (1 << 20), note, note);
	if (data)
		add(f, PT_LOAD, PF_R | PF_W, DATA_AT, BASE + (2 << 20), AMP_PAGE, data);
	add(f, PT_NOTE, PF_R, NOTE_AT, BASE + (1 << 20), note, note);
}

/* ---- Its set-up ---- */

static void fill(struct device_memory rings)
{
	uint32_t *words = (uint32_t *)rings.bytes;
	for (unsigned i = 0; i < 64 && left; i++)
		words[take(rings.size / 4 < 4096 ? (uint32_t)(rings.size / 4) : 4096)] =
		        take(UINT32_MAX);
}

/* The rules of all threads have room, and are whole. */
static void filters(const struct pump *pump, const struct devices *devices)
{
	static struct filter f;
	const struct confinement_fds fds = { .kick = pump->kick,
		                             .epoll = pump->epoll,
		                             .vcpu = 3,
		                             .signals = 4,
		                             .bell = -1,
		                             .child = 5 };
	static void (*const makers[])(struct filter *, const struct confinement_fds *,
	                              const struct devices *) = { confinement_image,
		                                                  confinement_pump,
		                                                  confinement_watcher };
	for (unsigned i = 0; i < sizeof makers / sizeof *makers; i++) {
		makers[i](&f, &fds, devices);
		require(f.count < FILTER_CODE_MAX && f.kept_count > devices->count,
		        "rules have room");
	}
}

static void use(struct layout *l, struct devices *devices)
{
	const struct region *rings = space_region(&l->space, REGION_RINGS, 0);
	static struct pump pump;
	static struct clock clock;
	struct clock_sample start = clock_sample();
	struct defect why;
	clock_start(&clock, &l->boot->clock, &start, 1000000, 0);
	if (pump_open(&pump, PUMP_OUTSIDE, devices, &clock, &why))
		abort();
	filters(&pump, devices);
	for (unsigned i = 0; i < PASSES; i++) {
		if (rings && left)
			fill((struct device_memory){ rings->at, rings->size, rings->host });
		pump_pass(&pump);
		pump_pending(&pump);
		pump_ready(&pump, UINT64_MAX);
		pump_expects(&pump);
		pump_need_wakeup(&pump, i & 1);
	}
	close(pump.kick);
	close(pump.epoll);
}

static void make(struct layout_wish *w, enum space_kind kind)
{
	struct layout l = { 0 };
	struct defect why = { "" };
	w->kind = kind;
	w->concurrent = take(2) ? AMP_NET_CONCURRENT : 0;
	if (layout_make(&l, w, &why)) {
		require(*why.text && !strchr(why.text, '\n'), "one line says why");
		return;
	}
	require(space_is_valid(&l.space), "the space is valid");
	uint64_t boot = layout_boot_at(&l);
	if (kind == SPACE_GUEST) {
		struct pages p;
		pages_build(&p, &l.space);
		require(pages_walk(&p, boot).user && !pages_walk(&p, boot).write,
		        "boot is the image's to read");
	} else {
		static struct sandbox b;
		struct clock clock = { .zero = 1 };
		sandbox_gate(&b, &l.space, w->image, w->devices, l.views, boot, &clock);
	}
	use(&l, w->devices);
	layout_free(&l);
}

static void open_and_make(const struct image *image)
{
	static char texts[AMP_DEVICES_MAX][64];
	static struct devices devices;
	struct device_texts given[DEVICE_TYPES] = { 0 };
	struct args args;
	struct defect why;
	for (uint32_t i = 0; i < image->note.device_count; i++) {
		const struct amp_note_device *d = &image->devices[i];
		bool net = d->type == AMP_DEVICE_NET;
		if (d->flags & AMP_NOTE_DEVICE_OPTIONAL && take(2))
			continue;
		snprintf(texts[i], sizeof texts[i], net ? "%s=null:" : "%s=/proc/self/fd/%d%s",
		         d->name, disks[i],
		         d->flags & AMP_NOTE_DEVICE_READ_ONLY ? ",ro"
		         : take(8) == 7                       ? ",fail=2"
		                                              : "");
		for (uint32_t t = 0; t < DEVICE_TYPES; t++)
			if (device_types[t]->type == d->type)
				given[t].texts[given[t].count++] = texts[i];
	}
	if (args_make(&args, image, NULL, 0, &why))
		abort();
	if (!devices_open(&devices, image, "made", given, NULL, NULL)) {
		const struct allowance host = { 8ull << 30, take(2) ? (uint64_t)take(1 << 16) << 20
			                                            : UINT64_MAX };
		uint64_t given_memory = take(4) == 3 ? AMP_PAGE + pages(1 << 20) : 0,
		         beside = layout_beside_heap(image, &devices);
		struct layout_wish w = { .image = image,
			                 .args = &args,
			                 .devices = &devices,
			                 .tender = "fuzz",
			                 .log_level = 1 };
		if (!allowance_heap(&host, &image->note, given_memory, beside, &w.heap, &why)) {
			require(w.heap + beside <= host.ram, "no more than the host has");
			make(&w, SPACE_GUEST);
			make(&w, SPACE_CHILD);
		} else {
			require(*why.text && !strchr(why.text, '\n'), "one line says why not");
		}
	}
	devices_close(&devices);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size)
{
	struct image image;
	struct defect why;
	char path[32];
	input = in;
	left = size;
	make_image();
	int fd = memfd_create("image", MFD_CLOEXEC);
	if (fd < 0 || write(fd, bytes, sizeof bytes) != sizeof bytes)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (!image_open(&image, path, &why)) {
		open_and_make(&image);
		image_close(&image);
	} else {
		/* Sizes that only hold together: stacks and data that are too large, or overlap. */
		require(strstr(why.text, "stacks") || strstr(why.text, "segment"), why.text);
	}
	close(fd);
	return 0;
}
