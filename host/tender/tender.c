/* SPDX-License-Identifier: ISC */
/*
 * The order of a start: check the image, its arguments and devices; open the host's devices; make
 * the address space, boot information and gate; make the machine (KVM) or the process (sandbox);
 * give up privileges; run. Whatever can fail is tried before privileges go, so that where KVM turns
 * out not to work the sandbox can still be taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <tender/allowance.h>
#include <tender/args.h>
#include <tender/confinement.h>
#include <tender/crash.h>
#include <tender/kvm.h>
#include <tender/kvm_features.h>
#include <tender/layout.h>
#include <tender/leave.h>
#include <tender/moves.h>
#include <tender/notify.h>
#include <tender/picture.h>
#include <tender/processor.h>
#include <tender/renewal.h>
#include <tender/sandbox.h>
#include <tender/snapshot.h>
#include <tender/space_memory.h>
#include <tender/stop.h>
#include <tender/symbols.h>
#include <tender/tender.h>
#include <tender/timing.h>
#include <tender/watchdog.h>

#define ERRNO_END 4096
#define NOT_HERE  (-1) /* this tender does not work on this host; another one may */

struct tender {
	const struct tender_options *options;
	struct image *image; /* own, or the caller's */
	struct image own;
	struct args args;
	struct devices devices;
	struct layout layout;
	uint64_t heap; /* bytes */
	struct clock clock;
	struct pump pump;
	struct kvm kvm;
	struct sandbox sandbox;
	struct timing timing;
	struct symbols symbols;
	struct jail jail;
	const struct snapshot *from; /* what a clone goes on from */
	struct picture_subject subject;
	unsigned cpus; /* that we may run on */
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
	/* The image's own word: told if it can be true. */
	uint64_t start = t->options->start.ns, now = clock_mono();
	if (instruction && (instruction = tsc_to_mono(&t->clock, instruction)) >= start &&
	    instruction <= now)
		timing_lap_at(&t->timing, "first instruction", instruction);
	if (output && (output = tsc_to_mono(&t->clock, output)) >= start && output <= now)
		timing_lap_at(&t->timing, "first output", output);
	timing_lap(&t->timing, "end");
	timing_print(&t->timing, t->options->label);
}

/* The error that some of the application's output was lost to; 0: none was. Whoever has closed standard output wants none,
 * and an address of nothing is the image's own business. A sandboxed image writes by itself and could tell anything: what
 * no write to a console ends with is not believed, and what is believed is called its word. */
static int output_lost(const struct tender *t)
{
	static const int possible[] = { EDQUOT, EFBIG, EIO, ENOSPC, EPIPE, ENXIO };
	if (!t->sandbox.control)
		return t->kvm.output_error == EBADF ? 0 : t->kvm.output_error;
	int32_t told = __atomic_load_n(&t->sandbox.control->output_error, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < sizeof possible / sizeof *possible; i++)
		if (told == -possible[i])
			return possible[i];
	return 0;
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
		say("%s: %sits output cannot be written: %s", t->options->path,
		    t->sandbox.control ? "the image says that " : "", strerror(lost));
	if (t->options->verbosity)
		devices_report(&t->devices);
	if (t->options->timing)
		print_timing(t);
}

static void end_by_signal(int signal)
{
	wind_up();
	_exit(128 + signal);
}

/* Of the pump: without what it was given, an appliance would wait for nothing. */
static void on_gone(const struct device *device)
{
	if (device->kind->last_words)
		device->kind->last_words(device);
	else
		say("device %s: the host's side of it is gone: start the image anew",
		    device->note->name);
	wind_up();
	_exit(AMP_EXIT_TENDER);
}

static void on_bus_error(int signal)
{
	static const char line[] = "the image file became shorter while it ran\n";
	const struct iovec whole[] = { { say_prefix, strlen(say_prefix) },
		                       { (void *)line, sizeof line - 1 } };
	(void)signal;
	sandbox_end(&tender.sandbox);
	if (writev(2, whole, 2) < 0)
		_exit(AMP_EXIT_TENDER);
	_exit(AMP_EXIT_TENDER);
}

