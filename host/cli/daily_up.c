/* SPDX-License-Identifier: ISC */
/* `ampoule up` and `ampoule down`. What belongs to a project is what says so in its state: down needs nothing of the file but its
 * name and its networks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/daily.h>
#include <cli/network.h>
#include <cli/project.h>
#include <supervisor/health.h>

#define LOOK_US 10000

static const struct option options[] = { { "file", required_argument, NULL, 'f' },
	                                 { "detach", no_argument, NULL, 'd' },
	                                 { "timeout", required_argument, NULL, 't' },
	                                 { "help", no_argument, NULL, 'h' },
	                                 { 0 } };

static struct appliance *find(struct shelf *s, const char *name)
{
	shelf_read(s);
	for (unsigned i = 0; i < s->count; i++)
		if (!strcmp(s->items[i].name, name))
			return &s->items[i];
	return NULL;
}

/* Until what it waits for answers. */
static int wait_healthy(const struct member *m, const struct member *whom, int64_t ms)
{
	struct shelf shelf;
	time_t end = time(NULL) + ms / 1000 + 1;
	struct appliance *a = find(&shelf, whom->full);
	for (;; usleep(LOOK_US)) {
		if (a)
			appliance_look(a);
		if (!a || !a->is_held) {
			tell("%s, which %s waits for, has ended: `ampoule logs %s` says why",
			     whom->full, m->full, whom->full);
			return AMP_EXIT_TENDER;
		}
		/* Of its own, or the image's. */
		if (!*appliance_text(a, "health") ||
		    !strcmp(appliance_text(a, "health_status"), health_status_name(HEALTH_HEALTHY)))
			return 0;
		if (time(NULL) > end) {
			tell("%s, which %s waits for, does not answer: `ampoule logs %s` may say "
			     "why, --timeout gives it longer",
			     whom->full, m->full, whom->full);
			return AMP_EXIT_TENDER;
		}
	}
}

static int start(const struct project *p, const struct member *m, int64_t ms)
{
	struct shelf shelf;
	struct appliance *a = find(&shelf, m->full);
	if (a && strcmp(appliance_text(a, "project"), p->name) != 0 && *a->id) {
		tell("there is an appliance named %s already, which is none of this project: "
		     "`ampoule rm -f %s`",
		     m->full, m->full);
		return AMP_EXIT_USAGE;
	}
	if (a && a->is_held) {
		printf("%s runs already\n", m->full);
		return 0;
	}
	for (const struct node *n = m->needs ? m->needs->first : NULL; n; n = n->next) {
		int status = wait_healthy(m, project_member(p, n->text), ms);
		if (status)
			return status;
	}
	int status = daily_command(m->words, p->folder, true);
	if (status)
		tell("%s does not start; `ampoule down` ends what has", m->full);
	else
		printf("%s started\n", m->full);
	return status;
}

/* What is there stays as it is, of whatever size. */
static int make_volume(const struct volume *v)
{
	int fd = open(v->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return 0;
	int status = fd < 0 || ftruncate(fd, (off_t)v->size) ? AMP_EXIT_TENDER : 0;
	if (status) {
		tell("volume %s: %s", v->path, strerror(errno));
		if (fd >= 0)
			unlink(v->path);
	}
	if (fd >= 0)
		close(fd);
	if (!status)
		printf("%s made\n", v->path);
	return status;
}

/* -f FILE, or FILE itself, or ampoule.yaml. */
static const char *file(int argc, char **argv, const char *given)
{
	if (argc - optind > (given ? 0 : 1))
		die(AMP_EXIT_USAGE, "one file is enough: `ampoule %s --help`", argv[0]);
	return given ? given : optind < argc ? argv[optind] : PROJECT_FILE;
}

int daily_up(int argc, char **argv)
{
	static const char usage[] =
	        "usage: ampoule up [-d] [--timeout TIME] [FILE]\n\n"
	        "Starts the appliances that a file lists, in the background, each when what it "
	        "depends on answers;\n"
	        "those that run stay as they are. See ampoule-daily(1) for the file.\n\n"
	        "  -f, --file FILE  the file, as for compose; default: " PROJECT_FILE "\n"
	        "  --timeout TIME   for one that others depend on to answer; default: 60s\n"
	        "  -d, --detach     nothing: they always are\n"
	        "  -h, --help       this text\n";
	struct project p;
	const char *given = NULL;
	int64_t ms = 60000;
	for (int c; (c = daily_option(argc, argv, ":f:dh", options, usage)) != -1;) {
		given = c == 'f' ? optarg : given;
		ms = c == 't' ? daily_time("--timeout", optarg) : ms;
	}
	project_read(&p, file(argc, argv, given));
	setenv("AMPOULE_PROJECT", p.name, 1);
	for (unsigned i = 0; i < p.volume_count; i++) {
		int status = make_volume(&p.volumes[i]);
		if (status)
			return status;
	}
	for (unsigned i = 0; i < p.network_count; i++) {
		int status = network_make(&p.networks[i]);
		if (status)
			return status;
	}
	for (unsigned i = 0; i < p.count; i++) {
		int status = start(&p, &p.members[i], ms);
		if (status)
			return status;
	}
	return 0;
}

int daily_down(int argc, char **argv)
{
	static const char usage[] =
	        "usage: ampoule down [--timeout TIME] [FILE]\n\n"
	        "Stops and forgets the appliances of a file, the last one that was started "
	        "first.\n\n"
	        "  -f, --file FILE  the file, as for compose; default: " PROJECT_FILE "\n"
	        "  --timeout TIME   as -t of `ampoule stop`\n"
	        "  -h, --help       this text\n";
	struct project p;
	struct shelf shelf;
	const char *given = NULL;
	int64_t ms = -1;
	int status = 0;
	for (int c; (c = daily_option(argc, argv, ":f:h", options, usage)) != -1;) {
		given = c == 'f' ? optarg : given;
		ms = c == 't' ? daily_time("--timeout", optarg) : ms;
	}
	project_read(&p, file(argc, argv, given));
	shelf_read(&shelf);
	for (;;) {
		struct appliance *last = NULL;
		for (unsigned i = 0; i < shelf.count; i++) {
			struct appliance *a = &shelf.items[i];
			/* Times of one form, in UTC, are in order as text. */
			if (*a->name && !strcmp(appliance_text(a, "project"), p.name) &&
			    (!last || strcmp(appliance_text(a, "created"),
			                     appliance_text(last, "created")) > 0))
				last = a;
		}
		if (!last)
			break;
		daily_stop_one(last, ms);
		appliance_look(last);
		int got = daily_remove_one(&shelf, last, true);
		if (!got)
			printf("%s ended\n", last->name);
		status = got ? got : status;
		*last->name = 0;
	}
	for (unsigned i = 0; i < p.network_count; i++) {
		int got = network_remove(&p.networks[i]);
		status = got ? got : status;
	}
	return status;
}
