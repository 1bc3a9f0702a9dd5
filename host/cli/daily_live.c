/* SPDX-License-Identifier: ISC */
/* Verbs for appliances that live: restart, attach, stats. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/daily.h>
#include <cli/use.h>
#include <supervisor/control.h>
#include <supervisor/supervisor.h>

int daily_command(char *const *words, const char *folder, bool quiet)
{
	const char *command = getenv("AMPOULE_COMMAND");
	int status;
	fflush(NULL);
	pid_t child = fork();
	if (!child) {
		int null = quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC) : 1;
		if (null < 0 || dup2(null, 1) < 0)
			_exit(AMP_EXIT_TENDER);
		if (folder && chdir(folder)) {
			tell("%s: %s", folder, strerror(errno));
			_exit(AMP_EXIT_TENDER);
		}
		if (command)
			execv(command, words);
		else
			execvp("ampoule", words);
		tell("cannot run ampoule: %s", strerror(errno));
		_exit(AMP_EXIT_TENDER);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0) {
		tell("no process: %s", strerror(errno));
		return AMP_EXIT_TENDER;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- restart ---- */

static int start_again(struct appliance *a)
{
	size_t size;
	unsigned count = 0;
	char **words = NULL;
	int fd = openat(a->folder, PLACE_WORDS, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *text = fd < 0 ? NULL : (char *)file_read_open(fd, &size);
	if (!text || !size || text[size - 1]) {
		tell("%s: nobody knows any more how it was started", a->name);
		return AMP_EXIT_TENDER;
	}
	const char *project = appliance_text(a, "project");
	for (size_t at = strlen(text) + 1; at < size; at += strlen(text + at) + 1)
		list_add(&words, &count, text + at);
	list_add(&words, &count, NULL);
	if (*project)
		setenv("AMPOULE_PROJECT", project, 1);
	else
		unsetenv("AMPOULE_PROJECT");
	return daily_command(words, text, true);
}

static int act_restart(struct shelf *s, struct appliance *a, void *time)
{
	int64_t ms = *(int64_t *)time;
	(void)s;
	if (!a->is_held) {
		daily_stop_one(a, 0);
		return start_again(a);
	}
	int64_t limit = daily_stop_limit(a, ms) + SUPERVISOR_START_MAX_MS;
	return daily_ask(a, ms < 0 ? "restart" : keep_format("restart %lld", (long long)ms),
	                 limit > 1 << 30 ? -1 : (int)limit);
}

int daily_restart(int argc, char **argv)
{
	static const char usage[] = "usage: ampoule restart [-t TIME] APPLIANCE...\n\n"
	                            "Stops appliances and starts them anew, as they were started; "
	                            "also those that have ended.\n\n"
	                            "  -t, --time TIME  as of `ampoule stop`\n"
	                            "  -h, --help       this text\n";
	static const struct option options[] = { { "time", required_argument, NULL, 't' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	int64_t ms = -1;
	while (daily_option(argc, argv, ":t:h", options, usage) != -1)
		ms = daily_time("--time", optarg);
	return daily_each(argc, argv, act_restart, &ms);
}

/* ---- attach ---- */

static int attached = -1; /* its folder */

static void pass_on(int number)
{
	char answer[CONTROL_TEXT_MAX];
	/* Only what a handler may call: it asks by descriptors and sockets. */
	static char request[] = "kill 00";
	request[5] = (char)('0' + number / 10);
	request[6] = (char)('0' + number % 10);
	control_ask(attached, request, 1000, answer);
}

int daily_attach(int argc, char **argv)
{
	static const char usage[] = "usage: ampoule attach [--sig-proxy BOOL] APPLIANCE\n\n"
	                            "Shows what an appliance writes from now on, until it has "
	                            "ended, and ends with its status.\n"
	                            "^C and SIGTERM go to the appliance.\n\n"
	                            "      --sig-proxy BOOL  false: they end this command alone\n"
	                            "  -h, --help            this text\n";
	static const struct option options[] = { { "sig-proxy", required_argument, NULL, 's' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	static struct shelf shelf;
	bool proxy = true;
	while (daily_option(argc, argv, ":h", options, usage) != -1) {
		proxy = !strcmp(optarg, "true");
		if (!proxy && strcmp(optarg, "false") != 0)
			die(AMP_EXIT_USAGE, "--sig-proxy is true or false, not %s", optarg);
	}
	if (argc - optind != 1)
		die(AMP_EXIT_USAGE, "name one appliance: `ampoule attach --help`");
	shelf_read(&shelf);
	struct appliance *a = shelf_find(&shelf, argv[optind]);
	if (!a)
		return AMP_EXIT_USAGE;
	if (!a->is_held)
		die(AMP_EXIT_USAGE, "%s does not run: `ampoule logs %s` shows what it wrote",
		    a->name, a->name);
	attached = a->folder;
	if (proxy) {
		struct sigaction act = { .sa_handler = pass_on, .sa_flags = SA_RESTART };
		sigaction(SIGINT, &act, NULL);
		sigaction(SIGTERM, &act, NULL);
	}
	daily_follow(a, true);
	appliance_look(a);
	return !strcmp(a->status, "exited") ? (int)appliance_number(a, "exit", AMP_EXIT_TENDER)
	                                    : AMP_EXIT_TENDER;
}

/* ---- stats ---- */

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A line each; the share of a CPU is of the time between two looks. */
static void stats_print(struct appliance **shown, unsigned count, struct use *before, double *when,
                        bool json)
{
	struct use_table all = use_read();
	double now = seconds(), hz = (double)sysconf(_SC_CLK_TCK);
	json_t *list = json_array();
	if (!json)
		printf("%-24s  %7s  %10s  %10s  %10s  %5s\n", "NAME", "CPU %", "CPU TIME", "MEMORY",
		       "SHARED", "PIDS");
	for (unsigned i = 0; i < count; i++) {
		struct use u = use_of(&all, appliance_process(shown[i], "supervisor").pid, true);
		double share = u.ticks > before[i].ticks ? (double)(u.ticks - before[i].ticks) /
		                                                   hz / (now - *when) * 100
		                                         : 0;
		before[i] = u;
		if (json)
			json_array_append_new(list,
			                      json_pack("{s:s, s:f, s:f, s:I, s:I, s:I, s:i}",
			                                "name", shown[i]->name, "cpu_percent",
			                                share, "cpu_seconds", (double)u.ticks / hz,
			                                "memory_bytes", (json_int_t)u.memory,
			                                "private_bytes", (json_int_t)u.private,
			                                "shared_bytes", (json_int_t)u.shared,
			                                "processes", (int)u.processes));
		else
			printf("%-24s  %6.1f%%  %8.2f s  %6.1f MiB  %6.1f MiB  %5u\n",
			       shown[i]->name, share, (double)u.ticks / hz,
			       (double)u.memory / 1048576, (double)u.shared / 1048576, u.processes);
	}
	if (json) {
		json_dumpf(list, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
		putchar('\n');
	}
	fflush(stdout);
	*when = now;
}

int daily_stats(int argc, char **argv)
{
	static const char usage[] = "usage: ampoule stats [--watch] [--json] [APPLIANCE...]\n\n"
	                            "Shows what appliances use of the host: all that run, unless "
	                            "some are named. What several\n"
	                            "processes share counts in each, and is in SHARED, too: "
	                            "clones share what none of them has written.\n\n"
	                            "  --watch     each second, until ^C\n"
	                            "  --no-stream once (the default)\n"
	                            "  --json      the same for programs\n"
	                            "  -h, --help  this text\n";
	static const struct option options[] = { { "watch", no_argument, NULL, 'w' },
		                                 { "no-stream", no_argument, NULL, 'n' },
		                                 { "json", no_argument, NULL, 'j' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	static struct shelf shelf;
	bool watch = false, json = false;
	struct appliance **shown = NULL;
	unsigned count = 0;
	for (int c; (c = daily_option(argc, argv, ":h", options, usage)) != -1;) {
		watch = c == 'w' || (watch && c != 'n');
		json |= c == 'j';
	}
	shelf_read(&shelf);
	for (unsigned i = 0; optind == argc && i < shelf.count; i++)
		if (shelf.items[i].is_held)
			list_add(&shown, &count, &shelf.items[i]);
	for (int i = optind; i < argc; i++) {
		struct appliance *a = shelf_find(&shelf, argv[i]);
		if (!a)
			return AMP_EXIT_USAGE;
		list_add(&shown, &count, a);
	}
	struct use *before = keep_array(count + 1, sizeof *before);
	struct use_table all = use_read();
	double when = seconds();
	for (unsigned i = 0; i < count; i++)
		before[i] = use_of(&all, appliance_process(shown[i], "supervisor").pid, false);
	do {
		usleep(watch ? 1000000 : 200000);
		if (watch && !json && isatty(1))
			fputs("\033[H\033[J", stdout);
		stats_print(shown, count, before, &when, json);
		for (unsigned i = 0; watch && i < count; i++)
			appliance_look(shown[i]);
	} while (watch && !ferror(stdout));
	return 0;
}
