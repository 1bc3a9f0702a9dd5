/* SPDX-License-Identifier: ISC */
/*
 * The order of a start: check the image, its arguments and devices; open the host's devices; make
 * the address space, boot information and gate; make the machine (KVM) or the process (sandbox);
 * give up privileges; run. Whatever can fail is tried before privileges go, so that where KVM turns
 * out not to work the sandbox can still be taken.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/platform/x86.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <tender/args.h>
#include <tender/boot.h>
#include <tender/confinement.h>
#include <tender/crash.h>
#include <tender/kvm.h>
#include <tender/sandbox.h>
#include <tender/symbols.h>
#include <tender/device/tap.h>
#include <tender/tender.h>
#include <tender/timing.h>
#include <tender/device/xdp_socket.h>

#define MEMORY_MAX (1ull << 40)
#define ERRNO_END  4096
#define NOT_HERE   (-1) /* this tender does not work on this host; another one may */

struct tender {
	const struct tender_options *options;
	struct image image;
	struct args args;
	struct tap taps[AMP_DEVICES_MAX]; /* fd -1: not given */
	struct xdp xdps[AMP_DEVICES_MAX]; /* fd -1: not given */
	bool kernel_rings;                /* some of xdps are */
	uint8_t macs[AMP_DEVICES_MAX][6];
	struct block_file files[AMP_DEVICES_MAX]; /* fd -1: not given */
	unsigned storage;                         /* STORAGE_*: what they need */
	struct space space;
	struct amp_boot *boot;
	struct amp_device *devices; /* the image's view */
	struct clock clock;
	struct pump pump;
	struct kvm kvm;
	struct sandbox sandbox;
	struct timing timing;
	uint8_t overflows[AMP_DEVICES_MAX]
	                 [NET_OVERFLOW]; /* untouched, and so no memory, until used */
	int debug;                       /* NAME.debug, or -1 */
	unsigned cpus;                   /* that we may run on */
	bool wound_up;
};
static struct tender tender;

/* CLOCK_MONOTONIC of a TSC value that the child left for us. */
static uint64_t tsc_to_mono(const struct clock *c, uint64_t tsc)
{
	const struct amp_clock *a = c->shared;
	int64_t ticks = (int64_t)(tsc - a->base_tsc);
	return c->zero + a->base_ns +
	       (uint64_t)(int64_t)((__int128)ticks * (int64_t)a->multiplier >> a->shift);
}

static void print_timing(struct tender *t)
{
	const struct gate_control *seen = t->sandbox.control;
	uint64_t instruction = seen ? seen->first_instruction : 0,
	         output = seen ? seen->first_output : 0;
	if (instruction)
		timing_lap_at(&t->timing, "first instruction", tsc_to_mono(&t->clock, instruction));
	if (output)
		timing_lap_at(&t->timing, "first output", tsc_to_mono(&t->clock, output));
	timing_lap(&t->timing, "end");
	timing_print(&t->timing);
}

/* The error that some of the application's output was lost to; 0: none was. Whoever has closed
 * standard output wants none, and an address of nothing is the image's own business. */
static int output_lost(const struct tender *t)
{
	int error = t->kvm.output_error;
	if (t->sandbox.control) {
		int32_t told = t->sandbox.control->output_error;
		error = told < 0 && told > -ERRNO_END ? -told : 0;
	}
	return error == EBADF || error == EFAULT ? 0 : error;
}

/* What is left to be done and said at the end, whatever ends it: the image, a signal, a device. */
static void wind_up(void)
{
	struct tender *t = &tender;
	sandbox_end(&t->sandbox);
	if (__atomic_exchange_n(&t->wound_up, true, __ATOMIC_RELAXED))
		return;
	int lost = output_lost(t);
	if (lost)
		say("%s: its output cannot be written: %s", t->options->path, strerror(lost));
	if (t->options->verbosity)
		pump_report(&t->pump);
	if (t->options->timing)
		print_timing(t);
}

