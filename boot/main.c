/* SPDX-License-Identifier: ISC */
/*
 * The order of a start, as host/tender/tender.c has it: the machine first, since there is no other kernel below; then image, arguments and
 * devices are checked, the address space is made, and the image is entered in ring 3, on tables that show it nothing of the
 * rest. Where a cloud's metadata service is to be asked for arguments, another image of ours is run so before it, which asks.
 * Anything wrong ends in a line on the console and the exit status that `ampoule run` would have.
 */
#include <string.h>
#include <sys/random.h>

#include <boot/acpi.h>
#include <boot/apic.h>
#include <boot/arena.h>
#include <boot/calls.h>
#include <boot/clock.h>
#include <boot/console.h>
#include <boot/devices.h>
#include <boot/fault.h>
#include <boot/lazy.h>
#include <boot/memory.h>
#include <boot/module.h>
#include <boot/nocloud.h>
#include <boot/nvme.h>
#include <boot/power.h>
#include <boot/processor.h>
#include <boot/random.h>
#include <boot/virtio.h>
#include <boot/words.h>
#include <boot/xen.h>
#include <tender/args.h>
#include <tender/boot.h>
#include <tender/digest.h>
#include <tender/moves.h>

void kernel_main(uint64_t information, uint32_t magic);
_Noreturn void image_enter(uint64_t boot, uint64_t entry, uint64_t stack);
extern char gate_page[], gate_page_end[];
extern uint64_t gate_return, start_tsc;

#define FS_BASE_MINOR 3u

static struct platform platform;
static struct words words;
static struct image image;
static struct args args;
static struct space space;
static struct pages pages;
static bool asks; /* not the image, but the one that asks a cloud for its arguments */
static char answer[NOCLOUD_MOST + 1];

_Noreturn static void give_up(const struct defect *why, unsigned status)
{
	if (*image.note.name)
		say("%s: %s", image.note.name, why->text);
	else
		say("%s", why->text);
	power_off(status);
}

static int machine(uint64_t information, uint32_t magic, struct defect *why)
{
	console_begin();
	if (platform_read(&platform, information, magic, why))
		return -1;
	processor_begin();
	if (memory_begin(&platform, why))
		return -1;
	xen_begin();
	acpi_begin(platform.rsdp);
	int status = words_read(&words, &platform, why);
	if (words.errors_port)
		console_split(words.errors_port);
	apic_begin();
	xen_devices();
	power_begin(words.exit_port);
	if (status)
		return -1;
	virtio_find(&words);
	nvme_find();
	devices_own();
	return random_begin(why);
}

/* An image's file ends with its digest; a file of symbols does not. */
static bool is_image(const struct range *m)
{
	struct amp_digest d;
	if (m->size < sizeof d)
		return false;
	memcpy(&d, (const void *)(m->at + m->size - sizeof d), sizeof d);
	return d.magic == AMP_DIGEST_MAGIC;
}

/* The first module behind the image's that is an image, or is none. Null: there is none. */
static const struct range *module_beside(bool wanted)
{
	for (uint32_t i = 1; i < platform.module_count; i++)
		if (is_image(&platform.modules[i]) == wanted)
			return &platform.modules[i];
	return NULL;
}

static int choose(const struct range **file, struct defect *why)
{
	if (!platform.module_count)
		return defect_set(why, "there is no image: give the kernel NAME.amp as its initrd "
		                       "or first module");
	*file = asks ? module_beside(true) : &platform.modules[0];
	if (*file)
		return 0;
	return defect_set(why,
	                  "ampoule.metadata=%s: the image `metadata` is not there, which asks: "
	                  "give it as a further module (ampoule pack --metadata)",
	                  words.metadata);
}

/* Disks are found before arguments are read, since one of them may have some. 0, or the exit status with a defect. */
static int check(struct defect *why)
{
	const char *const service[] = { words.metadata_set };
	struct amp_digest digest;
	const struct range *file;
	bool found;
	if (choose(&file, why))
		return AMP_EXIT_USAGE;
	module_set(file);
	image = (struct image){ .path = "image" };
	/* The digest changes vector registers, which are nobody's now. */
	if (image_check(&image, why) || digest_check(&image, &found, &digest, why))
		return AMP_EXIT_USAGE;
	power_name(image.note.name);
	moves_draw(&image);
	if (devices_disks(&words, why) ||
	    args_make(&args, &image, asks ? service : words.sets, asks ? 1 : words.set_count, why))
		return AMP_EXIT_USAGE;
	if (processor_level() < image.note.cpu_level) {
		defect_set(
		        why,
		        "needs an x86-64-v%u processor; this one is x86-64-v%u: give the machine "
		        "another one (-cpu max, -cpu host), or set `cpu` in appliance.yaml and "
		        "rebuild",
		        image.note.cpu_level, processor_level());
		return AMP_EXIT_TENDER;
	}
	if (processor_fs_base_by_gate() && image.note.abi_minor < FS_BASE_MINOR) {
		defect_set(why,
		           "is of ABI %u.%u, which needs a processor with FSGSBASE (-cpu max, -cpu "
		           "host): build it anew",
		           image.note.abi_major, image.note.abi_minor);
		return AMP_EXIT_TENDER;
	}
	return devices_open(&image, &words, why) ? AMP_EXIT_TENDER : 0;
}