static void watch_signals(void)
{
	struct sigaction bus = { .sa_handler = on_bus_error };
	sigaction(SIGBUS, &bus, NULL);
	stop_watch(end_by_signal);
}

static unsigned count_cpus(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set))
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

/* ---- The address space and what lies in it ---- */

static enum pump_mode pump_mode(const struct tender *t, enum space_kind kind)
{
	return kind == SPACE_CHILD                            ? PUMP_OUTSIDE
	       : t->cpus > 1 && !devices_by_host(&t->devices) ? PUMP_THREAD
	                                                      : PUMP_INLINE;
}

/* Does the tender move packets while the image runs? */
static uint32_t concurrent(const struct tender *t, enum space_kind kind)
{
	return pump_mode(t, kind) == PUMP_THREAD || (kind == SPACE_CHILD && t->cpus > 1)
	               ? AMP_NET_CONCURRENT
	               : 0;
}

static int lay_out(struct tender *t, enum space_kind kind, const char *name, struct defect *why)
{
	const struct layout_wish wish = { .kind = kind,
		                          .moved = t->options->moved,
		                          .image = t->image,
		                          .args = &t->args,
		                          .devices = &t->devices,
		                          .heap = t->heap,
		                          .from = t->from,
		                          .tender = name,
		                          .log_level = 1 + t->options->verbosity,
		                          .concurrent = concurrent(t, kind),
		                          .renews = renewal_is_offered() &&
		                                    renewal_possible(t->image),
		                          .forks = picture_forks() && !t->jail.strict };
	if (boot_secrets_size(t->image, &t->args) > t->heap / 2)
		return defect_set(why,
		                  "has %llu bytes of memory, which its secrets do not leave half "
		                  "of: --memory",
		                  (unsigned long long)t->heap);
	if (layout_make(&t->layout, &wish, why))
		return -1;
	renewal_place(t->layout.secrets, t->image);
	timing_lap(&t->timing, "memory");
	return 0;
}

/* ---- The two ways to run ---- */

/* Its memory is laid out for good: nothing more is made of what it was given. */
static void stop_may_be_asked(struct tender *t)
{
	args_forget(&t->args);
	stop_begin(t->layout.boot, t->image->note.abi_minor, &t->clock, t->options->stop_timeout);
	leave_place(t->layout.boot, t->image->note.abi_minor, &t->clock);
}

static uint64_t image_time(const struct tender *t)
{
	return t->from ? t->from->header.image_ns : 0;
}

static int part(const struct picture_subject *of)
{
	return space_memory_part(of->space);
}

static void picture_of(struct tender *t, const char *name)
{
	t->subject = (struct picture_subject){ .image = t->image,
		                               .space = &t->layout.space,
		                               .clock = &t->clock,
		                               .views = t->layout.views,
		                               .args = &t->args,
		                               .tender = name,
		                               .part = part };
	t->sandbox.subject = &t->subject;
	picture_room(&t->layout.space);
}

/* Of the pump: the image of the machine stands in a wait. */
static void still(void)
{
	struct tender *t = &tender;
	t->subject.resume = t->kvm.resume;
	if (!picture_take(&t->subject))
		return;
	wind_up();
	_exit(picture_is_taken() ? 0 : AMP_EXIT_TENDER);
}

static struct filter image_filter, pump_filter;

static void seal_pump(struct pump *p)
{
	struct defect why;
	(void)p;
	if (!confinement_seal(&pump_filter, &why))
		return;
	say("%s", why.text);
	_exit(AMP_EXIT_TENDER);
}

/* The pump's thread seals itself, before it looks at anything that is the image's. */
static int confine_kvm(struct tender *t, struct defect *why)
{
	const struct filter *const both[] = { &image_filter, &pump_filter };
	const struct confinement_fds fds = {
		.kick = t->pump.kick, .epoll = t->pump.epoll, .vcpu = t->kvm.vcpu, .image = t->image
	};
	confinement_image(&image_filter, &fds, &t->devices);
	confinement_pump(&pump_filter, &fds, &t->devices);
	t->pump.begun = seal_pump;
	return confinement_close(both, 2, why) || pump_start(&t->pump, why) ||
	                       confinement_seal(&image_filter, why)
	               ? -1
	               : 0;
}