static void on_signal(int signal)
{
	wind_up();
	_exit(128 + signal);
}

/* Of the pump: without the network that it was given, an appliance would wait for nothing. */
static void on_gone(uint32_t device)
{
	const struct tender *t = &tender;
	const struct tap *tap = &t->taps[device];
	const char *name = t->image.devices[device].name;
	if (tap->fd < 0)
		say("device %s: its interface %s is gone, deleted or moved to another namespace: "
		    "make it again, then start the image anew",
		    name, t->xdps[device].name);
	else if (tap->created)
		say("device %s: its TAP device %s was deleted: start the image anew", name,
		    tap->name);
	else
		say("device %s: its TAP device %s was deleted: make it again (ip tuntap add dev %s "
		    "mode tap), then start the image anew",
		    name, tap->name, tap->name);
	wind_up();
	_exit(AMP_EXIT_TENDER);
}

static void on_bus_error(int signal)
{
	static const char line[] = "ampoule: the image file became shorter while it ran\n";
	(void)signal;
	sandbox_end(&tender.sandbox);
	if (write(2, line, sizeof line - 1) < 0)
		_exit(AMP_EXIT_TENDER);
	_exit(AMP_EXIT_TENDER);
}

/* An ignored SIGINT or SIGHUP (a job in the background, nohup) stays ignored. */
static void watch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct sigaction a, before;
		memset(&a, 0, sizeof a);
		a.sa_handler = on_signal;
		sigfillset(&a.sa_mask);
		if (!sigaction(signals[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(signals[i], &a, NULL);
	}
	struct sigaction bus = { .sa_handler = on_bus_error };
	sigaction(SIGBUS, &bus, NULL);
}

/* x86-64 psABI, table 3.1; libc has asked the processor already. */
static unsigned cpu_level(void)
{
	if (!CPU_FEATURE_ACTIVE(CMPXCHG16B) || !CPU_FEATURE_ACTIVE(LAHF64_SAHF64) ||
	    !CPU_FEATURE_ACTIVE(POPCNT) || !CPU_FEATURE_ACTIVE(SSE3) ||
	    !CPU_FEATURE_ACTIVE(SSSE3) || !CPU_FEATURE_ACTIVE(SSE4_1) ||
	    !CPU_FEATURE_ACTIVE(SSE4_2))
		return 1;
	if (!CPU_FEATURE_ACTIVE(AVX) || !CPU_FEATURE_ACTIVE(AVX2) || !CPU_FEATURE_ACTIVE(BMI1) ||
	    !CPU_FEATURE_ACTIVE(BMI2) || !CPU_FEATURE_ACTIVE(F16C) || !CPU_FEATURE_ACTIVE(FMA) ||
	    !CPU_FEATURE_ACTIVE(LZCNT) || !CPU_FEATURE_ACTIVE(MOVBE))
		return 2;
	if (!CPU_FEATURE_ACTIVE(AVX512F) || !CPU_FEATURE_ACTIVE(AVX512BW) ||
	    !CPU_FEATURE_ACTIVE(AVX512CD) || !CPU_FEATURE_ACTIVE(AVX512DQ) ||
	    !CPU_FEATURE_ACTIVE(AVX512VL))
		return 3;
	return 4;
}

static unsigned count_cpus(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set))
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

/* ---- Devices ---- */

static void known_devices(const struct image *image, uint32_t type, char *to, size_t size)
{
	size_t at = 0;
	*to = 0;
	for (uint32_t i = 0; i < image->note.device_count && at + AMP_NAME_MAX + 4 < size; i++)
		if (image->devices[i].type == type)
			at += (size_t)snprintf(to + at, size - at, "%s%s", at ? ", " : "",
			                       image->devices[i].name);
}

