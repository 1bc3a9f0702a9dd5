/* SPDX-License-Identifier: ISC */
/* Runs the probes of `ampoule doctor` in child processes, bounded in time, and collects their
 * lines. */
#include "doctor_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define NOBODY 65534

struct doctor_line *doctor_line(struct doctor_report *report, const char *id,
                                enum doctor_state state, double value, const char *unit,
                                const char *format, ...)
{
	uint32_t at = report->count < DOCTOR_LINES_MAX ? report->count : DOCTOR_LINES_MAX - 1;
	struct doctor_line *line = &report->lines[at];
	va_list list;

	memset(line, 0, sizeof *line);
	snprintf(line->id, sizeof line->id, "%s", id);
	line->state = state;
	line->value = value;
	if (unit)
		snprintf(line->unit, sizeof line->unit, "%s", unit);
	va_start(list, format);
	vsnprintf(line->text, sizeof line->text, format, list);
	va_end(list);
	report->count = at + 1;
	return line;
}

void doctor_remedy(struct doctor_line *line, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(line->remedy, sizeof line->remedy, format, list);
	va_end(list);
}

static void child(struct doctor_report *report, doctor_probe_fn *probe)
{
	int null = open("/dev/null", O_RDWR);

	/* A group of its own, so that whatever it starts can be ended with it. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
	}
	probe(report);
	_exit(0);
}

/* Waits for pid until the deadline. Returns 1 with its status, or 0. */
static int reap(pid_t pid, int *status, uint64_t deadline)
{
	const struct timespec tick = { .tv_nsec = 500000 };

	for (;;) {
		pid_t got = waitpid(pid, status, WNOHANG);

		if (got == pid)
			return 1;
		if ((got < 0 && errno != EINTR) || doctor_ns() >= deadline)
			return 0;
		nanosleep(&tick, NULL);
	}
}

void doctor_probe(struct doctor_report *report, const char *id, doctor_probe_fn *probe)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		doctor_line(report, id, DOCTOR_MISSING, 0, NULL, "cannot start a process: %s",
		            strerror(errno));
		return;
	}
	if (pid == 0)
		child(report, probe);
	setpgid(pid, pid);
	if (!reap(pid, &status, doctor_ns() + DOCTOR_TIMEOUT_MS * 1000000ull)) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		reap(pid, &status, doctor_ns() + 1000000000ull);
		doctor_remedy(doctor_line(report, id, DOCTOR_MISSING, 0, NULL,
		                          "the probe did not end within %d s",
		                          DOCTOR_TIMEOUT_MS / 1000),
		              "the kernel may be stuck: see dmesg");
		return;
	}
	kill(-pid, SIGKILL); /* what it left behind, if anything */
	if (WIFSIGNALED(status))
		doctor_line(report, id, DOCTOR_MISSING, 0, NULL,
		            "the probe was ended by signal %d (%s)", WTERMSIG(status),
		            strsignal(WTERMSIG(status)));
}

uint64_t doctor_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double doctor_tsc_ns(void)
{
	uint64_t ns = doctor_ns(), tsc = __rdtsc(), now;

	do
		now = doctor_ns();
	while (now - ns < 5000000);
	return (double)(now - ns) / (double)(__rdtsc() - tsc);
}

int doctor_become_nobody(void)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return -1;
	/* A change of user makes a process undumpable, and its files in /proc root's: it could not
	 * write its own uid_map. */
	prctl(PR_SET_DUMPABLE, 1);
	return 0;
}

void doctor_read(const char *path, char *text, unsigned size)
{
	FILE *file = fopen(path, "re");

	text[0] = 0;
	if (!file)
		return;
	if (fgets(text, (int)size, file))
		text[strcspn(text, "\n")] = 0;
	else
		text[0] = 0;
	fclose(file);
}
