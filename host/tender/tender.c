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
#include <tender/stop.h>
#include <tender/symbols.h>
#include <tender/tender.h>
#include <tender/timing.h>

#define MEMORY_MAX (1ull << 40)
#define ERRNO_END  4096
#define NOT_HERE   (-1) /* this tender does not work on this host; another one may */

struct tender {
	const struct tender_options *options;
	struct image image;
	struct args args;
	struct devices devices;
	struct space space;
	struct amp_boot *boot;
	struct amp_device *views; /* the image's of its devices */
	struct clock clock;
	struct pump pump;
	struct kvm kvm;
	struct sandbox sandbox;
	struct timing timing;
	int debug;     /* NAME.debug, or -1 */
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
	static const char line[] = "ampoule: the image file became shorter while it ran\n";
	(void)signal;
	sandbox_end(&tender.sandbox);
	if (write(2, line, sizeof line - 1) < 0)
		_exit(AMP_EXIT_TENDER);
	_exit(AMP_EXIT_TENDER);
}

static void watch_signals(void)
{
	struct sigaction bus = { .sa_handler = on_bus_error };
	sigaction(SIGBUS, &bus, NULL);
	stop_watch(end_by_signal);
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

/* ---- The address space and what lies in it ---- */

static enum pump_mode pump_mode(const struct tender *t)
{
	return t->space.kind == SPACE_CHILD                   ? PUMP_OUTSIDE
	       : t->cpus > 1 && !devices_by_host(&t->devices) ? PUMP_THREAD
	                                                      : PUMP_INLINE;
}

/* Does the tender move packets while the image runs? */
static uint32_t concurrent(const struct tender *t)
{
	return pump_mode(t) == PUMP_THREAD || (t->space.kind == SPACE_CHILD && t->cpus > 1)
	               ? AMP_NET_CONCURRENT
	               : 0;
}

static int make_space(struct tender *t, enum space_kind kind, const char *name, struct defect *why)
{
	const struct amp_note *n = &t->image.note;
	uint64_t control = kind == SPACE_CHILD ? SANDBOX_CONTROL_SIZE : 0;
	struct space_need need = { .heap = t->options->memory ? t->options->memory
		                                              : n->memory_default,
		                   .boot = boot_size(&t->image),
		                   .rings = control };
	devices_need(&t->devices, kind, &need);
	if (space_make(&t->space, kind, &t->image, &need, why))
		return -1;
	timing_lap(&t->timing, "memory");

	t->boot = boot_fill(&t->space, &t->image, &t->args, name, 1 + t->options->verbosity,
	                    &t->views);
	const struct devices_room room = { .space = &t->space,
		                           .rings_used = control,
		                           .boot_used = boot_size(&t->image),
		                           .views = t->views,
		                           .concurrent = concurrent(t) };
	return devices_place(&t->devices, &room, why);
}

static uint64_t boot_at(struct tender *t)
{
	return space_region(&t->space, REGION_BOOT, 0)->at;
}

/* ---- The two ways to run ---- */

static void stop_may_be_asked(struct tender *t)
{
	stop_begin(t->boot, t->image.note.abi_minor, &t->clock, t->options->stop_timeout);
}

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
	if (pump_open(&t->pump, pump_mode(t), &t->devices, &t->clock, why))
		goto fail;
	if (t->image.note.device_count && kvm_kick(&t->kvm, t->pump.kick, why))
		goto fail;
	timing_lap(&t->timing, "clock, doorbell");

	/* Past this point there is no way back to the sandbox. */
	struct defect last;
	struct crash crash;
	confinement_drop(t->options->verbosity > 0);
	stop_may_be_asked(t);
	if (pump_start(&t->pump, &last) || confinement_seal_kvm(t->kvm.vcpu, &t->devices, &last)) {
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
	sandbox_gate(&t->sandbox, &t->space, &t->image, &t->devices, t->views, boot_at(t),
	             &t->clock);
	if (pump_open(&t->pump, pump_mode(t), &t->devices, &t->clock, why) ||
	    sandbox_sockets(&t->sandbox, &t->space, &t->devices, t->views, why))
		return NOT_HERE;
	timing_lap(&t->timing, "gate, clock");
	confinement_drop(t->options->verbosity > 0);
	timing_lap(&t->timing, "privileges");
	/* The image may run, and be heard, before this process goes on. */
	stop_may_be_asked(t);
	if (sandbox_start(&t->sandbox, &t->space, &t->pump, why))
		return NOT_HERE;
	timing_lap(&t->timing, "process");
	if (confinement_seal_watcher(t->sandbox.child, &t->devices, why)) {
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
	return devices_open(&t->devices, &t->image, o->path, o->devices, wind_up);
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
	if (status) {
		devices_close(&t->devices);
		return status;
	}
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
		devices_close(&t->devices);
		return AMP_EXIT_TENDER;
	}
	wind_up();
	return status || !output_lost(t) ? status : AMP_EXIT_TENDER;
}
