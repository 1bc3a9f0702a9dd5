/* SPDX-License-Identifier: ISC */
/* The verb `ampoule doctor`: options, the order of the probes, the verdict. See doctor.h. */
#include "doctor.h"

#include "doctor_print.h"
#include "doctor_probe.h"
#include "output.h"

#include <ampoule_abi.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static const char usage[] =
        "usage: ampoule doctor [--json]\n"
        "\n"
        "Tells what this host can do for images, and how fast. Changes nothing.\n"
        "\n"
        "  --json      machine-readable: tenders, preferred, checks (id, state, value, unit, text, "
        "remedy)\n"
        "  -h, --help  this text\n"
        "\n"
        "Exit status: 0 if an image can run under at least one tender, 1 if not.\n";

static const struct {
	const char *id;
	doctor_probe_fn *probe;
} probes[] = {
	{ "kvm.probe", doctor_kvm },      { "sandbox.probe", doctor_sandbox },
	{ "net.passt", doctor_passt },    { "net.tap", doctor_tap },
	{ "net.bridge", doctor_bridge },  { "net.macvtap", doctor_macvtap },
	{ "net.raw", doctor_packet },     { "net.fd", doctor_descriptor },
	{ "net.xdp", doctor_xdp },        { "net.neighbours", doctor_neighbours },
	{ "host.cpu", doctor_cpu },       { "host.clock", doctor_clock },
	{ "host.pages", doctor_pages },   { "host.io_uring", doctor_uring },
	{ "host.userns", doctor_userns }, { "build.probe", doctor_build },
};

int verb_doctor(int argc, char **argv)
{
	struct doctor_report *report;
	bool json = false;

	output_watch("ampoule doctor");
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			json = true;
		} else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(usage, stdout);
			return 0;
		} else {
			fprintf(stderr, "ampoule doctor: %s '%s'; it takes --json or nothing\n",
			        argv[i][0] == '-' ? "unknown option" : "unexpected argument",
			        argv[i]);
			return AMP_EXIT_USAGE;
		}
	}
	report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	if (report == MAP_FAILED) {
		fprintf(stderr, "ampoule doctor: no memory: %s\n", strerror(errno));
		return AMP_EXIT_TENDER;
	}
	for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++)
		doctor_probe(report, probes[i].id, probes[i].probe);
	if (json)
		doctor_print_json(report);
	else
		doctor_print_text(report);
	return report->kvm || report->sandbox ? 0 : 1;
}
