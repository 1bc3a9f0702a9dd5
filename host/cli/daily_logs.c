/* SPDX-License-Identifier: ISC */
/* `ampoule logs`: what an appliance has written, its standard output to standard output and the rest to standard error. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/daily.h>

#define STAMP_SIZE 30  /* "2026-11-28T12:00:00.123456789Z" */
#define LOOK_MS    500 /* a supervisor that was killed says nothing: looked at so often */

struct reader {
	const struct appliance *appliance;
	bool follow, stamps;
	char since[STAMP_SIZE + 1]; /* "": from the beginning; times of this form sort as text */
	int64_t skip;               /* entries before the first that is shown */
	bool inside[2];             /* the last entry of the stream goes on */
	FILE *last;                 /* written to */
};

/* A line of the log: does it count? */
static bool is_shown(const struct reader *r, const char *line, size_t n)
{
	return n > STAMP_SIZE + 10 && memcmp(line, r->since, strlen(r->since)) >= 0;
}

static void show(struct reader *r, char *line, size_t n)
{
	bool is_error = !strncmp(line + STAMP_SIZE + 1, "stderr", 6);
	const char *text = line + STAMP_SIZE + 10;
	FILE *f = is_error ? stderr : stdout;
	bool goes_on = line[STAMP_SIZE + 8] == 'P';
	if (r->last && r->last != f)
		fflush(r->last);
	r->last = f;
	if (r->stamps && !r->inside[is_error])
		fprintf(f, "%.*s ", STAMP_SIZE, line);
	fwrite(text, 1, n - (size_t)(text - line) - goes_on, f);
	r->inside[is_error] = goes_on;
}

/* All whole lines from where it stands. */
static void read_on(struct reader *r, FILE *f)
{
	static char *line;
	static size_t room;
	ssize_t n;
	clearerr(f);
	while ((n = getline(&line, &room, f)) > 0) {
		if (line[n - 1] != '\n') {
			fseek(f, -n, SEEK_CUR);
			return;
		}
		if (is_shown(r, line, (size_t)n) && --r->skip < 0)
			show(r, line, (size_t)n);
	}
}

static int64_t count(const struct reader *r, FILE *f)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int64_t found = 0;
	while ((n = getline(&line, &room, f)) > 0)
		found += line[n - 1] == '\n' && is_shown(r, line, (size_t)n);
	free(line);
	rewind(f);
	return found;
}

static FILE *open_log(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? NULL : fdopen(fd, "r");
}

static bool is_rotated(int folder, FILE *f)
{
	struct stat mine, there;
	return fstat(fileno(f), &mine) || fstatat(folder, PLACE_LOG, &there, AT_SYMLINK_NOFOLLOW) ||
	       mine.st_ino != there.st_ino;
}

static void follow(struct reader *r, FILE *f)
{
	int folder = r->appliance->folder;
	struct pollfd p = { inotify_init1(IN_CLOEXEC | IN_NONBLOCK), POLLIN, 0 };
	char events[4096];
	if (p.fd >= 0)
		inotify_add_watch(p.fd, keep_format("/proc/self/fd/%d", folder),
		                  IN_MODIFY | IN_CREATE | IN_MOVE | IN_DELETE);
	for (;;) {
		bool lives = place_is_held(folder), rotated = is_rotated(folder, f);
		read_on(r, f);
		fflush(stdout);
		if (ferror(stdout))
			return;
		if (rotated) {
			FILE *next = open_log(folder, PLACE_LOG);
			if (next) {
				fclose(f);
				f = next;
				continue;
			}
		}
		if (!lives)
			return;
		poll(&p, p.fd >= 0, LOOK_MS);
		while (p.fd >= 0 && read(p.fd, events, sizeof events) > 0)
			;
	}
}

static void stamp(char *to, int64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t n = strftime(to, STAMP_SIZE + 1, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(to + n, STAMP_SIZE + 1 - n, ".%09lldZ", (long long)(ns % 1000000000));
}

/* As docker's: seconds since 1970, how long ago, or a time of RFC 3339 in UTC. */
static void since_parse(const char *text, char *to)
{
	struct tm tm = { 0 };
	size_t n = strspn(text, "0123456789");
	const char *end;
	if (n && !text[n] && n < 12)
		stamp(to, strtoll(text, NULL, 10) * 1000000000);
	else if ((end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm)) ||
	         (end = strptime(text, "%Y-%m-%d", &tm))) {
		int fraction = 0;
		if (*end == '.')
			fraction = 1 + (int)strspn(end + 1, "0123456789");
		if (strcmp(end + fraction, "Z") != 0 && end[fraction])
			die(AMP_EXIT_USAGE,
			    "--since wants a time in UTC, as 2026-11-28T12:00:00Z, not %s", text);
		stamp(to, timegm(&tm) * INT64_C(1000000000));
		if (fraction > 1 && fraction <= 10)
			memcpy(to + 19, end, (size_t)fraction);
	} else {
		int64_t now = record_now(), ago = daily_time("--since", text);
		stamp(to, ago > now / 1000000 ? 0 : now - ago * 1000000);
	}
}

void daily_follow(const struct appliance *a, bool from_now)
{
	struct reader r = { .appliance = a };
	FILE *f = open_log(a->folder, PLACE_LOG);
	if (!f)
		return;
	if (from_now)
		fseek(f, 0, SEEK_END);
	follow(&r, f);
}

int daily_logs(int argc, char **argv)
{
	static const char usage[] =
	        "usage: ampoule logs [-f] [-t] [-n N] [--since TIME] APPLIANCE\n\n"
	        "Shows what an appliance in the background has written.\n\n"
	        "  -f, --follow      goes on until it has ended\n"
	        "  -t, --timestamps  when, in front of each line\n"
	        "  -n, --tail N      the last N lines only; all: all\n"
	        "  --since TIME      not what is older: 10m, 2026-11-28T12:00:00Z, seconds since "
	        "1970\n"
	        "  -h, --help        this text\n";
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },     { "timestamps", no_argument, NULL, 't' },
		{ "tail", required_argument, NULL, 'n' }, { "since", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },       { 0 }
	};
	static struct shelf shelf;
	struct reader r = { 0 };
	int64_t tail = -1;
	for (int c; (c = daily_option(argc, argv, ":ftn:h", options, usage)) != -1;) {
		r.follow |= c == 'f';
		r.stamps |= c == 't';
		if (c == 's')
			since_parse(optarg, r.since);
		if (c != 'n')
			continue;
		size_t n = strspn(optarg, "0123456789");
		if (strcmp(optarg, "all") != 0 && (!n || optarg[n] || n > 12))
			die(AMP_EXIT_USAGE, "--tail wants a number or all, not %s", optarg);
		tail = n ? strtoll(optarg, NULL, 10) : -1;
	}
	if (argc - optind != 1)
		die(AMP_EXIT_USAGE, "name one appliance: `ampoule logs --help`");
	shelf_read(&shelf);
	if (!(r.appliance = shelf_find(&shelf, argv[optind])))
		return AMP_EXIT_USAGE;
	FILE *now = open_log(r.appliance->folder, PLACE_LOG),
	     *before = open_log(r.appliance->folder, PLACE_OLD_LOG);
	if (tail >= 0)
		r.skip = (before ? count(&r, before) : 0) + (now ? count(&r, now) : 0) - tail;
	if (before)
		read_on(&r, before);
	if (now)
		read_on(&r, now);
	fflush(stdout);
	if (r.follow && now)
		follow(&r, now);
	return 0;
}
