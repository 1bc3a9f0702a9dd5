/* SPDX-License-Identifier: ISC */
/* Probes of `ampoule doctor`: a probe is a function that runs in a child process and reports lines.
 */
#ifndef AMPOULE_CLI_DOCTOR_PROBE_H
#define AMPOULE_CLI_DOCTOR_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#define DOCTOR_LINES_MAX  48   /* of one report */
#define DOCTOR_TEXT_MAX   192  /* bytes with NUL */
#define DOCTOR_TIMEOUT_MS 5000 /* for one probe; the longest takes about 100 ms on a slow host */

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_NOTE,    /* worth knowing; nothing is lost */
	DOCTOR_WARNING, /* works, but slower or with less than it could: there is a remedy */
	DOCTOR_MISSING, /* does not work */
};

struct doctor_line {
	char id[32];                  /* GROUP.NAME: stable, for programs */
	char text[DOCTOR_TEXT_MAX];   /* what was found, in words */
	char remedy[DOCTOR_TEXT_MAX]; /* what to do about it; empty where nothing is wanting */
	char unit[24];                /* of value; empty: there is no value */
	double value;
	enum doctor_state state;
};

/* Lives in memory shared with the probes. A line counts when count covers it, so that what a probe
 * reported before it died or hung is kept. */
struct doctor_report {
	volatile uint32_t count;
	bool kvm, sandbox; /* this tender works */
	struct doctor_line lines[DOCTOR_LINES_MAX];
};

/* Appends a line; unit NULL: no value. Returns it, for doctor_remedy(). Never NULL: lines past the
 * last overwrite it. */
struct doctor_line *doctor_line(struct doctor_report *report, const char *id,
                                enum doctor_state state, double value, const char *unit,
                                const char *format, ...) __attribute__((format(printf, 6, 7)));
void doctor_remedy(struct doctor_line *line, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

typedef void doctor_probe_fn(struct doctor_report *report);

/* Runs a probe in a child process, and reports under its id if it crashed or did not end in time.
 */
void doctor_probe(struct doctor_report *report, const char *id, doctor_probe_fn *probe);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t doctor_ns(void);
/* Nanoseconds of one tick of the TSC, measured over some milliseconds. */
double doctor_tsc_ns(void);
/* If this process is root: becomes nobody without capabilities, to see what an ordinary user may
 * do. Returns 0 or -1. */
int doctor_become_nobody(void);
/* A network namespace of our own, by a user namespace where we are not root. 0, or -1 with errno. */
int doctor_enter_network(void);
/* The first line of a file, without its newline; empty if it cannot be read. */
void doctor_read(const char *path, char *text, unsigned size);

/* The probes, each reporting lines of the group that it is named after. */
doctor_probe_fn doctor_kvm, doctor_sandbox, doctor_passt, doctor_tap, doctor_bridge, doctor_macvtap,
        doctor_packet, doctor_descriptor, doctor_xdp, doctor_neighbours, doctor_cpu, doctor_clock,
        doctor_pages, doctor_uring, doctor_userns, doctor_build;

#endif
