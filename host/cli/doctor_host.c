/* SPDX-License-Identifier: ISC */
/* The rest of the host, seen by `ampoule doctor`: processor, clock, pages, io_uring, user
 * namespaces. */
#include "doctor_probe.h"

#include <cpuid.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <x86intrin.h>

#include <tender/processor.h>

#define HWCAP2_FSGSBASE_ (1ul << 1)
#define ROUNDS           10000
#define LARGE            (2ul << 20) /* a huge page */
#define AREA             (8ul << 20) /* what the page probe touches */
#define TOUCHES          4

static void model(char *text, unsigned size)
{
	char line[256];
	FILE *file = fopen("/proc/cpuinfo", "re");

	snprintf(text, size, "unnamed processor");
	while (file && fgets(line, sizeof line, file)) {
		if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
			line[strcspn(line, "\n")] = 0;
			snprintf(text, size, "%s", strchr(line, ':') + 2);
			break;
		}
	}
	if (file)
		fclose(file);
}

void doctor_cpu(struct doctor_report *report)
{
	int level = (int)processor_level();
	struct doctor_line *line;
	struct utsname system;
	cpu_set_t cpus;
	char name[64];
	uint64_t start;
	uint64_t base;

	uname(&system);
	model(name, sizeof name);
	if (sched_getaffinity(0, sizeof cpus, &cpus) < 0)
		CPU_ZERO(&cpus);
	line = doctor_line(report, "host.cpu", level >= 3 ? DOCTOR_OK : DOCTOR_WARNING, level,
	                   "x86-64 level", "x86-64-v%d: %s, %d of %ld CPUs for us", level, name,
	                   CPU_COUNT(&cpus), sysconf(_SC_NPROCESSORS_ONLN));
	if (level < 3)
		doctor_remedy(line,
		              "build images for this host with `cpu: x86-64%s` in appliance.yaml",
		              level == 2 ? "-v2" : "");
	doctor_line(report, "host.kernel", DOCTOR_OK, 0, NULL, "%s %s", system.sysname,
	            system.release);

	if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_)) {
		doctor_remedy(doctor_line(report, "host.fsgsbase", DOCTOR_WARNING, 0, NULL,
		                          "user code may not set FS base; the sandbox does it by a "
		                          "system call, once a start, and takes no image of before "
		                          "ABI 1.3"),
		              "use Linux 5.9 or later, without nofsgsbase on its command line");
		return;
	}
	base = 0;
	start = doctor_ns();
	for (int i = 0; i < ROUNDS; i++) {
		__asm__ volatile("rdfsbase %0" : "=r"(base));
		__asm__ volatile("wrfsbase %0" ::"r"(base));
	}
	start = doctor_ns() - start;
	doctor_line(report, "host.fsgsbase", DOCTOR_OK, (double)start / ROUNDS, "ns",
	            "FSGSBASE works: %.1f ns to read and write FS base", (double)start / ROUNDS);
}

void doctor_clock(struct doctor_report *report)
{
	unsigned a, b, c, d = 0;
	double tick = doctor_tsc_ns();
	struct doctor_line *line;
	char source[64];
	uint64_t start;

	__get_cpuid(0x80000007, &a, &b, &c, &d);
	line = doctor_line(report, "host.tsc", d & 1 << 8 ? DOCTOR_OK : DOCTOR_WARNING, 1e3 / tick,
	                   "MHz", "the TSC runs at %.0f MHz, %s", 1e3 / tick,
	                   d & 1 << 8 ? "at all times (invariant)"
	                              : "and may stop or change (not invariant)");
	if (!(d & 1 << 8))
		doctor_remedy(
		        line,
		        "clocks in images may drift: expose invariant TSC to this machine (QEMU: "
		        "-cpu host,+invtsc,migratable=no)");

	doctor_read("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
	            sizeof source);
	start = doctor_ns();
	for (int i = 0; i < ROUNDS; i++)
		doctor_ns();
	start = doctor_ns() - start;
	tick = (double)start / ROUNDS;
	line = doctor_line(report, "host.clock", tick < 200 ? DOCTOR_OK : DOCTOR_WARNING, tick,
	                   "ns", "clock source %s: %.0f ns to read the time",
	                   source[0] ? source : "unknown", tick);
	if (tick >= 200)
		doctor_remedy(line, "boot with clocksource=tsc, if the TSC is reliable here");
}