/* Finds the device that "NAME=REST" is for; *rest gets REST. -1 with a defect. */
static int find_device(const struct image *image, uint32_t type, const char *text,
                       const char **rest, struct defect *why)
{
	bool net = type == AMP_DEVICE_NET;
	const char *option = net ? "--net" : "--block", *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : 0;
	if (!length ||
	    (net ? strncmp(equals + 1, "tap:", 4) && strncmp(equals + 1, "xdp:", 4) : !equals[1]))
		return defect_set(why, "%s %s: want NAME=%s", option, text,
		                  net ? "tap:INTERFACE or NAME=xdp:INTERFACE" : "FILE");
	*rest = equals + 1;
	for (uint32_t i = 0; i < image->note.device_count; i++)
		if (image->devices[i].type == type && strlen(image->devices[i].name) == length &&
		    !memcmp(image->devices[i].name, text, length))
			return (int)i;
	char known[256];
	known_devices(image, type, known, sizeof known);
	if (!*known)
		return defect_set(why, "%s %s: the image has no %s device", option, text,
		                  net ? "network" : "block");
	return defect_set(why, "%s %s: no such device; the image has %s", option, text, known);
}

/* Puts each option's text at its device's place. 0, or the exit status. */
static int assign(const struct tender *t, uint32_t type, const char *const *texts, unsigned count,
                  const char **to)
{
	const char *option = type == AMP_DEVICE_NET ? "--net" : "--block";
	struct defect why;
	for (unsigned i = 0; i < count; i++) {
		const char *rest = NULL;
		int d = find_device(&t->image, type, texts[i], &rest, &why);
		if (d >= 0 && to[d])
			d = defect_set(&why, "%s %s: the device is given twice", option, texts[i]);
		if (d < 0) {
			say("%s", why.text);
			return AMP_EXIT_USAGE;
		}
		to[d] = rest;
	}
	return 0;
}

static int open_net(struct tender *t, uint32_t i, const char *text)
{
	struct defect why;
	const char *interface = text + 4; /* behind "tap:" or "xdp:" */
	if (*text == 'x') {
		bool old = t->image.note.abi_minor < 2; /* it knows of one queue */
		int opened = xdp_open(&t->xdps[i], interface, old ? 1 : AMP_NET_QUEUES_MAX, &why);
		if (!opened) {
			memcpy(t->macs[i], t->xdps[i].mac, sizeof t->macs[i]);
			t->kernel_rings = true;
			return 0;
		}
		say("--net %s=%s: %s%s", t->image.devices[i].name, text, why.text,
		    old && t->xdps[i].queue_count > 1 ? "; the image, built anew, takes several"
		                                      : "");
		return opened == XDP_WORDS ? AMP_EXIT_USAGE : AMP_EXIT_TENDER;
	}
	if (tap_open(&t->taps[i], interface, t->image.note.abi_minor >= 1, &why)) {
		say("--net %s: %s", t->image.devices[i].name, why.text);
		return AMP_EXIT_TENDER;
	}
	tap_mac(t->macs[i], t->image.note.name, t->image.devices[i].name, interface);
	return 0;
}

static int open_block(struct tender *t, uint32_t i, const char *text)
{
	const struct amp_note_device *n = &t->image.devices[i];
	struct block_file *f = &t->files[i];
	struct defect why;
	int opened = block_file_open(f, text, n->flags & AMP_NOTE_DEVICE_READ_ONLY, &why);
	if (opened) {
		say("--block %s: %s", n->name, why.text);
		return opened == BLOCK_FILE_WORDS ? AMP_EXIT_USAGE : AMP_EXIT_TENDER;
	}
	f->power_gone = wind_up;
	if (f->size < n->size_min)
		defect_set(&why,
		           "has %llu bytes; the image needs %llu: enlarge it with truncate -s %llu",
		           (unsigned long long)f->size, (unsigned long long)n->size_min,
		           (unsigned long long)n->size_min);
	else if (f->read_only && !(n->flags & AMP_NOTE_DEVICE_READ_ONLY))
		defect_set(&why, "the image writes to it: give it without ,ro");
	else if (!block_file_check(f, n->format, &why))
		return 0;
	say("--block %s: %s: %s", n->name, text, why.text);
	return AMP_EXIT_TENDER;
}