/* Heap: what is asked for, or as much of it as there is room for. */
static int make_space(struct defect *why)
{
	struct space_need need = { .boot = boot_size(&image) };
	static struct range rest;
	if (!rest.size)
		rest = memory_rest();
	devices_need(&image, &need);
	uint64_t wanted = asks ? 0 : words.memory;
	need.heap = wanted ? wanted : image.note.memory_default;
	need.heap = (need.heap + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
	uint64_t beside = image_stacks_size(&image) + need.boot + need.rings;
	for (uint32_t i = 0; i < image.segment_count; i++)
		beside += image.segments[i].size;
	for (uint32_t i = 0; i < image.note.device_count; i++)
		beside += need.frames[i];
	beside += beside / 256 + rest.size / 256 + (8u << 20); /* tables, and what aligning costs */
	if (!wanted && need.heap > rest.size - beside)
		need.heap =
		        rest.size > beside ? (rest.size - beside) & ~(uint64_t)(AMP_PAGE - 1) : 0;
	if (need.heap < image.note.memory_min)
		return defect_set(why,
		                  "needs %llu MiB of heap, and there is room for %llu: give the "
		                  "machine more memory",
		                  (unsigned long long)(image.note.memory_min >> 20),
		                  (unsigned long long)(need.heap >> 20));
	arena_set(&rest);
	return space_make(&space, SPACE_BARE, &image, &need, why);
}

_Noreturn static void start(void);

/* The image that asked has ended: what it has written are words, and its memory, its card and its processor are the next one's. */
_Noreturn static void answered(unsigned status)
{
	struct defect why;
	defect_set(&why, "ampoule.metadata=%s: it does not say what this machine is to do",
	           words.metadata);
	if (status)
		give_up(&why, AMP_EXIT_TENDER);
	memory_enter();
	asks = false;
	if (devices_forget(&why) || words_add(&words, answer, true, &why))
		give_up(&why, AMP_EXIT_TENDER);
	start();
}

/* Starts the image that asks, or the image. */
_Noreturn static void start(void)
{
	static bool again;
	struct defect why;
	struct amp_device *views;
	int status = check(&why);
	if (status)
		give_up(&why, (unsigned)status);
	if (make_space(&why))
		give_up(&why, AMP_EXIT_TENDER);
	uint64_t root = pages_build(&pages, &space);
	memory_share((uint64_t *)root);
	/* The first page of the heap is cleared when it is touched: before the seed is there. */
	const struct region *heap = space_region(&space, REGION_HEAP, 0);
	if (heap)
		lazy_touch(&pages, heap->at, AMP_PAGE);
	struct amp_boot *boot = boot_fill(&space, &image, &args, "boot", words.log_level, &views);
	if (devices_place(&space, &pages, &image, views, &why))
		give_up(&why, AMP_EXIT_TENDER);
	if (processor_fs_base_by_gate())
		boot->flags |= AMP_BOOT_FS_BASE_BY_GATE;
	boot->net_word_count = devices_words(boot_words(&space, &image));
	struct region *gate = space_region(&space, REGION_GATE, 0);
	memcpy(gate->host, gate_page, (size_t)(gate_page_end - gate_page));
	gate_return = gate->at + (uint64_t)(gate_page_end - gate_page) - 1; /* at its ret */

	const struct calls calls = {
		&space, &pages,           boot, image.note.abi_minor, asks ? answered : NULL,
		answer, sizeof answer - 1
	};
	calls_begin(&calls);
	fault_begin(&space, &pages, &image, asks ? NULL : module_beside(false));
	if (!again) {
		clock_begin();
		apic_time();
	}
	again = true;
	if (words.timing)
		say("%s: started after %llu ticks of the TSC, which was %llu at the entry; its "
		    "rate is from %s",
		    image.note.name, (unsigned long long)(read_tsc() - start_tsc),
		    (unsigned long long)start_tsc, clock_source());
	clock_start(&boot->clock);
	__asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
	image_enter(space_region(&space, REGION_BOOT, 0)->at, image.entry,
	            image.note.stack_base + image_stack_stride(&image) - 8);
}

void kernel_main(uint64_t information, uint32_t magic)
{
	struct defect why;
	if (machine(information, magic, &why))
		give_up(&why, AMP_EXIT_TENDER);
	asks = words.metadata;
	start();
}
