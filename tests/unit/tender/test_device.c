/* SPDX-License-Identifier: ISC */
/*
 * The contract of devices (device.h), for all kinds there are and one that does nothing (null.c):
 * what their texts may be, what they take of the address space and where it lies, which system
 * calls they may make.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/if_xdp.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tender/boot.h>
#include <tender/device/block_rings.h>
#include <tender/device/devices.h>
#include <tender/device/packets.h>

#include "filter_run.h"
#include "sample.h"

extern const struct device_kind device_null, device_xdp, device_block;

#define DISK  65536u
#define CALLS 512 /* system calls have numbers below */

static struct image image; /* "service", a network device; "control", a block device, optional */
static struct devices devices;
static struct space space;
static char disk[] = "/tmp/ampoule-test-XXXXXX";
static char said[1100]; /* by the last start */

static int set_up(void **state)
{
	static struct sample file;
	struct defect why;
	(void)state;
	sample_make(&file);
	file.note.devices[1] = (struct amp_note_device){ .name = "control",
		                                         .type = AMP_DEVICE_BLOCK,
		                                         .flags = AMP_NOTE_DEVICE_OPTIONAL,
		                                         .ring_size = 128,
		                                         .size_min = 8192 };
	if (image_open(&image, sample_write(&file, sizeof file), &why))
		fail_msg("%s", why.text);
	sample_remove();
	int fd = mkstemp(disk);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, DISK), 0);
	close(fd);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(disk);
	image_close(&image);
	return 0;
}

/* Opens what these texts say, at most two for the network; null: none. Leaves what was said in `said`. */
static int start(const char *net, const char *second, const char *block)
{
	struct device_texts given[DEVICE_TYPES] = { 0 };
	int log = memfd_create("said", 0), before = dup(2);
	assert_ptr_equal(device_types[0], &device_type_net);
	if (net)
		given[0].texts[given[0].count++] = net;
	if (second)
		given[0].texts[given[0].count++] = second;
	if (block)
		given[1].texts[given[1].count++] = block;
	dup2(log, 2);
	int status = devices_open(&devices, &image, "sample.amp", given, NULL, NULL);
	dup2(before, 2);
	ssize_t n = pread(log, said, sizeof said - 1, 0);
	said[n > 0 ? n : 0] = 0;
	close(before);
	close(log);
	return status;
}

static const char *disk_with(const char *words)
{
	static char text[128];
	snprintf(text, sizeof text, "control=%s%s", disk, words);
	return text;
}

/* ---- Kinds ---- */

static void each_kind_keeps_the_contract(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < device_kind_count; i++) {
		const struct device_kind *k = device_kinds[i];
		assert_non_null(k->type);
		assert_true(k->state_size > 0);
		assert_true(k->open && k->need && k->place && k->pass && k->ready && k->pending &&
		            k->polls && k->report && k->close);
		/* Texts begin as they are recommended, and no earlier kind takes them away. */
		assert_memory_equal(k->form, k->prefix, strlen(k->prefix));
		for (uint32_t j = 0; j < i; j++)
			if (device_kinds[j]->type == k->type)
				assert_int_not_equal(strncmp(k->prefix, device_kinds[j]->prefix,
				                             strlen(device_kinds[j]->prefix)),
				                     0);
		/* Help is whole lines. */
		assert_memory_equal(k->help, "  --", 4);
		assert_int_equal(k->help[strlen(k->help) - 1], '\n');
	}
}

/* ---- Texts ---- */

#define FORMS                                                                                      \
	"want NAME=passt,publish=HOST:PORT or NAME=tap:INTERFACE or NAME=bridge:BRIDGE or "        \
	"NAME=macvtap:INTERFACE or NAME=packet:INTERFACE or NAME=fd:NUMBER or NAME=xdp:INTERFACE " \
	"or NAME=null:" /* those of the network */