/* 0, or the exit status. */
static int open_devices(struct tender *t)
{
	const struct tender_options *o = t->options;
	const char *given[AMP_DEVICES_MAX] = { 0 };

	for (unsigned i = 0; i < AMP_DEVICES_MAX; i++)
		t->taps[i].fd = t->xdps[i].fd = t->files[i].fd = -1;
	int status = assign(t, AMP_DEVICE_NET, o->nets, o->net_count, given);
	if (!status)
		status = assign(t, AMP_DEVICE_BLOCK, o->blocks, o->block_count, given);
	for (uint32_t i = 0; !status && i < t->image.note.device_count; i++) {
		const struct amp_note_device *d = &t->image.devices[i];
		bool net = d->type == AMP_DEVICE_NET;
		if (!given[i] && !(d->flags & AMP_NOTE_DEVICE_OPTIONAL)) {
			say("%s: needs %s device %s: add %s %s=%s", o->path,
			    net ? "network" : "block", d->name, net ? "--net" : "--block", d->name,
			    net ? "tap:INTERFACE" : "FILE");
			status = AMP_EXIT_USAGE;
		}
	}
	for (uint32_t i = 0; !status && i < t->image.note.device_count; i++) {
		if (given[i])
			status = t->image.devices[i].type == AMP_DEVICE_NET
			                 ? open_net(t, i, given[i])
			                 : open_block(t, i, given[i]);
	}
	return status;
}

static uint32_t frame_size(uint16_t mtu)
{
	return mtu + 14u + AMP_FRAME_HEADROOM <= AMP_FRAME_SIZE ? AMP_FRAME_SIZE : AMP_PAGE;
}

/* ---- The address space and what lies in it ---- */

static enum pump_mode pump_mode(const struct tender *t)
{
	return t->space.kind == SPACE_CHILD      ? PUMP_OUTSIDE
	       : t->cpus > 1 && !t->kernel_rings ? PUMP_THREAD
	                                         : PUMP_INLINE;
}

/* Does the tender move packets while the image runs? */
static uint32_t concurrent(const struct tender *t)
{
	return pump_mode(t) == PUMP_THREAD || (t->space.kind == SPACE_CHILD && t->cpus > 1)
	               ? AMP_NET_CONCURRENT
	               : 0;
}

/* Tells both sides of a device what goes beyond single frames. */
static void offer(struct tender *t, uint32_t i)
{
	struct net_rings *d = &t->pump.devices[i];
	const struct amp_note_device *n = &t->image.devices[i];
	uint32_t features = t->taps[i].features;
	if (!net_rings_take_large(n->ring_size, n->frame_count))
		features &= ~AMP_NET_RX_LARGE;
	if (t->image.note.abi_minor >= 1)
		features |= AMP_NET_TX_DIRECT | (t->space.heap_shared ? AMP_NET_TX_MEMORY : 0);
	for (uint32_t k = 0; k < t->space.region_count; k++) {
		const struct region *r = &t->space.regions[k];
		if ((r->kind == REGION_SEGMENT && !(r->rights & RIGHT_W)) ||
		    (r->kind == REGION_HEAP && features & AMP_NET_TX_MEMORY))
			d->segments[d->segment_count++] =
			        (struct net_segment){ r->at, r->size, r->host };
	}
	net_rings_offload(d, features, t->taps[i].vnet, t->overflows[i]);
	t->devices[i].features = features | concurrent(t);
}

/* Where in boot information the i-th device's further receive queues are described: behind all
 * else. With i the number of devices: where it ends. */
