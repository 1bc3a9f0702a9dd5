/* SPDX-License-Identifier: ISC */
/* `ampoule run`: the command line of the tender. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <tender/args.h>
#include <tender/tender.h>

#define DEVICE_OPTIONS 256 /* getopt's values of the options that name devices, by type */

int verb_run(int argc, char **argv);

#define STOP_TIMEOUT_NS 10000000000ull

static const char help_head[] = "Usage: ampoule run [OPTION]... IMAGE\n"
                                "Runs an image made by `ampoule build`.\n"
                                "\n";
/* Between the two: what each kind of device says of itself. */
static const char help_tail[] =
        "  --set NAME=VALUE          sets a dynamic argument\n"
        "  --memory SIZE             heap: digits and nothing or one of K M G; default: as the "
        "image says\n"
        "  --stop-timeout TIME       what the image has to end in when a signal asks it to: "
        "seconds, or\n"
        "                            digits and one of ns us ms s m h; default: 10; a second "
        "signal ends it at\n"
        "                            once, and so does 0\n"
        "  --tender kvm|sandbox      how to run it; default: kvm where it works, else sandbox\n"
        "  --timing                  prints where the time of the start went\n"
        "  -v, --verbose             says more; again (up to -vv): the image's log, too\n"
        "  -h, --help                prints this\n"
        "\n"
        "The exit status is the image's; 125: bad arguments or image; 126: the host cannot run it; "
        "134: the image\n"
        "crashed; 123: the power was cut as --block ...,cut=N asked (man ampoule-run); 128 + N: "
        "ended by signal N.\n";

static int usage(const char *what, const char *value)
{
	say("run: %s%s; try `ampoule run --help`", what, value);
	return AMP_EXIT_USAGE;
}

/* Digits alone are seconds, as docker has it. */
static int parse_duration(const char *text, uint64_t *ns)
{
	char seconds[24];
	struct defect why;
	size_t n = strspn(text, "0123456789");
	if (n && !text[n] && n < sizeof seconds - 1) {
		memcpy(seconds, text, n);
		memcpy(seconds + n, "s", 2);
		text = seconds;
	}
	return arg_parse(AMP_ARG_DURATION, text, ns, &why);
}

int verb_run(int argc, char **argv)
{
	static struct tender_options o;
	static struct option options[DEVICE_TYPES + 8] = {
		[DEVICE_TYPES] = { "set", required_argument, NULL, 's' },
		{ "memory", required_argument, NULL, 'm' },
		{ "stop-timeout", required_argument, NULL, 'S' },
		{ "tender", required_argument, NULL, 't' },
		{ "timing", no_argument, NULL, 'T' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
	};
	struct defect why;

	o.start = clock_sample();
	o.stop_timeout = STOP_TIMEOUT_NS;
	optind = 0;
	opterr = 0;
	for (uint32_t i = 0; i < DEVICE_TYPES; i++)
		options[i] = (struct option){ device_types[i]->option, required_argument, NULL,
			                      DEVICE_OPTIONS + (int)i };
	for (int c; (c = getopt_long(argc, argv, ":vh", options, NULL)) != -1;) {
		switch (c) {
		case 's':
			if (o.set_count == TENDER_SETS_MAX)
				return usage("too many --set", "");
			o.sets[o.set_count++] = optarg;
			break;
		case 'm':
			if (arg_parse(AMP_ARG_SIZE, optarg, &o.memory, &why) || !o.memory ||
			    o.memory > UINT64_MAX - AMP_PAGE)
				return usage(
				        "--memory wants digits and nothing or one of K M G, not ",
				        optarg);
			o.memory = (o.memory + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
			break;
		case 'S':
			if (parse_duration(optarg, &o.stop_timeout))
				return usage("--stop-timeout wants seconds, or digits and one of "
				             "ns us ms s m h, not ",
				             optarg);
			break;
		case 't':
			if (!strcmp(optarg, "kvm"))
				o.choice = TENDER_KVM;
			else if (!strcmp(optarg, "sandbox"))
				o.choice = TENDER_SANDBOX;
			else
				return usage("--tender is kvm or sandbox, not ", optarg);
			break;
		case 'T':
			o.timing = true;
			break;
		case 'v':
			o.verbosity++;
			break;
		case 'h':
			fputs(help_head, stdout);
			for (uint32_t i = 0; i < device_kind_count; i++)
				fputs(device_kinds[i]->help, stdout);
			fputs(help_tail, stdout);
			return 0;
		case ':':
			return usage("this option wants a value: ", argv[optind - 1]);
		default:
			if (c < DEVICE_OPTIONS)
				return usage("unknown option ", argv[optind - 1]);
			struct device_texts *d = &o.devices[c - DEVICE_OPTIONS];
			if (d->count == DEVICE_TEXTS_MAX)
				return usage("too many --",
				             device_types[c - DEVICE_OPTIONS]->option);
			d->texts[d->count++] = optarg;
		}
	}
	if (optind == argc)
		return usage("no image given", "");
	if (optind + 1 < argc)
		return usage("more than one image given: ", argv[optind + 1]);
	o.path = argv[optind];
	return tender_run(&o);
}