static const struct {
	const char *net, *second, *block;
	int status;
	const char *line;
} refused[] = {
	{ NULL, NULL, NULL, AMP_EXIT_USAGE,
	  "sample.amp: needs network device service: add --net service=passt,publish=HOST:PORT" },
	{ "service", NULL, NULL, AMP_EXIT_USAGE, "--net service: " FORMS },
	{ "service=", NULL, NULL, AMP_EXIT_USAGE, "--net service=: " FORMS },
	{ "service=veth:x", NULL, NULL, AMP_EXIT_USAGE, "--net service=veth:x: " FORMS },
	{ "service=tap", NULL, NULL, AMP_EXIT_USAGE, "--net service=tap: " FORMS },
	{ "servic=null:", NULL, NULL, AMP_EXIT_USAGE,
	  "--net servic=null:: no such device; the image has service" },
	{ "control=null:", NULL, NULL, AMP_EXIT_USAGE,
	  "--net control=null:: no such device; the image has service" },
	{ "service=null:", "service=tap:x", NULL, AMP_EXIT_USAGE,
	  "--net service=tap:x: the device is given twice" },
	{ "service=null:x", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: null: takes nothing behind it, not 'x'" },
	{ "service=tap:", NULL, NULL, AMP_EXIT_TENDER,
	  "--net service: '' is no name for a TAP device (1 to 15 bytes)" },
	{ "service=tap:a/b", NULL, NULL, AMP_EXIT_TENDER,
	  "--net service: 'a/b' is no name for a TAP device (1 to 15 bytes)" },
	{ "service=tap:0123456789abcdef", NULL, NULL, AMP_EXIT_TENDER,
	  "--net service: '0123456789abcdef' is no name for a TAP device (1 to 15 bytes)" },
	{ "service=xdp:", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service=xdp:: '' is no name of a network interface (1 to 15 bytes)" },
	{ "service=xdp:lo,queue=", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service=xdp:lo,queue=: 'lo,queue=': want INTERFACE or INTERFACE,queue=NUMBER" },
	{ "service=xdp:lo,mtu=9", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service=xdp:lo,mtu=9: mtu=9: want bytes from 576 to 65535" },
	{ "service=xdp:lo,size=9", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service=xdp:lo,size=9: 'lo,size=9': want INTERFACE or INTERFACE,queue=NUMBER" },
	{ "service=null:,address=10.0.0.0/24", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: address=10.0.0.0/24: want a host's address and its network's length, as "
	  "in 192.0.2.7/24 or 2001:db8::7/64" },
	{ "service=null:,address=fd00::1/129", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: address=fd00::1/129: want a host's address and its network's length, as "
	  "in 192.0.2.7/24 or 2001:db8::7/64" },
	{ "service=null:,address=fd00::1/64", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: the image has no IPv6 there for an address: its manifest names none in "
	  "`addresses`" },
	{ "service=null:,gateway=10.0.0.1,gateway=10.0.0.2", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: gateway=10.0.0.2: a second one; networks beside it are "
	  "route=NETWORK/LEN@ADDRESS" },
	{ "service=null:,route=10.1.0.1/16@10.0.0.1", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: route=10.1.0.1/16@10.0.0.1: want a network and its gateway, as in "
	  "198.51.100.0/24@192.0.2.1 or 2001:db8:1::/48@fe80::1" },
	{ "service=null:,resolver=none", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: resolver=none: want a name server's address, as in 192.0.2.53 or "
	  "2001:db8::53" },
	{ "=passt,publish=80", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: 80: want [ADDRESS:]HOST:PORT[/udp], as in 8080:80: the host's port, then "
	  "the image's" },
	{ "=passt,publish=8000-8010:80", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: 8000-8010:80: want as many ports of the image as of the host" },
	{ "=passt,publish=[::1]:8080:80", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: the image has no IPv6 there: its manifest names none in `addresses`" },
	{ "=passt,publish=[::1:8080:80", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: [::1:8080:80: want [ADDRESS]:HOST:PORT[/udp], as in [::1]:8080:80: an "
	  "IPv6 address in brackets, then the host's port and the image's" },
	{ "=passt,publish=8080:80/sctp", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: 8080:80/sctp: want /tcp or /udp behind the ports" },
	{ "=passt,publish=0:80", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: 0:80: want [ADDRESS:]HOST:PORT[/udp], with ports from 1 to 65535" },
	{ "=passt,speed=9", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: want passt,publish=[ADDRESS:]HOST:PORT[/udp] or one of "
	  "address=ADDRESS/LEN, gateway=ADDRESS, route=NETWORK/LEN@ADDRESS, resolver=ADDRESS, "
	  "mtu=BYTES behind a comma, not 'speed=9'" },
	{ "service=fd:2", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: want fd:NUMBER of a descriptor, from 3 on, not '2'" },
	{ "service=fd:999", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: descriptor 999 is not open" },
	{ "service=packet:lo,addresses=some", NULL, NULL, AMP_EXIT_USAGE,
	  "--net service: want packet:INTERFACE, and behind a comma addresses=move, addresses=keep "
	  "or one of address=ADDRESS/LEN, gateway=ADDRESS, route=NETWORK/LEN@ADDRESS, "
	  "resolver=ADDRESS, mtu=BYTES, not 'addresses=some'" },
	{ "service=bridge:not-there", NULL, NULL, AMP_EXIT_TENDER,
	  "--net service: there is no bridge not-there: make it (ip link add not-there type "
	  "bridge; "
	  "ip link set not-there up)" },
	{ "service=macvtap:not-there", NULL, NULL, AMP_EXIT_TENDER,
	  "--net service: there is no network interface not-there" },
	{ "service=xdp:not-there", NULL, NULL, AMP_EXIT_TENDER,
	  "--net service=xdp:not-there: there is no network interface not-there" },
	{ "service=null:", NULL, "control", AMP_EXIT_USAGE, "--block control: want NAME=FILE" },
	{ "service=null:", NULL, "control=", AMP_EXIT_USAGE, "--block control=: want NAME=FILE" },
	{ "service=null:", NULL, "service=/x", AMP_EXIT_USAGE,
	  "--block service=/x: no such device; the image has control" },
	{ "service=null:", NULL, "control=/x,cut=0", AMP_EXIT_USAGE,
	  "--block control: cut=0: want a number from 1 on" },
	{ "service=null:", NULL, "control=,ro", AMP_EXIT_USAGE, "--block control: want NAME=FILE" },
	{ "service=null:", NULL, "control=/x/y", AMP_EXIT_TENDER,
	  "--block control: cannot open /x/y: No such file or directory: make it with truncate -s "
	  "SIZE" },
};

static void says_what_is_wrong_with_a_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) {
		char line[1024];
		snprintf(line, sizeof line, "ampoule run: %s\n", refused[i].line);
		assert_int_equal(start(refused[i].net, refused[i].second, refused[i].block),
		                 refused[i].status);
		assert_string_equal(said, line);
		devices_close(&devices);
	}
}

static void says_that_there_is_no_device_of_a_type(void **state)
{
	(void)state;
	image.devices[1].type = AMP_DEVICE_NET;
	assert_int_equal(start("service=null:", NULL, "control=/x"), AMP_EXIT_USAGE);
	assert_string_equal(said,
	                    "ampoule run: --block control=/x: the image has no block device\n");
	devices_close(&devices);
	image.devices[1].type = AMP_DEVICE_BLOCK;
}

static void refuses_a_disk_that_the_image_cannot_use(void **state)
{
	char line[512];
	(void)state;
	assert_int_equal(start("service=null:", NULL, disk_with(",ro")), AMP_EXIT_TENDER);
	snprintf(line, sizeof line,
	         "ampoule run: --block control: %s,ro: the image writes to it: give it without "
	         ",ro\n",
	         disk);
	assert_string_equal(said, line);
	devices_close(&devices);

	assert_int_equal(truncate(disk, 4096), 0);
	assert_int_equal(start("service=null:", NULL, disk_with("")), AMP_EXIT_TENDER);
	snprintf(line, sizeof line,
	         "ampoule run: --block control: %s: has 4096 bytes; the image needs 8192: enlarge "
	         "it "
	         "with truncate -s 8192\n",
	         disk);
	assert_string_equal(said, line);
	devices_close(&devices);
	assert_int_equal(truncate(disk, DISK), 0);
}

/* The remedy stands last in a line. */
static void a_long_name_leaves_the_remedy_in_the_line(void **state)
{
	char folder[300], path[600], text[640], name[221];
	(void)state;
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = 0;
	snprintf(folder, sizeof folder, "%s-%s", disk, name);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	snprintf(text, sizeof text, "control=%s", path);
	assert_int_equal(mkdir(folder, 0700), 0);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	static const struct {
		off_t size;
		const char *end;
	} sizes[] = { { 777, "which are no whole sectors of 512: make it with truncate -s SIZE\n" },
		      { 4096, "enlarge it with truncate -s 8192\n" } };
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ftruncate(fd, sizes[i].size), 0);
		assert_int_equal(start("service=null:", NULL, text), AMP_EXIT_TENDER);
		assert_true(strlen(said) > strlen(sizes[i].end));
		assert_string_equal(said + strlen(said) - strlen(sizes[i].end), sizes[i].end);
		devices_close(&devices);
	}
	close(fd);
	unlink(path);
	rmdir(folder);
}

/* Only those that are given are there, in the note's order and with its indices. */
static void leaves_out_what_is_not_given(void **state)
{
	(void)state;
	assert_int_equal(start("service=null:", NULL, NULL), 0);
	assert_int_equal(devices.count, 1);
	devices_close(&devices);

	image.devices[0].flags |= AMP_NOTE_DEVICE_OPTIONAL;
	assert_int_equal(start(NULL, NULL, disk_with("")), 0);
	assert_int_equal(devices.count, 1);
	assert_int_equal(devices.all[0].index, 1);
	assert_ptr_equal(devices.all[0].kind, &device_block);
	assert_ptr_equal(devices.all[0].note, &image.devices[1]);
	devices_close(&devices);
	image.devices[0].flags = 0;
}

static void lets_go_of_what_it_has_closed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2;
	     i++) { /* the second start waits in vain where the first has kept it */
		assert_int_equal(start("service=null:", NULL, disk_with("")), 0);
		devices_close(&devices);
		assert_int_equal(devices.count, 0);
	}
	assert_int_equal(start("service=null:", NULL, disk_with("")), 0);
	struct devices first = devices;
	assert_int_equal(start("service=null:", NULL, disk_with("")), AMP_EXIT_TENDER);
	assert_non_null(strstr(said, "is in use by another appliance"));
	devices_close(&devices);
	devices_close(&first);
}

/* ---- Needs and places ---- */

static void asks_for_what_its_rings_take(void **state)
{
	struct space_need need = { .rings = 4096, .boot = 100 };
	(void)state;
	assert_int_equal(start("service=null:", NULL, disk_with("")), 0);
	devices_need(&devices, SPACE_GUEST, &need);
	assert_int_equal(need.rings, 4096 + net_rings_size(64) + block_rings_size(128));
	assert_int_equal(need.boot, 100); /* no further queues */
	assert_int_equal(need.frames[0], 256 * AMP_FRAME_SIZE);
	assert_int_equal(need.frames[1], 0);
	assert_int_equal(need.queues[0] + need.queues[1], 0);
	assert_true(need.heap_shared); /* the block device's parts lie there */
	devices_close(&devices);
}

/* A network device sends from the heap where that is to be had for nothing, and asks for no more. */
static void shares_the_heap_as_far_as_asked(void **state)
{
	struct space_need guest = { 0 }, child = { 0 };
	(void)state;
	assert_int_equal(start("service=null:", NULL, NULL), 0);
	devices_need(&devices, SPACE_GUEST, &guest);
	devices_need(&devices, SPACE_CHILD, &child);
	assert_false(guest.heap_shared);
	assert_int_equal(child.heap_shared, space_sharing_is_free());
	devices_close(&devices);
}

static struct amp_device *place(enum space_kind kind)
{
	static const struct args none;
	struct amp_device *views;
	struct defect why;
	struct space_need need = { .heap = 1 << 20, .boot = boot_size(&image), .rings = 4096 };
	devices_need(&devices, kind, &need);
	if (space_make(&space, kind, &image, &need, &why))
		fail_msg("%s", why.text);
	image.note.arg_count = 0;
	struct amp_boot *boot = boot_fill(&space, &image, &none, "test", 0, &views);
	const struct devices_room room = { .space = &space,
		                           .rings_used = 4096,
		                           .boot_used = boot_size(&image),
		                           .views = views,
		                           .boot = boot,
		                           .words = boot_words(&space, &image),
		                           .concurrent = AMP_NET_CONCURRENT };
	if (devices_place(&devices, &room, &why))
		fail_msg("%s", why.text);
	image.note.arg_count = 3;
	return views;
}

static uint32_t *word(uint64_t address)
{
	uint64_t follow;
	return (uint32_t *)space_bytes(&space, address, RIGHT_R | RIGHT_W, &follow);
}

static void lays_devices_out_apart(void **state)
{
	(void)state;
	for (enum space_kind kind = SPACE_GUEST; kind <= SPACE_CHILD; kind++) {
		assert_int_equal(start("service=null:", NULL, disk_with("")), 0);
		const struct amp_device *v = place(kind), *net = &v[0], *block = &v[1];
		const struct region *rings = space_region(&space, REGION_RINGS, 0),
		                    *frames = space_region(&space, REGION_FRAMES, 0);
		assert_int_equal(net->type, AMP_DEVICE_NET);
		assert_string_equal(net->name, "service");
		assert_int_equal(net->mtu, 1500);
		assert_true(net->features & AMP_NET_CONCURRENT);
		assert_int_equal(!!(net->features & AMP_NET_TX_MEMORY), space.heap_shared);
		assert_int_equal(net->frames, frames->at);
		assert_int_equal(frames->size, 256 * AMP_FRAME_SIZE);
		assert_int_equal(block->type, AMP_DEVICE_BLOCK);
		assert_string_equal(block->name, "control");
		assert_int_equal(block->features, AMP_NET_CONCURRENT);
		assert_int_equal(block->block.size, DISK);
		const struct amp_ring *of_net[] = { &net->fill, &net->rx, &net->tx,
			                            &net->completion },
		                      *of_block[] = { &block->block.requests,
			                              &block->block.answers };
		uint64_t middle = rings->at + 4096 + net_rings_size(64);
		for (unsigned i = 0; i < 4; i++) {
			assert_in_range(of_net[i]->producer, rings->at + 4096, middle - 4);
			assert_in_range(of_net[i]->entries + 64 * 16, rings->at + 4096, middle);
		}
		for (unsigned i = 0; i < 2; i++) {
			assert_in_range(of_block[i]->producer, middle, rings->at + rings->size - 4);
			assert_in_range(of_block[i]->entries, middle, rings->at + rings->size);
		}
		devices_close(&devices);
		space_free(&space);
	}
}

/* As where KVM turns out not to work: all begins anew in the next space, and the first one is not touched. */
static void is_placed_again_in_another_space(void **state)
{
	(void)state;
	assert_int_equal(start("service=null:", NULL, disk_with("")), 0);
	place(SPACE_GUEST);
	space_free(&space);
	const struct amp_device *v = place(SPACE_CHILD);
	const struct device *net = &devices.all[0], *block = &devices.all[1];
	struct device *moved = &devices.all[1];
	/* A read of a request that names the heap at its new place. */
	const struct region *heap = space_region(&space, REGION_HEAP, 0);
	struct amp_block_part part = { heap->at + 4096, 4096 };
	memcpy(heap->host, &part, sizeof part);
	memset(heap->host + 4096, 0xee, 4096);
	const struct amp_ring *q = &v[1].block.requests, *a = &v[1].block.answers;
	*(struct amp_block_request *)word(q->entries) = (struct amp_block_request){
		.id = 7, .op = AMP_BLOCK_READ, .part_count = 1, .size = 4096, .parts = heap->at
	};
	*word(q->producer) = 1;
	assert_true(block->kind->pending(moved));
	for (unsigned i = 0; *word(a->producer) == 0 && i < 10000; i++) {
		block->kind->pass(moved, DEVICE_PASS_ALL);
		usleep(100);
	}
	assert_int_equal(*word(a->producer), 1);
	assert_true(block->kind->ready(block, AMP_WAIT_BLOCK));
	assert_false(net->kind->ready(net, AMP_WAIT_RECEIVE | AMP_WAIT_COMPLETE));
	const struct amp_block_answer *answer = (const struct amp_block_answer *)word(a->entries);
	assert_int_equal(answer->id, 7);
	assert_int_equal(answer->result, 0);
	for (unsigned i = 4096; i < 8192; i++)
		assert_int_equal(heap->host[i], 0);
	devices_close(&devices);
	space_free(&space);
}

/* ---- Passes ---- */

static void a_device_that_does_nothing_takes_what_is_sent(void **state)
{
	(void)state;
	assert_int_equal(start("service=null:", NULL, NULL), 0);
	const struct amp_device *v = place(SPACE_GUEST);
	struct device *d = &devices.all[0];
	struct pollfd none;
	assert_ptr_equal(d->kind, &device_null);
	assert_int_equal(d->kind->polls(d, &none), 0);
	assert_false(d->kind->pending(d));
	assert_int_equal(d->kind->pass(d, DEVICE_PASS_ALL), 0);
	for (uint32_t i = 0; i < 100; i++) {
		struct amp_desc *tx = (struct amp_desc *)word(v->tx.entries);
		tx[i % 64] = (struct amp_desc){ .addr = i * AMP_FRAME_SIZE, .len = 60 };
		*word(v->tx.producer) = i + 1;
		assert_true(d->kind->pending(d));
		assert_false(d->kind->ready(d, AMP_WAIT_RECEIVE | AMP_WAIT_COMPLETE));
		assert_int_equal(d->kind->pass(d, i % 3), 1); /* whoever makes it */
		assert_true(d->kind->ready(d, AMP_WAIT_COMPLETE));
		assert_false(d->kind->ready(d, AMP_WAIT_RECEIVE | AMP_WAIT_BLOCK));
		assert_int_equal(*word(v->completion.producer), i + 1);
		*word(v->completion.consumer) = i + 1;
	}
	assert_false(d->gone);
	d->kind->wakeup(d, true);
	assert_int_equal(*word(v->tx.flags), AMP_RING_NEED_WAKEUP);
	d->kind->wakeup(d, false);
	assert_int_equal(*word(v->tx.flags), 0);
	devices_close(&devices);
	space_free(&space);
}

/* ---- System calls ---- */

static bool allows(const struct filter *f, int call, const uint64_t args[6])
{
	struct seccomp_data data = { .nr = call, .arch = AUDIT_ARCH_X86_64 };
	memcpy(data.args, args, sizeof data.args);
	return filter_run(f, &data) == SECCOMP_RET_ALLOW;
}

static struct filter filter;

static void filter_of(const struct devices *of)
{
	filter_begin(&filter, SECCOMP_RET_KILL_PROCESS);
	devices_allow(of, &filter);
	filter_end(&filter);
}

/* Just these calls, whatever their arguments. */
static void allows_only(const int *calls, unsigned count)
{
	static const uint64_t zero[6];
	for (int call = 0; call < CALLS; call++) {
		bool wanted = false;
		for (unsigned i = 0; i < count; i++)
			wanted |= calls[i] == call;
		if (allows(&filter, call, zero) != wanted)
			fail_msg("system call %d is%s allowed", call, wanted ? " not" : "");
	}
}

static bool on(int call, int fd)
{
	const uint64_t args[6] = { (uint64_t)fd };
	return allows(&filter, call, args);
}

static bool keeps(int fd)
{
	for (unsigned i = 0; i < filter.kept_count; i++)
		if (filter.kept[i] == fd)
			return true;
	return false;
}

/* Its one descriptor is read and written, no other is, and nothing else is done. */
static void a_device_is_read_and_written_on_its_descriptor_only(void **state)
{
	static const int calls[] = { SYS_read, SYS_readv, SYS_write, SYS_writev };
	(void)state;
	assert_int_equal(start("service=null:", NULL, NULL), 0);
	place(SPACE_GUEST);
	filter_of(&devices);
	allows_only(NULL, 0);
	assert_int_equal(filter.kept_count, 1);
	for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
		for (int fd = -1; fd < 1024; fd++)
			assert_int_equal(on(calls[i], fd), keeps(fd));
	devices_close(&devices);
	space_free(&space);
}

/* io_uring holds the file itself: then it need not stay open, and no call names it. */
static void a_disk_is_read_by_io_uring_or_by_four_calls(void **state)
{
	static const int plain[] = { SYS_preadv, SYS_pwritev, SYS_fdatasync, SYS_fallocate },
	                 cut[] = { SYS_pread64, SYS_pwrite64 },
	                 memory[] = { SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_getrandom };
	static const char *const ways[] = { "", ",fail=9", ",cut=9" };
	(void)state;
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
		assert_int_equal(start("service=null:", NULL, disk_with(ways[i])), 0);
		place(SPACE_GUEST);
		filter_of(&devices);
		struct pollfd event = { 0 };
		bool none = devices.all[1].kind->polls(&devices.all[1], &event) == 0;
		allows_only(memory, i == 2 ? sizeof memory / sizeof *memory : 0);
		unsigned rings = 0, files[4] = { 0 }, cuts[2] = { 0 };
		for (int fd = -1; fd < 1024; fd++) {
			rings += on(SYS_io_uring_enter, fd);
			for (unsigned k = 0; k < 4; k++)
				files[k] += on(plain[k], fd);
			for (unsigned k = 0; k < 2; k++)
				cuts[k] += on(cut[k], fd);
		}
		assert_int_equal(rings, !none);
		for (unsigned k = 0; k < 4; k++)
			assert_int_equal(files[k], none);
		for (unsigned k = 0; k < 2; k++)
			assert_int_equal(cuts[k], i == 2);
		assert_true(none || i == 0);
		if (!none)
			assert_true(keeps(event.fd) && on(SYS_read, event.fd));
		/* One is the memory through which the disk is copied. */
		assert_int_equal(filter.kept_count, none ? 3 : 4);
		devices_close(&devices);
		space_free(&space);
	}
}

/* As large as the kind's, which is its own file's business; all zero but for sockets that are not there. */
static _Alignas(16) uint8_t xdp_state[65536];

static void make_xdp(struct device *d)
{
	assert_true(device_xdp.state_size <= sizeof xdp_state);
	*d = (struct device){ .kind = &device_xdp, .state = xdp_state, .watch = 12 };
}

/* A doorbell carries no bytes and goes to no address; of options only statistics and the error are read. News of the
 * interface are read, and nothing is asked. */
static void sockets_are_rung_and_counted_only(void **state)
{
	static const struct {
		int call;
		uint64_t args[6];
		bool allowed;
	} calls[] = {
		{ SYS_sendto, { 0, 0, 0, MSG_DONTWAIT, 0, 0 }, true },
		{ SYS_sendto, { 9, 0, 0, MSG_DONTWAIT, 0, 0 }, false },
		{ SYS_sendto, { 12, 0, 0, MSG_DONTWAIT, 0, 0 }, false },
		{ SYS_sendto, { 0, 4096, 0, MSG_DONTWAIT, 0, 0 }, false },
		{ SYS_sendto, { 0, 0, 1, MSG_DONTWAIT, 0, 0 }, false },
		{ SYS_sendto, { 0, 0, 1ull << 32, MSG_DONTWAIT, 0, 0 }, false },
		{ SYS_sendto, { 0, 0, 0, MSG_DONTWAIT, 4096, 16 }, false },
		{ SYS_getsockopt, { 0, SOL_XDP, XDP_STATISTICS, 4096, 4096, 0 }, true },
		{ SYS_getsockopt, { 0, SOL_SOCKET, SO_ERROR, 4096, 4096, 0 }, true },
		{ SYS_getsockopt, { 9, SOL_SOCKET, SO_ERROR, 4096, 4096, 0 }, false },
		{ SYS_getsockopt, { 0, SOL_XDP, XDP_MMAP_OFFSETS, 4096, 4096, 0 }, false },
		{ SYS_getsockopt, { 0, SOL_SOCKET, XDP_STATISTICS, 4096, 4096, 0 }, false },
		{ SYS_setsockopt, { 0, SOL_XDP, XDP_STATISTICS, 4096, 4, 0 }, false },
		{ SYS_read, { 12, 4096, 8192 }, true },
		{ SYS_write, { 12, 4096, 32 }, false },
		{ SYS_read, { 0, 4096, 8192 }, false },
	};
	static struct devices one = { .count = 1 };
	(void)state;
	make_xdp(&one.all[0]);
	filter_of(&one);
	for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
		if (allows(&filter, calls[i].call, calls[i].args) != calls[i].allowed)
			fail_msg("call %u of the table", i);
	assert_true(keeps(12));
}

/* Where there are as many devices as there can be, their rules have room. */
static void rules_of_the_most_devices_fit(void **state)
{
	static struct devices many;
	(void)state;
	many.count = AMP_DEVICES_MAX;
	for (uint32_t i = 0; i < AMP_DEVICES_MAX; i++) {
		make_xdp(&many.all[i]);
		many.all[i].watch = 100 + (int)i;
	}
	filter_of(&many);
	unsigned xdp = filter.count;
	static struct packets packets[AMP_DEVICES_MAX];
	for (uint32_t i = 0; i < AMP_DEVICES_MAX; i++) {
		packets_begin(&packets[i]);
		packets[i].fd = 100 + (int)i;
		many.all[i] =
		        (struct device){ .kind = &device_null, .state = &packets[i], .watch = -1 };
	}
	filter_of(&many);
	assert_int_equal(filter.kept_count, AMP_DEVICES_MAX);
	assert_true(filter.count < FILTER_CODE_MAX / 2 && xdp < FILTER_CODE_MAX / 2);
}

/* What is inherited, and what is done, goes; what a rule names stays. */
static void descriptors_that_no_rule_names_are_closed(void **state)
{
	static struct filter other;
	const struct filter *const both[] = { &filter, &other };
	(void)state;
	pid_t child = fork();
	if (!child) {
		int ends[2];
		bool ok = !pipe(ends) && dup2(ends[1], 50) == 50 && dup2(ends[1], 51) == 51 &&
		          dup2(ends[1], 1000) == 1000;
		filter_begin(&filter, SECCOMP_RET_KILL_PROCESS);
		filter_begin(&other, SECCOMP_RET_KILL_PROCESS);
		filter_allow_on(&filter, SYS_write, 2, NULL, 0);
		filter_keep(&filter, 51);
		filter_allow_on(&other, SYS_read, ends[0], NULL, 0);
		filter_allow_on(&other, SYS_read, -1, NULL, 0);
		ok = ok && !filter_close_others(both, 2);
		for (int fd = 0; fd < 1100; fd++)
			ok = ok &&
			     (fcntl(fd, F_GETFD) >= 0) == (fd == 2 || fd == 51 || fd == ends[0]);
		_exit(!ok);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_keeps_the_contract),
		cmocka_unit_test(says_what_is_wrong_with_a_text),
		cmocka_unit_test(says_that_there_is_no_device_of_a_type),
		cmocka_unit_test(refuses_a_disk_that_the_image_cannot_use),
		cmocka_unit_test(a_long_name_leaves_the_remedy_in_the_line),
		cmocka_unit_test(leaves_out_what_is_not_given),
		cmocka_unit_test(lets_go_of_what_it_has_closed),
		cmocka_unit_test(asks_for_what_its_rings_take),
		cmocka_unit_test(shares_the_heap_as_far_as_asked),
		cmocka_unit_test(lays_devices_out_apart),
		cmocka_unit_test(is_placed_again_in_another_space),
		cmocka_unit_test(a_device_that_does_nothing_takes_what_is_sent),
		cmocka_unit_test(a_device_is_read_and_written_on_its_descriptor_only),
		cmocka_unit_test(a_disk_is_read_by_io_uring_or_by_four_calls),
		cmocka_unit_test(sockets_are_rung_and_counted_only),
		cmocka_unit_test(rules_of_the_most_devices_fit),
		cmocka_unit_test(descriptors_that_no_rule_names_are_closed),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