static uint64_t further_at(const struct tender *t, uint32_t i)
{
	uint64_t at = boot_size(&t->image);
	for (uint32_t k = 0; k < i; k++)
		if (t->xdps[k].queue_count)
			at += (t->xdps[k].queue_count - 1) * sizeof(struct amp_queue);
	return at;
}

/* 0, or -1 with a defect. */
static int open_queues(struct tender *t, uint32_t i, struct defect *why)
{
	const struct amp_note_device *n = &t->image.devices[i];
	const struct region *queues = space_region(&t->space, REGION_QUEUES, i),
	                    *frames = space_region(&t->space, REGION_FRAMES, i);
	struct xdp *x = &t->xdps[i];
	uint64_t at = further_at(t, i);
	struct amp_queue *further = (struct amp_queue *)((uint8_t *)t->boot + at);
	if (device_xdp_open(&t->pump.xdps[i], x, queues->host, queues->at, frames->host, frames->at,
	                    n->ring_size, n->frame_count, frame_size(x->mtu), &t->devices[i],
	                    further, why))
		return -1;
	if (x->queue_count > 1)
		t->devices[i].queues = (uint32_t)at;
	memcpy(t->devices[i].mac, t->macs[i], 6);
	/* The kernel does move packets while the image runs, whatever the tender does. */
	t->devices[i].features =
	        AMP_NET_CONCURRENT |
	        (x->partial && t->image.note.abi_minor >= 1 ? AMP_NET_RX_PARTIAL : 0);
	return 0;
}

static int make_space(struct tender *t, enum space_kind kind, const char *name, struct defect *why)
{
	const struct amp_note *n = &t->image.note;
	struct space_need need = { .heap = t->options->memory ? t->options->memory
		                                              : n->memory_default,
		                   .boot = further_at(t, n->device_count),
		                   .rings = kind == SPACE_CHILD ? SANDBOX_CONTROL_SIZE : 0 };
	for (uint32_t i = 0; i < n->device_count; i++) {
		if (t->files[i].fd >= 0) {
			need.rings += block_rings_size(t->image.devices[i].ring_size);
			need.heap_shared = true;
		}
		uint64_t frames = t->image.devices[i].frame_count;
		if (t->taps[i].fd >= 0) {
			need.rings += net_rings_size(t->image.devices[i].ring_size);
			need.heap_shared = need.heap_shared ||
			                   (kind == SPACE_CHILD && space_sharing_is_free());
			need.frames[i] = frames * frame_size(t->taps[i].mtu);
		} else if (t->xdps[i].name[0]) {
			need.queues[i] = xdp_rings_size(&t->xdps[i], t->image.devices[i].ring_size);
			need.frames[i] = frames * frame_size(t->xdps[i].mtu);
		}
	}
	if (space_make(&t->space, kind, &t->image, &need, why))
		return -1;
	timing_lap(&t->timing, "memory");

	t->boot = boot_fill(&t->space, &t->image, &t->args, name, 1 + t->options->verbosity,
	                    &t->devices);
	const struct region *rings = space_region(&t->space, REGION_RINGS, 0);
	uint64_t at = kind == SPACE_CHILD ? SANDBOX_CONTROL_SIZE : 0;
	memset(t->pump.devices, 0, sizeof t->pump.devices);
	for (uint32_t i = 0; i < AMP_DEVICES_MAX; i++)
		if (t->pump.blocks[i].file)
			block_rings_close(&t->pump.blocks[i]);
	memset(t->pump.blocks, 0, sizeof t->pump.blocks);
	if (t->kernel_rings)
		memset(t->pump.xdps, 0, sizeof t->pump.xdps);
	t->storage = t->kernel_rings ? KERNEL_RINGS : 0;
	t->pump.device_count = n->device_count;
	for (uint32_t i = 0; i < n->device_count; i++) {
		struct net_rings *d = &t->pump.devices[i];
		d->fd = -1;
		if (t->files[i].fd >= 0) {
			const struct region *heap = space_region(&t->space, REGION_HEAP, 0);
			uint32_t ring = t->image.devices[i].ring_size;
			struct block_rings *b = &t->pump.blocks[i];
			block_rings_open(b, &t->files[i], rings->host + at, rings->at + at, ring,
			                 heap->at, heap->size, heap->host, &t->devices[i]);
			t->devices[i].features |= concurrent(t);
			block_rings_start(b, ring);
			t->storage |= (b->jobs ? STORAGE_URING : STORAGE_PLAIN) |
			              (t->files[i].cut ? STORAGE_CUT : 0);
			at += block_rings_size(ring);
		}
		if (t->xdps[i].name[0] && open_queues(t, i, why))
			return -1;
		if (t->taps[i].fd < 0)
			continue;
		const struct region *frames = space_region(&t->space, REGION_FRAMES, i);
		uint32_t size = frame_size(t->taps[i].mtu), most = size - AMP_FRAME_HEADROOM - 14;
		uint16_t mtu = (uint16_t)(t->taps[i].mtu < most ? t->taps[i].mtu : most);
		net_rings_open(d, t->taps[i].fd, mtu, rings->host + at, rings->at + at,
		               frames->host, frames->at, t->image.devices[i].ring_size,
		               t->image.devices[i].frame_count, size, &t->devices[i]);
		memcpy(t->devices[i].mac, t->macs[i], 6);
		offer(t, i);
		at += net_rings_size(t->image.devices[i].ring_size);
	}
	return 0;
}

