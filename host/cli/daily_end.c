/* SPDX-License-Identifier: ISC */
/* Verbs that end appliances, or wait for their end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/daily.h>
#include <supervisor/control.h>
#include <supervisor/supervisor.h>

#define ANSWER_MS 5000 /* a supervisor that says nothing for so long does not live */

static const struct option none[] = { { "help", no_argument, NULL, 'h' }, { 0 } };

/* What is left of one whose supervisor died: told, so that nobody takes it for an end in order. */
static void end_lost(struct appliance *a)
{
	bool ran = appliance_process(a, "tender").pid;
	appliance_kill(a);
	tell("%s was lost: its supervisor was killed%s", a->name,
	     ran ? "; what was left of it is ended now" : "");
}

int64_t daily_stop_limit(const struct appliance *a, int64_t ms)
{
	return ms < 0 ? appliance_number(a, "stop_ms", 10000) + SUPERVISOR_STOP_MORE_MS : ms;
}

int daily_ask(struct appliance *a, const char *request, int ms)
{
	char answer[CONTROL_TEXT_MAX];
	if (control_ask(a->folder, request, ms, answer)) {
		tell("%s: its supervisor does not answer: %s", a->name, strerror(errno));
		return AMP_EXIT_TENDER;
	}
	if (strcmp(answer, "ok") != 0) {
		tell("%s: %s", a->name, answer);
		return AMP_EXIT_TENDER;
	}
	return 0;
}

int daily_stop_one(struct appliance *a, int64_t ms)
{
	char answer[CONTROL_TEXT_MAX];
	const char *request = ms < 0 ? "stop" : keep_format("stop %lld", (long long)ms);
	if (!strcmp(a->status, "exited"))
		return 0;
	if (!strcmp(a->status, "lost")) {
		end_lost(a);
		return 0;
	}
	bool asked = !control_ask(a->folder, request, ANSWER_MS, answer);
	/* It may have ended by itself in between. */
	if (!appliance_wait(a, asked ? daily_stop_limit(a, ms) + ANSWER_MS : 100)) {
		tell("%s: its supervisor does not answer; it is ended", a->name);
		appliance_kill(a);
	}
	return 0;
}

int daily_each(int argc, char **argv, int (*act)(struct shelf *, struct appliance *, void *),
               void *context)
{
	static struct shelf shelf;
	int status = 0;
	shelf_read(&shelf);
	if (optind == argc)
		die(AMP_EXIT_USAGE, "name an appliance: `ampoule %s --help`", argv[0]);
	for (int i = optind; i < argc; i++) {
		struct appliance *a = shelf_find(&shelf, argv[i]);
		int got = a ? act(&shelf, a, context) : AMP_EXIT_USAGE;
		if (!got)
			puts(argv[i]);
		status = got ? got : status;
	}
	return status;
}

static int act_stop(struct shelf *s, struct appliance *a, void *ms)
{
	(void)s;
	return daily_stop_one(a, *(int64_t *)ms);
}