static int confine_watcher(struct tender *t, struct defect *why)
{
	const struct filter *const one[] = { &image_filter };
	const struct confinement_fds fds = { .kick = t->pump.kick,
		                             .epoll = t->pump.epoll,
		                             .signals = t->sandbox.signals,
		                             .bell = t->sandbox.bell,
		                             .child = t->sandbox.child,
		                             .parts = t->sandbox.base,
		                             .image = t->image };
	confinement_watcher(&image_filter, &fds, &t->devices);
	return confinement_close(one, 1, why) || confinement_seal(&image_filter, why) ? -1 : 0;
}

static void tell_of_jail(const struct tender *t)
{
	if (t->jail.no_landlock && t->options->verbosity)
		say("jail: this kernel has no Landlock; all else of it is there");
	if (t->jail.no_group && t->options->verbosity)
		say("jail: no control group can be made here; other limits hold");
}

/* Whoever has started us and ends us where it dies is heard on: another user's process loses that wish (prctl(2)). */
static void drop_privileges(void)
{
	int wish = 0;
	prctl(PR_GET_PDEATHSIG, &wish);
	confinement_drop();
	if (wish)
		prctl(PR_SET_PDEATHSIG, wish);
}

/* The exit status, or NOT_HERE with a defect. */
static int run_kvm(struct tender *t, struct defect *why)
{
	if (kvm_open(&t->kvm, why))
		return NOT_HERE;
	timing_lap(&t->timing, "virtual machine");
	if (lay_out(t, SPACE_GUEST, "kvm", why))
		goto fail;
	if (kvm_memory(&t->kvm, &t->layout.space, t->image->note.device_count, why))
		goto fail;
	timing_lap(&t->timing, "pages");
	if (kvm_vcpu(&t->kvm, &t->layout.space, layout_boot_at(&t->layout), why))
		goto fail;
	/* The kernel gives the process a thread of its own then, and one with threads makes no namespace of users. */
	if (!t->jail.strict && kvm_try(&t->kvm, why))
		goto fail;
	timing_lap(&t->timing, "processor");
	clock_start(&t->clock, &t->layout.boot->clock, &t->options->start, t->kvm.tsc_khz,
	            image_time(t));
	if (pump_open(&t->pump, pump_mode(t, t->layout.space.kind), &t->devices, &t->clock, why))
		goto fail;
	if (t->image->note.device_count && kvm_kick(&t->kvm, t->pump.kick, why))
		goto fail;
	timing_lap(&t->timing, "clock, doorbell");

	/* Past this point there is no way back to the sandbox. The first KVM_RUN makes a thread, and who has one gets no
	 * namespace of users: in a jail it is tried here. */
	struct defect last;
	struct crash crash;
	if (jail_close(&t->jail, &last) || (t->jail.strict && kvm_try(&t->kvm, &last))) {
		say("%s", last.text);
		return AMP_EXIT_TENDER;
	}
	tell_of_jail(t);
	picture_of(t, "kvm");
	drop_privileges();
	stop_may_be_asked(t);
	notify_ready(watchdog_is_wanted());
	watchdog_begin(&t->kvm.turns, &t->kvm.waits, t->image->note.abi_minor);
	if (confine_kvm(t, &last)) {
		say("%s", last.text);
		return AMP_EXIT_TENDER;
	}
	timing_lap(&t->timing, "confinement");
	timing_lap(&t->timing, "first instruction");
	int status = kvm_loop(&t->kvm, &t->layout.space, &t->pump,
	                      t->options->timing ? &t->timing : NULL, &crash, &last);
	if (status < 0) {
		say("%s: %s", t->options->path, last.text);
		return AMP_EXIT_TENDER;
	}
	if (status != KVM_CRASHED)
		return status;
	crash_report(&crash, &t->layout.space, t->image, &t->symbols);
	return AMP_EXIT_CRASH;
fail:
	layout_free(&t->layout);
	kvm_close(&t->kvm);
	return NOT_HERE;
}

