/* SPDX-License-Identifier: ISC */
/* `ampoule run`: the command line of the tender. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <tender/args.h>
#include <tender/tender.h>

int verb_run(int argc, char **argv);

static const char help[] =
        "Usage: ampoule run [OPTION]... IMAGE\n"
        "Runs an image made by `ampoule build`.\n"
        "\n"
        "  --net NAME=tap:INTERFACE  connects the image's network device NAME to a TAP device, "
        "which is\n"
        "                            created for this run if it does not exist\n"
        "  --net NAME=xdp:INTERFACE[,queue=N]\n"
        "                            ... to a network interface by AF_XDP, all receive queues or "
        "queue N: their packets\n"
        "                            are the image's\n"
        "  --block NAME=FILE[,ro]    connects the image's block device NAME to a file or block "
        "device, "
        "for this\n"
        "                            image alone unless it only reads\n"
        "  --set NAME=VALUE          sets a dynamic argument\n"
        "  --memory SIZE             heap: digits and nothing or one of K M G; default: as the "
        "image says\n"
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

int verb_run(int argc, char **argv)
{
	static struct tender_options o;
	static const struct option options[] = { { "net", required_argument, NULL, 'n' },
		                                 { "block", required_argument, NULL, 'b' },
		                                 { "set", required_argument, NULL, 's' },
		                                 { "memory", required_argument, NULL, 'm' },
		                                 { "tender", required_argument, NULL, 't' },
		                                 { "timing", no_argument, NULL, 'T' },
		                                 { "verbose", no_argument, NULL, 'v' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	struct defect why;

	o.start = clock_sample();
	optind = 0;
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, ":vh", options, NULL)) != -1;) {
		switch (c) {
		case 'n':
			if (o.net_count == TENDER_NETS_MAX)
				return usage("too many --net", "");
			o.nets[o.net_count++] = optarg;
			break;
		case 'b':
			if (o.block_count == TENDER_BLOCKS_MAX)
				return usage("too many --block", "");
			o.blocks[o.block_count++] = optarg;
			break;
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
			fputs(help, stdout);
			return 0;
		case ':':
			return usage("this option wants a value: ", argv[optind - 1]);
		default:
			return usage("unknown option ", argv[optind - 1]);
		}
	}
	if (optind == argc)
		return usage("no image given", "");
	if (optind + 1 < argc)
		return usage("more than one image given: ", argv[optind + 1]);
	o.path = argv[optind];
	return tender_run(&o);
}