static uint64_t boot_at(struct tender *t)
{
	return space_region(&t->space, REGION_BOOT, 0)->at;
}

/* ---- The two ways to run ---- */

/* The exit status, or NOT_HERE with a defect. */
static int run_kvm(struct tender *t, struct defect *why)
{
	if (kvm_open(&t->kvm, why))
		return NOT_HERE;
	timing_lap(&t->timing, "virtual machine");
	if (make_space(t, SPACE_GUEST, "kvm", why))
		goto fail;
	if (kvm_memory(&t->kvm, &t->space, t->image.note.device_count, why))
		goto fail;
	timing_lap(&t->timing, "pages");
	if (kvm_vcpu(&t->kvm, &t->image, &t->space, boot_at(t), why))
		goto fail;
	timing_lap(&t->timing, "processor");
	clock_start(&t->clock, &t->boot->clock, &t->options->start, t->kvm.tsc_khz);
	if (pump_open(&t->pump, pump_mode(t), &t->clock, why))
		goto fail;
	if (t->image.note.device_count && kvm_kick(&t->kvm, t->pump.kick, why))
		goto fail;
	timing_lap(&t->timing, "clock, doorbell");

	/* Past this point there is no way back to the sandbox. */
	struct defect last;
	struct crash crash;
	confinement_drop(t->options->verbosity > 0);
	if (pump_start(&t->pump, &last) || confinement_seal_kvm(t->kvm.vcpu, t->storage, &last)) {
		say("%s", last.text);
		return AMP_EXIT_TENDER;
	}
	timing_lap(&t->timing, "confinement");
	timing_lap(&t->timing, "first instruction");
	int status = kvm_loop(&t->kvm, &t->space, &t->pump, t->options->timing ? &t->timing : NULL,
	                      &crash, &last);
	if (status < 0) {
		say("%s: %s", t->options->path, last.text);
		return AMP_EXIT_TENDER;
	}
	if (status != KVM_CRASHED)
		return status;
	crash_report(&crash, &t->space, &t->image, t->debug);
	return AMP_EXIT_CRASH;
fail:
	space_free(&t->space);
	kvm_close(&t->kvm);
	return NOT_HERE;
}