static int run_sandbox(struct tender *t, struct defect *why)
{
	struct crash crash;
	if (sandbox_possible(t->image, why) || lay_out(t, SPACE_CHILD, "sandbox", why))
		return NOT_HERE;
	clock_start(&t->clock, &t->layout.boot->clock, &t->options->start, 0, image_time(t));
	sandbox_gate(&t->sandbox, &t->layout.space, t->image, &t->devices, t->layout.views,
	             layout_boot_at(&t->layout), &t->clock);
	if (pump_open(&t->pump, pump_mode(t, t->layout.space.kind), &t->devices, &t->clock, why) ||
	    sandbox_sockets(&t->sandbox, &t->layout.space, &t->devices, t->layout.views, why))
		return NOT_HERE;
	timing_lap(&t->timing, "gate, clock");
	if (jail_close(&t->jail, why))
		return NOT_HERE;
	tell_of_jail(t);
	picture_of(t, "sandbox");
	picture_prepare();
	drop_privileges();
	timing_lap(&t->timing, "privileges");
	notify_ready(watchdog_is_wanted());
	/* The image may run, and be heard, before this process goes on. */
	stop_may_be_asked(t);
	if (sandbox_start(&t->sandbox, &t->layout.space, &t->pump, why))
		return NOT_HERE;
	watchdog_begin(&t->sandbox.control->turns, &t->sandbox.control->waiting,
	               t->image->note.abi_minor);
	timing_lap(&t->timing, "process");
	if (confine_watcher(t, why)) {
		sandbox_end(&t->sandbox);
		return NOT_HERE;
	}
	int status = sandbox_loop(&t->sandbox, &t->pump, &crash, why);
	if (status == SANDBOX_CRASHED) {
		crash_report(&crash, &t->layout.space, t->image, &t->symbols);
		status = AMP_EXIT_CRASH;
	} else if (status >= SANDBOX_SIGNAL) {
		status = 128 + (status - SANDBOX_SIGNAL);
	}
	sandbox_end(&t->sandbox);
	return status;
}

/* ---- Before and after ---- */

static struct allowance allowance;
static bool is_allowance_known;

static const struct allowance *allowed(uint64_t bytes)
{
	if (!is_allowance_known)
		allowance_find(&allowance, "", bytes);
	return &allowance;
}

void tender_prepare(const struct tender_options *o)
{
	allowance_find(&allowance, "", UINT64_MAX);
	is_allowance_known = true;
	if (o->choice != TENDER_SANDBOX)
		kvm_features();
}

void tender_keep(const struct tender_options *o)
{
	if (o->choice != TENDER_SANDBOX)
		kvm_keep();
}

/* A clone has the devices that its parent had. 0, or the exit status. */
static int clone_devices(struct tender *t)
{
	const struct snapshot_header *h = &t->from->header;
	const struct snapshot_region *heap = snapshot_region(t->from, REGION_HEAP, 0);
	bool there[AMP_DEVICES_MAX] = { false };
	for (uint32_t i = 0; i < t->devices.count; i++)
		there[t->devices.all[i].index] = true;
	for (uint32_t i = 0; i < h->device_count; i++) {
		if (there[i] == !!h->devices[i].type)
			continue;
		say("%s: its image had %s device %s: %s", t->options->path, there[i] ? "no" : "a",
		    t->image->devices[i].name,
		    there[i] ? "leave it out" : "give the clone one, too");
		return AMP_EXIT_USAGE;
	}
	if (t->options->memory) {
		say("%s: a clone has its parent's memory: leave --memory out", t->options->path);
		return AMP_EXIT_USAGE;
	}
	struct defect why;
	uint64_t beside = layout_beside_heap(t->image, &t->devices), size = heap ? heap->size : 0;
	int status = size ? allowance_heap(allowed(beside + size), &t->image->note, size, beside,
	                                   &t->heap, &why)
	                  : 0;
	if (status)
		say("%s: %s", t->options->path, why.text);
	return status;
}