int daily_stop(int argc, char **argv)
{
	static const char usage[] = "usage: ampoule stop [-t TIME] APPLIANCE...\n\n"
	                            "Asks appliances to end, and waits until they have.\n\n"
	                            "  -t, --time TIME  they are killed after so many seconds, or "
	                            "digits and a unit; default: what\n"
	                            "                   `run --stop-timeout` said, 10 s\n"
	                            "  -h, --help       this text\n";
	static const struct option options[] = { { "time", required_argument, NULL, 't' },
		                                 { "timeout", required_argument, NULL, 't' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	int64_t ms = -1;
	for (int c; (c = daily_option(argc, argv, ":t:h", options, usage)) != -1;)
		ms = daily_time("--time", optarg);
	return daily_each(argc, argv, act_stop, &ms);
}

static int signal_parse(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);
	if (end != text && !*end && n >= 1 && n <= 64)
		return (int)n;
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (int i = 1; i < 32; i++)
		if (sigabbrev_np(i) && !strcasecmp(sigabbrev_np(i), text))
			return i;
	return 0;
}

static int act_kill(struct shelf *s, struct appliance *a, void *number)
{
	(void)s;
	if (!strcmp(a->status, "lost")) {
		end_lost(a);
		return 0;
	}
	if (!a->is_held) {
		tell("%s does not run", a->name);
		return AMP_EXIT_USAGE;
	}
	return daily_ask(a, keep_format("kill %d", *(int *)number), ANSWER_MS);
}

int daily_kill(int argc, char **argv)
{
	static const char usage[] =
	        "usage: ampoule kill [-s SIGNAL] APPLIANCE...\n\n"
	        "Sends appliances a signal. After KILL, TERM or INT they are not started anew.\n\n"
	        "  -s, --signal SIGNAL  by name or number; default: KILL\n"
	        "  -h, --help           this text\n";
	static const struct option options[] = { { "signal", required_argument, NULL, 's' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	int number = SIGKILL;
	for (int c; (c = daily_option(argc, argv, ":s:h", options, usage)) != -1;)
		if (!(number = signal_parse(optarg)))
			die(AMP_EXIT_USAGE,
			    "--signal wants a name or a number of one, as TERM or 15, not %s",
			    optarg);
	return daily_each(argc, argv, act_kill, &number);
}

int daily_remove_one(struct shelf *s, struct appliance *a, bool force)
{
	if (a->is_held && !force) {
		tell("%s is running: stop it first, or rm -f", a->name);
		return AMP_EXIT_USAGE;
	}
	if (a->is_held)
		daily_stop_one(a, 0);
	else if (!strcmp(a->status, "lost"))
		end_lost(a);
	int lock = place_lock(a->folder, false);
	/* `run --rm` may have been faster. */
	if (lock < 0 && errno != ENOENT) {
		tell("%s: its folder is in use: %s", a->name, strerror(errno));
		return AMP_EXIT_TENDER;
	}
	int failed = place_remove(s->root, a->name, a->folder);
	int error = errno;
	if (lock >= 0)
		close(lock);
	if (!failed || error == ENOENT)
		return 0;
	tell("%s/%s cannot be deleted: %s", s->path, a->name, strerror(error));
	return AMP_EXIT_TENDER;
}

static int act_rm(struct shelf *s, struct appliance *a, void *force)
{
	return daily_remove_one(s, a, *(bool *)force);
}

int daily_rm(int argc, char **argv)
{
	static const char usage[] =
	        "usage: ampoule rm [-f] APPLIANCE...\n\n"
	        "Forgets appliances that have ended: their state and their logs.\n\n"
	        "  -f, --force  kills those that run\n"
	        "  -h, --help   this text\n";
	static const struct option options[] = { { "force", no_argument, NULL, 'f' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	bool force = false;
	while (daily_option(argc, argv, ":fh", options, usage) != -1)
		force = true;
	return daily_each(argc, argv, act_rm, &force);
}

int daily_wait(int argc, char **argv)
{
	static const char usage[] = "usage: ampoule wait APPLIANCE...\n\n"
	                            "Waits until appliances have ended, and are not started anew; "
	                            "prints the exit status of each.\n\n"
	                            "  -h, --help  this text\n";
	static struct shelf shelf;
	int status = 0;
	while (daily_option(argc, argv, ":h", none, usage) != -1)
		;
	shelf_read(&shelf);
	if (optind == argc)
		die(AMP_EXIT_USAGE, "name an appliance: `ampoule wait --help`");
	for (int i = optind; i < argc; i++) {
		struct appliance *a = shelf_find(&shelf, argv[i]);
		if (!a) {
			status = AMP_EXIT_USAGE;
			continue;
		}
		appliance_wait(a, -1);
		appliance_look(a);
		if (strcmp(a->status, "exited") != 0) {
			tell("%s was lost: nobody knows how it ended", a->name);
			status = AMP_EXIT_TENDER;
			continue;
		}
		printf("%lld\n", (long long)appliance_number(a, "exit", AMP_EXIT_TENDER));
	}
	return status;
}
