/* SPDX-License-Identifier: ISC */
/* The programs and files that `ampoule build` needs, seen by `ampoule doctor`. */
#include "doctor_probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUSL_LIBC   "/usr/lib/x86_64-linux-musl/libc.a"
#define MUSL_HEADER "/usr/include/x86_64-linux-musl/stdio.h"

static const struct tool {
	const char *id, *program, *package;
} tools[] = {
	{ "build.clang", "clang-19", "clang-19" },
	{ "build.lld", "ld.lld-19", "lld-19" },
	{ "build.ninja", "ninja", "ninja-build" },
};

/* The first line that `PROGRAM --version` prints. Returns 0, or -1 if it cannot be run. */
static int version(const char *program, char *text, size_t size)
{
	char command[64];
	FILE *pipe;

	snprintf(command, sizeof command, "exec %s --version 2>&1", program);
	pipe = popen(command, "re");
	if (!pipe)
		return -1;
	if (!fgets(text, (int)size, pipe))
		text[0] = 0;
	text[strcspn(text, "\n")] = 0;
	while (fgetc(pipe) != EOF)
		;
	return pclose(pipe) == 0 ? 0 : -1;
}

void doctor_build(struct doctor_report *report)
{
	char text[128];

	for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) {
		const struct tool *tool = &tools[i];
		uint64_t start = doctor_ns();

		if (version(tool->program, text, sizeof text) == 0) {
			double ms = (double)(doctor_ns() - start) / 1e6;

			doctor_line(report, tool->id, DOCTOR_OK, ms, "ms",
			            "%s: %.80s; starts in %.0f ms", tool->program, text, ms);
		} else {
			doctor_remedy(doctor_line(report, tool->id, DOCTOR_WARNING, 0, NULL,
			                          "%s does not run: `ampoule build` needs it",
			                          tool->program),
			              "sudo apt-get install %s", tool->package);
		}
	}
	if (access(MUSL_LIBC, R_OK) == 0 && access(MUSL_HEADER, R_OK) == 0)
		doctor_line(report, "build.musl", DOCTOR_OK, 0, NULL,
		            "musl's static libc and headers are there");
	else
		doctor_remedy(
		        doctor_line(report, "build.musl", DOCTOR_WARNING, 0, NULL,
		                    "musl's static libc is not there: `ampoule build` needs it"),
		        "sudo apt-get install musl-dev");
}