/* Nanoseconds to touch each 4 KiB of fresh memory, by advice. Infinite: no memory. */
static double touch_ns(int advice)
{
	uint8_t *area = mmap(NULL, AREA + LARGE, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	volatile uint8_t *at;
	uint64_t start;

	if (area == MAP_FAILED)
		return __builtin_inf();
	at = (uint8_t *)(((uintptr_t)area + LARGE - 1) & ~(LARGE - 1));
	madvise((void *)(uintptr_t)at, AREA, advice);
	start = doctor_ns();
	for (size_t i = 0; i < AREA; i += 4096)
		at[i] = 1;
	start = doctor_ns() - start;
	munmap(area, AREA + LARGE);
	return (double)start / (AREA / 4096);
}

static bool word(const char *text, const char *want)
{
	return strstr(text, want) != NULL;
}

void doctor_pages(struct doctor_report *report)
{
	char mode[64], total[32], free_[32];
	struct doctor_line *line;
	double small = touch_ns(MADV_NOHUGEPAGE), large = touch_ns(MADV_HUGEPAGE);

	/* A host that is a virtual machine may back its memory only now: the fastest counts. */
	for (int i = 1; i < TOUCHES; i++) {
		double again = touch_ns(MADV_NOHUGEPAGE);

		small = again < small ? again : small;
		again = touch_ns(MADV_HUGEPAGE);
		large = again < large ? again : large;
	}

	doctor_read("/sys/kernel/mm/transparent_hugepage/enabled", mode, sizeof mode);
	if (word(mode, "[always]") || word(mode, "[madvise]")) {
		doctor_line(
		        report, "host.thp", DOCTOR_OK, large, "ns/page",
		        "transparent huge pages on (%s): %.0f ns to touch 4 KiB, %.0f ns without",
		        word(mode, "[always]") ? "always" : "madvise", large, small);
	} else {
		line = doctor_line(report, "host.thp", DOCTOR_WARNING, small, "ns/page",
		                   "transparent huge pages are %s: %.0f ns to touch 4 KiB",
		                   mode[0] ? "off" : "not in this kernel", small);
		doctor_remedy(line, mode[0] ? "echo madvise | sudo tee "
		                              "/sys/kernel/mm/transparent_hugepage/enabled"
		                            : "use a kernel with CONFIG_TRANSPARENT_HUGEPAGE");
	}
	doctor_read("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", total, sizeof total);
	doctor_read("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", free_,
	            sizeof free_);
	doctor_line(report, "host.hugetlb", DOCTOR_NOTE, atof(total), "pages",
	            "%s huge pages of 2 MiB reserved, %s free (none is needed)",
	            total[0] ? total : "no", free_[0] ? free_ : "0");
}

/* One no-operation through a ring: submit, wait, take. Returns nanoseconds of the mean, or -1 with
 * errno. */
static double uring_ns(void)
{
	struct io_uring_params p = { 0 };
	int fd = (int)syscall(SYS_io_uring_setup, 8, &p);
	uint8_t *sq, *cq;
	struct io_uring_sqe *sqes;
	uint64_t start;

	if (fd < 0)
		return -1;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(uint32_t), PROT_READ | PROT_WRITE,
	          MAP_SHARED, fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
	          PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_CQ_RING);
	sqes = mmap(NULL, p.sq_entries * sizeof *sqes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	            IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqes == MAP_FAILED)
		return -1;
	start = doctor_ns();
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t at = i & (p.sq_entries - 1);

		memset(&sqes[at], 0, sizeof sqes[at]);
		sqes[at].opcode = IORING_OP_NOP;
		((uint32_t *)(void *)(sq + p.sq_off.array))[at] = at;
		__atomic_store_n((uint32_t *)(void *)(sq + p.sq_off.tail), i + 1, __ATOMIC_RELEASE);
		if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
			return -1;
		__atomic_store_n((uint32_t *)(void *)(cq + p.cq_off.head), i + 1, __ATOMIC_RELEASE);
	}
	return (double)(doctor_ns() - start) / 1000;
}

void doctor_uring(struct doctor_report *report)
{
	double ns = uring_ns();
	struct doctor_line *line;

	if (ns >= 0) {
		doctor_line(report, "host.io_uring", DOCTOR_OK, ns, "ns",
		            "io_uring works: %.0f ns for one operation submitted and awaited", ns);
		return;
	}
	line = doctor_line(report, "host.io_uring", DOCTOR_NOTE, 0, NULL,
	                   "no io_uring: %s (nothing here needs it yet)", strerror(errno));
	doctor_remedy(
	        line,
	        errno == EPERM
	                ? "sysctl kernel.io_uring_disabled=0, or a container profile that allows it"
	                : "use Linux 5.1 or later with CONFIG_IO_URING");
}

void doctor_userns(struct doctor_report *report)
{
	bool nobody = doctor_become_nobody() == 0;
	uint64_t start = doctor_ns();
	struct doctor_line *line;

	if (unshare(CLONE_NEWUSER) == 0) {
		double us = (double)(doctor_ns() - start) / 1e3;

		doctor_line(report, "host.userns", DOCTOR_OK, us, "us",
		            "%s may make user namespaces: %.0f us each",
		            nobody ? "ordinary users" : "we", us);
		return;
	}
	line = doctor_line(report, "host.userns", DOCTOR_NOTE, 0, NULL,
	                   "ordinary users may not make user namespaces: %s", strerror(errno));
	doctor_remedy(line, errno == ENOSPC
	                            ? "sysctl user.max_user_namespaces=15000"
	                            : "sysctl kernel.unprivileged_userns_clone=1, or AppArmor's "
	                              "kernel.apparmor_restrict_unprivileged_userns=0");
}
