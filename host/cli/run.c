/* SPDX-License-Identifier: ISC */
/* `ampoule run`: the command line of the tender. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cli/clone.h>
#include <cli/detach.h>
#include <cli/env_file.h>
#include <cli/near.h>
#include <cli/output.h>
#include <cli/publish.h>
#include <cli/qemu.h>
#include <cli/run.h>
#include <cli/several.h>
#include <cli/standby.h>
#include <cli/warm.h>
#include <tender/args.h>
#include <tender/tender.h>

#define DEVICE_OPTIONS 256 /* getopt's values of the options that name devices, by type */

#define STOP_TIMEOUT_NS 10000000000ull

static const char help_head[] = "usage: ampoule run [OPTION...] IMAGE\n\n"
                                "Runs an image made by `ampoule build`.\n"
                                "\n";
static const char clone_head[] =
        "usage: ampoule clone [OPTION...] SNAPSHOT\n\n"
        "Goes on from a snapshot (`ampoule snapshot`): with all that the appliance had in memory, "
        "and devices, an\n"
        "address and secrets of its own. SNAPSHOT is a file; -: standard input; or an appliance in "
        "the background.\n\n";
static const char help_count[] =
        "  -n, --count NUMBER        so many at once, on all CPUs. In the values of options {n} is "
        "the number of one,\n"
        "                            from 0 on; {5+n} and {10.0.0.2+n} are sums\n";
static const char help_moved[] =
        "  --keep-connections        goes on in the place of the original, which has ended "
        "(snapshot --stop): at its\n"
        "                            addresses, and with the connections that it had. Once: "
        "SNAPSHOT is a pipe\n";
static const char help_publish[] =
        "  -p [ADDRESS:]HOST:PORT[/udp]\n"
        "                            leads a port of the host to one of the image's, without root; "
        "ranges:\n"
        "                            8000-8010:80-90; again for more\n";
/* Between the two: what each kind of device says of itself. */
static const char help_tail[] =
        "  --set NAME=VALUE          sets a dynamic argument; =@FILE: to what the file holds (for "
        "secrets)\n"
        "  -e, --env NAME=VALUE      is the same, as docker has it\n"
        "  --env-file FILE           sets as --set does, a line NAME=VALUE each; again for more\n"
        "  --secret NAME=FILE        is --set NAME=@FILE\n"
        "  -m, --memory SIZE         heap: digits and nothing or one of K M G; default: as the "
        "image says, as\n"
        "                            far as a quarter of the host's memory goes\n"
        "  --jail default|strict     strict: namespaces, Landlock and limits of its own, or it is "
        "not run\n"
        "  --cpus NUMBER             so many CPUs' time at most, by a control group: 0.01 to 1024\n"
        "  --key KEY                 runs it only if it is signed by this minisign key, a file "
        "or the key itself;\n"
        "                            again: by one of them\n"
        "  --policy FILE             what images may run, in place of the user's own policy (man "
        "ampoule-run)\n"
        "  --stop-timeout TIME       what the image has to end in when a signal asks it to: "
        "seconds, or\n"
        "                            digits and one of ns us ms s m h; default: 10; a second "
        "signal ends it at\n"
        "                            once, and so does 0\n"
        "  --tender kvm|sandbox      how to run it; default: kvm where it works, else sandbox\n"
        "                            qemu, qemu-q35, qemu-nvme: the boot kernel in QEMU's "
        "emulation, to try it\n"
        "  --fixed-layout            leaves the image at the addresses of its file, for debuggers; "
        "else they "
        "are drawn\n"
        "                            for each start\n"
        "  --warm FILE               runs it until it says that it is warm (clone_ready): then it "
        "ends, "
        "and FILE is its\n"
        "                            snapshot, for `ampoule clone`\n"
        "  --warm-timeout TIME       what it has until then; default: as long as it takes\n"
        "  --timing                  prints where the time of the start went\n"
        "  -v, --verbose             says more; again (up to -vv): the image's log, too\n"
        "  -h, --help                prints this\n"
        "\n"
        "The exit status is the image's; 125: bad arguments or image; 126: the host cannot run it; "
        "134: the image\n"
        "crashed; 123: the power was cut as --block ...,cut=N asked (man ampoule-run); 128 + N: "
        "ended by signal N.\n";

#define LETTERS     ":p:m:n:e:dvh"
#define OWN_OPTIONS 26 /* beside devices' and those of detach.h */

static enum run_verb verb;
static bool skips_files; /* of the command line's, no contents are read */

static const char *verb_name(void)
{
	return verb == RUN ? "run" : verb == RUN_CLONE ? "clone" : "standby";
}

static int usage(const char *what, const char *value)
{
	say("%s%s; try `ampoule %s --help`", what, value, verb_name());
	return AMP_EXIT_USAGE;
}