static int run_sandbox(struct tender *t, struct defect *why)
{
	struct crash crash;
	if (sandbox_possible(why) || make_space(t, SPACE_CHILD, "sandbox", why))
		return NOT_HERE;
	clock_start(&t->clock, &t->boot->clock, &t->options->start, 0);
	sandbox_gate(&t->sandbox, &t->space, &t->image, t->devices, boot_at(t), &t->clock);
	if (pump_open(&t->pump, pump_mode(t), &t->clock, why) ||
	    sandbox_sockets(&t->sandbox, &t->space, &t->pump, t->devices, why))
		return NOT_HERE;
	timing_lap(&t->timing, "gate, clock");
	confinement_drop(t->options->verbosity > 0);
	timing_lap(&t->timing, "privileges");
	if (sandbox_start(&t->sandbox, &t->space, &t->pump, why))
		return NOT_HERE;
	timing_lap(&t->timing, "process");
	if (confinement_seal_watcher(t->sandbox.child, t->storage, why)) {
		sandbox_end(&t->sandbox);
		return NOT_HERE;
	}
	int status = sandbox_loop(&t->sandbox, &t->pump, &crash, why);
	if (status == SANDBOX_CRASHED) {
		crash_report(&crash, &t->space, &t->image, t->debug);
		status = AMP_EXIT_CRASH;
	} else if (status >= SANDBOX_SIGNAL) {
		status = 128 + (status - SANDBOX_SIGNAL);
	}
	sandbox_end(&t->sandbox);
	return status;
}

/* ---- Before and after ---- */

/* 0, or the exit status. */
static int check(struct tender *t)
{
	const struct tender_options *o = t->options;
	struct defect why;
	int opened = image_open(&t->image, o->path, &why);
	if (opened) {
		say("%s: %s", o->path, why.text);
		return opened == IMAGE_HOST ? AMP_EXIT_TENDER : AMP_EXIT_USAGE;
	}
	timing_lap(&t->timing, "image");
	if (args_make(&t->args, &t->image, o->sets, o->set_count, &why)) {
		say("%s: %s", o->path, why.text);
		return AMP_EXIT_USAGE;
	}
	const struct amp_note *n = &t->image.note;
	if (o->memory && o->memory < n->memory_min) {
		say("%s: needs at least --memory %lluK", o->path,
		    (unsigned long long)(n->memory_min >> 10));
		return AMP_EXIT_USAGE;
	}
	if ((o->memory ? o->memory : n->memory_default) > MEMORY_MAX) {
		say("%s: asks for more than %llu GiB of memory: give less by --memory", o->path,
		    MEMORY_MAX >> 30);
		return AMP_EXIT_USAGE;
	}
	if (cpu_level() < n->cpu_level) {
		say("%s: needs an x86-64-v%u processor; this one is x86-64-v%u: set `cpu` in "
		    "appliance.yaml and "
		    "rebuild",
		    o->path, n->cpu_level, cpu_level());
		return AMP_EXIT_TENDER;
	}
	return open_devices(t);
}

int tender_run(const struct tender_options *options)
{
	struct tender *t = &tender;
	struct defect why = { "" };
	t->options = options;
	t->sandbox.child = -1;
	t->pump.gone = on_gone;
	t->timing.start = options->start.ns;
	timing_lap(&t->timing, "process start");
	watch_signals();
	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0); /* ns: waits end when they should */
	t->cpus = count_cpus();

	int status = check(t);
	if (status)
		return status;
	t->debug = symbols_open(options->path);
	timing_lap(&t->timing, "devices, symbols");

	status = NOT_HERE;
	if (options->choice != TENDER_SANDBOX) {
		status = run_kvm(t, &why);
		if (status == NOT_HERE && options->choice == TENDER_ANY && options->verbosity)
			say("%s; running in the sandbox", why.text);
	}
	if (status == NOT_HERE && options->choice != TENDER_KVM)
		status = run_sandbox(t, &why);
	if (status == NOT_HERE) {
		say("%s: cannot be run: %s", options->path, why.text);
		return AMP_EXIT_TENDER;
	}
	wind_up();
	return status || !output_lost(t) ? status : AMP_EXIT_TENDER;
}
