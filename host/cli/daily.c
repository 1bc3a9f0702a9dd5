/* SPDX-License-Identifier: ISC */
/* `ampoule ps`, `logs`, `stop` and the like: verbs for appliances in the background. See ampoule-daily(1). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/daily.h>
#include <cli/near.h>
#include <cli/output.h>
#include <tender/args.h>

static const struct {
	const char *name;
	int (*run)(int, char **);
} verbs[] = {
	{ "ps", daily_ps },
	{ "logs", daily_logs },
	{ "stop", daily_stop },
	{ "kill", daily_kill },
	{ "rm", daily_rm },
	{ "wait", daily_wait },
	{ "restart", daily_restart },
	{ "attach", daily_attach },
	{ "stats", daily_stats },
	{ "inspect", daily_inspect },
	{ "up", daily_up },
	{ "down", daily_down },
	{ "generate", daily_generate },
	{ "snapshot", daily_snapshot },
	{ "secret", daily_secret },
	{ "fork", daily_fork },
};
#define VERBS (sizeof verbs / sizeof *verbs)

static _Noreturn void no_option(const char *word, const struct option *options, const char *verb)
{
	const char *names[32];
	unsigned count = 0;
	char name[64];
	for (; options[count].name && count < 32; count++)
		names[count] = options[count].name;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
	const char *near = !strncmp(name, "--", 2) ? near_find(name + 2, names, count) : NULL;
	if (near)
		die(AMP_EXIT_USAGE, "no option %s: did you mean --%s?", word, near);
	die(AMP_EXIT_USAGE, "no option %s: `ampoule %s --help`", word, verb);
}

int daily_option(int argc, char **argv, const char *letters, const struct option *options,
                 const char *usage)
{
	opterr = 0;
	int c = getopt_long(argc, argv, letters, options, NULL);
	if (c == 'h') {
		fputs(usage, stdout);
		exit(0);
	}
	if (c == ':')
		die(AMP_EXIT_USAGE, "%s wants a value: `ampoule %s --help`", argv[optind - 1],
		    argv[0]);
	if (c == '?') {
		char letter[3] = { '-', (char)optopt, 0 };
		no_option(optopt ? letter : argv[optind - 1], options, argv[0]);
	}
	return c;
}

int64_t daily_time(const char *option, const char *text)
{
	struct defect why;
	uint64_t ns;
	size_t n = strspn(text, "0123456789");
	if (arg_parse(AMP_ARG_DURATION, n && !text[n] ? keep_format("%ss", text) : text, &ns, &why))
		die(AMP_EXIT_USAGE, "%s wants seconds, or digits and one of ns us ms s m h, not %s",
		    option, text);
	return (int64_t)(ns / 1000000);
}

int main(int argc, char **argv)
{
	char *verb = argc ? argv[0] : NULL;
	for (unsigned i = 0; verb && i < VERBS; i++) {
		if (strcmp(verb, verbs[i].name) != 0)
			continue;
		const char *program = keep_format("ampoule %s", verb);
		output_watch(program);
		die_as(program);
		return verbs[i].run(argc, argv);
	}
	fputs("ampoule-daily: call it as `ampoule ps` and the like\n", stderr);
	return AMP_EXIT_USAGE;
}
