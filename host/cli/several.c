/* SPDX-License-Identifier: ISC */
/*
 * One is this process; several are a child each, which the kernel spreads over all CPUs. In the background each has a
 * supervisor of its own.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <cli/several.h>

#define AT_ONCE 16u /* that are put into the background at the same time */

static pid_t *children;
static unsigned child_count;

/* ---- Numbers in texts ---- */

/* What stands between braces; 0: it is no such thing. */
static int number_text(const char *in, size_t size, unsigned n, char *to, size_t room)
{
	unsigned a, b, c, d;
	unsigned long long first;
	int end = 0;
	char text[48];
	if (size >= sizeof text)
		return 0;
	memcpy(text, in, size);
	text[size] = 0;
	if (!strcmp(text, "n"))
		return snprintf(to, room, "%u", n);
	if (sscanf(text, "%3u.%3u.%3u.%3u+n%n", &a, &b, &c, &d, &end) == 4 && end == (int)size &&
	    a < 256 && b < 256 && c < 256 && d < 256) {
		uint32_t sum = (a << 24 | b << 16 | c << 8 | d) + n;
		return snprintf(to, room, "%u.%u.%u.%u", sum >> 24, sum >> 16 & 255, sum >> 8 & 255,
		                sum & 255);
	}
	end = 0;
	if (sscanf(text, "%18llu+n%n", &first, &end) == 1 && end == (int)size)
		return snprintf(to, room, "%llu", first + n);
	return 0;
}

char *several_text(const char *text, unsigned n)
{
	size_t room = strlen(text) * 12 + 16, at = 0;
	char *to = malloc(room);
	while (to && *text) {
		const char *end = *text == '{' ? strchr(text, '}') : NULL;
		if (!end) {
			to[at++] = *text++;
			continue;
		}
		int size = number_text(text + 1, (size_t)(end - text - 1), n, to + at, room - at);
		if (!size) {
			say("%.*s: between braces stands n, NUMBER+n or A.B.C.D+n",
			    (int)(end - text + 1), text);
			free(to);
			return NULL;
		}
		at += (size_t)size;
		text = end + 1;
	}
	if (to)
		to[at] = 0;
	return to;
}

static bool number(const char **text, unsigned n)
{
	*text = several_text(*text, n);
	return *text;
}

bool several_number(struct tender_options *o, unsigned n)
{
	bool done = true;
	for (unsigned i = 0; i < DEVICE_TYPES; i++)
		for (unsigned k = 0; done && k < o->devices[i].count; k++)
			done = number(&o->devices[i].texts[k], n);
	for (unsigned k = 0; done && k < o->set_count; k++)
		done = number(&o->sets[k], n);
	return done;
}

/* Of one of them, in its own process. False after a line. */
static bool number_all(struct tender_options *o, struct detach *d, unsigned n)
{
	bool done = several_number(o, n);
	for (unsigned k = 2; done && d->is_wanted && k < d->count; k++)
		done = number((const char **)&d->words[k], n);
	for (unsigned k = 0; done && k < d->port_count; k++)
		done = number(&d->ports[k], n);
	for (unsigned k = 0; done && k < DETACH_OPTIONS; k++)
		done = !d->values[k] || number(&d->values[k], n);
	return done;
}

/* ---- Processes ---- */

static void pass_on(int number)
{
	for (unsigned i = 0; i < child_count; i++)
		if (children[i] > 0)
			kill(children[i], number);
}

/* One that has ended: its status. */
static int gather(unsigned *left)
{
	int status;
	pid_t pid = waitpid(-1, &status, 0);
	for (unsigned i = 0; pid > 0 && i < child_count; i++)
		if (children[i] == pid) {
			children[i] = 0;
			--*left;
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		}
	return 0;
}

static int run_one(struct tender_options *o, struct detach *d, unsigned n)
{
	if (!number_all(o, d, n))
		return AMP_EXIT_USAGE;
	return d->is_wanted ? detach_run(d, o) : tender_run(o);
}

/* In the foreground nobody outlives who started them, by whatever that ends. */
static void end_with_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(128 + SIGTERM);
}

static int run_children(struct tender_options *o, struct detach *d, unsigned count)
{
	char label[24];
	unsigned left = 0;
	int result = 0;
	const pid_t parent = getpid();
	children = calloc(count, sizeof *children);
	if (!children) {
		say("no memory");
		return AMP_EXIT_TENDER;
	}
	struct sigaction a = { .sa_handler = pass_on, .sa_flags = SA_RESTART };
	for (unsigned i = 0; i < 3; i++)
		sigaction((const int[]){ SIGINT, SIGTERM, SIGHUP }[i], &a, NULL);
	fflush(NULL);
	for (unsigned n = 0; n < count; n++) {
		if (d->is_wanted && left == AT_ONCE) {
			int status = gather(&left);
			result = result ? result : status;
		}
		pid_t pid = fork();
		if (!pid) {
			for (unsigned i = 0; i < 3; i++)
				signal((const int[]){ SIGINT, SIGTERM, SIGHUP }[i], SIG_DFL);
			if (!d->is_wanted)
				end_with_parent(parent);
			snprintf(label, sizeof label, "number %u", n);
			o->label = label;
			o->start = clock_sample();
			int status = run_one(o, d, n);
			fflush(NULL);
			_exit(status);
		}
		if (pid < 0) {
			say("no process for number %u: %s", n, strerror(errno));
			result = AMP_EXIT_TENDER;
			pass_on(SIGTERM);
			break;
		}
		children[child_count++] = pid;
		left++;
	}
	while (left) {
		int status = gather(&left);
		result = result ? result : status;
	}
	return result;
}

int several_run(struct tender_options *o, struct detach *d, unsigned count)
{
	if (!d->is_wanted)
		tender_prepare(o);
	return count > 1 ? run_children(o, d, count) : run_one(o, d, 0);
}