/* Docker's words, and what they are here; then the nearest of our own. */
static int unknown(const char *word, int letter, const struct option *options)
{
	/* Of several letters behind one dash, getopt is at the word before, until the last. */
	const char of_letter[] = { '-', (char)letter, 0 };
	if (letter == 'i' || letter == 't') {
		say("unknown option %s: an image takes no input and no terminal: leave it out; "
		    "`ampoule attach` shows what it writes",
		    of_letter);
		return AMP_EXIT_USAGE;
	}
	if (letter)
		return usage("unknown option ", of_letter);
	static const struct near_word docker[] = {
		{ "--volume", "--block" },      { "--mount", "--block" },
		{ "--network", "--net" },       { "--publish-all", "-p" },
		{ "--expose", "-p" },           { "--cpu-shares", "--cpus" },
		{ "--health-cmd", "--health" }, { "--healthcheck", "--health" },
		{ "--mem", "--memory" },
	};
	const char *names[64];
	unsigned count = 0;
	if (word[0] != '-' || word[1] != '-')
		return usage("unknown option ", word);
	for (; options[count].name && count < 64; count++)
		names[count] = options[count].name;
	char option[64];
	snprintf(option, sizeof option, "%.*s", (int)strcspn(word, "="), word);
	const char *near = near_docker(option, docker, sizeof docker / sizeof *docker);
	const char *own = near ? NULL : near_find(option + 2, names, count);
	if (near || own) {
		say("unknown option %s: did you mean %s%s?", word, own ? "--" : "",
		    own ? own : near);
		return AMP_EXIT_USAGE;
	}
	return usage("unknown option ", word);
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

/* 64m, as docker has it, is 64M. */
static void raise_unit(char *text)
{
	size_t n = strlen(text);
	if (n && strchr("kmg", text[n - 1]))
		text[n - 1] = (char)(text[n - 1] - 'a' + 'A');
}

/* NAME=FILE as --set takes it, NAME=@FILE, kept; null where it is something else. A FILE that is written as there is the same. */
static char *secret_set(const char *text)
{
	const char *equals = strchr(text, '=');
	char *set;
	if (!equals || equals == text || !equals[1])
		return NULL;
	if (asprintf(&set, "%.*s=@%s", (int)(equals - text), text,
	             equals + 1 + (equals[1] == '@')) < 0)
		abort();
	return set;
}

/* Digits, and up to three behind a point. */
static bool parse_cpus(const char *text, uint32_t *permille)
{
	size_t whole = strspn(text, "0123456789");
	const char *rest = text + whole;
	uint32_t n = 0, scale = 1000;
	if (!whole || whole > 4)
		return false;
	for (size_t i = 0; i < whole; i++)
		n = n * 10 + (uint32_t)(text[i] - '0');
	n *= 1000;
	if (*rest == '.' && !rest[1])
		return false;
	for (rest += *rest == '.'; *rest >= '0' && *rest <= '9' && scale > 1; rest++) {
		scale /= 10;
		n += (uint32_t)(*rest - '0') * scale;
	}
	*permille = n;
	return !*rest && n >= 10 && n <= 1024000;
}

/* What the words say. */
static struct tender_options o;
static struct publish_texts publish;
static struct detach detach;
static struct standby_words standby;
static const char *warm;
static const struct qemu_machine *machine;
static uint64_t count, warm_limit; /* ns; 0: none */

static void forget(void)
{
	o = (struct tender_options){ .start = clock_sample(), .stop_timeout = STOP_TIMEOUT_NS };
	publish = (struct publish_texts){ 0 };
	detach = (struct detach){ .verb = verb == RUN ? NULL : verb_name() };
	standby = (struct standby_words){ .idle_ms = STANDBY_IDLE_MS,
		                          .awake_max = STANDBY_AWAKE_MAX,
		                          .hold = HELD_DEFAULT };
	machine = NULL;
	warm = NULL;
	warm_limit = 0;
	count = 0; /* -n is not given, and braces are the user's own */
}

static void help(void)
{
	fputs(verb == RUN ? help_head : verb == RUN_CLONE ? clone_head : standby_help, stdout);
	if (verb != RUN_STANDBY) {
		fputs(help_count, stdout);
		fputs(help_publish, stdout);
	}
	if (verb == RUN_CLONE)
		fputs(help_moved, stdout);
	fputs(detach_help, stdout);
	for (uint32_t i = 0; i < device_kind_count; i++)
		fputs(device_kinds[i]->help, stdout);
	fputs(help_tail, stdout);
}

/* 0, or the exit status; RUN_HELP: it was told. */
static int read_words(int argc, char **argv)
{
	static struct option options[DEVICE_TYPES + OWN_OPTIONS + DETACH_OPTIONS + 1] = {
		[DEVICE_TYPES] = { "set", required_argument, NULL, 's' },
		{ "publish", required_argument, NULL, 'p' },
		{ "memory", required_argument, NULL, 'm' },
		{ "jail", required_argument, NULL, 'j' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'k' },
		{ "policy", required_argument, NULL, 'P' },
		{ "stop-timeout", required_argument, NULL, 'S' },
		{ "tender", required_argument, NULL, 't' },
		{ "timing", no_argument, NULL, 'T' },
		{ "fixed-layout", no_argument, NULL, 'F' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "env-file", required_argument, NULL, 'E' },
		{ "count", required_argument, NULL, 'n' },
		{ "warm", required_argument, NULL, 'W' },
		{ "warm-timeout", required_argument, NULL, 'L' },
		{ "file", required_argument, NULL, 'f' },
		{ "idle", required_argument, NULL, 'I' },
		{ "keep-state", required_argument, NULL, 'K' },
		{ "wake", required_argument, NULL, 'w' },
		{ "awake", required_argument, NULL, 'A' },
		{ "hold", required_argument, NULL, 'H' },
		{ "keep-connections", no_argument, NULL, 'C' },
		{ "env", required_argument, NULL, 's' },
		{ "secret", required_argument, NULL, 'q' },
	};
	uint32_t which;
	struct defect why;

	forget();
	optind = 0;
	opterr = 0;
	for (uint32_t i = 0; i < DEVICE_TYPES; i++)
		options[i] = (struct option){ device_types[i]->option, required_argument, NULL,
			                      DEVICE_OPTIONS + (int)i };
	memcpy(options + DEVICE_TYPES + OWN_OPTIONS, detach_options, sizeof detach_options);
	for (int c; (c = getopt_long(argc, argv, verb < RUN_STANDBY ? LETTERS : ":p:m:n:f:e:dvh",
	                             options, NULL)) != -1;) {
		if (c == 'd')
			c = DETACH_FIRST;
		if (c == 'e') /* docker's word for it */
			c = 's';
		if (c == 'q') {
			char *value = optarg;
			optarg = secret_set(value);
			if (!optarg)
				return usage("--secret wants NAME=FILE, not ", value);
			c = 's';
		}
		if (c == 'm')
			raise_unit(optarg);
		if (verb == RUN_STANDBY_LINE && c >= DETACH_FIRST)
			return usage("is of all standbys together: ", argv[optind - 1]);
		if (detach_take(&detach, c, optarg))
			continue;
		for (which = 0; options[which].name && options[which].val != c; which++)
			;
		if (c < 256 && ((strchr("fIKwAH", c) && verb < RUN_STANDBY) ||
		                (c == 'C' && verb != RUN_CLONE)))
			return usage("unknown option --", options[which].name);
		if (options[which].name && verb != RUN_STANDBY_LINE &&
		    (c != 'n' || verb == RUN_STANDBY) &&
		    !detach_word(&detach, options[which].name, optarg))
			return usage("too many options", "");
		switch (c) {
		case 's':
			if (o.set_count == TENDER_SETS_MAX)
				return usage("too many --set", "");
			o.sets[o.set_count++] = optarg;
			break;
		case 'E':
			if (verb == RUN_STANDBY || skips_files)
				break; /* read by whoever is woken */
			if (env_file_read(optarg, o.sets, &o.set_count, TENDER_SETS_MAX, &why)) {
				say("%s", why.text);
				return AMP_EXIT_USAGE;
			}
			break;
		case 'W':
			warm = optarg;
			break;
		case 'L':
			if (parse_duration(optarg, &warm_limit) || !warm_limit)
				return usage("--warm-timeout wants seconds, or digits and one of "
				             "ns us ms s m h, not ",
				             optarg);
			break;
		case 'C':
			o.moved = true;
			break;
		case 'f':
		case 'I':
		case 'K':
		case 'w':
		case 'A':
		case 'H':
			if (standby_take(&standby, c, optarg, verb == RUN_STANDBY_LINE))
				return AMP_EXIT_USAGE;
			break;
		case 'n':
			if (arg_parse(AMP_ARG_U32, optarg, &count, &why) || !count ||
			    count > SEVERAL_MAX)
				return usage("--count wants a number from 1 to 100000, not ",
				             optarg);
			break;
		case 'p':
			if (!publish_add(&publish, optarg))
				return usage("too many -p", "");
			break;
		case 'm':
			if (arg_parse(AMP_ARG_SIZE, optarg, &o.memory, &why) || !o.memory ||
			    o.memory > UINT64_MAX - AMP_PAGE)
				return usage(
				        "--memory wants digits and nothing or one of K M G, not ",
				        optarg);
			o.memory = (o.memory + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
			break;
		case 'j':
			o.jail.strict = !strcmp(optarg, "strict");
			if (!o.jail.strict && strcmp(optarg, "default") != 0)
				return usage("--jail is default or strict, not ", optarg);
			break;
		case 'c':
			if (!parse_cpus(optarg, &o.jail.cpu_permille))
				return usage("--cpus wants a number from 0.01 to 1024, not ",
				             optarg);
			break;
		case 'k':
			if (o.trust.key_count == POLICY_KEYS_MAX)
				return usage("too many --key", "");
			o.trust.keys[o.trust.key_count++] = optarg;
			break;
		case 'P':
			o.trust.policy = optarg;
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
			else if (qemu_machine(optarg))
				machine = qemu_machine(optarg);
			else
				return usage("--tender is kvm or sandbox (or qemu, to try "
				             "others), not ",
				             optarg);
			break;
		case 'T':
			o.timing = true;
			break;
		case 'F':
			o.fixed_layout = true;
			break;
		case 'v':
			o.verbosity++;
			break;
		case 'h':
			help();
			return RUN_HELP;
		case ':':
			return usage("this option wants a value: ", argv[optind - 1]);
		default:
			if (c < DEVICE_OPTIONS)
				return unknown(argv[optind - 1],
				               optopt > ' ' && optopt < 127 &&
				                               !strchr(LETTERS, optopt)
				                       ? optopt
				                       : 0,
				               options);
			struct device_texts *d = &o.devices[c - DEVICE_OPTIONS];
			if (d->count == DEVICE_TEXTS_MAX)
				return usage("too many --",
				             device_types[c - DEVICE_OPTIONS]->option);
			d->texts[d->count++] = optarg;
		}
	}
	return 0;
}

int run_read_line(int argc, char **argv, bool files, struct run_words *to)
{
	verb = RUN_STANDBY_LINE;
	skips_files = !files;
	int status = read_words(argc, argv);
	if (status)
		return status;
	if (optind == argc)
		return usage("no snapshot and no image given", "");
	if (publish.count || warm || warm_limit || machine)
		return usage("not for what stands by: ", publish.count        ? "-p"
		                                         : warm || warm_limit ? "--warm"
		                                                              : "--tender qemu");
	*to = (struct run_words){ argv + optind, (unsigned)(argc - optind), &o, &standby,
		                  count ? (unsigned)count : 1 };
	return 0;
}

int verb_run(int argc, char **argv)
{
	verb = !strcmp(argv[0], "clone")     ? RUN_CLONE
	       : !strcmp(argv[0], "standby") ? RUN_STANDBY
	                                     : RUN;
	say_as(verb_name());
	output_watch(verb == RUN         ? "ampoule run"
	             : verb == RUN_CLONE ? "ampoule clone"
	                                 : "ampoule standby");
	int status = read_words(argc, argv);
	bool is_clone = verb == RUN_CLONE;
	if (status)
		return status == RUN_HELP ? 0 : status;
	if (verb == RUN_STANDBY)
		return standby_run(argc, argv, &o, &detach, &standby);
	if (optind == argc)
		return usage(is_clone ? "no snapshot given" : "no image given", "");
	if (optind + 1 < argc)
		return usage(is_clone ? "more than one snapshot given: "
		                      : "more than one image given: ",
		             argv[optind + 1]);
	if (machine && is_clone)
		return usage("a snapshot is not for ", "--tender qemu");
	if ((machine || warm) && count)
		return usage("-n does not go with ", machine ? "--tender qemu" : "--warm");
	if (machine && detach.is_wanted)
		return usage("--tender qemu runs in the foreground only, without ", "-d");
	if (machine) {
		o.path = argv[optind];
		return qemu_run(&o, &publish, machine);
	}
	if (!publish_apply(&publish, &o.devices[0]))
		return usage("too much to publish by -p", "");
	o.path = argv[optind];
	if (detach.needs && !detach.is_wanted)
		return usage("only with -d there is --", detach.needs);
	if (warm && (is_clone || detach.is_wanted))
		return usage("--warm is for `ampoule run` without -d", "");
	if (warm_limit && !warm)
		return usage("--warm-timeout is beside --warm", "");
	if (warm)
		return warm_run(&o, warm, warm_limit);
	if (o.moved && count)
		return usage("one takes the original's place: leave out ", "-n");
	if (o.moved && o.set_count)
		return usage("--keep-connections goes on as the original was set: leave out --set ",
		             o.sets[0]);
	if (is_clone)
		return clone_run(&o, &detach, o.path, count ? (unsigned)count : 1);
	if (count)
		return several_run(&o, &detach, (unsigned)count);
	if (detach.is_wanted)
		return detach_run(&detach, &o);
	return tender_run(&o);
}
