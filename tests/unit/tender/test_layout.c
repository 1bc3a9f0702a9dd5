/* SPDX-License-Identifier: ISC */
/* What a valid note leaves out, the tender does without; what it asks for is bounded by the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tender/allowance.h>
#include <tender/layout.h>

#include "sample.h"

#define GIB (1ull << 30)
#define MIB (1ull << 20)

static struct sample sample;

/* ---- Space ---- */

/* A block device has requests but nothing to put them into: they are answered, and touch nothing. */
static void no_memory_and_a_block_device(enum space_kind kind)
{
	static struct devices devices;
	struct image image;
	struct args args;
	struct layout l = { 0 };
	struct defect why;
	char text[64];
	sample_make(&sample);
	sample.note.note.memory_min = sample.note.note.memory_default = 0;
	sample.note.note.device_count = 2;
	sample.note.devices[0] = (struct amp_note_device){ .name = "data",
		                                           .type = AMP_DEVICE_BLOCK,
		                                           .ring_size = 64 };
	assert_int_equal(image_open(&image, sample_write(&sample, sizeof sample), &why), 0);
	assert_int_equal(args_make(&args, &image, NULL, 0, &why), 0);
	int disk = memfd_create("disk", MFD_CLOEXEC);
	assert_int_equal(ftruncate(disk, 1 << 20), 0);
	snprintf(text, sizeof text, "data=/proc/self/fd/%d", disk);
	struct device_texts given[DEVICE_TYPES] = { 0 };
	for (uint32_t t = 0; t < DEVICE_TYPES; t++)
		if (device_types[t]->type == AMP_DEVICE_BLOCK)
			given[t] = (struct device_texts){ .texts = { text }, .count = 1 };
	assert_int_equal(devices_open(&devices, &image, "sample", given, NULL, NULL), 0);
	const struct layout_wish w = { .kind = kind,
		                       .image = &image,
		                       .args = &args,
		                       .devices = &devices,
		                       .tender = "test",
		                       .log_level = 1 };
	assert_int_equal(layout_make(&l, &w, &why), 0);
	assert_null(space_region(&l.space, REGION_HEAP, 0));
	assert_int_equal(l.boot->extent_count, 0);

	const struct region *rings = space_region(&l.space, REGION_RINGS, 0);
	const struct amp_device *view = &l.views[0];
	assert_int_equal(view->type, AMP_DEVICE_BLOCK);
	struct amp_block_request *q =
	        (void *)(rings->host + (view->block.requests.entries - rings->at));
	*q = (struct amp_block_request){ .op = AMP_BLOCK_WRITE, .size = 4096, .part_count = 1 };
	*(uint32_t *)(rings->host + (view->block.requests.producer - rings->at)) = 1;
	devices.all[0].kind->pass(&devices.all[0], DEVICE_PASS_ALL);
	const struct amp_block_answer *a =
	        (void *)(rings->host + (view->block.answers.entries - rings->at));
	assert_int_equal(a->result, AMP_BLOCK_BAD);

	layout_free(&l);
	devices_close(&devices);
	image_close(&image);
	sample_remove();
	close(disk);
}

static void memory_0_with_a_block_device_as_a_guest(void **state)
{
	(void)state;
	no_memory_and_a_block_device(SPACE_GUEST);
}

static void memory_0_with_a_block_device_as_a_child(void **state)
{
	(void)state;
	no_memory_and_a_block_device(SPACE_CHILD);
}

/* ---- Memory ---- */

static const struct amp_note modest = { .memory_min = 4 * MIB, .memory_default = 64 * MIB },
                             greedy = { .memory_min = 4 * MIB, .memory_default = 1024 * GIB },
                             endless = { .memory_min = 1024 * GIB, .memory_default = 1024 * GIB },
                             none = { 0 };

static void expect(const struct allowance *a, const struct amp_note *n, uint64_t given,
                   uint64_t beside, int status, uint64_t heap, const char *says)
{
	struct defect why = { "" };
	uint64_t got = 0;
	assert_int_equal(allowance_heap(a, n, given, beside, &got, &why), status);
	if (!status)
		assert_int_equal(got, heap);
	else if (!strstr(why.text, says) || strchr(why.text, '\n'))
		fail_msg("'%s' says nothing of '%s'", why.text, says);
}