/* 0, or the exit status. */
static int check(struct tender *t)
{
	const struct tender_options *o = t->options;
	struct defect why, what;
	int status = 0;
	t->from = o->from;
	t->image = o->from ? o->image : &t->own;
	if (!o->from && (status = image_open_file(t->image, o->path, &what)))
		defect_set(&why, "%s: %s", o->path, what.text);
	else if (!o->from)
		status = trust_image(&o->trust, t->image, &why);
	if (status) {
		say("%s", why.text);
		return status == IMAGE_HOST ? AMP_EXIT_TENDER : AMP_EXIT_USAGE;
	}
	if (o->moved && !t->from->header.ended) {
		say("%s: its original goes on, and two cannot keep one's connections: take it with "
		    "`ampoule snapshot --stop`",
		    o->path);
		return AMP_EXIT_USAGE;
	}
	if (!t->from && !o->fixed_layout)
		moves_draw(t->image);
	timing_lap(&t->timing, "image");
	if (args_make(&t->args, t->image, o->sets, o->set_count, &why) ||
	    args_credentials(&t->args, t->image, getenv("CREDENTIALS_DIRECTORY"), &why)) {
		say("%s: %s", o->path, why.text);
		return AMP_EXIT_USAGE;
	}
	if (t->from)
		snapshot_args(t->from, &t->args);
	const struct amp_note *n = &t->image->note;
	if (processor_level() < n->cpu_level) {
		say("%s: needs an x86-64-v%u processor; this one is x86-64-v%u: set `cpu` in "
		    "appliance.yaml and "
		    "rebuild",
		    o->path, n->cpu_level, processor_level());
		return AMP_EXIT_TENDER;
	}
	uint8_t macs[AMP_DEVICES_MAX][6];
	for (uint32_t i = 0; o->moved && i < AMP_DEVICES_MAX; i++)
		memcpy(macs[i], t->from->header.devices[i].mac, sizeof macs[i]);
	status = devices_open(&t->devices, t->image, o->path, o->devices, o->moved ? macs : o->macs,
	                      wind_up);
	for (uint32_t i = 0; o->traffic && i < t->devices.count; i++)
		t->devices.all[i].traffic = o->traffic + t->devices.all[i].index;
	if (!status && t->from)
		return clone_devices(t);
	if (status)
		return status;
	uint64_t beside = layout_beside_heap(t->image, &t->devices);
	status = allowance_heap(allowed(beside + n->memory_default), n, o->memory, beside, &t->heap,
	                        &why);
	if (status)
		say("%s: %s", o->path, why.text);
	return status;
}

static void map_symbols(struct tender *t)
{
	int fd = symbols_open(t->options->path);
	symbols_map(&t->symbols, fd);
	if (fd >= 0)
		close(fd);
}

int tender_run(const struct tender_options *options)
{
	struct tender *t = &tender;
	struct defect why = { "" };
	t->options = options;
	t->sandbox.child = -1;
	t->pump.gone = on_gone;
	t->pump.still = still;
	t->timing.start = options->start.ns;
	timing_lap(&t->timing, "process start");
	watch_signals();
	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0); /* ns: waits end when they should */
	t->cpus = count_cpus();

	notify_open();
	watchdog_open();
	int status = check(t);
	if (status) {
		devices_close(&t->devices);
		return status;
	}
	map_symbols(t);
	timing_lap(&t->timing, "devices, symbols");
	uint64_t memory = t->heap + layout_beside_heap(t->image, &t->devices);
	if (jail_enter(&t->jail, &options->jail, memory, &why)) {
		say("%s: %s", options->path, why.text);
		devices_close(&t->devices);
		return AMP_EXIT_TENDER;
	}
	picture_open();
	if (options->warm_fd && picture_when_warm(options->warm_fd, &why)) {
		say("%s: %s", options->path, why.text);
		devices_close(&t->devices);
		return AMP_EXIT_TENDER;
	}
	if (options->jail.strict || options->jail.cpu_permille)
		timing_lap(&t->timing, "jail");

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
		devices_close(&t->devices);
		return AMP_EXIT_TENDER;
	}
	wind_up();
	return status || !output_lost(t) ? status : AMP_EXIT_TENDER;
}
