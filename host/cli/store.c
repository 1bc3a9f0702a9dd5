/* SPDX-License-Identifier: ISC */
/* `ampoule store`: the command line of host/store. See ampoule-store(1). */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <builder/value.h>
#include <cli/output.h>
#include <store/verbs.h>

static const char usage[] =
        "usage: ampoule store check FILE\n"
        "       ampoule store dump [--raw | --sql] [--salvage] [-o OUTPUT] FILE\n"
        "       ampoule store load [--size SIZE] [--as FORMAT] [--force] FILE [DUMP]\n"
        "       ampoule store copy [--force] FILE TO\n"
        "       ampoule store grow FILE SIZE\n\n"
        "Looks after the store of an appliance, a B-tree or a volume of SQLite, on a file or "
        "block\n"
        "device.\n\n"
        "  check    tells what is sound and what is not\n"
        "  dump     entries as lines of JSON; of a volume, the database\n"
        "  load     makes a store of a dump, or of a database\n"
        "  copy     makes a copy, also while the appliance runs\n"
        "  grow     makes it larger: SIZE bytes, or +SIZE more\n\n"
        "      --raw          dump: entries in binary form\n"
        "      --sql          dump: a database as statements that make it anew\n"
        "      --salvage      dump: go around what is damaged, and list what is lost\n"
        "  -o, --output FILE  dump: into a file\n"
        "      --size SIZE    load: of the file (default: as it is, or twice what is needed)\n"
        "      --as FORMAT    load: btree or sqlite (default: by what the dump begins with)\n"
        "      --force        load, copy: replace what is there\n"
        "  -h, --help         this text\n\n"
        "A SIZE may end in K, M, G or T. Exit status: 0; 1 if something is damaged or lost; 125 "
        "if\n"
        "what was asked for cannot be; 126 if the host could not do it.\n";

#define HINT "`ampoule store --help`"

/* 1.5 and the like are no sizes. */
static uint64_t size_parse(const char *text)
{
	static const char units[] = "KMGT";
	char *end;
	errno = 0;
	unsigned long long n = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
	unsigned shift = 0;
	if (n && *end) {
		const char *unit = strchr(units, *end >= 'a' ? *end - ('a' - 'A') : *end);
		shift = unit && !end[1] ? 10 * (unsigned)(unit - units + 1) : 64;
	}
	if (!n || errno || shift >= 64 || n > (UINT64_MAX >> 2) >> shift)
		die(AMP_EXIT_USAGE, "%s is no size: want bytes, or a number and K, M, G or T",
		    text);
	return (uint64_t)n << shift;
}

static const struct verb {
	const char *name;
	int (*run)(const struct store_options *);
	int least, most; /* operands */
	const char *operands, *options;
} verbs[] = {
	{ "check", store_check, 1, 1, "FILE", "" },
	{ "dump", store_dump, 1, 1, "FILE", "rqso" },
	{ "load", store_load, 1, 2, "FILE [DUMP]", "zaf" },
	{ "copy", store_copy, 2, 2, "FILE TO", "f" },
	{ "grow", store_grow, 2, 2, "FILE SIZE", "" },
};
#define VERBS (sizeof verbs / sizeof *verbs)

static const struct verb *verb_find(const char *name)
{
	const char *names[VERBS];
	for (unsigned k = 0; k < VERBS; k++) {
		names[k] = verbs[k].name;
		if (!strcmp(name, verbs[k].name))
			return &verbs[k];
	}
	const char *near = nearest(name, names, VERBS);
	if (near)
		die(AMP_EXIT_USAGE, "no verb %s: did you mean %s?", name, near);
	die(AMP_EXIT_USAGE, "no verb %s: " HINT " lists them", name);
}

static const struct option longs[] = { { "raw", no_argument, NULL, 'r' },
	                               { "sql", no_argument, NULL, 'q' },
	                               { "salvage", no_argument, NULL, 's' },
	                               { "output", required_argument, NULL, 'o' },
	                               { "size", required_argument, NULL, 'z' },
	                               { "as", required_argument, NULL, 'a' },
	                               { "force", no_argument, NULL, 'f' },
	                               { "help", no_argument, NULL, 'h' },
	                               { 0 } };

/* Which options were given, by letter, for the verb may have none of them. */
static void option(struct store_options *o, int c, char **argv)
{
	switch (c) {
	case 'r':
		o->raw = true;
		break;
	case 'q':
		o->sql = true;
		break;
	case 's':
		o->salvage = true;
		break;
	case 'f':
		o->force = true;
		break;
	case 'o':
		o->other = optarg;
		break;
	case 'z':
		o->size = size_parse(optarg);
		break;
	case 'a':
		o->as = optarg;
		if (strcmp(optarg, "btree") != 0 && strcmp(optarg, "sqlite") != 0)
			die(AMP_EXIT_USAGE, "--as %s: want btree or sqlite", optarg);
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	case ':':
		die(AMP_EXIT_USAGE, "%s needs a value: " HINT, argv[optind - 1]);
	default:
		die(AMP_EXIT_USAGE, "no option %s: " HINT " lists them", argv[optind - 1]);
	}
}

static const char *option_name(int letter)
{
	const struct option *o = longs;
	while (o->val != letter)
		o++;
	return o->name;
}

int main(int argc, char **argv)
{
	struct store_options o = { .file = NULL };
	char given[32] = "";
	int c;
	output_watch("ampoule store");
	die_as("ampoule store");
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":ho:", longs, NULL)) != -1) {
		option(&o, c, argv);
		if (!strchr(given, c) && strlen(given) + 1 < sizeof given)
			given[strlen(given)] = (char)c;
	}
	if (optind == argc)
		die(AMP_EXIT_USAGE, "name a verb: check, dump, load, copy or grow: " HINT);
	const struct verb *v = verb_find(argv[optind++]);
	for (const char *g = given; *g; g++)
		if (!strchr(v->options, *g))
			die(AMP_EXIT_USAGE, "%s has no --%s: " HINT, v->name, option_name(*g));
	int operands = argc - optind;
	if (operands < v->least || operands > v->most)
		die(AMP_EXIT_USAGE, "want ampoule store %s %s: " HINT, v->name, v->operands);
	o.file = argv[optind];
	const char *second = operands > 1 ? argv[optind + 1] : NULL;
	if (v->run == store_grow) {
		o.size_more = *second == '+';
		o.size = size_parse(second + o.size_more);
	} else if (second) {
		o.other = second;
	}
	return v->run(&o);
}