static void the_note_alone_does_not_decide_memory(void **state)
{
	(void)state;
	const struct allowance host = { 8 * GIB, UINT64_MAX };
	expect(&host, &modest, 0, MIB, 0, 64 * MIB, NULL);
	expect(&host, &none, 0, MIB, 0, 0, NULL);
	expect(&host, &greedy, 0, 0, 0, 2 * GIB, NULL);
	expect(&host, &greedy, 0, GIB, 0, GIB, NULL);
	expect(&host, &endless, 0, 0, AMP_EXIT_TENDER, 0, "a quarter of the host's");
	/* What lies beside the heap is the note's word, too. */
	expect(&host, &none, 0, 2 * GIB + 1, AMP_EXIT_TENDER, 0, "more than the 2048M");
}

static void memory_on_the_command_line_decides(void **state)
{
	(void)state;
	const struct allowance host = { 8 * GIB, UINT64_MAX };
	expect(&host, &modest, 3 * GIB, 0, 0, 3 * GIB, NULL);
	expect(&host, &greedy, 64 * MIB, 0, 0, 64 * MIB, NULL);
	expect(&host, &modest, 1 * MIB, 0, AMP_EXIT_USAGE, 0, "needs at least --memory 4096K");
	expect(&host, &modest, 9 * GIB, 0, AMP_EXIT_TENDER, 0, "more than the 8192M");
	expect(&host, &modest, 8 * GIB, MIB, AMP_EXIT_TENDER, 0, "give less");
	expect(&host, &modest, UINT64_MAX - AMP_PAGE + 1, MIB, AMP_EXIT_TENDER, 0, "give less");
}

static void a_control_group_bounds_memory(void **state)
{
	(void)state;
	const struct allowance host = { 8 * GIB, 100 * MIB };
	expect(&host, &modest, 0, MIB, 0, 64 * MIB, NULL);
	expect(&host, &greedy, 0, 5 * MIB, 0, 70 * MIB, NULL);
	expect(&host, &endless, 0, 0, AMP_EXIT_TENDER, 0, "its control group's");
	const struct allowance tight = { 8 * GIB, 0 };
	expect(&tight, &modest, 0, 0, AMP_EXIT_TENDER, 0, "its control group's");
}

/* ---- Control groups ---- */

static char root[64];

static void put(const char *path, const char *text)
{
	char whole[256];
	snprintf(whole, sizeof whole, "%s%s", root, path);
	for (char *c = whole + strlen(root) + 1; *c; c++)
		if (*c == '/') {
			*c = 0;
			mkdir(whole, 0700);
			*c = '/';
		}
	FILE *f = fopen(whole, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void expect_group(uint64_t wanted, uint64_t group)
{
	struct allowance a;
	allowance_find(&a, root, wanted);
	assert_true(a.ram > MIB && a.ram != UINT64_MAX);
	assert_true(a.group == group);
}

static void control_groups_are_found(void **state)
{
	(void)state;
	char command[128];
	strcpy(root, "/tmp/ampoule-layout-XXXXXX");
	assert_non_null(mkdtemp(root));
	expect_group(GIB, UINT64_MAX);
	put("/proc/self/cgroup", "0::/a/b\n");
	expect_group(GIB, UINT64_MAX);
	put("/sys/fs/cgroup/a/b/memory.max", "max\n");
	expect_group(GIB, UINT64_MAX);
	put("/sys/fs/cgroup/a/memory.max", "104857600\n");
	expect_group(GIB, 100 * MIB);
	put("/sys/fs/cgroup/memory.max", "52428800\n"); /* a namespace's root has one */
	expect_group(GIB, 50 * MIB);
	expect_group(ALLOWANCE_UNASKED, UINT64_MAX);
	put("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/c\n0::/\n");
	put("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "20971520\n");
	expect_group(GIB, 20 * MIB);
	put("/proc/self/cgroup", "4:memory\n\n0:\n:");
	expect_group(GIB, UINT64_MAX);
	snprintf(command, sizeof command, "rm -rf %s", root);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_0_with_a_block_device_as_a_guest),
		cmocka_unit_test(memory_0_with_a_block_device_as_a_child),
		cmocka_unit_test(the_note_alone_does_not_decide_memory),
		cmocka_unit_test(memory_on_the_command_line_decides),
		cmocka_unit_test(a_control_group_bounds_memory),
		cmocka_unit_test(control_groups_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
